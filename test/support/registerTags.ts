import type { DicomwebService } from "./dicomwebService.ts";
import { eventually } from "./eventually.ts";
import type { ReceivedAnswer } from "./send.ts";

/** Asks for the registration of extended query tags. */
export async function beginTags(
  service: DicomwebService,
  tags: readonly object[],
): Promise<ReceivedAnswer> {
  return await service.request("extendedquerytags", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(tags),
  });
}

/** Waits until an operation has ended, and returns what is told of it. */
export async function endOfOperation(
  service: DicomwebService,
  id: string,
): Promise<ReceivedAnswer> {
  return await eventually(
    async () => await service.get(`operations/${id}`),
    ({ status }) => status !== 202,
  );
}

/** Registers tags, waits until everything stored is indexed by them, and returns the id of the operation. */
export async function registerTags(
  service: DicomwebService,
  tags: readonly object[],
): Promise<string> {
  const begun = await beginTags(service, tags);
  if (begun.status !== 202) {
    throw new Error(`not registered: ${begun.status} ${begun.text}`);
  }
  const { id } = begun.json() as { readonly id: string };
  const ended = await endOfOperation(service, id);
  if (ended.status !== 200 || !ended.text.includes('"succeeded"')) {
    throw new Error(`not indexed: ${ended.status} ${ended.text}`);
  }
  return id;
}

import { expect, test } from "vitest";
import { negotiateRetrieve } from "../../../../shared/dicomweb/negotiation.ts";
import { parseAccept } from "../../../../shared/dicomweb/mediaType.ts";
import { Problem } from "../../../../shared/problem/problem.ts";
import type { InstanceContent } from "../../../../shared/store/instanceContent.ts";
import type {
  InstanceIndex,
  InstanceWithMetadata,
} from "../../../../shared/store/instanceIndex.ts";
import { unauthenticatedScope } from "../../../../shared/tenancy/tenantScope.ts";
import { retrieveInstances } from "../../../../shared/transactions/retrieveInstances.ts";

const target = { studyInstanceUID: "1", seriesInstanceUID: "1.1", sopInstanceUID: "1.1.1" };

function revision(number: number, transferSyntaxUID: string): InstanceWithMetadata {
  return {
    ...target,
    sopClassUID: "1.2",
    transferSyntaxUID,
    datasetOffset: 300,
    revision: number,
    content: { name: `aa/${number}`, length: 3, sha256: "" },
    frames: undefined,
    version: String(number),
    metadata: "beside",
  };
}

function stores(records: readonly (InstanceWithMetadata | undefined)[], present: string) {
  const left = [...records];
  return {
    index: { get: async () => await Promise.resolve(left.shift()) } as unknown as InstanceIndex,
    content: {
      getBytes: async (_: unknown, name: string) =>
        await (name === present
          ? Promise.resolve(Buffer.from("new"))
          : Promise.reject(new Problem("notFound", "The content is gone."))),
    } as unknown as InstanceContent,
    pixels: { run: async () => await Promise.reject(new Error("There is nothing to convert.")) },
  };
}

async function retrieve(given: ReturnType<typeof stores>): Promise<string[]> {
  const accepted = negotiateRetrieve(
    parseAccept(["application/dicom; transfer-syntax=*"]),
    "instance",
  );
  const signal = new AbortController().signal;
  const { objects } = await retrieveInstances(
    given,
    unauthenticatedScope(),
    target,
    accepted,
    signal,
  );
  const found: string[] = [];
  for await (const { transferSyntaxUID, body } of objects) {
    found.push(transferSyntaxUID);
    for await (const chunk of body) {
      found.push(Buffer.from(chunk).toString());
    }
  }
  return found;
}

const old = revision(1, "1.2.840.10008.1.2.1");
const replaced = revision(2, "1.2.840.10008.1.2.4.50");

test("an instance that is replaced between index and content is retrieved as it is now", async () => {
  expect(await retrieve(stores([old, replaced], "aa/2"))).toEqual([
    "1.2.840.10008.1.2.4.50",
    "new",
  ]);
});

test.each([
  ["was deleted meanwhile", undefined],
  ["still refers to the bytes that are gone", old],
])("an instance that %s is not found", async (_, now) => {
  await expect(retrieve(stores([old, now], "aa/2"))).rejects.toMatchObject({ kind: "notFound" });
});

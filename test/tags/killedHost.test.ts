// Goal: an operation whose process is killed goes on by itself, because its item comes again from the change feed.
// Method: kill -9 the host, and then the database, right after a registration was acknowledged, while it is being worked on.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRuntime, type Runtime } from "../../local/startRuntime.ts";
import { makeInstance } from "../support/dicom/dicomFile.ts";
import { DicomwebService, firstValues } from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";
import type { ReceivedAnswer } from "../support/send.ts";

let dataDir: string;
let runtime: Runtime;
let service: DicomwebService;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "strata-tags-"));
  runtime = await startRuntime({ dataDir, log: () => undefined });
  service = new DicomwebService("v2", runtime.baseUrl);
});

afterAll(async () => {
  await runtime.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** An answer, or `undefined` while there is nobody to give one. */
async function tryGet(path: string): Promise<ReceivedAnswer | undefined> {
  try {
    return await service.get(path);
  } catch {
    return undefined;
  }
}

test("an operation goes on after the host or the database was killed", async () => {
  const instance = makeInstance({
    elements: [
      ["00101010", "AS", "042Y"],
      ["00181030", "LO", "Knee"],
    ],
  });
  await service.mustStore([instance.bytes]);
  for (const [role, path, value] of [
    ["host", "00101010", "042Y"],
    ["cosmos", "00181030", "Knee"],
  ] as const) {
    const begun = await service.request("extendedquerytags", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify([{ path, level: "Study" }]),
    });
    expect([role, begun.status]).toEqual([role, 202]);
    const { id } = begun.json() as { readonly id: string };
    const pid = runtime.pids()[role];
    process.kill(pid ?? 0, "SIGKILL");
    const ended = await eventually(
      async () => await tryGet(`operations/${id}`),
      (answer) => answer?.status === 200,
    );
    expect(ended?.json()).toMatchObject({ status: "succeeded" });
    const found = await service.search(`studies?${path}=${value}`);
    expect(firstValues(found, "0020000D")).toEqual([instance.studyInstanceUID]);
  }
});

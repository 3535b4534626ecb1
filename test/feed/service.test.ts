// The sequenced feed in the running service: what its triggers do when the host dies, and when an event is poisoned.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CosmosClient } from "@azure/cosmos";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRuntime, type Runtime } from "../../local/startRuntime.ts";
import { makeInstance } from "../support/dicom/dicomFile.ts";
import { eventually } from "../support/eventually.ts";
import { send, type ReceivedAnswer } from "../support/send.ts";

const dataDir = mkdtempSync(join(tmpdir(), "strata-sequencer-"));
let runtime: Runtime;
beforeAll(async () => {
  runtime = await startRuntime({ dataDir });
});
afterAll(async () => {
  await runtime.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

interface Entry {
  readonly sequence: number;
  readonly sopInstanceUid: string;
  readonly action: string;
}

async function get(path: string): Promise<ReceivedAnswer | undefined> {
  try {
    return await send(`${runtime.baseUrl}/${path}`);
  } catch {
    // The host is being started again.
    return undefined;
  }
}

async function readAll(): Promise<Entry[] | undefined> {
  const entries: Entry[] = [];
  for (;;) {
    const query = `offset=${entries.length}&limit=200&includeMetadata=false`;
    const answer = await get(`v2/changefeed?${query}`);
    if (answer?.status !== 200) {
      return undefined;
    }
    const page = answer.json() as Entry[];
    if (page.length === 0) {
      return entries;
    }
    entries.push(...page);
  }
}

async function store(bytes: Uint8Array): Promise<boolean> {
  try {
    const answer = await send(`${runtime.baseUrl}/v2/studies`, {
      method: "POST",
      headers: { "Content-Type": "application/dicom", Accept: "application/dicom+json" },
      body: bytes,
    });
    // 409: a store whose answer was lost had succeeded.
    return answer.status === 200 || answer.status === 409;
  } catch {
    return false;
  }
}

async function health(): Promise<{ status: number; overall: string; sequencing: string }> {
  const answer = await get("health/check");
  const body = (answer?.status === 200 ? answer.json() : { details: [] }) as {
    overallStatus?: string;
    details: { name: string; description: string }[];
  };
  return {
    status: answer?.status ?? 0,
    overall: body.overallStatus ?? "",
    sequencing: body.details.find(({ name }) => name === "sequencing")?.description ?? "",
  };
}

test("though the host is killed, and killed again, every event gets one number, and there is no gap", async () => {
  const expected: string[] = [];
  for (let i = 0; i < 40; i += 1) {
    const { bytes, sopInstanceUID } = makeInstance({});
    await eventually(
      async () => await store(bytes),
      (isStored) => isStored,
    );
    expected.push(sopInstanceUID);
    // Twice: the third time in quick succession the runtime would take for a host that cannot live.
    if (i === 10 || i === 25) {
      const { host } = runtime.pids();
      expect(host).toBeDefined();
      process.kill(host ?? 0, "SIGKILL");
    }
  }
  const entries = await eventually(readAll, (found) => (found?.length ?? 0) >= expected.length);
  expect(entries?.map(({ sequence }) => sequence)).toEqual(expected.map((_, i) => i + 1));
  expect(entries?.map(({ sopInstanceUid }) => sopInstanceUid).toSorted()).toEqual(
    expected.toSorted(),
  );
});

test("an event that cannot be sequenced does not hold up the others, and the health check tells of it", async () => {
  expect(await health()).toEqual({
    status: 200,
    overall: "Healthy",
    sequencing: "No event is set aside.",
  });
  const cosmos = new CosmosClient(runtime.cosmosConnectionString);
  await cosmos
    .database(process.env["COSMOS_DATABASE"] ?? "strata")
    .container("dicom")
    .items.create({
      id: "change:poison",
      tenant: "default",
      partition: "Microsoft.Default",
      study: "1.2.3",
      kind: "change",
      action: "explode",
    });
  const { bytes, sopInstanceUID } = makeInstance({});
  expect(await store(bytes)).toBe(true);
  await eventually(readAll, (found) => found?.at(-1)?.sopInstanceUid === sopInstanceUID);
  const told = await eventually(health, ({ overall }) => overall === "Degraded");
  expect(told.status).toBe(200);
  expect(told.sequencing).toContain("1");
  cosmos.dispose();
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRuntime, type ProcessRole, type Runtime } from "../../local/startRuntime.ts";
import { makeUID } from "../support/dicom/dicomFile.ts";
import {
  anyDicomMultipart,
  DicomwebService,
  failureReasons,
  firstValues,
  instancePath,
  type JsonDataset,
} from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";
import { decodeParts } from "../support/multipart.ts";
import type { ReceivedAnswer } from "../support/send.ts";
import { readStudyState } from "../support/studyState.ts";
import { openTestIndex } from "../support/testStores.ts";
import { fileOf, sha256, type TestFile } from "../support/testTransactions.ts";

// Goal: kill -9 of any process, at any moment, loses nothing that was acknowledged and leaves nothing half done.
// Method: clients store and delete in a few studies while processes are killed; every answer is noted, and so is every
// request without one. At the end, what there is is compared with what was said, in every way there is to look at it.

/** How often each process is killed; more on request. */
const rounds = Number(process.env["KILL_ROUNDS"] ?? "1");
const clients = 6;
const studyCount = 4;
/** How many acknowledged stores come before and after each kill. */
const storesPerPhase = 12;

const victims: readonly { readonly name: string; readonly roles: readonly ProcessRole[] }[] = [
  { name: "the Cosmos DB server", roles: ["cosmos"] },
  { name: "Azurite", roles: ["azurite"] },
  { name: "the host", roles: ["host"] },
  { name: "all three at once", roles: ["cosmos", "azurite", "host"] },
];

/** What is known of a file from the answers alone. */
interface Record {
  readonly file: TestFile;
  hash: string;
  stored: "acknowledged" | "unanswered" | "refused";
  deleted: "never" | "unanswered" | "acknowledged";
}

let dataDir: string;
let runtime: Runtime;
let service: DicomwebService;
const storms: Storm[] = [];
const unexpected: string[] = [];

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "strata-storm-"));
  await start();
});

async function start(): Promise<void> {
  runtime = await startRuntime({
    dataDir,
    log: (_, line) => {
      if (line.includes("unexpected: ")) {
        unexpected.push(line);
      }
    },
  });
  service = new DicomwebService("v2", runtime.baseUrl);
}

afterAll(async () => {
  await runtime.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** An answer, or `undefined` when the connection broke. */
async function tryRequest(
  request: () => Promise<ReceivedAnswer>,
): Promise<ReceivedAnswer | undefined> {
  try {
    return await request();
  } catch {
    return undefined;
  }
}

class Storm {
  readonly records: Record[] = [];
  readonly studies: readonly { readonly study: string; readonly series: readonly string[] }[] =
    Array.from({ length: studyCount }, () => ({
      study: makeUID(),
      series: [makeUID(), makeUID()],
    }));
  acknowledged = 0;
  #isOver = false;
  #counter = 0;

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: clients }, async () => await this.#client()));
  }

  end(): void {
    this.#isOver = true;
  }

  async #client(): Promise<void> {
    while (!this.#isOver) {
      const count = (this.#counter += 1);
      const { study, series } = this.studies[count % studyCount] ?? { study: "", series: [] };
      const files = Array.from({ length: 1 + (count % 3) }, (_, at) =>
        fileOf(study, {
          seriesInstanceUID: series[(count + at) % 2] ?? makeUID(),
          modality: ["CT", "MR"][at % 2] ?? "OT",
          patientName: `Name${count % 5}^Artificial`,
          // From nothing to more than a block.
          rows: [8, 300, 8, 2_200][count % 4] ?? 8,
          columns: [8, 300, 8, 2_000][count % 4] ?? 8,
        }),
      );
      const records = await this.#store(files);
      const [first] = records;
      if (count % 4 === 0 && first?.stored === "acknowledged") {
        await this.#delete(first);
      }
    }
  }

  async #store(files: readonly TestFile[]): Promise<Record[]> {
    const answer = await tryRequest(
      async () => await service.store(files.map(({ bytes }) => bytes)),
    );
    if (answer === undefined) {
      await whenHealthy();
    }
    const records = files.map((file): Record => {
      // What says that nothing is wrong with it but the service may have happened all the same.
      const isUnknown = answer === undefined || answer.status === 503;
      const isStored = !isUnknown && !answer.text.includes("00081198");
      if (!isUnknown && !isStored) {
        expect([200, 202, 409]).toContain(answer.status);
        // Cut short by the service's own trouble, and by nothing that the files are to blame for.
        expect(new Set(failureReasons(answer))).toEqual(new Set([0x0110]));
      }
      this.acknowledged += isStored ? 1 : 0;
      return {
        file: { ...file, bytes: new Uint8Array(0), frames: [] },
        hash: sha256(file.bytes),
        stored: isStored ? "acknowledged" : "unanswered",
        deleted: "never",
      };
    });
    this.records.push(...records);
    return records;
  }

  async #delete(record: Record): Promise<void> {
    const answer = await tryRequest(
      async () => await service.request(instancePath(record.file), { method: "DELETE" }),
    );
    record.deleted = answer?.status === 204 ? "acknowledged" : "unanswered";
    if (answer !== undefined) {
      expect([204, 503]).toContain(answer.status);
    }
  }
}

function kill(roles: readonly ProcessRole[]): void {
  const pids = runtime.pids();
  for (const role of roles) {
    const pid = pids[role];
    if (pid === undefined) {
      throw new Error(`no ${role} to kill`);
    }
    process.kill(pid, "SIGKILL");
  }
}

async function whenHealthy(): Promise<void> {
  await eventually(
    async () =>
      (await tryRequest(async () => await service.request("../health/check")))?.status === 200,
    (isHealthy) => isHealthy,
  );
}

function sopInstanceUIDs(datasets: readonly JsonDataset[]): string[] {
  return firstValues(datasets, "00080018").map(String);
}

/** Compares what there is with what was said, and settles what was not known. */
async function compare(storm: Storm): Promise<void> {
  for (const record of storm.records) {
    const answer = await service.get(instancePath(record.file), anyDicomMultipart);
    const mayBeThere = record.deleted !== "acknowledged";
    const mayBeGone = record.stored !== "acknowledged" || record.deleted !== "never";
    if (answer.status === 200) {
      expect(mayBeThere, "what was deleted is there").toBe(true);
      const [part] = decodeParts(answer.body, answer.headers["content-type"]);
      expect(sha256(part?.body ?? new Uint8Array(0))).toBe(record.hash);
      record.stored = "acknowledged";
      record.deleted = "never";
    } else {
      expect(answer.status).toBe(404);
      expect(mayBeGone, "what was acknowledged is gone").toBe(true);
      record.stored = "refused";
    }
  }
  const { cosmosConnectionString } = runtime;
  const [, endpoint = "", key = ""] =
    /AccountEndpoint=([^;]+);AccountKey=([^;]+);/.exec(cosmosConnectionString) ?? [];
  const { container } = await openTestIndex(endpoint, key, "strata");
  for (const { study } of storm.studies) {
    const there = storm.records
      .filter(({ file, stored }) => file.studyInstanceUID === study && stored === "acknowledged")
      .map(({ file }) => file.sopInstanceUID)
      .toSorted();
    const listed: string[] = [];
    for (let offset = 0; offset === 0 || listed.length === offset; offset += 200) {
      const path = `studies/${study}/instances?limit=200&offset=${offset}`;
      const results = await service.search(path);
      listed.push(...sopInstanceUIDs(results));
    }
    expect(listed.toSorted()).toEqual(there);
    const studies = await service.search(`studies?StudyInstanceUID=${study}&includefield=all`);
    expect(studies).toHaveLength(there.length === 0 ? 0 : 1);
    if (there.length > 0) {
      expect(studies[0]?.["00201208"]?.Value).toEqual([there.length]);
      const metadata = await service.metadata(`studies/${study}`);
      expect(sopInstanceUIDs(metadata).toSorted()).toEqual(there);
    }
    // Copies follow from the change feed, and whatever a killed process left behind with them.
    const state = await eventually(
      async () =>
        await readStudyState(
          container,
          { tenant: "default", partition: "Microsoft.Default", study },
          true,
        ),
      ({ faults }) => faults.length === 0,
    );
    expect(state.current.map(({ sop }) => sop).toSorted()).toEqual(there);
  }
}

test.each(victims)(
  "what was acknowledged outlives the killing of $name",
  { timeout: 120_000 * rounds },
  async ({ roles }) => {
    const storm = new Storm();
    storms.push(storm);
    const running = storm.run();
    const after = async (count: number): Promise<void> => {
      const goal = storm.acknowledged + count;
      await eventually(
        async () => await Promise.resolve(storm.acknowledged),
        (acknowledged) => acknowledged >= goal,
      );
    };
    try {
      for (let round = 0; round < rounds; round += 1) {
        await after(storesPerPhase);
        kill(roles);
        await after(storesPerPhase);
      }
    } finally {
      storm.end();
      await running;
    }
    await whenHealthy();
    await compare(storm);
    expect(unexpected).toEqual([]);
  },
);

test(
  "all of it is there after a new start on the same folder",
  { timeout: 120_000 * rounds },
  async () => {
    await runtime.stop();
    await start();
    for (const storm of storms) {
      await compare(storm);
    }
    expect(unexpected).toEqual([]);
  },
);

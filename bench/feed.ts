import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { CosmosClient } from "@azure/cosmos";
import { monotonicFactory } from "ulid";
import { startCosmosServer } from "../local/cosmos/server.ts";
import { provisionCosmos } from "../local/provisionCosmos.ts";
import { startRuntime } from "../local/startRuntime.ts";
import { FeedLog, type LogSurroundings } from "../shared/feed/feedLog.ts";
import { CosmosInstanceIndex } from "../shared/store/cosmosInstanceIndex.ts";
import type { NewInstance } from "../shared/store/instanceIndex.ts";
import { encodeMetadata } from "../shared/store/metadataCodec.ts";
import { withoutQueryPlans } from "../shared/store/withoutQueryPlans.ts";
import type { ChangeItem } from "../shared/store/studyItems.ts";
import { maintenanceScope } from "../shared/tenancy/tenantScope.ts";
import { makeInstance } from "../test/support/dicom/dicomFile.ts";

/*
 * Measures the two feeds:
 *
 *   node bench/feed.ts [instances to read] [entries of the log]
 *
 * Reading and lag are measured over HTTP, against the service as `npm start` runs it; the cost of an offset beneath it,
 * in a log that is filled first. 0 leaves a part out.
 */

const instances = Number(process.argv[2] ?? 10_000);
const logEntries = Number(process.argv[3] ?? 1_000_000);
const perStudy = 100;
const perPut = 40;
const lagSamples = 60;

const folder = mkdtempSync(path.join(tmpdir(), "strata-bench-feed-"));
const scope = maintenanceScope("default", "Microsoft.Default");
const ulid = monotonicFactory();
const surroundings: LogSurroundings & { newVersion(): string } = {
  now: () => performance.now(),
  sleep: async (milliseconds) => {
    await new Promise((resume) => {
      setTimeout(resume, milliseconds);
    });
  },
  random: () => Math.random(),
  timestamp: () => new Date().toISOString(),
  newVersion: () => ulid(),
};

function connect(connectionString: string): CosmosClient {
  const options = { connectionString, plugins: [withoutQueryPlans] };
  return new CosmosClient(options);
}

function show(name: string, value: string): void {
  console.log(`${name.padEnd(58)} ${value}`);
}

function percentile(values: readonly number[], part: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return `${Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0)} ms`;
}

async function timed(run: () => Promise<number>): Promise<string> {
  const startedAt = performance.now();
  const count = await run();
  return `${Math.round((count * 1000) / (performance.now() - startedAt))} entries/s (${count} entries)`;
}

/** Metadata of the size that a CT slice has: some four kilobytes of JSON. */
function newInstance(study: number, number: number): NewInstance {
  const none = { attributes: {}, match: {} };
  const elements = Array.from({ length: 60 }, (_, i) => [
    `0009${(0x1000 + i).toString(16)}`,
    { vr: "LO", Value: [`artificial value ${(study * 7919 + number * 31 + i) % 9973}`] },
  ]);
  const name = `${study}-${number}`;
  return {
    studyInstanceUID: `2.25.${study}`,
    seriesInstanceUID: `2.25.${study}.1`,
    sopInstanceUID: `2.25.${study}.1.${number}`,
    sopClassUID: "1.2.840.10008.5.1.4.1.1.2",
    transferSyntaxUID: "1.2.840.10008.1.2.1",
    datasetOffset: 132,
    content: { name, length: 1, sha256: name },
    frames: undefined,
    metadata: encodeMetadata({
      dataset: JSON.stringify(Object.fromEntries(elements)),
      bulkdata: new Map(),
    }),
    attributes: {
      study: none,
      series: { attributes: { "00080060": { vr: "CS", Value: ["CT"] } }, match: {} },
      instance: none,
    },
  };
}

interface Page {
  readonly entries: readonly { readonly studyInstanceUid: string }[];
  readonly continuation: string;
  readonly hasMore: boolean;
}

let chargeRU = 0;

async function readAll(baseUrl: string, query: string, how: string): Promise<number> {
  let count = 0;
  for (let next = query; ;) {
    const answer = await fetch(`${baseUrl}/v2/feed?${next}&${how}`);
    if (!answer.ok) {
      throw new Error(`${answer.status} ${await answer.text()}`);
    }
    const page = (await answer.json()) as Page;
    count += page.entries.length;
    chargeRU += Number(answer.headers.get("x-ms-request-charge"));
    if (!page.hasMore) {
      return count;
    }
    next = `continuation=${page.continuation}`;
  }
}

async function benchService(): Promise<void> {
  const runtime = await startRuntime({ dataDir: path.join(folder, "runtime") });
  try {
    const { baseUrl } = runtime;
    const cosmos = connect(runtime.cosmosConnectionString);
    const index = new CosmosInstanceIndex(
      cosmos.database("strata").container("dicom"),
      surroundings,
    );
    for (let first = 0; first < instances; first += perPut) {
      const study = Math.floor(first / perStudy);
      const some = Array.from({ length: perPut }, (_, i) => newInstance(study, first + i));
      await index.put(scope, `2.25.${study}`, some, "create");
    }
    // Sequencing shares the processor; reading is measured once it is done.
    for (;;) {
      const latest = await fetch(`${baseUrl}/v2/changefeed/latest?includeMetadata=false`);
      const { sequence } = (latest.status === 204 ? { sequence: 0 } : await latest.json()) as {
        sequence: number;
      };
      if (sequence >= instances) {
        break;
      }
      await surroundings.sleep(200);
    }
    for (const mode of ["all", "latest"]) {
      for (const size of [100, 1_000]) {
        chargeRU = 0;
        let count = 0;
        const rate = await timed(async () => {
          count = await readAll(baseUrl, `mode=${mode}`, `pageSize=${size}`);
          return count;
        });
        show(`pull, mode ${mode}, one reader, ${size} a page`, rate);
        show("  request charge per 1,000 entries", `${((chargeRU * 1000) / count).toFixed(1)} RU`);
      }
    }
    show(
      "pull, mode latest, with metadata, one reader",
      await timed(
        async () => await readAll(baseUrl, "mode=latest", "pageSize=1000&includeMetadata=true"),
      ),
    );
    const listed = await fetch(`${baseUrl}/v2/feed/ranges?minimum=4`);
    const { ranges } = (await listed.json()) as { ranges: string[] };
    show(
      `pull, mode all, ${ranges.length} ranges at once, 1000 a page`,
      await timed(async () => {
        const counts = await Promise.all(
          ranges.map(
            async (range) => await readAll(baseUrl, `mode=all&range=${range}`, "pageSize=1000"),
          ),
        );
        return counts.reduce((sum, count) => sum + count, 0);
      }),
    );
    show(
      "sequenced, v2, 200 a page, without metadata",
      await timed(async () => {
        let count = 0;
        for (;;) {
          const answer = await fetch(
            `${baseUrl}/v2/changefeed?offset=${count}&limit=200&includeMetadata=false`,
          );
          const page = (await answer.json()) as unknown[];
          count += page.length;
          if (page.length === 0) {
            return count;
          }
        }
      }),
    );
    await benchLag(baseUrl);
  } finally {
    await runtime.stop();
  }
}

/** From the moment that a store was answered until a reader who waits has the entry. */
async function benchLag(baseUrl: string): Promise<void> {
  const lags = { pull: [] as number[], sequenced: [] as number[] };
  const start = await fetch(`${baseUrl}/v2/feed?mode=all&startFrom=now`);
  let { continuation } = (await start.json()) as Page;
  for (let i = 0; i < lagSamples; i += 1) {
    const { bytes, studyInstanceUID } = makeInstance({});
    const read = async (): Promise<number> => {
      for (;;) {
        const answer = await fetch(`${baseUrl}/v2/feed?continuation=${continuation}&wait=20`);
        const page = (await answer.json()) as Page;
        ({ continuation } = page);
        if (page.entries.some(({ studyInstanceUid }) => studyInstanceUid === studyInstanceUID)) {
          return performance.now();
        }
      }
    };
    const poll = async (): Promise<number> => {
      for (;;) {
        const answer = await fetch(`${baseUrl}/v2/changefeed/latest?includeMetadata=false`);
        const { studyInstanceUid } = (await answer.json()) as { studyInstanceUid: string };
        if (studyInstanceUid === studyInstanceUID) {
          return performance.now();
        }
        await surroundings.sleep(20);
      }
    };
    const seen = [read(), poll()];
    await fetch(`${baseUrl}/v2/studies`, {
      method: "POST",
      headers: { "Content-Type": "application/dicom", Accept: "application/dicom+json" },
      body: new Uint8Array(bytes),
    });
    const storedAt = performance.now();
    const [pull = 0, sequenced = 0] = await Promise.all(seen);
    lags.pull.push(Math.max(0, pull - storedAt));
    lags.sequenced.push(Math.max(0, sequenced - storedAt));
    // Not in step with the polls of the trigger.
    await surroundings.sleep(Math.random() * 500);
  }
  for (const [feed, values] of Object.entries(lags)) {
    show(
      `lag from stored to visible, ${feed}, p50 · p95`,
      `${percentile(values, 0.5)} · ${percentile(values, 0.95)}`,
    );
  }
}

async function benchOffset(): Promise<void> {
  const server = await startCosmosServer({ dataDir: path.join(folder, "log") });
  try {
    const cosmos = connect(server.connectionString);
    const file = path.join(import.meta.dirname, "..", "infra", "cosmos.json");
    await provisionCosmos(cosmos, file, "strata");
    const log = new FeedLog(cosmos.database("strata").container("feedlog"), surroundings);
    const perAppend = 990;
    show(
      "sequencing, one sequencer",
      await timed(async () => {
        for (let first = 0; first <= logEntries; first += perAppend) {
          await log.append(
            scope,
            Array.from({ length: perAppend }, (_, i) => newChange(first + i)),
          );
        }
        return await log.lastSequence(scope);
      }),
    );
    for (const offset of [0, Math.floor(logEntries / 2), logEntries]) {
      const times: number[] = [];
      for (let i = 0; i < 100; i += 1) {
        const startedAt = performance.now();
        const last = await log.lastSequence(scope);
        await log.entries(scope, offset + 1, Math.min(offset + 100, last));
        times.push(performance.now() - startedAt);
      }
      show(
        `page of 100 at offset ${offset}, p50 · p95`,
        `${percentile(times, 0.5)} · ${percentile(times, 0.95)}`,
      );
    }
    const times: number[] = [];
    for (let i = 0; i < 100; i += 1) {
      const startedAt = performance.now();
      await log.firstSequenceAt(scope, new Date(Date.now() - i * 1_000).toISOString());
      times.push(performance.now() - startedAt);
    }
    show(
      "start of a time window, p50 · p95",
      `${percentile(times, 0.5)} · ${percentile(times, 0.95)}`,
    );
  } finally {
    await server.close();
  }
}

function newChange(number: number): ChangeItem {
  return {
    id: `change:${String(number).padStart(26, "0")}`,
    tenant: scope.tenant,
    partition: scope.partition,
    study: `2.25.${Math.floor(number / perStudy)}`,
    kind: "change",
    action: "create",
    series: "2.25.1",
    sop: `2.25.1.${number}`,
    sopClass: "1.2.840.10008.5.1.4.1.1.2",
    modality: "CT",
    revision: 1,
    at: "2026-01-01T00:00:00.000Z",
    remove: [],
    bytes: 100,
  };
}

try {
  if (instances > 0) {
    await benchService();
  }
  if (logEntries > 0) {
    await benchOffset();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

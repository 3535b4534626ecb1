import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  BulkOperationType,
  CosmosClient,
  type Container,
  type CosmosClientOptions,
  type PluginConfig,
} from "@azure/cosmos";
import { monotonicFactory } from "ulid";
import { provisionCosmos } from "../../local/provisionCosmos.ts";
import { CosmosInstanceIndex } from "../../shared/store/cosmosInstanceIndex.ts";
import { planPut } from "../../shared/store/putPlan.ts";
import { withoutQueryPlans } from "../../shared/store/withoutQueryPlans.ts";
import { maintenanceScope, type TenantScope } from "../../shared/tenancy/tenantScope.ts";
import { indexedInstance } from "../../test/support/indexedInstance.ts";

/** An index of many studies over a database in a process of its own. */
export interface SearchIndex {
  readonly index: CosmosInstanceIndex;
  readonly container: Container;
  readonly scope: TenantScope;
  /** Adds studies until there are `count`, each of one series of one instance. */
  readonly fill: (count: number) => Promise<void>;
  /** The request units that the database has charged so far. */
  readonly charged: () => number;
}

const families = 400;
const givens = 100;
/** Common modalities and one that is rare. */
const modalities: readonly string[] = ["CT", "CT", "MR", "MR", "US", "CR"];

/** What the study of this number has. */
export interface BenchStudy {
  readonly studyInstanceUID: string;
  readonly patientID: string;
  readonly patientName: string;
  readonly studyDate: string;
  readonly accessionNumber: string;
  readonly modality: string;
}

/** The study of this number: everything about it follows from the number. */
export function benchStudy(number: number): BenchStudy {
  const random = createHash("sha256").update(String(number)).digest();
  const day = new Date(Date.UTC(2015, 0, 1 + (random.readUInt32LE(0) % 3650)));
  return {
    studyInstanceUID: `2.25.${1_000_000_000_000 + number}`,
    patientID: `PATIENT-${Math.floor(number / 3)}`,
    patientName: `Family${syllables(random.readUInt32LE(4) % families)}^Given${syllables(random.readUInt32LE(8) % givens)}`,
    studyDate: day.toISOString().slice(0, 10).replaceAll("-", ""),
    accessionNumber: `A${1_000_000 + number}`,
    modality: number % 1_000 === 7 ? "XA" : (modalities[random.readUInt8(12) % 6] ?? ""),
  };
}

function syllables(number: number): string {
  const parts = ["ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su"];
  return Array.from(String(number), (digit) => parts[Number(digit)]).join("");
}

/** Starts a database in a process of its own, hands an index in it to `measure`, and ends it. */
export async function withSearchIndex(
  measure: (searches: SearchIndex) => Promise<void>,
): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "strata-bench-search-"));
  const root = join(import.meta.dirname, "..", "..");
  const server = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "local/cosmos/main.ts", "--data", dataDir],
    { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
  );
  const exited = once(server, "exit");
  try {
    const [ready] = (await once(server.stdout, "data")) as [Buffer];
    const { connectionString } = JSON.parse(ready.toString("utf8")) as { connectionString: string };
    let charge = 0;
    const meter: PluginConfig = {
      on: "request",
      plugin: async (context, _, next) => {
        const answer = await next(context);
        const { headers } = answer as unknown as { headers?: Record<string, unknown> };
        charge += Number(headers?.["x-ms-request-charge"] ?? 0);
        return answer;
      },
    };
    const options: CosmosClientOptions & { readonly plugins: readonly PluginConfig[] } = {
      connectionString,
      connectionPolicy: { enableEndpointDiscovery: false },
      plugins: [withoutQueryPlans, meter],
    };
    const client = new CosmosClient(options);
    await provisionCosmos(client, join(root, "infra", "cosmos.json"), "bench");
    const container = client.database("bench").container("dicom");
    const ulid = monotonicFactory();
    const scope = maintenanceScope("bench", "Microsoft.Default");
    let filled = 0;
    await measure({
      container,
      scope,
      index: new CosmosInstanceIndex(container, {
        now: () => performance.now(),
        sleep: async (milliseconds) => {
          await sleep(milliseconds);
        },
        random: () => Math.random(),
        timestamp: () => new Date().toISOString(),
        newVersion: () => ulid(),
      }),
      fill: async (count) => {
        while (filled < count) {
          const until = Math.min(filled + 33, count);
          const items = [];
          for (; filled < until; filled += 1) {
            items.push(...itemsOf(filled, scope, ulid));
          }
          await putItems(container, items);
        }
      },
      charged: () => charge,
    });
    client.dispose();
  } finally {
    server.kill("SIGTERM");
    await exited;
    rmSync(dataDir, { recursive: true, force: true });
  }
}

type Item = Record<string, string>;

/** What the service would write of a study, but for the event of it, which no search reads. */
function itemsOf(number: number, scope: TenantScope, ulid: () => string): Item[] {
  const study = benchStudy(number);
  const { studyInstanceUID } = study;
  const version = ulid();
  const plan = planPut(
    {
      keys: { tenant: scope.tenant, partition: scope.partition, study: studyInstanceUID },
      stamp: { version, at: new Date().toISOString() },
      newVersion: ulid,
    },
    [
      indexedInstance(
        {
          studyInstanceUID,
          seriesInstanceUID: `${studyInstanceUID}.1`,
          sopInstanceUID: `${studyInstanceUID}.1.1`,
        },
        {
          "00080020": { vr: "DA", Value: [study.studyDate] },
          "00080030": { vr: "TM", Value: ["101500"] },
          "00080050": { vr: "SH", Value: [study.accessionNumber] },
          "00080060": { vr: "CS", Value: [study.modality] },
          "00080090": { vr: "PN", Value: [{ Alphabetic: "Referring^Physician" }] },
          "00081030": { vr: "LO", Value: [`Study of ${study.modality}`] },
          "00100010": { vr: "PN", Value: [{ Alphabetic: study.patientName }] },
          "00100020": { vr: "LO", Value: [study.patientID] },
          "00100030": { vr: "DA", Value: ["19500101"] },
          "00180060": { vr: "DS", Value: [120] },
          "00200011": { vr: "IS", Value: [1] },
          "00200013": { vr: "IS", Value: [1] },
        },
      ),
    ],
    "create",
    new Map(),
  );
  return plan.operations
    .map((operation) => ("resourceBody" in operation ? (operation.resourceBody as unknown) : {}))
    .filter((item): item is Item => (item as Item)["kind"] !== "change");
}

async function putItems(container: Container, items: readonly Item[]): Promise<void> {
  const results = await container.items.bulk(
    items.map((item) => ({
      operationType: BulkOperationType.Create,
      partitionKey: [item["tenant"] ?? "", item["partition"] ?? "", item["study"] ?? ""],
      resourceBody: item,
    })),
  );
  const failed = results.find(({ statusCode }) => statusCode !== 201);
  if (failed !== undefined) {
    throw new Error(`an item was not stored: ${failed.statusCode}`);
  }
}

import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CosmosClient, type CosmosClientOptions, type PluginConfig } from "@azure/cosmos";
import { monotonicFactory } from "ulid";
import { startCosmosServer } from "../local/cosmos/server.ts";
import { provisionCosmos } from "../local/provisionCosmos.ts";
import { AuditLog } from "../shared/audit/auditLog.ts";
import { metered, RequestMeter } from "../shared/telemetry/meter.ts";
import { meteredCosmos } from "../shared/telemetry/meteredCosmos.ts";
import { compareRates, rateOf } from "./support/rate.ts";
import { printTable, type Row } from "./support/table.ts";

// What an event of the audit costs the request that it is of: one alone, and many at once, which share batches; against
// writing each by itself with the client of the database.

const dataDir = mkdtempSync(join(tmpdir(), "strata-bench-"));
const server = await startCosmosServer({ dataDir });
const options: CosmosClientOptions & { readonly plugins: readonly PluginConfig[] } = {
  endpoint: server.endpoint,
  key: server.key,
  connectionPolicy: { enableEndpointDiscovery: false },
  plugins: [meteredCosmos],
};
const client = new CosmosClient(options);
try {
  await provisionCosmos(client, join(import.meta.dirname, "..", "infra", "cosmos.json"), "bench");
  const container = client.database("bench").container("audit");
  const ulid = monotonicFactory();
  const log = new AuditLog(
    container,
    {
      now: () => performance.now(),
      sleep: async (milliseconds) => {
        await sleep(milliseconds);
      },
      random: () => Math.random(),
      timestamp: () => new Date().toISOString(),
      newVersion: () => ulid(),
    },
    2192,
  );
  const event = {
    tenant: "hospital",
    correlationId: randomUUID(),
    event: { code: "110104", meaning: "DICOM Instances Transferred" },
    types: [],
    action: "R",
    outcome: 0,
    status: 200,
    name: "retrieveInstance",
    dataAction: "read",
    user: { issuer: "https://issuer.example", subject: randomUUID(), tokenId: randomUUID() },
    address: "192.0.2.7",
    object: {
      studyInstanceUIDs: ["1.2.826.0.1.3680043.8.498.45787401853408"],
      seriesInstanceUID: "1.2.826.0.1.3680043.8.498.45787401853409",
      sopInstanceUID: "1.2.826.0.1.3680043.8.498.45787401853410",
      patientIDs: ["PATIENT-1"],
    },
  } as const;
  const rows: Row[] = [];
  let charge = 0;
  let events = 0;
  const record = async (): Promise<void> => {
    const meter = new RequestMeter(() => performance.now());
    await metered(meter, async () => {
      await log.record(event);
    });
    charge += meter.requestCharge;
    events += 1;
  };
  const create = async (): Promise<void> => {
    await container.items.create({ ...event, hour: "2026-03-01T12", kind: "event", id: ulid() });
  };
  await rateOf(200, 8, record);
  await rateOf(200, 8, create);
  for (const concurrency of [1, 8, 64]) {
    [charge, events] = [0, 0];
    const [floor, ours] = await compareRates(2_000, concurrency, [create, record]);
    rows.push(
      {
        what: `events, ${concurrency} at once`,
        value: ours.perSecond,
        unit: "/s",
        p50: ours.p50,
        p95: ours.p95,
        floor: floor.perSecond,
        floorName: "each written by itself",
      },
      { what: `charge of an event, ${concurrency} at once`, value: charge / events, unit: "RU" },
    );
  }
  printTable(rows);
} finally {
  client.dispose();
  await server.close();
  rmSync(dataDir, { recursive: true, force: true });
}

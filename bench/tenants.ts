import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDevelopmentIssuer } from "../local/issuer/developmentIssuer.ts";
import { platformSettings, registerTenants } from "../local/issuer/registerTenants.ts";
import { startRuntime } from "../local/startRuntime.ts";
import { makeInstance } from "../test/support/dicom/dicomFile.ts";
import { startFlood } from "./support/flood.ts";
import { closeConnections, request } from "./support/request.ts";
import { printTable, type Row } from "./support/table.ts";

// What a tenant notices when another one floods the same process: its requests one after the other, alone, while the other
// has 100 under way all the time, and while the other is held to its quota; in turns, so that whatever else the machine is
// busy with falls on all three alike. The machine is one and the same for the service, its stores and both tenants; in the
// cloud only the process is shared.

const turns = 5;
const countPerTurn = 60;
const concurrency = 100;
const studies = 40;

const dataDir = mkdtempSync(join(tmpdir(), "strata-bench-"));
const issuer = await startDevelopmentIssuer();
const runtime = await startRuntime({
  dataDir,
  root: join(import.meta.dirname, ".."),
  settings: platformSettings(issuer),
});

interface Resources {
  readonly headers: Readonly<Record<string, string>>;
  readonly urls: readonly string[];
}

/** Stores some studies of a tenant, and tells what there is to ask for. */
async function fill(tenant: string): Promise<Resources> {
  const headers = { Authorization: `Bearer ${issuer.tokenOf(`${tenant}.owner`)}` };
  const urls: string[] = [];
  for (let i = 0; i < studies; i += 1) {
    const { bytes, studyInstanceUID } = makeInstance({ patientID: `PATIENT-${i}` });
    await request(`${runtime.baseUrl}/v2/studies`, {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/dicom" },
      body: bytes,
    });
    const study = `${runtime.baseUrl}/v2/studies/${studyInstanceUID}`;
    urls.push(
      `${runtime.baseUrl}/v2/studies?PatientID=PATIENT-${i}`,
      `${study}/metadata`,
      `${study}/series`,
      study,
    );
  }
  return { headers, urls };
}

async function setQuota(tenant: string, requestsPerSecond: number | null): Promise<void> {
  await request(`${runtime.baseUrl}/v2/tenants/${tenant}`, {
    method: "PATCH",
    headers: {
      Authorization: `Bearer ${issuer.tokenOf("platform.admin")}`,
      "Content-Type": "application/json",
    },
    body: Buffer.from(JSON.stringify({ quotas: { requestsPerSecond } })),
  });
}

/** How long some requests take, one after the other, in milliseconds. */
async function measure({ headers, urls }: Resources, turn: number): Promise<number[]> {
  const durations: number[] = [];
  for (let i = 0; i < countPerTurn; i += 1) {
    const url = urls[(turn * countPerTurn + i) % urls.length] ?? "";
    durations.push((await request(url, { headers })).totalMs);
  }
  return durations;
}

function quantile(durations: readonly number[], share: number): number {
  const sorted = durations.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}

const cases = [
  { what: "without a quota", requestsPerSecond: null },
  { what: "held to 20 requests a second", requestsPerSecond: 20 },
] as const;

try {
  await registerTenants(runtime.baseUrl, issuer);
  const [noisy, quiet] = [await fill("hospital-a"), await fill("hospital-b")];
  await measure(quiet, 0);
  const alone: number[] = [];
  const meanwhile = cases.map((): number[] => []);
  const answered = cases.map((): Record<string, number> => ({}));
  const seconds = cases.map(() => 0);
  for (let turn = 0; turn < turns; turn += 1) {
    alone.push(...(await measure(quiet, turn)));
    for (const [at, { requestsPerSecond }] of cases.entries()) {
      await setQuota("hospital-a", requestsPerSecond);
      const flood = startFlood({ ...noisy, concurrency });
      meanwhile[at]?.push(...(await measure(quiet, turn)));
      const result = await flood.stop();
      seconds[at] = (seconds[at] ?? 0) + result.seconds;
      for (const [status, number] of Object.entries(result.answers)) {
        const counts = answered[at] ?? {};
        counts[status] = (counts[status] ?? 0) + number;
      }
    }
  }
  const rows: Row[] = [];
  for (const [at, { what }] of cases.entries()) {
    const shown = Object.entries(answered[at] ?? {})
      .map(([status, number]) => `${(number / (seconds[at] ?? 1)).toFixed(0)}/s ${status}`)
      .join(", ");
    console.log(`  A ${what}, ${concurrency} requests at once: ${shown}`);
    for (const [name, share] of [
      ["p50", 0.5],
      ["p95", 0.95],
    ] as const) {
      rows.push({
        what: `${name} of B while A floods ${what}`,
        value: quantile(meanwhile[at] ?? [], share),
        unit: "ms",
        floor: quantile(alone, share),
        floorName: "B alone",
      });
    }
  }
  printTable(rows);
} finally {
  closeConnections();
  await runtime.stop();
  await issuer.close();
  rmSync(dataDir, { recursive: true, force: true });
}

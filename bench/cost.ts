import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startCosmosServer } from "../local/cosmos/server.ts";
import { makeUID } from "../test/support/dicom/dicomFile.ts";
import { startChargeProxy } from "./support/chargeProxy.ts";
import { makeTemplate } from "./support/copies.ts";
import { rateOf } from "./support/rate.ts";
import { withService } from "./support/service.ts";

// What a million of each costs: request units as the local database charges them, what follows from changes included;
// operations of the content store as docs/verb-costs.md counts them; and the time of instances, as long as this machine
// took. The units of the local database have the shape of the real ones and not their exact size, and a core here is not
// one of Azure's: what this is good for is to see what a price is made of, and what a change does to it.

/** List prices in US dollars, October 2026: see docs/deployment.md, Cost. */
const price = {
  perMillionRequestUnits: 0.25,
  perTenThousandWrites: 0.055,
  perTenThousandReads: 0.0044,
  perGigabyteSecond: 0.000026,
  perMillionExecutions: 0.4,
};
const instanceGigabytes = 2;
const concurrency = 8;

interface Cost {
  readonly what: string;
  readonly charge: number;
  readonly writes: number;
  readonly reads: number;
  readonly seconds: number;
  readonly requests: number;
}

const folder = mkdtempSync(join(tmpdir(), "strata-cost-"));
const database = await startCosmosServer({ dataDir: folder });
const proxy = await startChargeProxy(database.endpoint);
const costs: Cost[] = [];

/** The charge once nothing more is charged: followers come a moment later, and look in at times when nothing comes. */
async function chargeWhenQuiet(): Promise<number> {
  for (let last = -1; ;) {
    const now = proxy.charge();
    // What followers pay for looking is not one operation's: a page of nothing is some two units.
    if (now - last < 30) {
      return now;
    }
    last = now;
    await sleep(2_000);
  }
}

try {
  await withService(
    async ({ call, store }) => {
      const template = makeTemplate();
      const study = { studyInstanceUID: makeUID(), seriesInstanceUID: makeUID() };
      const measure = async (
        what: string,
        times: number,
        each: { instances: number; writes: number; reads: number },
        run: (index: number) => Promise<unknown>,
      ): Promise<void> => {
        const before = await chargeWhenQuiet();
        const { perSecond } = await rateOf(times, Math.min(concurrency, times), run);
        const charge = ((await chargeWhenQuiet()) - before) / (times * each.instances);
        costs.push({
          what,
          charge,
          writes: each.writes,
          reads: each.reads,
          seconds: 1 / (perSecond * each.instances),
          requests: 1 / each.instances,
        });
      };
      const one = { instances: 1, writes: 1, reads: 0 };
      await measure(
        "store, 1 a request",
        200,
        one,
        async () => await store([template.copy(study).bytes]),
      );
      await measure("store, 50 a request", 8, { ...one, instances: 50 }, async () => {
        const other = { studyInstanceUID: makeUID(), seriesInstanceUID: makeUID() };
        return await store(Array.from({ length: 50 }, () => template.copy(other).bytes));
      });
      const kept = template.copy(study);
      await store([kept.bytes]);
      const path = `studies/${kept.studyInstanceUID}/series/${kept.seriesInstanceUID}`;
      const instance = `${path}/instances/${kept.sopInstanceUID}`;
      const read = { instances: 1, writes: 0, reads: 1 };
      await measure("retrieve one instance", 400, read, async () => await call(instance));
      await measure(
        "retrieve a study, per instance",
        8,
        { ...read, instances: 201 },
        async () => await call(`studies/${kept.studyInstanceUID}`),
      );
      const nothing = { instances: 1, writes: 0, reads: 0 };
      await measure(
        "metadata of a study, per instance",
        20,
        { ...nothing, instances: 201 },
        async () => await call(`studies/${kept.studyInstanceUID}/metadata`),
      );
      await measure(
        "search for a study",
        400,
        nothing,
        async () => await call(`studies?StudyInstanceUID=${kept.studyInstanceUID}`),
      );
      await measure(
        "pull feed, per entry",
        20,
        { ...nothing, instances: 600 },
        async () => await call("feed?mode=all&pageSize=1000"),
      );
      await measure(
        "sequenced feed, per entry",
        20,
        { ...nothing, instances: 200 },
        async () => await call("changefeed?limit=200&includeMetadata=false"),
      );
    },
    { ...process.env, COSMOS_ENDPOINT: proxy.endpoint, COSMOS_KEY: database.key },
  );
} finally {
  await proxy.close();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
}

const million = 1e6;
console.log(
  "| a million of | request units each | database | content store | instances | calls | sum |",
);
console.log("| --- | --- | --- | --- | --- | --- | --- |");
for (const { what, charge, writes, reads, seconds, requests } of costs) {
  const parts = [
    charge * price.perMillionRequestUnits,
    ((writes * price.perTenThousandWrites + reads * price.perTenThousandReads) * million) / 1e4,
    seconds * million * instanceGigabytes * price.perGigabyteSecond,
    requests * price.perMillionExecutions,
  ];
  const sum = parts.reduce((total, part) => total + part, 0);
  console.log(
    `| ${[what, charge.toFixed(1), ...[...parts, sum].map((part) => `$ ${part.toFixed(2)}`)].join(" | ")} |`,
  );
}

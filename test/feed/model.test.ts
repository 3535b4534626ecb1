import { afterAll, beforeAll, expect, test } from "vitest";
import { effectivePartitionKey } from "../../shared/feed/effectivePartitionKey.ts";
import type { FaultRule } from "../../local/cosmos/faults.ts";
import { Problem } from "../../shared/problem/problem.ts";
import type { InstanceUIDs } from "../../shared/store/instanceIndex.ts";
import type { TenantScope } from "../../shared/tenancy/tenantScope.ts";
import {
  listFeedRanges,
  type FeedEntry,
  type FeedPage,
} from "../../shared/transactions/readFeed.ts";
import {
  newInstance,
  readPage,
  scopeOf,
  SeededRandom,
  startFeedFixture,
  type FeedClient,
  type FeedFixture,
} from "./feedFixture.ts";

// Goal: no reader loses, skips or sees too much, whatever happens between its pages.
// Method: stores, replacements and deletions in several studies and tenants, by a seeded schedule, some at once; physical
// partitions that split and merge meanwhile; readers of every kind that read a page now and then, forget pages and go back to an
// older continuation. At the end each reads on until nothing is left, and what it saw is compared with a model.
const steps = Number(process.env["SOAK_STEPS"] ?? 2_000);
const seeds = (process.env["SOAK_SEEDS"] ?? "20261121").split(",").map(Number);

const tenants = ["clinic-a", "clinic-b", "clinic-c"];
const studiesPerTenant = 4;

let fixture: FeedFixture;
beforeAll(async () => {
  fixture = await startFeedFixture(2);
});
afterAll(async () => {
  await fixture.close();
});

/** An event as the model knows it. */
interface ModelEvent {
  readonly operation: number;
  readonly action: string;
  readonly uids: InstanceUIDs;
  readonly revision: number;
}

interface ModelInstance {
  revision: number;
  isCurrent: boolean;
}

/** What a tenant should have in its feeds. */
class TenantModel {
  readonly scope: TenantScope;
  readonly studies: readonly string[];
  readonly events: ModelEvent[] = [];
  readonly instances = new Map<string, ModelInstance>();

  constructor(tenant: string, number: number, seed: number) {
    this.scope = scopeOf(`${tenant}-${seed}`);
    this.studies = Array.from({ length: studiesPerTenant }, (_, i) => `1.2.${number}.${i}`);
  }

  stored(operation: number, uids: InstanceUIDs, revision: number): void {
    const key = keyOf(uids);
    const known = this.instances.get(key);
    this.events.push({
      operation,
      action: known?.isCurrent === true ? "update" : "create",
      uids,
      revision,
    });
    this.instances.set(key, { revision, isCurrent: true });
  }

  removed(operation: number, isMeant: (uids: InstanceUIDs) => boolean): number {
    let count = 0;
    for (const [key, known] of this.instances) {
      const uids = uidsOf(key);
      if (known.isCurrent && isMeant(uids)) {
        known.isCurrent = false;
        count += 1;
        this.events.push({ operation, action: "delete", uids, revision: known.revision });
      }
    }
    return count;
  }
}

function keyOf({ studyInstanceUID, seriesInstanceUID, sopInstanceUID }: InstanceUIDs): string {
  return `${studyInstanceUID}/${seriesInstanceUID}/${sopInstanceUID}`;
}

function uidsOf(key: string): InstanceUIDs {
  const [studyInstanceUID = "", seriesInstanceUID = "", sopInstanceUID = ""] = key.split("/");
  return { studyInstanceUID, seriesInstanceUID, sopInstanceUID };
}

function keyOfEntry(entry: FeedEntry): string {
  return `${entry.studyInstanceUid}/${entry.seriesInstanceUid}/${entry.sopInstanceUid}`;
}

/** A reader who checkpoints whenever it likes, and now and then is set back to its checkpoint. */
class Reader {
  readonly model: TenantModel;
  readonly mode: "latest" | "all";
  readonly study: string | undefined;
  readonly startTime: string | undefined;
  /** The events before this one need not be seen. */
  readonly firstEvent: number;
  /** By entry, in the order in which they were first seen since the last checkpoint or before. */
  seen: FeedEntry[] = [];
  readonly #client: FeedClient;
  #query: Readonly<Record<string, string>>;
  #checkpoint: { readonly query: Readonly<Record<string, string>>; readonly count: number };

  constructor(
    client: FeedClient,
    model: TenantModel,
    mode: "latest" | "all",
    query: Readonly<Record<string, string>>,
    firstEvent: number,
  ) {
    this.#client = client;
    this.model = model;
    this.mode = mode;
    this.study = query["study"];
    this.startTime = query["startFrom"] === "now" ? undefined : query["startFrom"];
    this.firstEvent = firstEvent;
    this.#query = { ...query, mode };
    this.#checkpoint = { query: this.#query, count: 0 };
  }

  async read(pageSize: number): Promise<boolean> {
    let page: FeedPage;
    try {
      page = await readPage(this.#client, this.model.scope, {
        ...this.#query,
        pageSize: String(pageSize),
      });
    } catch (error) {
      // The position is as good as before.
      if (error instanceof Problem && error.kind === "unavailable") {
        return true;
      }
      throw error;
    }
    this.seen.push(...page.entries.map(({ entry }) => entry));
    this.#query = { continuation: page.continuation };
    return page.hasMore;
  }

  checkpoint(): void {
    this.#checkpoint = { query: this.#query, count: this.seen.length };
  }

  crash(): void {
    this.#query = this.#checkpoint.query;
    this.seen = this.seen.slice(0, this.#checkpoint.count);
  }
}

/** Several readers who share a tenant, each with a range. */
type ReaderGroup = readonly Reader[];

async function startGroup(
  client: FeedClient,
  model: TenantModel,
  random: SeededRandom,
): Promise<ReaderGroup> {
  const mode = random.pick(["latest", "all"] as const);
  switch (random.below(5)) {
    case 0: {
      const study = random.pick(model.studies);
      return [new Reader(client, model, mode, { study }, 0)];
    }
    case 1: {
      const reader = new Reader(client, model, mode, { startFrom: "now" }, model.events.length);
      await reader.read(10);
      reader.checkpoint();
      return [reader];
    }
    case 2: {
      const startFrom = new Date(Date.now() - 1_000).toISOString();
      const first = model.events.length;
      return [new Reader(client, model, mode, { startFrom }, first)];
    }
    case 3:
      return [new Reader(client, model, mode, {}, 0)];
    default: {
      const minimum = 1 + random.below(6);
      const ranges = await listFeedRanges(client.stores, model.scope, { minimum, mode: undefined });
      expect(ranges.length).toBeGreaterThanOrEqual(minimum);
      return ranges.map((range) => new Reader(client, model, mode, { range }, 0));
    }
  }
}

// What the service's database does at times to those who read: too many requests, failovers, moved partitions, cut
// connections, and a split just before the request.
const unrest: readonly FaultRule[] = (
  [
    [{ kind: "fail", status: 429, retryAfterMilliseconds: 1 }, 0.04],
    [{ kind: "fail", status: 503 }, 0.02],
    [{ kind: "fail", status: 408, afterEffect: true }, 0.01],
    [{ kind: "fail", status: 410, substatus: 1002 }, 0.02],
    [{ kind: "reset" }, 0.02],
    [{ kind: "reset", afterEffect: true }, 0.01],
    [{ kind: "split" }, 0.003],
  ] as const
).map(([action, probability]) => ({
  action,
  probability,
  container: "dicom",
  requests: ["feed", "ranges", "metadata"],
  ...(action.kind === "split" ? { count: 6 } : {}),
}));

// Each retry of the client takes its time.
const stepsInUnrest = Math.ceil(steps / 5);

test.each(
  seeds.flatMap((seed) => [
    { seed, count: steps, state: "at rest", faults: [] },
    { seed: seed + 1, count: stepsInUnrest, state: "in unrest", faults: unrest },
  ]),
)(
  "after $count steps of the schedule with the seed $seed and the database $state, every reader has seen all of its tenant, and nothing else",
  async ({ seed, count, faults }) => {
    fixture.server.setFaults(faults, seed);
    const random = new SeededRandom(seed);
    const client = fixture.connect();
    const models = tenants.map((tenant, number) => new TenantModel(tenant, number, seed));
    const groups: ReaderGroup[] = [];
    let splits = 0;
    for (let step = 0; step < count; step += 1) {
      const dice = random.next();
      if (dice < 0.55) {
        // Writers of different studies go on at once.
        const writers = new Map<string, () => Promise<void>>();
        for (let i = 0; i <= random.below(3); i += 1) {
          const model = random.pick(models);
          const study = random.pick(model.studies);
          writers.set(
            `${models.indexOf(model)}/${study}`,
            write(client, model, study, step, random),
          );
        }
        await Promise.all([...writers.values()].map(async (writer) => await writer()));
      } else if (dice < 0.57 && groups.length < 40) {
        groups.push(await startGroup(client, random.pick(models), random));
      } else if (dice < 0.575 && splits < 12) {
        const model = random.pick(models);
        const study = random.pick(model.studies);
        fixture.split(effectivePartitionKey([model.scope.tenant, model.scope.partition, study]));
        splits += 1;
      } else if (dice < 0.577) {
        fixture.merge(random.below(8));
      } else if (groups.length > 0) {
        const readers = Array.from({ length: 1 + random.below(3) }, () =>
          random.pick(random.pick(groups)),
        );
        await Promise.all(
          [...new Set(readers)].map(async (reader) => {
            const turn = random.below(10);
            if (turn === 0) {
              reader.crash();
            } else {
              await reader.read(random.pick([1, 2, 5, 20, 200]));
              if (turn < 6) {
                reader.checkpoint();
              }
            }
          }),
        );
      }
    }
    expect(splits).toBeGreaterThan(0);
    expect(groups.length).toBeGreaterThan(2);
    for (const group of groups) {
      for (const reader of group) {
        while (await reader.read(50)) {
          // Until nothing is left.
        }
      }
      compare(group);
    }
  },
  600_000,
);

function write(
  client: FeedClient,
  model: TenantModel,
  study: string,
  operation: number,
  random: SeededRandom,
): () => Promise<void> {
  const series = `${study}.${random.below(2)}`;
  const sops = Array.from({ length: 1 + random.below(4) }, () => `${series}.${random.below(5)}`);
  const uids = [...new Set(sops)].map((sopInstanceUID) => ({
    studyInstanceUID: study,
    seriesInstanceUID: series,
    sopInstanceUID,
  }));
  const choice = random.below(10);
  return async () => {
    if (choice < 8) {
      const outcomes = await client.index.put(
        model.scope,
        study,
        uids.map((each) => newInstance(each)),
        choice < 4 ? "create" : "upsert",
      );
      outcomes.forEach((outcome, i) => {
        const each = uids[i];
        if (outcome.result === "stored" && each !== undefined) {
          model.stored(operation, each, outcome.revision);
        }
      });
      return;
    }
    const target =
      choice === 8 ? { ...uids[0], studyInstanceUID: study } : { studyInstanceUID: study };
    const removed = await client.index.remove(model.scope, target);
    const expected = model.removed(
      operation,
      (each) =>
        each.studyInstanceUID === study &&
        (choice === 9 || each.sopInstanceUID === uids[0]?.sopInstanceUID),
    );
    expect(removed).toBe(expected);
  };
}

function compare(group: ReaderGroup): void {
  const [any] = group;
  if (any === undefined) {
    return;
  }
  const { model, mode, study, firstEvent } = any;
  const isInScope = (uids: InstanceUIDs): boolean =>
    study === undefined || uids.studyInstanceUID === study;
  const own = new Set(model.studies);
  const seen = group.flatMap((reader) => reader.seen);
  expect(seen.every((entry) => own.has(entry.studyInstanceUid))).toBe(true);
  if (mode === "all") {
    // Ranges do not overlap, and a reader that forgot pages forgot their entries.
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    const describe = (action: string, key: string, revision: number): string =>
      `${action} ${key} ${revision}`;
    const found = seen.map((entry) => describe(entry.action, keyOfEntry(entry), entry.revision));
    const expected = model.events
      .slice(firstEvent)
      .filter(({ uids }) => isInScope(uids))
      .map(({ action, uids, revision }) => describe(action, keyOf(uids), revision));
    if (any.startTime === undefined) {
      expect(found.toSorted()).toEqual(expected.toSorted());
    } else {
      const { startTime } = any;
      const set = new Set(found);
      expect(expected.filter((event) => !set.has(event))).toEqual([]);
      // The database knows times to the second.
      const earliest = new Date(Date.parse(startTime) - 1_000).toISOString();
      expect(seen.filter(({ timestamp }) => timestamp < earliest)).toEqual([]);
    }
    // The commits of one study come in their order.
    const operations = new Map(
      model.events.map(({ action, uids, revision, operation }) => [
        describe(action, keyOf(uids), revision),
        operation,
      ]),
    );
    for (const entries of Map.groupBy(seen, (entry) => entry.studyInstanceUid).values()) {
      const order = entries.map(
        (entry) => operations.get(describe(entry.action, keyOfEntry(entry), entry.revision)) ?? -1,
      );
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
    return;
  }
  const newest = new Map(seen.map((entry) => [keyOfEntry(entry), entry]));
  const changedSince = new Set(model.events.slice(firstEvent).map(({ uids }) => keyOf(uids)));
  for (const [key, { revision, isCurrent }] of model.instances) {
    if (!isInScope(uidsOf(key)) || !changedSince.has(key)) {
      continue;
    }
    const entry = newest.get(key);
    expect(entry && [entry.revision, entry.state], key).toEqual([
      revision,
      isCurrent ? "current" : "deleted",
    ]);
  }
}

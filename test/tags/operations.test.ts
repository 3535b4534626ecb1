// Operations: step by step, in whichever process, to their end.
import type { PluginConfig } from "@azure/cosmos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runOperations, type OperationWorkers } from "../../shared/operations/runOperations.ts";
import { Problem } from "../../shared/problem/problem.ts";
import { ReindexWorker } from "../../shared/tags/reindexWorker.ts";
import type { TenantScope } from "../../shared/tenancy/tenantScope.ts";
import { startFeedFixture, type FeedFixture } from "../feed/feedFixture.ts";
import {
  connectTags,
  feedOfControl,
  feedOfStudy,
  find,
  instance,
  newTenant,
  protocolName,
  requested,
  runToEnd,
  stationName,
  storeAll,
  text,
  type TagClient,
} from "./tagFixture.ts";

let fixture: FeedFixture;
let client: TagClient;

beforeAll(async () => {
  fixture = await startFeedFixture(3);
  client = connectTags(fixture);
});

afterAll(async () => {
  await fixture.close();
});

describe("an operation", () => {
  class Killed extends Error {}

  /** Lets a number of requests have their effect; with the answer to the last of them the process has ended. */
  function killedAfter(requests: number): PluginConfig {
    let count = 0;
    return {
      on: "request",
      plugin: async (context, _, next) => {
        count += 1;
        const answer = count > requests ? undefined : await next(context);
        if (answer === undefined || count === requests) {
          throw new Killed();
        }
        return answer;
      },
    };
  }

  async function contents(scope: TenantScope, studies: ReadonlySet<string>): Promise<string[]> {
    const items = await Promise.all(
      [...studies].map(async (study) => await feedOfStudy(client, scope, study)),
    );
    return items
      .flat()
      .filter((item) => (item as { kind: string }).kind !== "change")
      .map((item) => {
        const { id, q, attributes } = item as Record<string, unknown>;
        return JSON.stringify({ id, q, attributes });
      })
      .toSorted();
  }

  // Goal: whenever a process ends, another one goes on, and all ends as if nothing had happened.
  // Method: the nth request of a process is its last, for n = 1 until it gets to the end by itself.
  test.each(["reindex", "removal"] as const)(
    "of kind %s that is cut short at any request goes on in another process",
    async (kind) => {
      const stored = [1, 2].flatMap((at) => {
        const values = { ...text(protocolName.path, `A${at}`), ...text(stationName.path, "CT1") };
        const first = instance(values);
        return [first, instance(text(protocolName.path, "x".repeat(65)), first)];
      });
      const studies = new Set(stored.map(({ study }) => study));
      const begin = async (): Promise<{ scope: TenantScope; id: string }> => {
        const scope = newTenant();
        await storeAll(client, scope, stored);
        const { registry } = client.tags;
        const { id } = await registry.add(scope, [
          requested(protocolName.tag, "instance"),
          requested(stationName.tag, "study"),
        ]);
        if (kind === "reindex") {
          return { scope, id };
        }
        await runToEnd(client, scope, id);
        await registry.remove(scope, protocolName.tag);
        const [tag] = (await registry.latest(scope)).tags;
        return { scope, id: tag?.operation ?? "" };
      };
      const undisturbed = await begin();
      await runToEnd(client, undisturbed.scope, undisturbed.id);
      const expected = await contents(undisturbed.scope, studies);
      const errors = kind === "reindex" ? 2 : 0;
      let isKilled = true;
      let requests = 0;
      while (isKilled) {
        requests += 1;
        isKilled = false;
        const { scope, id } = await begin();
        const doomed = connectTags(fixture, killedAfter(requests));
        const rethrow = (error: unknown): void => {
          throw error;
        };
        try {
          const items = await feedOfControl(client, scope);
          await runOperations(doomed.operations, doomed.workers, items, rethrow);
        } catch (error) {
          expect(String(error)).toContain("Error");
          isKilled = true;
        }
        expect(await runToEnd(client, scope, id)).toBe("succeeded");
        expect(await contents(scope, studies)).toEqual(expected);
        expect(await client.tags.errors.count(scope, { registration: 1 })).toBe(errors);
        const { tags } = await client.tags.registry.latest(scope);
        expect(tags.every(({ status }) => status === "ready")).toBe(true);
        expect(tags).toHaveLength(kind === "reindex" ? 2 : 1);
      }
      expect(requests).toBeGreaterThan(10);
    },
  );

  test("is done a step at a time, and its items that come again, or too late, do nothing", async () => {
    const scope = newTenant();
    const { operations, workers, tags } = client;
    const { id } = await tags.registry.add(scope, [requested(protocolName.tag, "study")]);
    const own = (item: object): boolean => (item as { id: string }).id === `operation:${id}`;
    const items = (await feedOfControl(client, scope)).filter(own);
    const unreported = (error: unknown): void => {
      throw error;
    };
    expect(await runOperations(operations, workers, items, unreported)).toBe(1);
    expect(await runOperations(operations, workers, items, unreported)).toBe(0);
    const ended = await operations.get(scope, id);
    expect(ended?.operation).toMatchObject({ status: "succeeded", steps: 1, percentComplete: 100 });
    expect(
      await runOperations(
        operations,
        workers,
        (await feedOfControl(client, scope)).filter(own),
        unreported,
      ),
    ).toBe(0);
  });

  test("goes on over several steps, and tells how far it is", async () => {
    const scope = newTenant();
    await storeAll(
      client,
      scope,
      Array.from({ length: 40 }, () => instance(text(protocolName.path, "Knee"))),
    );
    // A clock that runs so fast that every step is over after its first studies.
    const { workers, operations, tags } = connectTags(fixture);
    let now = 0;
    const hasty = new ReindexWorker(tags, {
      now: () => (now += 10_000),
      milliseconds: () => Date.now(),
      sleep: async () => {
        await Promise.resolve();
      },
      random: () => 0,
    });
    const { id } = await tags.registry.add(scope, [requested(protocolName.tag, "instance")]);
    const shown: (readonly [string, number])[] = [];
    for (let status = "notStarted"; status !== "succeeded";) {
      const items = await feedOfControl(client, scope);
      await runOperations(operations, { ...workers, reindex: hasty }, items, (error) => {
        throw error;
      });
      const stored = await operations.get(scope, id);
      status = stored?.operation.status ?? "gone";
      shown.push([status, stored?.operation.percentComplete ?? -1]);
      expect(shown.length).toBeLessThan(20);
    }
    expect(shown).toEqual([
      ...Array.from({ length: 9 }, (_, at) => ["running", 10 * (at + 1)]),
      ["succeeded", 100],
    ]);
    expect(await find(client, scope, "instance", ["ProtocolName", "Knee"])).toHaveLength(40);
  });

  test("whose step fails again and again has failed, holds up no other, and its tags can be removed", async () => {
    const [scope, other] = [newTenant(), newTenant()];
    const { operations, workers, tags } = client;
    const { id } = await tags.registry.add(scope, [requested(protocolName.tag, "study")]);
    const good = await tags.registry.add(other, [requested(protocolName.tag, "study")]);
    const broken: OperationWorkers = {
      ...workers,
      reindex: {
        step: async (ofTenant, operation) =>
          operation.id === id
            ? await Promise.reject(new TypeError("a bug"))
            : await workers.reindex.step(ofTenant, operation),
        giveUp: async (ofTenant, operation) => {
          await workers.reindex.giveUp(ofTenant, operation);
        },
      },
    };
    const reported: unknown[] = [];
    for (let round = 0; round < 5; round += 1) {
      const items = [
        ...(await feedOfControl(client, scope)),
        ...(await feedOfControl(client, other)),
      ];
      await runOperations(operations, broken, items, (error) => reported.push(error));
      expect((await operations.get(other, good.id))?.operation.status).toBe("succeeded");
    }
    expect(reported.map(String)).toEqual(Array.from({ length: 5 }, () => "TypeError: a bug"));
    expect((await operations.get(scope, id))?.operation).toMatchObject({
      status: "failed",
      failures: 5,
    });
    const [left] = (await tags.registry.latest(scope)).tags;
    expect(left).toMatchObject({ status: "adding" });
    expect(left?.operation).toBeUndefined();
    await tags.registry.remove(scope, protocolName.tag);
  });

  test("is not given up while the database is busy: its items come again", async () => {
    const scope = newTenant();
    const { operations, workers, tags } = client;
    const { id } = await tags.registry.add(scope, [requested(protocolName.tag, "study")]);
    const busy: OperationWorkers = {
      ...workers,
      reindex: {
        ...workers.reindex,
        step: async () => await Promise.reject(new Problem("unavailable", "Busy.")),
      },
    };
    const items = await feedOfControl(client, scope);
    await expect(runOperations(operations, busy, items, () => undefined)).rejects.toThrow("Busy.");
    expect((await operations.get(scope, id))?.operation).toMatchObject({
      status: "notStarted",
      failures: 0,
    });
    expect(await runToEnd(client, scope, id)).toBe("succeeded");
  });
});

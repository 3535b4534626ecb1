import { ChangeFeedMode, ChangeFeedStartFrom, type Container } from "@azure/cosmos";
import fc from "fast-check";
import { expect, test } from "vitest";

import { CosmosFixture, drainFeed, hierarchicalKey } from "./cosmosFixture.ts";

interface Stored {
  readonly v: number;
  readonly etag: string;
}

interface Change {
  readonly current: { readonly id?: string; readonly tenant?: string; readonly v?: number };
  readonly metadata: {
    readonly operationType: string;
    readonly id?: string;
    readonly partitionKey?: { readonly tenant: string };
  };
}

const step = fc.record({
  kind: fc.constantFrom(
    "create",
    "upsert",
    "replace",
    "patch",
    "delete",
    "batch",
    "split",
    "merge",
    "restart",
  ),
  tenant: fc.nat(2),
  item: fc.nat(4),
  other: fc.nat(4),
  /** Whether the write carries the current entity tag, an old one, or none. */
  match: fc.constantFrom("none", "none", "current", "old"),
});

// Goal: every answer and every state follow from the requests alone, whatever splits, merges and restarts come between.
// Method: a map stands for the container; statuses, items and the feed of all versions are compared with it.
test("items behave as a map does, and the feed of all versions replays to the same map", async () => {
  const fixture = await CosmosFixture.start({ physicalPartitions: 2 });
  let run = 0;
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 50 }), async (steps) => {
        const name = `model${run++}`;
        await fixture.container(name, {
          partitionKey: hierarchicalKey,
          changeFeedPolicy: { retentionDuration: 10 },
        } as never);
        const container = (): Container => fixture.database.container(name);
        const start = await drainFeed(container(), {
          changeFeedMode: ChangeFeedMode.AllVersionsAndDeletes,
          changeFeedStartFrom: ChangeFeedStartFrom.Now(),
        });
        const model = new Map<string, Stored>();
        let changes = 0;
        let version = 0;

        const request = async (
          method: string,
          tenant: string,
          id: string,
          body: unknown,
          headers: Record<string, string>,
        ): Promise<{ status: number; etag: string }> => {
          const link = `dbs/db/colls/${name}/docs${method === "POST" ? "" : `/${id}`}`;
          const response = await fixture.request(method, link, {
            headers: {
              "x-ms-documentdb-partitionkey": JSON.stringify([tenant, "p", "s"]),
              ...headers,
            },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          });
          await response.arrayBuffer();
          return { status: response.status, etag: response.headers.get("etag") ?? "" };
        };

        for (const { kind, tenant: t, item, other, match } of steps) {
          const [tenant, id] = [`t${t}`, `i${item}`];
          const key = `${tenant}/${id}`;
          const stored = model.get(key);
          const v = ++version;
          const document = { id, tenant, partition: "p", study: "s", v };
          const tag = match === "none" ? undefined : match === "current" ? stored?.etag : '"old"';
          const headers: Record<string, string> = tag === undefined ? {} : { "if-match": tag };
          const isRefused = stored !== undefined && match === "old";
          const put = (
            result: { status: number; etag: string },
            status: number,
            value: number,
          ): void => {
            expect(result.status).toBe(status);
            if (status >= 300) return;
            model.set(key, { v: value, etag: result.etag });
            changes += 1;
          };
          switch (kind) {
            case "create":
              put(
                await request("POST", tenant, id, document, {}),
                stored === undefined ? 201 : 409,
                v,
              );
              break;
            case "upsert": {
              const result = await request("POST", tenant, id, document, {
                ...headers,
                "x-ms-documentdb-is-upsert": "true",
              });
              put(result, stored === undefined ? 201 : isRefused ? 412 : 200, v);
              break;
            }
            case "replace":
              put(
                await request("PUT", tenant, id, document, headers),
                stored === undefined ? 404 : isRefused ? 412 : 200,
                v,
              );
              break;
            case "patch": {
              const operations = [{ op: "incr", path: "/v", value: 1_000 }];
              const result = await request("PATCH", tenant, id, operations, headers);
              put(
                result,
                stored === undefined ? 404 : isRefused ? 412 : 200,
                (stored?.v ?? 0) + 1_000,
              );
              break;
            }
            case "delete": {
              const { status } = await request("DELETE", tenant, id, undefined, headers);
              expect(status).toBe(stored === undefined ? 404 : isRefused ? 412 : 204);
              if (status === 204) {
                model.delete(key);
                changes += 1;
              }
              break;
            }
            case "batch": {
              // The create decides: when its item is there, the upsert before it is undone.
              const second = `i${other}`;
              const { code, result } = await container().items.batch(
                [
                  { operationType: "Upsert", resourceBody: document },
                  { operationType: "Create", resourceBody: { ...document, id: second } },
                ] as never,
                [tenant, "p", "s"],
              );
              const isTaken = second === id || model.has(`${tenant}/${second}`);
              expect(code).toBe(isTaken ? 207 : 200);
              expect(result?.map((entry) => entry.statusCode)).toEqual(
                isTaken ? [424, 409] : [stored === undefined ? 201 : 200, 201],
              );
              if (!isTaken) {
                model.set(key, { v, etag: result?.[0]?.eTag ?? "" });
                model.set(`${tenant}/${second}`, { v, etag: result?.[1]?.eTag ?? "" });
                changes += 2;
              }
              break;
            }
            case "split": {
              const ranges = fixture.server.control.ranges("db", name);
              fixture.server.control.split("db", name, ranges[item % ranges.length]?.id);
              break;
            }
            case "merge": {
              const ranges = fixture.server.control.ranges("db", name);
              const left = ranges[item % Math.max(1, ranges.length - 1)];
              const right = ranges[(item % Math.max(1, ranges.length - 1)) + 1];
              if (left !== undefined && right !== undefined) {
                fixture.server.control.merge("db", name, left.id, right.id);
              }
              break;
            }
            case "restart":
              await fixture.restart();
              break;
            default:
              kind satisfies never;
          }
        }

        const state = [...model].map(([key, { v, etag }]) => `${key} ${v} ${etag}`);
        const documents: Record<string, unknown>[] = [];
        for (const tenant of ["t0", "t1", "t2"]) {
          const query = container().items.query<Record<string, unknown>>("SELECT * FROM c", {
            partitionKey: [tenant],
          });
          documents.push(...(await query.fetchAll()).resources);
        }
        const lines = documents.map(
          ({ tenant, id, v, _etag }) =>
            `${String(tenant)}/${String(id)} ${String(v)} ${String(_etag)}`,
        );
        expect(new Set(lines)).toEqual(new Set(state));
        expect(lines).toHaveLength(state.length);

        const { items } = await drainFeed(container(), {
          changeFeedMode: ChangeFeedMode.AllVersionsAndDeletes,
          changeFeedStartFrom: ChangeFeedStartFrom.Continuation(start.continuation),
        });
        const replayed = new Map<string, number>();
        for (const { current, metadata } of items as unknown as Change[]) {
          const { operationType, id, partitionKey } = metadata;
          if (operationType === "delete") {
            expect(replayed.delete(`${String(partitionKey?.tenant)}/${String(id)}`)).toBe(true);
          } else {
            const key = `${String(current.tenant)}/${String(current.id)}`;
            expect(replayed.has(key)).toBe(operationType === "replace");
            replayed.set(key, current.v ?? -1);
          }
        }
        expect(items).toHaveLength(changes);
        expect(replayed).toEqual(new Map([...model].map(([key, { v }]) => [key, v])));
      }),
      { seed: 20261121, numRuns: 25, endOnFailure: true },
    );
  } finally {
    await fixture.stop();
  }
});

// Indexes that are made for the order of a query change how long it takes, and never what it gives.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Account } from "../../local/cosmos/account.ts";
import type { Container } from "../../local/cosmos/container.ts";
import { readQueryPage } from "../../local/cosmos/queryPages.ts";
import { parseQuery } from "../../local/cosmos/sql/parse.ts";

const seed = 20_261_123;

interface Item {
  readonly id: string;
  readonly tenant: string;
  readonly study: string;
  readonly kind: string;
  readonly order: string;
  readonly name?: string;
  readonly date?: number | null;
}

let dataDir: string;
let account: Account;
let container: Container;
const items: Item[] = Array.from({ length: 2_600 }, (_, i) => ({
  id: `i${i}`,
  tenant: i % 13 === 0 ? "small" : "large",
  study: `s${i % 300}`,
  kind: i % 3 === 0 ? "series" : "study",
  order: `${i % 3}:${String((i * 7_919) % 2_600).padStart(6, "0")}`,
  ...(i % 5 === 0 ? {} : { name: `n${(i * 31) % 40}` }),
  ...(i % 7 === 0 ? {} : { date: i % 11 === 0 ? null : (i * 17) % 23 }),
}));

beforeAll(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), "strata-query-indexes-"));
  account = new Account(dataDir, {
    physicalPartitions: 1,
    partitionBytesMax: undefined,
    now: () => 1_700_000_000_000,
  });
  account.createDatabase("db", undefined);
  const paths = ["/name", "/date"];
  const turns = ["ascending", "descending"];
  container = account.createContainer(
    "db",
    {
      id: "c",
      partitionKey: { paths: ["/tenant", "/study"], kind: "MultiHash", version: 2 },
      indexingPolicy: {
        includedPaths: [{ path: "/*" }, { path: "/order/?" }],
        excludedPaths: [{ path: "/unindexed/?" }],
        compositeIndexes: [
          [{ path: "/kind" }, { path: "/order" }],
          ...paths.map((one) => [{ path: one }, { path: "/order" }]),
          ...turns.map((order) => [
            { path: "/name" },
            { path: "/date", order },
            { path: "/order" },
          ]),
        ],
      },
    },
    undefined,
  ).container;
  container.runEach(
    items.map((document) => ({
      key: [document.tenant, document.study],
      operation: { kind: "create" as const, document: { ...document } },
    })),
    true,
  );
});

afterAll(() => {
  account.close();
  rmSync(dataDir, { recursive: true, force: true });
});

function idsOf(tenant: string, text: string, pageSize: number): string[] {
  const query = parseQuery(text);
  const scope = {
    span: container.spanOf([tenant]),
    rangeId: undefined,
    hasKey: true,
    isFullKey: false,
  };
  const ids: string[] = [];
  let progress: ReturnType<typeof readQueryPage>["progress"];
  do {
    const page = readQueryPage(container, { query, parameters: [] }, scope, pageSize, progress);
    ids.push(...page.rows.map((row) => (JSON.parse(row) as { id: string }).id));
    ({ progress } = page);
  } while (progress !== undefined);
  return ids;
}

/** The order of the service: what is missing before null, null before numbers, numbers before text. */
function rank(value: unknown): number {
  return value === undefined ? 0 : value === null ? 1 : typeof value === "number" ? 3 : 4;
}

function compare(one: unknown, other: unknown): number {
  if (rank(one) !== rank(other)) {
    return rank(one) - rank(other);
  }
  return one === other ? 0 : (one as string) < (other as string) ? -1 : 1;
}

type Key = "kind" | "name" | "date" | "order";

test(`an ordered query gives what sorting gives, in pages, before and after its index is there (seed ${seed})`, () => {
  const orders: readonly (readonly (readonly [Key, 1 | -1])[])[] = [
    [["order", 1]],
    [
      ["kind", 1],
      ["order", 1],
    ],
    [
      ["name", 1],
      ["order", 1],
    ],
    [
      ["date", 1],
      ["order", 1],
    ],
    [
      ["name", 1],
      ["date", 1],
      ["order", 1],
    ],
    [
      ["name", 1],
      ["date", -1],
      ["order", 1],
    ],
  ];
  const conditions: readonly (readonly [text: string, test: (item: Item) => boolean])[] = [
    ['c.kind = "study"', ({ kind }) => kind === "study"],
    ['c.kind = "study" AND c.name = "n31"', ({ kind, name }) => kind === "study" && name === "n31"],
    [
      'c.kind = "series" AND c.order < "0:001000"',
      ({ kind, order }) => kind === "series" && order < "0:001000",
    ],
    [
      'c.kind = "study" AND c.name >= "n2"',
      ({ kind, name }) => kind === "study" && name !== undefined && name >= "n2",
    ],
    [
      'c.kind = "study" AND CONTAINS(c.name, "3")',
      ({ kind, name }) => kind === "study" && name?.includes("3") === true,
    ],
    ['(c.name = "n0" OR c.date = 5)', ({ name, date }) => name === "n0" || date === 5],
    ["NOT IS_DEFINED(c.name)", ({ name }) => name === undefined],
    ['c.study IN ("s1", "s2", "s299")', ({ study }) => ["s1", "s2", "s299"].includes(study)],
  ];
  const query = fc.record({
    tenant: fc.constantFrom("small", "large"),
    order: fc.constantFrom(...orders),
    isTurned: fc.boolean(),
    condition: fc.constantFrom(...conditions),
    limit: fc.constantFrom(5, 120, 5_000),
    offset: fc.constantFrom(0, 3, 400),
    pageSize: fc.constantFrom(50, 1_000),
  });
  fc.assert(
    fc.property(
      query,
      ({ tenant, order, isTurned, condition: [text, takes], limit, offset, pageSize }) => {
        const keys = order.map(
          ([key, direction]) => [key, isTurned ? -direction : direction] as const,
        );
        const terms = keys.map(
          ([key, direction]) => `c["${key}"] ${direction > 0 ? "ASC" : "DESC"}`,
        );
        const ids = idsOf(
          tenant,
          `SELECT c.id FROM c WHERE ${text.replaceAll("c.order", 'c["order"]')} ORDER BY ${terms.join(", ")} OFFSET ${offset} LIMIT ${limit}`,
          pageSize,
        );
        const expected = items
          .filter((item) => item.tenant === tenant && takes(item))
          .toSorted((one, other) => {
            for (const [key, direction] of keys) {
              const difference = compare(one[key], other[key]);
              if (difference !== 0) {
                return difference * direction;
              }
            }
            return 0;
          })
          .slice(offset, offset + limit)
          .map(({ id }) => id);
        expect(ids).toEqual(expected);
      },
    ),
    { seed, numRuns: 150 },
  );
});

test("the newest of a kind are read from an index of that order, as far as they are asked for", () => {
  idsOf(
    "large",
    'SELECT c.id FROM c WHERE c.kind = "study" ORDER BY c["order"] DESC OFFSET 0 LIMIT 10',
    100,
  );
  const indexes = account.db
    .prepare("SELECT sql FROM sqlite_schema WHERE name GLOB 'docs_1_by_*'")
    .all()
    .map((row) => String(row["sql"]));
  // One on the kind alone would be taken instead, and everything sorted.
  const leading = indexes.map((sql) => [...sql.matchAll(/json_extract\(body, '\$\."(\w+)"'\)/g)]);
  const paths = leading.map((matches) => matches.map(([, name]) => name));
  expect(paths).toContainEqual(["kind", "order"]);
  expect(paths).not.toContainEqual(["kind"]);
  expect(indexes.join("\n")).not.toContain('."tenant"');
});

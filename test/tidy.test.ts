// Documents against code, both ways: what is promised exists, and what exists is promised.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { app } from "@azure/functions";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { failureReason, warningReason } from "../shared/dicomweb/failureReason.ts";
import { problemStatus } from "../shared/http/problemResponse.ts";
import { attacks } from "./isolation/attacks.ts";

const root = resolve(import.meta.dirname, "..");

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The rows of the Markdown tables of a text, cell by cell, without the lines that make them tables. */
function rowsOf(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|[\s:|-]+\|$/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

/** What stands under a heading, up to the next of its kind. Throws when there is no such heading. */
function sectionOf(text: string, heading: string): string {
  const section = text.split(`\n## ${heading}\n`)[1];
  if (section === undefined) {
    throw new Error(`there is no section "${heading}"`);
  }
  return section.split("\n## ")[0] ?? "";
}

function unquoted(cell: string | undefined): string {
  return (cell ?? "").replaceAll("`", "");
}

interface Route {
  readonly name: string;
  readonly method: string;
  readonly template: string;
}

let routes: readonly Route[];
/** The function that answers what no route does. */
const rest = "zAnswerUnmatched";
/** The function that leads from the path of a data partition to the route. */
const inPartition = "answerInPartition";

beforeAll(async () => {
  // Each file registers its functions when it is loaded.
  const http = vi.spyOn(app, "http").mockReturnValue();
  for (const other of ["setup", "timer", "storageQueue", "cosmosDB"] as const) {
    vi.spyOn(app, other).mockReturnValue();
  }
  for (const file of readdirSync(join(root, "functions")).toSorted()) {
    const name = file.replace(/\.ts$/, "");
    await import(`../functions/${name}.ts`);
  }
  routes = http.mock.calls.flatMap(([name, { methods = [], route = "" }]) =>
    name === rest || name === inPartition
      ? []
      : methods.map((method) => ({ name, method, template: route })),
  );
  vi.restoreAllMocks();
});

describe("docs/errors.md", () => {
  const text = read("docs/errors.md");

  test("has every kind of problem with its status, and no other", () => {
    const documented = rowsOf(sectionOf(text, "Problems"))
      .slice(1)
      .map(([kind, status]) => [unquoted(kind), Number(status)]);
    const known = Object.entries(problemStatus).map(([kind, { status }]) => [kind, status]);
    expect(documented).toEqual(known);
  });

  test("has every reason of a Store response with its code, and no other", () => {
    const documented = rowsOf(sectionOf(text, "Reasons in a Store response"))
      .filter(([code]) => /^\d+$/.test(code ?? ""))
      .map(([code, hexadecimal, name]) => `${unquoted(name)} ${code ?? ""} ${hexadecimal ?? ""}`);
    const known = Object.entries({ ...failureReason, ...warningReason }).map(
      ([name, code]) => `${name} ${code} ${code.toString(16).toUpperCase().padStart(4, "0")}`,
    );
    expect(documented.toSorted()).toEqual(known.toSorted());
  });
});

describe("docs/conformance.md", () => {
  const text = read("docs/conformance.md");

  test("lists every route with its method and function, and no other", () => {
    const documented = rowsOf(sectionOf(text, "Resources"))
      .slice(1)
      .map(([method, path, name]) => [unquoted(name), method, unquoted(path)].join(" "));
    const known = routes.map(({ name, method, template }) =>
      [name, method, `/${template.replace("v{version}/", "")}`].join(" "),
    );
    expect(documented.toSorted()).toEqual(known.toSorted());
  });

  test("cites tests that exist", () => {
    // A file in backticks, and then titles in quotation marks.
    const citations = [...text.matchAll(/`([\w/]+\.test\.ts)`((?:,? "[^"]+")+)/g)].flatMap(
      ([, file = "", titles = ""]) =>
        Array.from(titles.matchAll(/"([^"]+)"/g), ([, title = ""]) => ({ file, title })),
    );
    expect(citations.length).toBeGreaterThan(60);
    const missing = citations.filter(({ file, title }) => {
      const path = join(root, "test", file.includes("/") ? file : `conformance/${file}`);
      return (
        !existsSync(path) ||
        !['"', "`"].some((quote) => readFileSync(path, "utf8").includes(`${quote}${title}${quote}`))
      );
    });
    expect(missing).toEqual([]);
  });

  test("cites at least one test in every row of a requirement or client", () => {
    const sections = [
      "Every request",
      "Store (PS3.18 §10.5)",
      "Retrieve (PS3.18 §10.4)",
      "Search (PS3.18 §10.6)",
      "Delete (Azure)",
      "Data partitions (Azure)",
      "Tenants",
      "Clients",
    ];
    const without = sections
      .flatMap((heading) => rowsOf(sectionOf(text, heading)).slice(1))
      .filter((row) => !/`[\w/]+\.test\.ts` "/.test(row.at(-1) ?? ""));
    expect(without).toEqual([]);
  });
});

describe("the routes", () => {
  test("are all attacked by the isolation suite, by the names of their functions", () => {
    const names = [...routes.map(({ name }) => name), inPartition, rest];
    expect(Object.keys(attacks).toSorted()).toEqual(names.toSorted());
  });

  test("overlap only where a special case has the name that the host asks first", () => {
    const overlapping = routes.flatMap((one, index) =>
      routes
        .slice(index + 1)
        .filter((other) => one.method === other.method && overlap(one.template, other.template))
        .filter((other) => {
          // The host compares names without regard to case.
          const [first, second] =
            one.name.toLowerCase() < other.name.toLowerCase() ? [one, other] : [other, one];
          return !isSpecialCase(first.template, second.template);
        })
        .map((other) => `${one.name} and ${other.name}`),
    );
    expect(overlapping).toEqual([]);
  });

  test("have names of which the one that answers the rest is the last", () => {
    const names = [...routes.map(({ name }) => name), inPartition, rest];
    // The host compares without regard to case.
    const ordered = names.toSorted((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
    expect(ordered.at(-1)).toBe(rest);
    expect(new Set(names).size).toBe(names.length);
  });
});

/** Whether a path exists that two templates match. */
function overlap(one: string, other: string): boolean {
  const [left, right] = [one.split("/"), other.split("/")];
  for (let at = 0; ; at += 1) {
    const [a, b] = [left[at], right[at]];
    if (a === undefined || b === undefined) {
      return a === b;
    }
    if (a.startsWith("{*") || b.startsWith("{*")) {
      return true;
    }
    if (!a.includes("{") && !b.includes("{") && a.toLowerCase() !== b.toLowerCase()) {
      return false;
    }
  }
}

/** Whether every path of `special` is one of `general`, and not the other way round. */
function isSpecialCase(special: string, general: string): boolean {
  const segments = general.split("/");
  const own = special.split("/");
  const isLiteral = (segment: string | undefined): boolean => segment?.includes("{") === false;
  return (
    own.length === segments.length &&
    own.some((segment, at) => isLiteral(segment) && !isLiteral(segments[at])) &&
    own.every((segment, at) => isLiteral(segment) || !isLiteral(segments[at]))
  );
}

test("docs/architecture.md has a row for each folder of the product, and no other", () => {
  const [, ...rows] = rowsOf(sectionOf(read("docs/architecture.md"), "Rooms"));
  const folders = readdirSync(join(root, "shared"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `shared/${name}`);
  expect(rows.map(([folder]) => unquoted(folder))).toEqual(folders.toSorted());
});

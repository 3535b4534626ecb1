import { describe, expect, test } from "vitest";
import { makeUID } from "../../../support/dicom/dicomFile.ts";
import { Problem } from "../../../../shared/problem/problem.ts";
import { maintenanceScope } from "../../../../shared/tenancy/tenantScope.ts";
import { SealedTokens } from "../../../../shared/tokens/sealedTokens.ts";
import {
  SearchContinuations,
  type SearchParameters,
} from "../../../../shared/transactions/searchContinuations.ts";

const key = { id: "k", secret: Buffer.alloc(32, 1) };
const tokensOf = (purpose: string, secret = key.secret): SealedTokens =>
  new SealedTokens([{ ...key, secret }], purpose);
const continuations = new SearchContinuations(tokensOf("search continuation"));
const scope = maintenanceScope("a", "p");
const query: SearchParameters = [
  ["PatientName", "Doe*"],
  ["Limit", "20"],
  ["offset", "40"],
  ["accept", "application/json"],
  ["includefield", "KVP"],
];
const after = { values: ["20240101", null, 3], order: "0:01ABC" };
const token = continuations.seal(scope, "studies", query, after) ?? "";

test("a query without a continuation is what it is", () => {
  expect(continuations.open(scope, "studies", query)).toEqual({
    parameters: query,
    after: undefined,
  });
});

test("a continuation holds the query without its offset and form, and the place", () => {
  expect(continuations.open(scope, "Studies", [["Continuation", token]])).toEqual({
    parameters: [
      ["PatientName", "Doe*"],
      ["Limit", "20"],
      ["includefield", "KVP"],
    ],
    after,
  });
  const { parameters } = continuations.open(scope, "studies", [
    ["limit", "5"],
    ["continuation", token],
  ]);
  expect(parameters).toEqual([
    ["PatientName", "Doe*"],
    ["includefield", "KVP"],
    ["limit", "5"],
  ]);
});

test("the same place of the same query is the same token, and nothing of it can be read", () => {
  expect(continuations.seal(scope, "studies", query, after)).toBe(token);
  expect(Buffer.from(token, "base64url").toString("latin1")).not.toContain("Doe");
});

test("a query that is too long has none", () => {
  const list = Array.from({ length: 400 }, makeUID).join(",");
  const parameters: SearchParameters = [["StudyInstanceUID", list]];
  expect(continuations.seal(scope, "studies", parameters, after)).toBeUndefined();
});

describe("a continuation", () => {
  const open = (
    parameters: SearchParameters,
    { of = continuations, owner = scope, path = "studies" } = {},
  ) => of.open(owner, path, parameters);
  const own: SearchParameters = [["continuation", token]];
  test.each<[string, () => unknown]>([
    ["another tenant", () => open(own, { owner: maintenanceScope("b", "p") })],
    ["another data partition", () => open(own, { owner: maintenanceScope("a", "q") })],
    ["another resource", () => open(own, { path: "series" })],
    ["the study of another path", () => open(own, { path: "studies/1.2/series" })],
    ["another purpose", () => open(own, { of: new SearchContinuations(tokensOf("feed token")) })],
    [
      "another key",
      () =>
        open(own, {
          of: new SearchContinuations(tokensOf("search continuation", Buffer.alloc(32, 2))),
        }),
    ],
    [
      "a change of one character",
      () => open([["continuation", `${token.slice(0, 40)}A${token.slice(41)}`]]),
    ],
    ["nothing", () => open([["continuation", ""]])],
    ["another one beside it", () => open([...own, ...own])],
    ["a filter beside it", () => open([...own, ["PatientID", "x"]])],
    ["an offset beside it", () => open([["offset", "1"], ...own])],
    ["an order beside it", () => open([["orderby", "StudyDate"], ...own])],
  ])("is refused for %s", (_, act) => {
    expect(act).toThrow(Problem);
    expect(act).toThrow(/"continuation"/);
  });
});

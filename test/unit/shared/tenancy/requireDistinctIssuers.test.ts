import { expect, test } from "vitest";
import { Problem } from "../../../../shared/problem/problem.ts";
import {
  requireDistinctIssuers,
  type TrustedIssuer,
} from "../../../../shared/tenancy/requireDistinctIssuers.ts";
import type { TokenSubjects } from "../../../../shared/tenancy/tenant.ts";

function trusted(tenant: string, issuer: string, subjects?: TokenSubjects): TrustedIssuer {
  return {
    tenant,
    issuer: {
      issuer,
      jwksUri: "https://keys.example/",
      audiences: ["a"],
      ...(subjects === undefined ? {} : { subjects }),
    },
  };
}

const one = "https://login.example/one";
const entra = "https://login.example/{tenantid}/v2.0";
const directory = "https://login.example/7f3c/v2.0";

test.each<readonly [string, TrustedIssuer, TrustedIssuer]>([
  ["the same issuer", trusted("a", one), trusted("b", one)],
  ["one of them with subjects", trusted("a", one, { claim: "tid", value: "1" }), trusted("b", one)],
  [
    "the same subjects",
    trusted("a", one, { claim: "tid", value: "1" }),
    trusted("b", one, { claim: "tid", value: "1" }),
  ],
  [
    "different claims, both of which a token can have",
    trusted("a", one, { claim: "tid", value: "1" }),
    trusted("b", one, { claim: "org", value: "2" }),
  ],
  ["an issuer of all directories and one of them", trusted("a", entra), trusted("b", directory)],
  ["one of all directories and all of them", trusted("a", directory), trusted("b", entra)],
  ["twice the same for one tenant", trusted("a", one), trusted("a", one)],
])("tokens that could belong to both are refused: %s", (_, candidate, other) => {
  expect(() => {
    requireDistinctIssuers([candidate], [other]);
  }).toThrow(Problem);
  expect(() => {
    requireDistinctIssuers([other, candidate], []);
  }).toThrow(Problem);
});

test.each<readonly [string, TrustedIssuer, TrustedIssuer]>([
  ["different issuers", trusted("a", one), trusted("b", `${one}/`)],
  [
    "different values of one claim",
    trusted("a", one, { claim: "tid", value: "1" }),
    trusted("b", one, { claim: "tid", value: "2" }),
  ],
  [
    "different directories of one issuer",
    trusted("a", entra, { claim: "tid", value: "1" }),
    trusted("b", directory, { claim: "tid", value: "7f3c" }),
  ],
  [
    "an issuer that is no directory",
    trusted("a", entra),
    trusted("b", "https://login.example/v2.0"),
  ],
])("tokens that belong to one tenant only are let through: %s", (_, candidate, other) => {
  requireDistinctIssuers([candidate], [other]);
  requireDistinctIssuers([other, candidate], []);
  expect(candidate.issuer).not.toEqual(other.issuer);
});

test("the refusal names the issuer, and not the tenant that has it", () => {
  expect(() => {
    requireDistinctIssuers([trusted("a", one)], [trusted("secret-clinic", one)]);
  }).toThrow(/login\.example\/one(?!.*secret-clinic)/);
});

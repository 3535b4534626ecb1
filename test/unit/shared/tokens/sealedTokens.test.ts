import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { SealedTokens } from "../../../../shared/tokens/sealedTokens.ts";

const old = { id: "old", secret: Buffer.alloc(32, 1) };
const next = { id: "next", secret: Buffer.alloc(32, 2) };
const binding = ["tenant", "resource"];
const content = Buffer.from("a place");

test("what is sealed for a purpose is opened for that purpose and binding alone", () => {
  const tokens = new SealedTokens([old], "one");
  const token = tokens.seal(binding, content) ?? "";
  expect(tokens.open(binding, token)).toEqual(content);
  expect(new SealedTokens([old], "another").open(binding, token)).toBeUndefined();
  expect(tokens.open(["tenant", "other"], token)).toBeUndefined();
  expect(tokens.open(["tenant"], token)).toBeUndefined();
  expect(tokens.open(["tenantresource"], token)).toBeUndefined();
});

test("keys rotate: the first seals, all of them open", () => {
  const before = new SealedTokens([old], "one").seal(binding, content) ?? "";
  const rotated = new SealedTokens([next, old], "one");
  expect(rotated.open(binding, before)).toEqual(content);
  const after = rotated.seal(binding, content) ?? "";
  expect(new SealedTokens([next], "one").open(binding, after)).toEqual(content);
  expect(new SealedTokens([old], "one").open(binding, after)).toBeUndefined();
});

test("no byte of a token can be changed, and none left out", () => {
  const tokens = new SealedTokens([old], "one");
  const bytes = Buffer.from(tokens.seal(binding, content) ?? "", "base64url");
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(tokens.open(binding, changed.toString("base64url"))).toBeUndefined();
    expect(tokens.open(binding, bytes.toString("base64url", 0, at))).toBeUndefined();
  }
});

test("content that would make a token of more than 4,000 characters has none", () => {
  const tokens = new SealedTokens([old], "one");
  expect(tokens.seal(binding, randomBytes(3_000))).toBeUndefined();
  expect(tokens.seal(binding, randomBytes(2_900))?.length).toBeLessThanOrEqual(4_000);
});

test.each([
  ["no key", []],
  ["two keys of one name", [old, { ...next, id: "old" }]],
  ["a name of seventeen characters", [{ ...old, id: "x".repeat(17) }]],
])("%s is refused", (_, keys) => {
  expect(() => new SealedTokens(keys, "one")).toThrow(RangeError);
});

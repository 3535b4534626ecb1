import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { FeedTokens, type TokenBinding } from "../../../../shared/feed/feedToken.ts";
import { Problem } from "../../../../shared/problem/problem.ts";

const binding: TokenBinding = { kind: "range", tenant: "a", container: "c" };
const key = { id: "k", secret: Buffer.alloc(32, 1) };
const tokens = new FeedTokens([key]);

test.each([
  ["no key", []],
  ["two keys of one name", [key, { ...key, secret: Buffer.alloc(32, 2) }]],
  ["a key whose name is too long", [{ ...key, id: "x".repeat(17) }]],
])("%s is refused", (_, keys) => {
  expect(() => new FeedTokens(keys)).toThrow(RangeError);
});

test("what is sealed is opened again, and cannot be read without the key", () => {
  for (const length of [0, 1, 15, 16, 17, 1_000]) {
    const content = Buffer.alloc(length, "patient");
    const token = tokens.seal(binding, content);
    expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(tokens.open(binding, token, "range")).toEqual(content);
    expect(Buffer.from(token, "base64url").includes("patient")).toBe(false);
  }
});

test("two contents never share a nonce, and one content always has the same", () => {
  const nonceOf = (content: string, bound = binding): string =>
    Buffer.from(tokens.seal(bound, Buffer.from(content)), "base64url").toString("hex", 3, 15);
  const nonces = Array.from({ length: 200 }, (_, i) => nonceOf(`content ${i}`));
  nonces.push(nonceOf("content 0", { ...binding, tenant: "b" }));
  nonces.push(nonceOf("content 0", { ...binding, kind: "continuation" }));
  expect(new Set(nonces).size).toBe(nonces.length);
  expect(nonceOf("content 7")).toBe(nonces[7]);
});

test("a binding cannot be cut elsewhere", () => {
  const token = tokens.seal({ ...binding, tenant: "ab", container: "c" }, Buffer.from("x"));
  const other = { ...binding, tenant: "a", container: "bc" };
  expect(() => tokens.open(other, token, "range")).toThrow(Problem);
});

test("a token that would not fit a request is not made", () => {
  expect(() => tokens.seal(binding, randomBytes(3_000))).toThrow(Problem);
});

test.each(["", "A", "AQ", "AQFr", "A".repeat(4_001), "ü", "AQFr====", "A B"])(
  "%j is refused with the sentence that names the parameter",
  (token) => {
    expect(() => tokens.open(binding, token, "range")).toThrow(
      '"range" is not a token that this feed has given out.',
    );
  },
);

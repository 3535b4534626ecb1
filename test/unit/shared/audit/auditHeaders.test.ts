import { expect, test } from "vitest";
import { readAuditHeaders } from "../../../../shared/audit/auditHeaders.ts";
import { Problem } from "../../../../shared/problem/problem.ts";

const prefix = "x-ms-azuredicom-audit-";

test("headers are read by the rest of their names, and others are not", () => {
  const headers = { [`${prefix}reason`]: ["ward round"], [`${prefix}case`]: [""], accept: ["*/*"] };
  expect(readAuditHeaders(headers)).toEqual({ reason: "ward round", case: "" });
  expect(readAuditHeaders({ accept: ["*/*"] })).toEqual({});
});

test("ten headers of 2048 characters are read, and one more or a longer one is malformed", () => {
  const ten = Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`${prefix}h${index}`, ["x".repeat(2048)]]),
  );
  expect(Object.keys(readAuditHeaders(ten))).toHaveLength(10);
  for (const headers of [
    { ...ten, [`${prefix}h10`]: ["x"] },
    { [`${prefix}h`]: ["x".repeat(2049)] },
    { [`${prefix}h`]: ["one", "two"] },
    { [prefix]: ["x"] },
  ]) {
    expect(() => readAuditHeaders(headers)).toThrow(Problem);
  }
});

test("a header named as a property of every object is a header like another", () => {
  const added = readAuditHeaders({ [`${prefix}__proto__`]: ["x"] });
  expect(Object.keys(added)).toEqual(["__proto__"]);
  expect(Object.getPrototypeOf(added)).toBe(Object.prototype);
});

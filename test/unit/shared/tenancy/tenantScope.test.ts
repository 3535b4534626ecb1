import { expect, test } from "vitest";
import { Problem } from "../../../../shared/problem/problem.ts";
import { maintenanceScope, unauthenticatedScope } from "../../../../shared/tenancy/tenantScope.ts";

test("without authentication every caller is the tenant default", () => {
  const scope = unauthenticatedScope();
  expect(scope.tenant).toBe("default");
  expect(scope.partition).toBe("Microsoft.Default");
  expect(scope.contentContainer).toBe("dicom-default");
  for (const permission of ["read", "write", "delete"] as const) {
    expect(() => {
      scope.require(permission);
    }).not.toThrow();
  }
});

test.each(["", "-a", "a-", "a--b", "A", "ä", "a_b", "a/b", "$probe", "a".repeat(41)])(
  "%j is no name of a tenant",
  (name) => {
    expect(() => maintenanceScope(name, "Microsoft.Default")).toThrow(Problem);
  },
);

test.each(["", "a b", "a/b", "é", "x".repeat(65)])("%j is no name of a data partition", (name) => {
  expect(() => maintenanceScope("default", name)).toThrow(Problem);
});

test("the longest name of a tenant still makes the name of a blob container", () => {
  const { contentContainer } = maintenanceScope("a".repeat(40), "Microsoft.Default");
  expect(contentContainer).toMatch(/^[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]$/);
});

import { expect, test } from "vitest";
import type { LoadedFunction } from "../../../../local/host/loadApp.ts";
import { buildRouteTable, compareNames, findRoute } from "../../../../local/host/routeTable.ts";

function target(name: string): LoadedFunction {
  return { id: name, metadata: { name, bindings: {} }, callback: () => undefined };
}

function table(
  ...functions: [name: string, route: string, ...methods: string[]][]
): ReturnType<typeof buildRouteTable> {
  return buildRouteTable(
    functions.map(([name, route, ...methods]) => ({
      target: target(name),
      route,
      methods: methods.length === 0 ? ["GET"] : methods,
    })),
    "",
  );
}

test("names are ordered without regard to case", () => {
  expect(["b", "A", "_", "C", "a1"].toSorted(compareNames)).toEqual(["A", "a1", "b", "C", "_"]);
});

test("the first name wins, whatever its shape, and the method decides before the path", () => {
  const routes = table(["b", "x/literal"], ["a", "x/{id}", "POST"], ["c", "{*all}"]);
  const found = (method: string, path: string): string | undefined =>
    findRoute(routes, method, path)?.route.target.metadata.name;
  expect(found("GET", "/x/literal")).toBe("b");
  expect(found("post", "/x/literal")).toBe("a");
  expect(found("GET", "/x/other")).toBe("c");
  expect(found("PUT", "/x/literal")).toBeUndefined();
});

test.each([
  ["x/{id}", "x/literal", "general first"],
  ["x/{id:int}", "x/literal", "never"],
  ["x/{id:int}", "x/{id}", "special first"],
  ["x/{id}", "y/{id}", "never"],
  ["{*all}", "x/y/z", "general first"],
  ["x/{id?}", "x", "general first"],
  ["x/{id}", "x", "never"],
  ["{tenant}/studies", "v{version}/studies", "general first"],
  ["v{version}/studies", "v{other}/studies", "both"],
  ["v{version}/studies", "w{tenant}/studies", "never"],
  ["v{version}/studies", "viewer/studies", "both"],
  ["a/{x}/c", "a/b/{y}", "both"],
  ["a/{x}/c", "a/b/d", "never"],
  ["x/{*rest}", "x", "general first"],
  ["v{version}/studies/{study}/{*rest}", "v{version}/studies/{study}/series", "general first"],
])("%s and %s are reported: %s", (first, second, expected) => {
  const general = table(["a", first], ["b", second]).warnings.length;
  const special = table(["a", second], ["b", first]).warnings.length;
  const outcomes = {
    never: [0, 0],
    both: [1, 1],
    "general first": [1, 0],
    "special first": [0, 1],
  };
  expect([general, special]).toEqual(outcomes[expected as keyof typeof outcomes]);
});

test("routes without a method in common do not shadow one another", () => {
  expect(table(["a", "x/{id}", "GET"], ["b", "x/y", "POST"]).warnings).toEqual([]);
});

test("admin and runtime are refused as a beginning, whatever follows", () => {
  const { refused } = table(
    ["a", "admin"],
    ["b", "/Administrators/x"],
    ["c", "runtime/x"],
    ["d", "x/admin"],
  );
  expect(refused.map(({ target: { id } }) => id)).toEqual(["a", "b", "c"]);
});

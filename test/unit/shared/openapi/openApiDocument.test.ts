// The OpenAPI document against the routes that it is made of, and against the specification.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { app } from "@azure/functions";
import { Validator } from "@seriousme/openapi-schema-validator";
import fc from "fast-check";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { publishedRoutes, type PublishedRoute } from "../../../../shared/http/registerHttp.ts";
import { capabilitiesOfVersion } from "../../../../shared/openapi/capabilities.ts";
import { openApiDocument } from "../../../../shared/openapi/openApiDocument.ts";
import { operationDescriptions } from "../../../../shared/openapi/operationDescriptions.ts";
import { parameters } from "../../../../shared/openapi/parameters.ts";
import { writeYaml } from "../../../../shared/openapi/writeYaml.ts";

const serviceURL = "https://strata.example/dicom/v2";

const functions = resolve(import.meta.dirname, "..", "..", "..", "..", "functions");
let routes: readonly PublishedRoute[];

beforeAll(async () => {
  // Each file registers its functions when it is loaded.
  for (const one of ["http", "setup", "timer", "storageQueue", "cosmosDB"] as const) {
    vi.spyOn(app, one).mockReturnValue();
  }
  for (const file of readdirSync(functions)) {
    await import(join(functions, file));
  }
  routes = publishedRoutes();
  vi.restoreAllMocks();
});

test("every route is described, and nothing else is", () => {
  const names = routes.map(({ name }) => name);
  expect(Object.keys(operationDescriptions).toSorted()).toEqual(names.toSorted());
});

test("a rendered instance has every media type that is offered, and other pictures those of images", () => {
  const { components } = openApiDocument(routes, "v2", serviceURL) as {
    components: { responses: Readonly<Record<string, { content?: object }>> };
  };
  const typesOf = (name: string) => Object.keys(components.responses[name]?.content ?? {});
  for (const mediaType of ["image/gif", "text/html", "application/pdf", "video/mp4"]) {
    expect(typesOf("renderedInstance")).toContain(mediaType);
  }
  expect(typesOf("thumbnail")).toEqual(["image/jpeg", "image/png", "image/gif"]);
});

describe.each(["v1", "v2"] as const)("the document of %s", (version) => {
  test("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    const result = await validator.validate({ ...openApiDocument(routes, version, serviceURL) });
    expect(result.errors ?? []).toEqual([]);
    expect([result.valid, validator.version]).toEqual([true, "3.1"]);
  });

  test("refers to nothing that is not there, and has nothing that nobody refers to", () => {
    const document = openApiDocument(routes, version, serviceURL);
    const text = JSON.stringify(document);
    const references = new Set(
      Array.from(text.matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g), ([, kind, name]) =>
        [kind, name].join("/"),
      ),
    );
    const { components } = document as {
      components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    };
    const known = ["schemas", "parameters", "requestBodies", "responses"].flatMap((kind) =>
      Object.keys(components[kind] ?? {}).map((name) => `${kind}/${name}`),
    );
    expect([...references].filter((reference) => !known.includes(reference))).toEqual([]);
    // Version 1 does without some of what version 2 has.
    if (version === "v2") {
      expect(known.filter((name) => !references.has(name))).toEqual([]);
    }
  });

  test("names every parameter of every path, and each operation once", () => {
    const { paths } = openApiDocument(routes, version, serviceURL) as {
      paths: Record<string, Record<string, { operationId: string; parameters: unknown[] }>>;
    };
    const operations = Object.entries(paths).flatMap(([path, item]) =>
      Object.values(item).map((operation) => ({ path, operation })),
    );
    for (const { path, operation } of operations) {
      const named = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name);
      const described = operation.parameters.filter(
        (parameter) => (parameter as { in?: string }).in === "path",
      );
      expect([path, described]).toMatchObject([
        path,
        named.map((name) => ({ name, required: true, description: expect.any(String) as string })),
      ]);
    }
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("has what the capabilities list", () => {
    const { paths } = openApiDocument(routes, version, serviceURL) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const { resources } = capabilitiesOfVersion(routes, version, serviceURL) as {
      resources: { path: string; methods: { method: string }[] }[];
    };
    const listed = resources.map(({ path, methods }): [string, string[]] => [
      path,
      methods.map(({ method }) => method.toLowerCase()).toSorted(),
    ]);
    expect(Object.fromEntries(listed)).toEqual(
      Object.fromEntries(
        Object.entries(paths).map(([path, item]) => [path, Object.keys(item).toSorted()]),
      ),
    );
  });
});

test("what is only in version 2 is not in the document of version 1", () => {
  const pathsOf = (version: "v1" | "v2"): string[] =>
    Object.keys((openApiDocument(routes, version, serviceURL) as { paths: object }).paths);
  expect(pathsOf("v2").filter((path) => !pathsOf("v1").includes(path))).toEqual([
    "/feed",
    "/feed/cursors",
    "/feed/cursors/{name}",
    "/feed/ranges",
  ]);
});

test("every parameter is used by an operation", () => {
  const used = new Set(
    Object.values(operationDescriptions).flatMap((description) => description.parameters ?? []),
  );
  expect(Object.keys(parameters).filter((name) => !used.has(name as never))).toEqual([]);
});

describe("YAML", () => {
  test("of the document says what its JSON says", () => {
    const document = openApiDocument(routes, "v2", serviceURL);
    expect(parse(writeYaml(document))).toEqual(JSON.parse(JSON.stringify(document)));
  });

  test("is read back by another reader as the value that was written", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        // JSON has no negative zero.
        const sent = JSON.parse(JSON.stringify(value)) as unknown;
        expect(parse(writeYaml(sent))).toEqual(sent);
      }),
      { seed: 31, numRuns: 200 },
    );
  });
});

import { describe, expect, test } from "vitest";

import {
  parseContainerDefinition,
  requireReplaceable,
} from "../../../../local/cosmos/containerDefinition.ts";
import { GatewayError } from "../../../../local/cosmos/gatewayError.ts";
import type { JsonObject } from "../../../../local/cosmos/json.ts";

const partitionKey = { paths: ["/a"], kind: "Hash", version: 2 };

describe("parseContainerDefinition", () => {
  test("the defaults of the service are filled in", () => {
    const { json } = parseContainerDefinition({ id: "c", partitionKey });
    expect(json).toEqual({
      id: "c",
      partitionKey,
      indexingPolicy: {
        indexingMode: "consistent",
        automatic: true,
        includedPaths: [{ path: "/*" }],
        excludedPaths: [{ path: '/"_etag"/?' }],
      },
      conflictResolutionPolicy: {
        mode: "LastWriterWins",
        conflictResolutionPath: "/_ts",
        conflictResolutionProcedure: "",
      },
      geospatialConfig: { type: "Geography" },
    });
  });

  test("what the server does not act on is kept", () => {
    const vectorEmbeddingPolicy = { vectorEmbeddings: [{ path: "/v", dimensions: 3 }] };
    const { json } = parseContainerDefinition({ id: "c", partitionKey, vectorEmbeddingPolicy });
    expect(json["vectorEmbeddingPolicy"]).toEqual(vectorEmbeddingPolicy);
  });

  test("a key without kind and version is Hash of version 1", () => {
    const definition = parseContainerDefinition({ id: "c", partitionKey: { paths: ["/a"] } });
    expect(definition.partitionKey).toEqual({ paths: ["/a"], kind: "Hash", version: 1 });
  });

  test.each<[string, JsonObject]>([
    ["no id", { partitionKey }],
    ["an id with a slash", { id: "a/b", partitionKey }],
    ["an id that ends with a space", { id: "a ", partitionKey }],
    ["an id of 256 characters", { id: "a".repeat(256), partitionKey }],
    [
      "four levels",
      { id: "c", partitionKey: { paths: ["/a", "/b", "/c", "/d"], kind: "MultiHash" } },
    ],
    ["two paths under Hash", { id: "c", partitionKey: { paths: ["/a", "/b"], kind: "Hash" } }],
    ["a path twice", { id: "c", partitionKey: { paths: ["/a", "/a"], kind: "MultiHash" } }],
    [
      "MultiHash of version 1",
      { id: "c", partitionKey: { paths: ["/a"], kind: "MultiHash", version: 1 } },
    ],
    ["a key path without a slash", { id: "c", partitionKey: { paths: ["a"] } }],
    ["Range partitioning", { id: "c", partitionKey: { paths: ["/a"], kind: "Range" } }],
    ["a TTL of zero", { id: "c", partitionKey, defaultTtl: 0 }],
    ["a TTL of -2", { id: "c", partitionKey, defaultTtl: -2 }],
    ["a TTL of null", { id: "c", partitionKey, defaultTtl: null }],
    [
      "a policy without the root",
      { id: "c", partitionKey, indexingPolicy: { includedPaths: [{ path: "/a/?" }] } },
    ],
    [
      "an index path without its end",
      { id: "c", partitionKey, indexingPolicy: { includedPaths: [{ path: "/a" }] } },
    ],
    [
      "a composite index of one",
      { id: "c", partitionKey, indexingPolicy: { compositeIndexes: [[{ path: "/a" }]] } },
    ],
    [
      "eleven unique keys",
      {
        id: "c",
        partitionKey,
        uniqueKeyPolicy: {
          uniqueKeys: Array.from({ length: 11 }, (_, i) => ({ paths: [`/u${i}`] })),
        },
      },
    ],
  ])("%s is refused with 400", (_, body) => {
    expect(() => parseContainerDefinition(body)).toThrow(GatewayError);
  });
});

describe("requireReplaceable", () => {
  const before = parseContainerDefinition({
    id: "c",
    partitionKey,
    uniqueKeyPolicy: { uniqueKeys: [{ paths: ["/u"] }] },
  });

  test("a changed partition key is refused with 400", () => {
    const after = parseContainerDefinition({
      ...before.json,
      partitionKey: { ...partitionKey, paths: ["/b"] },
    });
    expect(() => {
      requireReplaceable(before, after);
    }).toThrow(expect.objectContaining({ status: 400 }));
  });

  test("a dropped unique key is refused with 403", () => {
    const after = parseContainerDefinition({ id: "c", partitionKey });
    expect(() => {
      requireReplaceable(before, after);
    }).toThrow(expect.objectContaining({ status: 403 }));
  });
});

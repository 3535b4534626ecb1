import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  effectivePartitionKey,
  epkRangeOf,
  evenEpkBounds,
} from "../../../../local/cosmos/effectivePartitionKey.ts";
import type {
  PartitionKeyComponent,
  PartitionKeyDefinition,
} from "../../../../local/cosmos/partitionKey.ts";

const multiHash: PartitionKeyDefinition = { paths: [], kind: "MultiHash", version: 2 };
const hashV2: PartitionKeyDefinition = { paths: [], kind: "Hash", version: 2 };
const hashV1: PartitionKeyDefinition = { paths: [], kind: "Hash", version: 1 };

const tenant = "2C0608C4407F111A0142A25D80013D66";
const partition = "0BB0D4DCE566688B697A7DEFDCB7E25A";
const study = "02AC1EA50AAAD6A3F37745DA8F63BD1C";

// Verified against the hash of the SDK.
const vectors: readonly (readonly [readonly PartitionKeyComponent[], string])[] = [
  [["tenant-a"], tenant],
  [["tenant-a", "Microsoft.Default"], tenant + partition],
  [["tenant-a", "Microsoft.Default", "1.2.840.113619.2.1"], tenant + partition + study],
  [
    ["tenant-a", null, undefined],
    `${tenant}378867E4430E67857ACE5C908374FE1611622DAA78F835834610ABE56EFF5CB5`,
  ],
  [[1], "20CD98B339BA78A5D0CF6953B87070B0"],
  [[1.5], "35C5DDEB6C795D16A9963C73C54E97BC"],
  [[-1], "19938E7A936C1C5B9E3AE842BBC16839"],
  [[0], "155B95BEDAC4B1E9EC1CDC9BB0DDDE58"],
  [[null], "378867E4430E67857ACE5C908374FE16"],
  [[undefined], "11622DAA78F835834610ABE56EFF5CB5"],
  [[true], "0E711127C5B5A8E4726AC6DD306A3E59"],
  [[false], "2FE1BE91E90A3439635E0E9E37361EF2"],
  [[""], "32E9366E637A71B4E710384B2F4970A0"],
  [["é😀"], "1793410ED65BBCC3C76369A6CB1B3043"],
  [["redmond"], "22E342F38A486A088463DFF7838A5963"],
];

describe("effectivePartitionKey", () => {
  test.each(vectors)("the hierarchical key %j is placed as the service places it", (key, epk) => {
    expect(effectivePartitionKey(key, multiHash)).toBe(epk);
  });

  test("a single path of version 2 hashes as one level of a hierarchical key does", () => {
    expect(effectivePartitionKey(["tenant-a"], hashV2)).toBe(tenant);
  });

  test("two paths under plain Hash share one hash", () => {
    expect(effectivePartitionKey(["a", "b"], hashV2)).toBe("28E2BB69EC761CDAEA6471A1CFEB5BC6");
  });

  test.each([
    ["tenant-a", "05C1B31DBD61100875666F626F752E6200"],
    [1, "05C1ED172B6B2605BFF0"],
    [null, "05C1ED45D7475601"],
    [undefined, "05C1D529E345DC00"],
  ] as const)("the key %j of version 1 is placed as the service places it", (component, epk) => {
    expect(effectivePartitionKey([component], hashV1)).toBe(epk);
  });

  test("negative zero is a key of its own", () => {
    expect(effectivePartitionKey([-0], multiHash)).not.toBe(effectivePartitionKey([0], multiHash));
  });

  test("the range of a prefix holds every key under it and no other", () => {
    const text = fc.string({ maxLength: 20 });
    fc.assert(
      fc.property(text, text, text, text, (a, b, c, other) => {
        fc.pre(a !== other);
        const { epkMin, epkMax } = epkRangeOf([a], multiHash);
        const inside = effectivePartitionKey([a, b, c], multiHash);
        const outside = effectivePartitionKey([other, b, c], multiHash);
        expect(inside >= epkMin && inside < epkMax).toBe(true);
        expect(outside >= epkMin && outside < epkMax).toBe(false);
      }),
      { seed: 20261121, numRuns: 500 },
    );
  });

  test("the hash agrees with the SDK's own for any key", async () => {
    const require = createRequire(import.meta.url);
    const root = path.resolve(require.resolve("@azure/cosmos"), "../../..");
    const file = path.join(root, "dist/esm/utils/hashing/hash.js");
    const module = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as {
      hashPartitionKey(key: unknown[], definition: unknown): string;
    };
    const component = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 120 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.constant(undefined),
    );
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 3 }), (key) => {
        const wire = key.map((value) => (value === undefined ? {} : value));
        const definition = { paths: ["/a", "/b", "/c"], kind: "MultiHash", version: 2 };
        expect(effectivePartitionKey(key, multiHash)).toBe(
          module.hashPartitionKey(wire, definition),
        );
      }),
      { seed: 20261121, numRuns: 2_000 },
    );
  });
});

describe("evenEpkBounds", () => {
  test("version 2 is cut into equal parts of 126 bits", () => {
    expect(evenEpkBounds(4, 2)).toEqual([
      `0${"F".repeat(31)}`,
      `1${"F".repeat(31)}`,
      `2${"F".repeat(31)}`,
    ]);
  });

  test("version 1 is cut into equal parts of its 32-bit hash", () => {
    expect(evenEpkBounds(4, 1)).toEqual(["05C1CFFFFFFFF8", "05C1DFFFFFFFFC", "05C1E7FFFFFFFE"]);
  });

  test("a single partition has no bound inside", () => {
    expect(evenEpkBounds(1, 2)).toEqual([]);
  });
});

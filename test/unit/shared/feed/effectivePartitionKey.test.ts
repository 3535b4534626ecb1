import { expect, test } from "vitest";
import { effectivePartitionKey } from "../../../../shared/feed/effectivePartitionKey.ts";

// As the client library of Cosmos DB computes them.
test.each([
  [["tenant-a"], "2C0608C4407F111A0142A25D80013D66"],
  [
    ["tenant-a", "Microsoft.Default"],
    "2C0608C4407F111A0142A25D80013D660BB0D4DCE566688B697A7DEFDCB7E25A",
  ],
  [
    ["tenant-a", "Microsoft.Default", "1.2.840.113619.2.1"],
    "2C0608C4407F111A0142A25D80013D660BB0D4DCE566688B697A7DEFDCB7E25A02AC1EA50AAAD6A3F37745DA8F63BD1C",
  ],
  [[""], "32E9366E637A71B4E710384B2F4970A0"],
  [["é😀"], "1793410ED65BBCC3C76369A6CB1B3043"],
  [["redmond"], "22E342F38A486A088463DFF7838A5963"],
  [[], ""],
])("%j lies at %s", (components, epk) => {
  expect(effectivePartitionKey(components)).toBe(epk);
});

test("no key is at or above the end of the key space", () => {
  for (let i = 0; i < 500; i += 1) {
    expect(effectivePartitionKey([`tenant-${i}`]) < "40").toBe(true);
  }
});

const mask64 = (1n << 64n) - 1n;
const c1 = 0x87c37b91114253d5n;
const c2 = 0x4cf5ad432745937fn;

/** How many hexadecimal digits each level of a hierarchical key takes in an effective partition key. */
export const epkDigitsPerLevel = 32;

/**
 * The effective partition key under which Cosmos DB keeps items whose hierarchical key (`MultiHash`, version 2) begins
 * with `components`, or has them all.
 *
 * Each component is hashed by itself, so that the keys that begin with a prefix lie together: at and after the result,
 * and before the result followed by `FF`. Upper-case hexadecimal digits, 32 for each component; keys are compared as texts.
 */
export function effectivePartitionKey(components: readonly string[]): string {
  return components.map(hashComponent).join("");
}

function hashComponent(component: string): string {
  // A string is written as 08, its UTF-8, and FF.
  const text = Buffer.from(component, "utf8");
  const encoded = Buffer.alloc(text.length + 2, 0xff);
  encoded[0] = 0x08;
  text.copy(encoded, 1);
  const [low, high] = murmurHash3(encoded);
  const digest = Buffer.alloc(16);
  digest.writeBigUInt64BE(high, 0);
  digest.writeBigUInt64BE(low, 8);
  // The two highest bits are not used, so that no key is above the end of the key space.
  digest[0] = digest.readUInt8(0) & 0x3f;
  return digest.toString("hex").toUpperCase();
}

/** MurmurHash3, the variant x64 with 128 bits, with the seed 0. */
function murmurHash3(bytes: Buffer): [bigint, bigint] {
  let h1 = 0n;
  let h2 = 0n;
  const tailStart = bytes.length - (bytes.length % 16);
  for (let offset = 0; offset < tailStart; offset += 16) {
    h1 ^= mixFirst(bytes.readBigUInt64LE(offset));
    h1 = (multiply(add(rotate(h1, 27n), h2), 5n) + 0x52dce729n) & mask64;
    h2 ^= mixSecond(bytes.readBigUInt64LE(offset + 8));
    h2 = (multiply(add(rotate(h2, 31n), h1), 5n) + 0x38495ab5n) & mask64;
  }
  // The rest is hashed as though zeros followed it, and then not mixed any further.
  const tail = Buffer.alloc(16);
  bytes.copy(tail, 0, tailStart);
  h1 ^= mixFirst(tail.readBigUInt64LE(0));
  h2 ^= mixSecond(tail.readBigUInt64LE(8));
  const length = BigInt(bytes.length);
  h1 ^= length;
  h2 ^= length;
  h1 = add(h1, h2);
  h2 = add(h2, h1);
  h1 = finish(h1);
  h2 = finish(h2);
  h1 = add(h1, h2);
  h2 = add(h2, h1);
  return [h1, h2];
}

function mixFirst(word: bigint): bigint {
  return multiply(rotate(multiply(word, c1), 31n), c2);
}

function mixSecond(word: bigint): bigint {
  return multiply(rotate(multiply(word, c2), 33n), c1);
}

function finish(word: bigint): bigint {
  const once = multiply(word ^ (word >> 33n), 0xff51afd7ed558ccdn);
  const twice = multiply(once ^ (once >> 33n), 0xc4ceb9fe1a85ec53n);
  return twice ^ (twice >> 33n);
}

function rotate(word: bigint, count: bigint): bigint {
  return ((word << count) | (word >> (64n - count))) & mask64;
}

function add(a: bigint, b: bigint): bigint {
  return (a + b) & mask64;
}

function multiply(a: bigint, b: bigint): bigint {
  return (a * b) & mask64;
}

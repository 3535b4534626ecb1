/*
 * MurmurHash3, the two variants that Cosmos DB places documents with. The 128-bit one works on pairs of 32-bit
 * halves: BigInt arithmetic would be several times slower, and every request hashes at least one key.
 */

function rotateLeft32(value: number, count: number): number {
  return (value << count) | (value >>> (32 - count));
}

function mix32(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Returns the x86 32-bit MurmurHash3 of `data` with seed 0, as an unsigned number. */
export function murmurHash3x86Hash32(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const blocks = data.length >>> 2;
  let hash = 0;
  for (let i = 0; i < blocks; i++) {
    const k = rotateLeft32(Math.imul(view.getUint32(i * 4, true), 0xcc9e2d51), 15);
    hash ^= Math.imul(k, 0x1b873593);
    hash = (Math.imul(rotateLeft32(hash, 13), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = data.length - 1; i >= blocks * 4; i--) tail = (tail << 8) | (data[i] ?? 0);
  if (data.length % 4 !== 0) {
    hash ^= Math.imul(rotateLeft32(Math.imul(tail, 0xcc9e2d51), 15), 0x1b873593);
  }
  return mix32(hash ^ data.length);
}

/** A 64-bit word as two halves that are kept as unsigned numbers. */
interface Word {
  high: number;
  low: number;
}

function multiply(word: Word, high: number, low: number): void {
  // The low halves multiply into 64 bits by 16-bit limbs; the cross terms only reach the high half.
  const a = word.low & 0xffff;
  const b = word.low >>> 16;
  const c = low & 0xffff;
  const d = low >>> 16;
  const ac = a * c;
  const middle = b * c + (ac >>> 16);
  const middle2 = a * d + (middle & 0xffff);
  const carry = b * d + Math.floor(middle / 0x10000) + Math.floor(middle2 / 0x10000);
  const newHigh = carry + Math.imul(word.high, low) + Math.imul(word.low, high);
  word.low = (((middle2 & 0xffff) << 16) | (ac & 0xffff)) >>> 0;
  word.high = newHigh >>> 0;
}

function add(word: Word, high: number, low: number): void {
  const sum = word.low + low;
  word.high = (word.high + high + (sum > 0xffffffff ? 1 : 0)) >>> 0;
  word.low = sum >>> 0;
}

function exclusiveOr(word: Word, other: Word): void {
  word.high = (word.high ^ other.high) >>> 0;
  word.low = (word.low ^ other.low) >>> 0;
}

function rotateLeft(word: Word, count: number): void {
  const { high, low } = word;
  const n = count % 32;
  const [h, l] = count >= 32 ? [low, high] : [high, low];
  word.high = (n === 0 ? h : (h << n) | (l >>> (32 - n))) >>> 0;
  word.low = (n === 0 ? l : (l << n) | (h >>> (32 - n))) >>> 0;
}

function mix(word: Word): void {
  word.low = (word.low ^ (word.high >>> 1)) >>> 0;
  multiply(word, 0xff51afd7, 0xed558ccd);
  word.low = (word.low ^ (word.high >>> 1)) >>> 0;
  multiply(word, 0xc4ceb9fe, 0x1a85ec53);
  word.low = (word.low ^ (word.high >>> 1)) >>> 0;
}

function mixFirst(k: Word, h: Word): void {
  multiply(k, 0x87c37b91, 0x114253d5);
  rotateLeft(k, 31);
  multiply(k, 0x4cf5ad43, 0x2745937f);
  exclusiveOr(h, k);
}

function mixSecond(k: Word, h: Word): void {
  multiply(k, 0x4cf5ad43, 0x2745937f);
  rotateLeft(k, 33);
  multiply(k, 0x87c37b91, 0x114253d5);
  exclusiveOr(h, k);
}

/**
 * Returns the x64 128-bit MurmurHash3 of `data` with seed 0, as 16 bytes: the second word, then the first, each
 * big-endian. That order, the reverse of the canonical output, is the one that Cosmos DB writes keys in.
 */
export function murmurHash3x64Hash128(data: Uint8Array): Uint8Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const blocks = data.length >>> 4;
  const h1: Word = { high: 0, low: 0 };
  const h2: Word = { high: 0, low: 0 };
  const k: Word = { high: 0, low: 0 };
  for (let i = 0; i < blocks; i++) {
    const at = i * 16;
    k.low = view.getUint32(at, true);
    k.high = view.getUint32(at + 4, true);
    mixFirst(k, h1);
    rotateLeft(h1, 27);
    add(h1, h2.high, h2.low);
    multiply(h1, 0, 5);
    add(h1, 0, 0x52dce729);
    k.low = view.getUint32(at + 8, true);
    k.high = view.getUint32(at + 12, true);
    mixSecond(k, h2);
    rotateLeft(h2, 31);
    add(h2, h1.high, h1.low);
    multiply(h2, 0, 5);
    add(h2, 0, 0x38495ab5);
  }
  const tail = new DataView(new ArrayBuffer(16));
  const rest = data.length - blocks * 16;
  for (let i = 0; i < rest; i++) tail.setUint8(i, data[blocks * 16 + i] ?? 0);
  if (rest > 8) {
    k.low = tail.getUint32(8, true);
    k.high = tail.getUint32(12, true);
    mixSecond(k, h2);
  }
  if (rest > 0) {
    k.low = tail.getUint32(0, true);
    k.high = tail.getUint32(4, true);
    mixFirst(k, h1);
  }
  h1.low = (h1.low ^ data.length) >>> 0;
  h2.low = (h2.low ^ data.length) >>> 0;
  add(h1, h2.high, h2.low);
  add(h2, h1.high, h1.low);
  mix(h1);
  mix(h2);
  add(h1, h2.high, h2.low);
  add(h2, h1.high, h1.low);
  const output = new DataView(new ArrayBuffer(16));
  output.setUint32(0, h2.high);
  output.setUint32(4, h2.low);
  output.setUint32(8, h1.high);
  output.setUint32(12, h1.low);
  return new Uint8Array(output.buffer);
}

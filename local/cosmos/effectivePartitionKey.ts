import { murmurHash3x64Hash128, murmurHash3x86Hash32 } from "./murmurHash3.ts";
import type { PartitionKeyComponent, PartitionKeyDefinition } from "./partitionKey.ts";

/** A span of effective partition keys: `epkMin` included, `epkMax` excluded, compared as strings. */
export interface EpkRange {
  readonly epkMin: string;
  readonly epkMax: string;
}

/** The span that holds every document of a container. */
export const wholeEpkRange: EpkRange = { epkMin: "", epkMax: "FF" };

const stringLengthMaxV1 = 100;

function encodeForHash(component: PartitionKeyComponent): Buffer {
  switch (typeof component) {
    case "undefined":
      return Buffer.of(0x00);
    case "boolean":
      return Buffer.of(component ? 0x03 : 0x02);
    case "number": {
      const bytes = Buffer.alloc(9, 0x05);
      bytes.writeDoubleLE(component, 1);
      return bytes;
    }
    case "string":
      return Buffer.concat([Buffer.of(0x08), Buffer.from(component, "utf8"), Buffer.of(0xff)]);
    default:
      return Buffer.of(0x01);
  }
}

function hashV2(encoded: Buffer): string {
  const hash = murmurHash3x64Hash128(encoded);
  hash[0] = (hash[0] ?? 0) & 0x3f;
  return Buffer.from(hash).toString("hex").toUpperCase();
}

// A component of a hierarchical key is hashed again with every request that names it.
const componentHashes = new Map<string, string>();
const componentHashesMax = 10_000;

function hashComponent(component: PartitionKeyComponent): string {
  const encoded = encodeForHash(component);
  const key = encoded.toString("latin1");
  const known = componentHashes.get(key);
  if (known !== undefined) return known;
  const hash = hashV2(encoded);
  if (componentHashes.size >= componentHashesMax) componentHashes.clear();
  componentHashes.set(key, hash);
  return hash;
}

/** Writes a number so that comparing bytes orders as comparing numbers does (version 1 keys). */
function encodeNumberOrdered(value: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const sign = 1n << 63n;
  const mask = (1n << 64n) - 1n;
  let payload = bits < sign ? bits ^ sign : (mask - bits + 1n) & mask;
  const bytes = [0x05, Number(payload >> 56n)];
  payload = (payload << 8n) & mask;
  // Seven bits per byte follow; the lowest bit of a byte says whether another one comes.
  while (true) {
    const byte = Number(payload >> 56n);
    payload = (payload << 7n) & mask;
    if (payload === 0n) {
      bytes.push(byte & 0xfe);
      return bytes;
    }
    bytes.push(byte | 0x01);
  }
}

function encodeOrdered(component: PartitionKeyComponent): number[] {
  switch (typeof component) {
    case "undefined":
      return [0x00];
    case "boolean":
      return [component ? 0x03 : 0x02];
    case "number":
      return encodeNumberOrdered(component);
    case "string": {
      const text = Buffer.from(component.slice(0, stringLengthMaxV1), "utf8");
      const bytes = [0x08];
      for (const byte of text) bytes.push(byte < 0xff ? byte + 1 : byte);
      bytes.push(0x00);
      return bytes;
    }
    default:
      return [0x01];
  }
}

function toHex(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString("hex").toUpperCase();
}

function hashV1(components: readonly PartitionKeyComponent[]): string {
  const forHash = components.map((component) => {
    if (typeof component !== "string") return encodeForHash(component);
    const text = Buffer.from(component.slice(0, stringLengthMaxV1), "utf8");
    return Buffer.concat([Buffer.of(0x08), text, Buffer.of(0x00)]);
  });
  const hash = murmurHash3x86Hash32(Buffer.concat(forHash));
  return toHex([...encodeNumberOrdered(hash), ...components.flatMap(encodeOrdered)]);
}

/**
 * Returns the effective partition key that a document with these components is placed by, in upper-case hexadecimal.
 *
 * Under MultiHash every component is hashed by itself, so that the key of a prefix begins the keys of all under it.
 */
export function effectivePartitionKey(
  components: readonly PartitionKeyComponent[],
  definition: PartitionKeyDefinition,
): string {
  if (definition.kind === "MultiHash") return components.map(hashComponent).join("");
  if (definition.version === 1) return hashV1(components);
  if (components.length === 1) return hashComponent(components[0]);
  return hashV2(Buffer.concat(components.map(encodeForHash)));
}

/** Returns the span of all documents under a key, or under a prefix of a hierarchical key. */
export function epkRangeOf(
  components: readonly PartitionKeyComponent[],
  definition: PartitionKeyDefinition,
): EpkRange {
  if (components.length === 0) return wholeEpkRange;
  const epkMin = effectivePartitionKey(components, definition);
  return { epkMin, epkMax: `${epkMin}FF` };
}

/** Returns what two spans share, or `undefined` when they do not meet. */
export function intersectEpkRanges(a: EpkRange, b: EpkRange): EpkRange | undefined {
  const epkMin = a.epkMin > b.epkMin ? a.epkMin : b.epkMin;
  const epkMax = a.epkMax < b.epkMax ? a.epkMax : b.epkMax;
  return epkMin < epkMax ? { epkMin, epkMax } : undefined;
}

/**
 * Returns the `count` - 1 bounds that cut the keys of a new container into equal parts.
 *
 * Version 2 hashes fill 126 bits; version 1 keys begin with an ordered 32-bit number.
 */
export function evenEpkBounds(count: number, version: 1 | 2): string[] {
  const bounds: string[] = [];
  for (let i = 1; i < count; i++) {
    if (version === 1) {
      bounds.push(toHex(encodeNumberOrdered(Math.floor((i * 2 ** 32) / count) - 1)));
    } else {
      const bound = (BigInt(i) << 126n) / BigInt(count) - 1n;
      bounds.push(bound.toString(16).toUpperCase().padStart(32, "0"));
    }
  }
  return bounds;
}

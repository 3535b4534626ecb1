import { randomBytes } from "node:crypto";

// The service writes base64 with '-' in place of '/', because resource ids are path segments.
function toText(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("/", "-");
}

function toBytes(rid: string): Buffer {
  return Buffer.from(rid.replaceAll("-", "/"), "base64");
}

/** Makes the resource id of a new database: four bytes. */
export function newDatabaseRid(): string {
  const bytes = randomBytes(4);
  bytes[3] = 0;
  return toText(bytes);
}

/** Makes the resource id of a new container: that of its database and four bytes, the first with its high bit set. */
export function newContainerRid(databaseRid: string): string {
  const own = randomBytes(4);
  own[0] = (own[0] ?? 0) | 0x80;
  return toText(Buffer.concat([toBytes(databaseRid), own]));
}

/** Makes the resource id of the nth document of a container; ids sort by n within it, as the SDK's merge expects. */
export function documentRid(containerRid: string, n: number): string {
  const own = Buffer.alloc(8);
  own.writeBigUInt64LE(BigInt(n));
  return toText(Buffer.concat([toBytes(containerRid), own]));
}

/** Makes the resource id of a partition key range of a container. */
export function rangeRid(containerRid: string, rangeId: string): string {
  const own = Buffer.alloc(8);
  own.writeUInt32LE(Number(rangeId));
  own[7] = 0x50;
  return toText(Buffer.concat([toBytes(containerRid), own]));
}

/** Makes an entity tag for a resource that is not a document. */
export function newEtag(): string {
  const hex = randomBytes(8).toString("hex");
  return `"${hex.slice(0, 8)}-0000-0100-0000-${hex.slice(8)}0000"`;
}

/**
 * Makes the entity tag of a document version. Within a container the position in the log is unique, and the time is
 * in it as the service has it.
 */
export function documentEtag(lsn: number, ordinal: number, ts: number): string {
  const high = Math.floor(lsn / 2 ** 32) & 0xffff;
  const digits = [
    (lsn >>> 0).toString(16).padStart(8, "0"),
    ordinal.toString(16).padStart(4, "0"),
    "0100",
    high.toString(16).padStart(4, "0"),
    `${(ts >>> 0).toString(16).padStart(8, "0")}0000`,
  ];
  return `"${digits.join("-")}"`;
}

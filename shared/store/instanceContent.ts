import type { ByteSpan } from "../dicom/frameIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";

/** Content that is complete and safe. */
export interface StoredContent {
  /** The name under which it is kept: new and unique for every store, and without meaning. */
  readonly name: string;
  /** In bytes. */
  readonly length: number;
  /** Of all the bytes, lower-case hexadecimal. */
  readonly sha256: string;
}

/**
 * Takes the bytes of one new object in order.
 *
 * Nothing is visible before `commit`, and nothing is left by `abort`. Memory is bounded by a few blocks, whatever the
 * length: `write` waits while too many blocks are under way.
 */
export interface ContentWriter {
  /** Appends `chunk`. The writer may keep a reference to it until it has been sent. */
  write(chunk: Uint8Array): Promise<void>;
  /** Makes the object durable. */
  commit(): Promise<StoredContent>;
  /** Gives the object up. Never throws. */
  abort(): Promise<void>;
}

/** Where the bytes of instances are kept: as received, never rewritten, in a place of the tenant's own. */
export interface InstanceContent {
  openWriter(scope: TenantScope): ContentWriter;
  /** Keeps a small side object (a frame index, metadata) of the content `name`. */
  putSide(scope: TenantScope, name: string, suffix: SideSuffix, bytes: Uint8Array): Promise<void>;
  /** Streams the object, or a range of it. Throws a `notFound` problem when it is gone. */
  get(
    scope: TenantScope,
    name: string,
    range?: ByteSpan,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
  /** Reads the object, or a range of it, into memory. For what is known to be small. */
  getBytes(
    scope: TenantScope,
    name: string,
    range?: ByteSpan,
    signal?: AbortSignal,
  ): Promise<Buffer>;
  /** Removes one object, of a name as in {@link StoredContent} or made by {@link sideName}. One that is gone is no error. */
  remove(scope: TenantScope, name: string): Promise<void>;
  /** Lists the names that begin with `shard` (two hexadecimal digits) and were last written before `before`. */
  list(scope: TenantScope, shard: string, before: Date): AsyncIterable<string>;
}

/** What may stand beside the content of an instance. */
export type SideSuffix = ".frames" | ".metadata";

/** The name of the side object of the content `name`. */
export function sideName(name: string, suffix: SideSuffix): string {
  return `${name}${suffix}`;
}

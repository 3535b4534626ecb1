import { sideName, type InstanceContent, type SideSuffix } from "../store/instanceContent.ts";
import type { InstanceIndex } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";

/** How many names one query asks about. */
const namesPerQuery = 50;

/** All the shards into which the names of content fall: their first two hexadecimal digits. */
const shards: readonly string[] = Array.from({ length: 256 }, (_, shard) =>
  shard.toString(16).padStart(2, "0"),
);

/** The shards whose turn it is in an hour of the day; in a day, each has one. */
export function shardsOfHour(hour: number): readonly string[] {
  return shards.filter((_, shard) => shard % 24 === hour);
}

/**
 * Removes content that no instance refers to: what a store uploaded whose process ended before the index knew of it.
 *
 * Only content last written before `before` is looked at, which has to be long enough ago for every store that was under
 * way then to have ended. Names are new for every store, so what nothing refers to by then, nothing ever will.
 */
export async function sweepContent(
  stores: { readonly index: InstanceIndex; readonly content: InstanceContent },
  scope: TenantScope,
  shard: string,
  before: Date,
): Promise<number> {
  let removed = 0;
  let names: string[] = [];
  const sweep = async (): Promise<void> => {
    const referenced = await stores.index.referenced(scope, [...new Set(names.map(contentName))]);
    for (const name of names) {
      if (!referenced.has(contentName(name))) {
        await stores.content.remove(scope, name);
        removed += 1;
      }
    }
    names = [];
  };
  for await (const name of stores.content.list(scope, shard, before)) {
    names.push(name);
    if (names.length >= namesPerQuery) {
      await sweep();
    }
  }
  if (names.length > 0) {
    await sweep();
  }
  return removed;
}

/** The name of the content that a name belongs to: itself, or what it stands beside. */
function contentName(name: string): string {
  const suffixes: readonly SideSuffix[] = [".frames", ".metadata"];
  const suffix = suffixes.find(
    (candidate) => name === sideName(name.slice(0, -candidate.length), candidate),
  );
  return suffix === undefined ? name : name.slice(0, -suffix.length);
}

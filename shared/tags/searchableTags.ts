import { lookupKeyword } from "../dicom/dictionary.ts";
import { parseTag, type Tag } from "../dicom/tag.ts";
import { lookupMatchKey, type MatchKey } from "../dicomweb/searchAttributes.ts";
import type { ExtendedFilter } from "../dicomweb/searchQuery.ts";
import { Problem } from "../problem/problem.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { azureSearchTags } from "./azureSearchTags.ts";
import { isQueryable, matchKeyOf } from "./extendedQueryTag.ts";
import type { TagList } from "./tagList.ts";
import type { TagRegistry } from "./tagRegistry.ts";

/** The extended query tags that a search may use. */
export interface SearchableTags {
  readonly matchKeys: readonly MatchKey[];
  /** The names, as the query spells them, of filters whose tags have errors: not everything that matches may be found. */
  readonly erroneousNames: (filters: readonly ExtendedFilter[]) => readonly string[];
}

const none: SearchableTags = { matchKeys: [], erroneousNames: () => [] };

/**
 * The extended query tags that a search with parameters of these names may use.
 *
 * A search that names no further attribute asks nobody. One that does goes by a list that may be a little old, as long as
 * that allows it; before it is refused, the list is read anew. Throws Problem `malformed`, which names the parameter, for
 * a tag that is being indexed or removed, or that searches are kept from using.
 */
export async function searchableTags(
  registry: TagRegistry,
  scope: TenantScope,
  parameterNames: Iterable<string>,
): Promise<SearchableTags> {
  const named = new Map<Tag, string>();
  for (const name of parameterNames) {
    const tag = parseTag(name) ?? lookupKeyword(name);
    if (tag !== undefined && !azureSearchTags.has(tag)) {
      named.set(tag, name);
    }
  }
  if (named.size === 0) {
    return none;
  }
  const known = await registry.current(scope);
  const list = refusals(known, named).length === 0 ? known : await registry.latest(scope);
  const [refused] = refusals(list, named);
  const registered = list.tags.find(({ tag }) => tag === refused);
  if (refused !== undefined && registered !== undefined) {
    const why = registered.status === "ready" ? "is disabled" : "is being indexed or removed";
    throw new Problem(
      "malformed",
      `The parameter "${named.get(refused) ?? ""}" is an extended query tag that ${why}.`,
    );
  }
  const usable = list.tags.filter(isQueryable).map((tag) => ({ tag, matchKey: matchKeyOf(tag) }));
  return {
    matchKeys: usable.map(({ matchKey }) => matchKey),
    erroneousNames: (filters) =>
      filters
        .filter((filter) =>
          usable.some(({ tag, matchKey }) => tag.hasErrors && matchKey === filter.matchKey),
        )
        .map(({ name }) => name),
  };
}

/** Which of the named attributes nothing can be searched by, as far as a list tells. */
function refusals(list: TagList, named: ReadonlyMap<Tag, string>): Tag[] {
  const usable = new Set(list.tags.filter(isQueryable).map(({ tag }) => tag));
  return [...named.keys()].filter((tag) => !usable.has(tag) && lookupMatchKey([tag]) === undefined);
}

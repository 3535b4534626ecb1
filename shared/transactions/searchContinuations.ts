import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { SearchPosition } from "../dicomweb/searchOrder.ts";
import { Problem } from "../problem/problem.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import type { SealedTokens } from "../tokens/sealedTokens.ts";

/** The parameters of a query, in the order they were sent in. */
export type SearchParameters = readonly (readonly [name: string, value: string])[];

/** A query, and where the results before it ended. */
export interface ContinuedSearch {
  readonly parameters: SearchParameters;
  readonly after: SearchPosition | undefined;
}

const name = "continuation";
// About the page and its form, and not about what is searched for.
const besideNames: ReadonlySet<string> = new Set(["limit", "accept", "charset"]);
const droppedNames: ReadonlySet<string> = new Set([name, "offset", "accept", "charset"]);
/** The longest query there is, decoded. */
const contentBytesMax = 1024 * 1024;

/**
 * The continuations of searches.
 *
 * One holds the whole query and the place where its results ended, sealed, and bound to the tenant, the data partition and
 * the resource. So the URL of the next page names no patient although the query did, and nobody can make another query of
 * it. It never expires, and holds no resources: results that are stored or deleted meanwhile neither shift nor repeat
 * others.
 */
export class SearchContinuations {
  readonly #tokens: SealedTokens;

  constructor(tokens: SealedTokens) {
    this.#tokens = tokens;
  }

  /**
   * The search that `parameters` ask for: themselves, or what their continuation holds, with their own limit if they have
   * one. `path` is the resource below the service's URL.
   *
   * Throws `malformed` for a continuation that was not given out for this tenant and resource, and for parameters beside it
   * that would change the query.
   */
  open(scope: TenantScope, path: string, parameters: SearchParameters): ContinuedSearch {
    const [given, ...others] = parameters.filter(([key]) => key.toLowerCase() === name);
    if (given === undefined) {
      return { parameters, after: undefined };
    }
    const beside = parameters.filter((parameter) => parameter !== given);
    if (others.length > 0 || !beside.every(([key]) => besideNames.has(key.toLowerCase()))) {
      throw new Problem(
        "malformed",
        `"${name}" holds the whole query: beside it stand at most "limit" and "accept".`,
      );
    }
    const content = this.#tokens.open(bindingOf(scope, path), given[1]);
    if (content === undefined) {
      throw new Problem(
        "malformed",
        `"${name}" is not a token that this resource has given out to the caller's tenant.`,
      );
    }
    const [query, values, order] = JSON.parse(
      inflateRawSync(content, { maxOutputLength: contentBytesMax }).toString("utf8"),
    ) as [SearchParameters, SearchPosition["values"], string];
    const isReplaced = beside.some(([key]) => key.toLowerCase() === "limit");
    return {
      parameters: [
        ...query.filter(([key]) => !isReplaced || key.toLowerCase() !== "limit"),
        ...beside,
      ],
      after: { values, order },
    };
  }

  /** The continuation at `position`; `undefined` when the query is too long for one, at some three thousand characters. */
  seal(
    scope: TenantScope,
    path: string,
    parameters: SearchParameters,
    { values, order }: SearchPosition,
  ): string | undefined {
    const query = parameters.filter(([key]) => !droppedNames.has(key.toLowerCase()));
    const content = deflateRawSync(JSON.stringify([query, values, order]));
    return this.#tokens.seal(bindingOf(scope, path), content);
  }
}

function bindingOf({ tenant, partition }: TenantScope, path: string): readonly string[] {
  return [tenant, partition, path.toLowerCase()];
}

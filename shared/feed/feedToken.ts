import { Problem } from "../problem/problem.ts";
import { SealedTokens, type SealingKey } from "../tokens/sealedTokens.ts";

/** What a token is good for. One that was made for anything else is refused like one that was forged. */
export interface TokenBinding {
  readonly kind: "continuation" | "range";
  readonly tenant: string;
  /** The resource id of the container whose keys and positions the token holds: another one has others. */
  readonly container: string;
}

/**
 * The tokens of the pull feed.
 *
 * A continuation holds key ranges, and a forged one would be a door into another tenant, so they are sealed. The same
 * position always makes the same token, which is what makes it an entity tag.
 */
export class FeedTokens {
  readonly #tokens: SealedTokens;

  constructor(keys: readonly SealingKey[]) {
    this.#tokens = new SealedTokens(keys, "feed token");
  }

  /** Makes a token of `content`. Throws a `malformed` problem when it would be longer than a request can hold. */
  seal(binding: TokenBinding, content: Uint8Array): string {
    const token = this.#tokens.seal(bound(binding), content);
    if (token === undefined) {
      throw new Problem(
        "malformed",
        "The tenant lies on too many physical partitions for one continuation: read its feed ranges one by one.",
      );
    }
    return token;
  }

  /**
   * Returns what was sealed, or throws a `malformed` problem that names `parameter`.
   *
   * Whatever is wrong with a token, the sentence is the same: it does not help to look for one that is right.
   */
  open(binding: TokenBinding, token: string, parameter: string): Buffer {
    const content = this.#tokens.open(bound(binding), token);
    if (content === undefined) {
      throw invalidToken(parameter);
    }
    return content;
  }
}

/** The answer to a token that is not good here, for whatever reason. */
export function invalidToken(parameter: string): Problem {
  return new Problem("malformed", `"${parameter}" is not a token that this feed has given out.`);
}

function bound({ kind, tenant, container }: TokenBinding): readonly string[] {
  return [kind, tenant, container];
}

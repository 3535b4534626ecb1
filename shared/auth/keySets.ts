import { createLocalJWKSet, errors, type CryptoKey, type JWTVerifyGetKey } from "jose";
import { Problem } from "../problem/problem.ts";
import { usableKeys } from "./usableKeys.ts";

/** What the key sets need from their surroundings. */
export interface KeySetSurroundings {
  /** Fetches the JSON at a URL. Rejects when that does not work. */
  fetch(uri: string): Promise<unknown>;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
}

/** A set younger than this is used as it is; an older one too, but is fetched again meanwhile. */
const freshMilliseconds = 10 * 60 * 1000;
/** An older set is used only when it cannot be fetched again: a key may have been withdrawn. */
const agedMilliseconds = 60 * 60 * 1000;
/** How long an issuer may be out of reach before its tokens are no longer good. */
const keptMilliseconds = 24 * 60 * 60 * 1000;
/** A URL is asked at most this often, however many tokens name keys that nobody has. */
const pauseMilliseconds = 30 * 1000;
const setsMax = 1_000;

interface KnownSet {
  keys?: { readonly find: ReturnType<typeof createLocalJWKSet>; readonly at: number };
  triedAt?: number;
  /** Why it could not be fetched the last time. */
  failure?: unknown;
  fetching?: Promise<void> | undefined;
}

/**
 * The public keys of issuers, by the URLs that the configuration has for them.
 *
 * Sets are kept, fetched again when a token names a key that is not in them, and survive an outage of their issuer for a
 * day. However many callers wait for a set, it is fetched once at a time, and no more than once in half a minute.
 */
export class KeySets {
  readonly #surroundings: KeySetSurroundings;
  readonly #sets = new Map<string, KnownSet>();

  constructor(surroundings: KeySetSurroundings) {
    this.#surroundings = surroundings;
  }

  /**
   * Finds the key that a token is signed with in the set at `uri`, for `jwtVerify`. Whatever keys or URLs the token itself
   * offers (`jwk`, `jku`, `x5u`, `x5c`) are not looked at.
   *
   * Throws jose's `JWKSNoMatchingKey` and the like for a token whose key is not there, and `unavailable` when there is no
   * set to look in.
   */
  keysAt(uri: string): JWTVerifyGetKey {
    return async (header, token): Promise<CryptoKey> => {
      const set = this.#setAt(uri);
      await this.#refreshByAge(uri, set);
      try {
        return await this.#find(set, header, token);
      } catch (error) {
        const isWorthwhile = set.fetching !== undefined || this.#mayFetch(set);
        if (!(error instanceof errors.JWKSNoMatchingKey) || !isWorthwhile) {
          throw error;
        }
        await this.#refresh(uri, set);
        return await this.#find(set, header, token);
      }
    };
  }

  #setAt(uri: string): KnownSet {
    const known = this.#sets.get(uri);
    if (known !== undefined) {
      return known;
    }
    if (this.#sets.size >= setsMax) {
      this.#sets.clear();
    }
    const set: KnownSet = {};
    this.#sets.set(uri, set);
    return set;
  }

  async #refreshByAge(uri: string, set: KnownSet): Promise<void> {
    const age = set.keys === undefined ? Infinity : this.#surroundings.now() - set.keys.at;
    if (age < freshMilliseconds || !(set.fetching !== undefined || this.#mayFetch(set))) {
      return;
    }
    const refreshed = this.#refresh(uri, set);
    if (age > agedMilliseconds) {
      await refreshed;
    }
  }

  #mayFetch({ triedAt }: KnownSet): boolean {
    return triedAt === undefined || this.#surroundings.now() - triedAt >= pauseMilliseconds;
  }

  /** Resolves when the set has been fetched, or could not be. Never rejects: what there is says what follows from it. */
  async #refresh(uri: string, set: KnownSet): Promise<void> {
    set.fetching ??= (async (): Promise<void> => {
      set.triedAt = this.#surroundings.now();
      try {
        const keys = usableKeys(await this.#surroundings.fetch(uri));
        set.keys = { find: createLocalJWKSet(keys), at: this.#surroundings.now() };
        set.failure = undefined;
      } catch (error) {
        // The last good set is as good as before, for a day.
        set.failure = error;
      } finally {
        set.fetching = undefined;
      }
    })();
    await set.fetching;
  }

  async #find(set: KnownSet, ...[header, token]: Parameters<JWTVerifyGetKey>): Promise<CryptoKey> {
    const { keys } = set;
    if (keys === undefined || this.#surroundings.now() - keys.at > keptMilliseconds) {
      throw new Problem("unavailable", "The keys of the token's issuer cannot be had.", {
        cause: set.failure,
        retryAfterSeconds: pauseMilliseconds / 1000,
      });
    }
    return await keys.find(header, token);
  }
}

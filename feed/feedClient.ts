/** One change, or one instance at its newest state, as the service tells it. */
export interface FeedEntry {
  /** The same whenever the entry is read: what has been handled before is known by it. */
  readonly id: string;
  readonly action: "create" | "update" | "delete";
  readonly state: "current" | "replaced" | "deleted";
  readonly timestamp: string;
  readonly partitionName: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  readonly modality?: string;
  readonly revision: number;
  /** DICOM JSON of the instance as it is now, when it was asked for and there is one. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A page of the feed. */
export interface FeedPage {
  readonly entries: readonly FeedEntry[];
  /** Where to go on; to be kept once the entries have been handled. */
  readonly continuation: string;
  /** Whether reading on at once may bring more. An empty page with more is not the end. */
  readonly hasMore: boolean;
}

/** Where a reader begins, or goes on, and what it wants. */
export interface FeedRequest {
  readonly continuation?: string;
  readonly range?: string;
  readonly study?: string;
  readonly mode?: "latest" | "all";
  readonly startFrom?: string;
  readonly action?: string;
  readonly modality?: string;
  readonly sopClass?: string;
  readonly partition?: string;
  readonly pageSize?: number;
  readonly includeMetadata?: boolean;
  /** Seconds that the service may hold the answer until something changes. */
  readonly wait?: number;
}

/** A position that the service keeps under a name. */
export interface FeedCursor {
  readonly name: string;
  readonly continuation: string;
  readonly updatedAt: string;
}

/** A cursor with its entity tag and how far it is behind. */
export interface FollowedCursor extends FeedCursor {
  readonly lag: { readonly seconds?: number; readonly entries?: number };
  readonly entityTag: string;
}

/** How the service is reached. */
export interface FeedClientOptions {
  /** Up to and with the version: `https://host/v2`. */
  readonly baseUrl: string;
  /** Gives the bearer token for a request; absent where the service asks for none. */
  readonly token?: () => Promise<string>;
  readonly fetch?: typeof fetch;
  /** How many times in a row a request may fail for a while before it is given up. Default 8. */
  readonly attemptsMax?: number;
  readonly sleep?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** The service refused a request, or could not be reached for too long. */
export class FeedError extends Error {
  override readonly name = "FeedError";
  /** Absent when there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

const attemptsDefault = 8;
const firstDelayMilliseconds = 250;
const longestDelayMilliseconds = 10_000;
const timeoutMilliseconds = 60_000;

/**
 * Reads the pull feed of a Strata service.
 *
 * A request that fails for a while (429, 503, no connection) is repeated as the service asks: a token stays good. Every
 * other refusal is a {@link FeedError} at once.
 */
export class FeedClient {
  readonly #options: FeedClientOptions;
  readonly #baseUrl: string;

  constructor(options: FeedClientOptions) {
    this.#options = options;
    this.#baseUrl = options.baseUrl.replace(/\/+$/, "");
  }

  /** Ranges that together cover the tenant exactly, at least `minimum` of them: one for each reader. */
  async ranges(minimum = 1, signal?: AbortSignal): Promise<readonly string[]> {
    const answer = await this.#request("GET", `feed/ranges?minimum=${minimum}`, { signal });
    return (answer.body as { ranges: string[] }).ranges;
  }

  /** One page. */
  async read(request: FeedRequest, signal?: AbortSignal): Promise<FeedPage> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request)) {
      if (value !== undefined) {
        query.set(name, String(value));
      }
    }
    const answer = await this.#request("GET", `feed?${query.toString()}`, { signal });
    return answer.body as FeedPage;
  }

  /** All named cursors. */
  async cursors(signal?: AbortSignal): Promise<readonly FeedCursor[]> {
    const answer = await this.#request("GET", "feed/cursors", { signal });
    return (answer.body as { cursors: FeedCursor[] }).cursors;
  }

  /** A named cursor, or `undefined` when there is none. */
  async cursor(name: string, signal?: AbortSignal): Promise<FollowedCursor | undefined> {
    const path = `feed/cursors/${encodeURIComponent(name)}`;
    const answer = await this.#request("GET", path, { signal, expected: [404] });
    return answer.status === 404
      ? undefined
      : { ...(answer.body as FollowedCursor), entityTag: answer.entityTag };
  }

  /** Stores a named cursor; with an entity tag only if it is still the one of that tag. Returns the new tag. */
  async putCursor(
    name: string,
    continuation: string,
    entityTag?: string,
    signal?: AbortSignal,
  ): Promise<string> {
    const answer = await this.#request("PUT", `feed/cursors/${encodeURIComponent(name)}`, {
      signal,
      headers: {
        "Content-Type": "application/json",
        ...(entityTag === undefined ? {} : { "If-Match": entityTag }),
      },
      body: JSON.stringify({ continuation }),
    });
    return answer.entityTag;
  }

  /** Deletes a named cursor; does nothing when there is none. */
  async deleteCursor(name: string, signal?: AbortSignal): Promise<void> {
    const path = `feed/cursors/${encodeURIComponent(name)}`;
    await this.#request("DELETE", path, { signal, expected: [404] });
  }

  async #request(
    method: string,
    path: string,
    options: {
      readonly signal: AbortSignal | undefined;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly expected?: readonly number[];
    },
  ): Promise<{ readonly status: number; readonly body: unknown; readonly entityTag: string }> {
    const { signal, headers = {}, body, expected = [] } = options;
    const {
      token,
      fetch: send = fetch,
      attemptsMax = attemptsDefault,
      sleep = pause,
    } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const authorization = token === undefined ? {} : { Authorization: `Bearer ${await token()}` };
      let answer: Response;
      let text: string;
      try {
        const timeout = AbortSignal.timeout(timeoutMilliseconds);
        answer = await send(`${this.#baseUrl}/${path}`, {
          method,
          headers: { Accept: "application/json", ...authorization, ...headers },
          ...(body === undefined ? {} : { body }),
          signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
        });
        text = await answer.text();
      } catch (error) {
        signal?.throwIfAborted();
        if (attempt >= attemptsMax) {
          throw new FeedError("The service cannot be reached.", undefined, { cause: error });
        }
        await sleep(delayOf(attempt, undefined), signal);
        continue;
      }
      if (answer.ok || expected.includes(answer.status)) {
        return {
          status: answer.status,
          body: text === "" ? undefined : (JSON.parse(text) as unknown),
          entityTag: answer.headers.get("ETag") ?? "",
        };
      }
      if (![429, 502, 503, 504].includes(answer.status) || attempt >= attemptsMax) {
        throw new FeedError(`${answer.status}: ${detailOf(text)}`, answer.status);
      }
      await sleep(delayOf(attempt, answer.headers.get("Retry-After")), signal);
    }
  }
}

function delayOf(attempt: number, retryAfter: string | null | undefined): number {
  const asked = Number(retryAfter ?? 0) * 1000;
  const grown = Math.min(longestDelayMilliseconds, firstDelayMilliseconds * 2 ** (attempt - 1));
  return Math.max(Number.isFinite(asked) ? asked : 0, grown);
}

/** The sentence of a problem (RFC 9457), or the beginning of whatever else was answered. */
function detailOf(text: string): string {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    return typeof detail === "string" ? detail : text.slice(0, 200);
  } catch {
    return text.slice(0, 200);
  }
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason instanceof Error ? signal.reason : new Error("aborted"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

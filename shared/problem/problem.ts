/** Why a request cannot be met. `docs/errors.md` says for each what a caller should do. */
export type ProblemKind =
  | "malformed"
  | "unauthenticated"
  | "forbidden"
  | "quotaExceeded"
  | "notFound"
  | "methodNotAllowed"
  | "notAcceptable"
  | "conflict"
  | "gone"
  | "preconditionFailed"
  | "tooLarge"
  | "unsupportedMediaType"
  | "rangeNotSatisfiable"
  | "throttled"
  | "unavailable";

/** What else is known of a {@link Problem}. */
export interface ProblemOptions {
  /** For the log, never for the caller. */
  readonly cause?: unknown;
  /** When it makes sense to try again; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** Of `methodNotAllowed`: the methods that the resource has; becomes `Allow`. */
  readonly allow?: readonly string[];
  /** Of `rangeNotSatisfiable`: becomes `Content-Range`. */
  readonly contentRange?: string;
  /** Of `unauthenticated`: becomes `WWW-Authenticate`. */
  readonly challenge?: string;
  /** Of `conflict`: the id of the operation that is in the way. */
  readonly operation?: string;
}

/**
 * A request that cannot be met, for a reason that the caller may know.
 *
 * It is the only class thrown on purpose: anything else that is thrown is a bug and answers 500. `detail` is a sentence
 * for the caller. It names tags, parameters and offsets, and never holds the value of an attribute: that could be
 * patient data.
 */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly kind: ProblemKind;
  readonly detail: string;
  readonly retryAfterSeconds: number | undefined;
  readonly allow: readonly string[] | undefined;
  readonly contentRange: string | undefined;
  readonly challenge: string | undefined;
  readonly operation: string | undefined;

  constructor(kind: ProblemKind, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.detail = detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.allow = options.allow;
    this.contentRange = options.contentRange;
    this.operation = options.operation;
    this.challenge = options.challenge;
  }
}

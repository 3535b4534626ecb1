import { Problem } from "../problem/problem.ts";

/** All that a caller is told about why its token is refused. */
export type TokenFault = "missing" | "malformed" | "expired";

/** What a challenge says besides the fault, as the Azure service's do; each only when it is configured. */
export interface ChallengeParameters {
  /** Where tokens are to be had. */
  readonly authorizationURI?: string | undefined;
  /** What tokens have to be for. */
  readonly resourceId?: string | undefined;
}

/**
 * Makes the answers to callers without a good token: 401 with a challenge (RFC 6750 §3).
 *
 * A challenge names one of three faults and never more: which check failed would help to pass it.
 */
export class Challenges {
  readonly #parameters: string;

  constructor({ authorizationURI, resourceId }: ChallengeParameters) {
    this.#parameters = [
      'Bearer realm="strata"',
      ...(authorizationURI === undefined ? [] : [`authorization_uri="${authorizationURI}"`]),
      ...(resourceId === undefined ? [] : [`resource_id="${resourceId}"`]),
    ].join(", ");
  }

  /** An `unauthenticated` problem. `cause` is for the log. */
  refuse(fault: TokenFault, cause?: unknown): Problem {
    const description = `The token is ${fault}.`;
    // RFC 6750 §3.1: who sent no token made no error.
    const error = fault === "missing" ? "" : ', error="invalid_token"';
    return new Problem("unauthenticated", description, {
      cause,
      challenge: `${this.#parameters}${error}, error_description="${description}"`,
    });
  }
}

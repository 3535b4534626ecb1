import type { Problem, ProblemKind } from "../problem/problem.ts";
import type { Answer } from "./answer.ts";

/** The status of each kind of problem, and its title (RFC 9457 §3.1). `docs/errors.md` says what a caller should do. */
export const problemStatus: Readonly<
  Record<ProblemKind, { readonly status: number; readonly title: string }>
> = {
  malformed: { status: 400, title: "The request is malformed" },
  unauthenticated: { status: 401, title: "The caller is not known" },
  forbidden: { status: 403, title: "The caller may not do this" },
  quotaExceeded: { status: 403, title: "The tenant has as much as it may have" },
  notFound: { status: 404, title: "There is no such resource" },
  methodNotAllowed: { status: 405, title: "The resource does not have this method" },
  notAcceptable: { status: 406, title: "Nothing that is offered is acceptable" },
  conflict: { status: 409, title: "The request is at odds with what is stored" },
  gone: { status: 410, title: "The resource was deleted" },
  preconditionFailed: { status: 412, title: "A precondition does not hold" },
  tooLarge: { status: 413, title: "Something is too large" },
  unsupportedMediaType: { status: 415, title: "The media type is not supported" },
  rangeNotSatisfiable: { status: 416, title: "There are no such bytes" },
  throttled: { status: 429, title: "The tenant is over its budget" },
  unavailable: { status: 503, title: "Something that is needed is busy or down" },
};

/** The answer to a request that cannot be met (RFC 9457). */
export function problemAnswer(problem: Problem): Answer {
  const { status, title } = problemStatus[problem.kind];
  return {
    status,
    headers: {
      "Content-Type": "application/problem+json",
      ...(problem.retryAfterSeconds === undefined
        ? {}
        : { "Retry-After": String(problem.retryAfterSeconds) }),
      // RFC 9110 §15.5.2: a 401 has a challenge.
      ...(problem.kind === "unauthenticated"
        ? { "WWW-Authenticate": problem.challenge ?? "Bearer" }
        : {}),
      ...(problem.contentRange === undefined ? {} : { "Content-Range": problem.contentRange }),
      ...(problem.allow === undefined ? {} : { Allow: problem.allow.join(", ") }),
    },
    body: JSON.stringify({
      type: `urn:strata:problem:${problem.kind}`,
      title,
      status,
      detail: problem.detail,
    }),
  };
}

/** The answer to a bug: a fixed sentence, because nobody knows what the error's own text holds. */
export function bugAnswer(): Answer {
  return {
    status: 500,
    headers: { "Content-Type": "application/problem+json" },
    body: JSON.stringify({
      type: "urn:strata:problem:unexpected",
      title: "Something unexpected happened",
      status: 500,
      detail: "The service met an error that it does not know.",
    }),
  };
}

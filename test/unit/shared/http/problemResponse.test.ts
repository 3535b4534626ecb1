import { expect, test } from "vitest";
import {
  bugAnswer,
  problemAnswer,
  problemStatus,
} from "../../../../shared/http/problemResponse.ts";
import { Problem, type ProblemKind } from "../../../../shared/problem/problem.ts";

test.each(Object.entries(problemStatus))("%s is answered as RFC 9457 says", (kind, { status }) => {
  const answer = problemAnswer(new Problem(kind as ProblemKind, "This and that."));
  expect(answer.status).toBe(status);
  expect(answer.headers?.["Content-Type"]).toBe("application/problem+json");
  expect(JSON.parse(answer.body as string)).toEqual({
    type: `urn:strata:problem:${kind}`,
    title: problemStatus[kind as ProblemKind].title,
    status,
    detail: "This and that.",
  });
});

test("what else a problem tells becomes header fields", () => {
  const { headers } = problemAnswer(
    new Problem("unavailable", "Busy.", {
      retryAfterSeconds: 7,
      allow: ["GET", "PUT"],
      contentRange: "bytes */5",
    }),
  );
  expect(headers).toMatchObject({
    "Retry-After": "7",
    Allow: "GET, PUT",
    "Content-Range": "bytes */5",
  });
});

test("the cause of a problem is not told", () => {
  const answer = problemAnswer(new Problem("malformed", "Bad.", { cause: new Error("Doe^John") }));
  expect(JSON.stringify(answer)).not.toContain("Doe");
});

test("a bug is answered with a fixed sentence", () => {
  expect(bugAnswer().status).toBe(500);
});

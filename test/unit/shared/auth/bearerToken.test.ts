import { expect, test } from "vitest";
import { readBearerToken } from "../../../../shared/auth/bearerToken.ts";
import { Challenges } from "../../../../shared/auth/challenges.ts";
import { Problem } from "../../../../shared/problem/problem.ts";

const challenges = new Challenges({
  authorizationURI: "https://login.example/authorize",
  resourceId: "https://dicom.example",
});

function challengeTo(values: readonly string[]): string | undefined {
  try {
    return `token: ${readBearerToken(values, challenges)}`;
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    return (error as Problem).challenge;
  }
}

test.each(["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c"])("%s holds a token", (value) => {
  expect(challengeTo([value])).toBe("token: a.b.c");
});

test("no header is told apart from one that is wrong, and either answer says where tokens are to be had", () => {
  const about =
    'Bearer realm="strata", authorization_uri="https://login.example/authorize", resource_id="https://dicom.example"';
  expect(challengeTo([])).toBe(`${about}, error_description="The token is missing."`);
  for (const values of [
    [""],
    ["Bearer"],
    ["Bearer "],
    ["Basic dXNlcjpwYXNz"],
    ["Bearer a b"],
    ["Bearer a.b.c,Bearer d.e.f"],
    ["Bearer a.b.c", "Bearer a.b.c"],
    [`Bearer ${"a".repeat(8 * 1024 + 1)}`],
    ["a.b.c"],
  ]) {
    expect(challengeTo(values)).toBe(
      `${about}, error="invalid_token", error_description="The token is malformed."`,
    );
  }
});

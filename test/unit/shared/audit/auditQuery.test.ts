import { encodeTime } from "ulid";
import { expect, test } from "vitest";
import { parseAuditQuery } from "../../../../shared/audit/auditQuery.ts";
import { Problem } from "../../../../shared/problem/problem.ts";

function parse(text: string): ReturnType<typeof parseAuditQuery> {
  return parseAuditQuery(new URLSearchParams(text));
}

test("every parameter is read, and the case of its name does not matter", () => {
  expect(
    parse(
      "FROM=2026-01-02T03:04:05%2B01:00&to=2026-02-03T00:00:00Z&patient=P%5E1&study=1.2&user=u&action=D" +
        "&CorrelationID=0AF7651916CD43DD8448EB211C80319C&continuation=01M8087T6QPTSEDWY84TAKJ1HX&limit=7&accept=*/*",
    ),
  ).toEqual({
    from: "2026-01-02T02:04:05.000Z",
    to: "2026-02-03T00:00:00.000Z",
    // An hour before and after, as a ULID has it.
    idsFrom: encodeTime(Date.parse("2026-01-02T01:04:05Z"), 10),
    idsTo: encodeTime(Date.parse("2026-02-03T01:00:00Z"), 10),
    patientID: "P^1",
    studyInstanceUID: "1.2",
    subject: "u",
    action: "D",
    correlationId: "0af7651916cd43dd8448eb211c80319c",
    continuation: "01M8087T6QPTSEDWY84TAKJ1HX",
    limit: 7,
  });
});

test("without parameters it is the newest hundred", () => {
  const query = parse("");
  expect(query.limit).toBe(100);
  expect(Object.values(query).filter((value) => value !== undefined)).toEqual([100]);
});

test.each([
  "from=yesterday",
  "from=2026-01-02T03:04:05",
  "from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z",
  "to=",
  "study=abc",
  "action=X",
  "action=c",
  "continuation=../../x",
  "continuation=01M8087T6QPTSEDWY84TAKJ1HX1",
  "limit=0",
  "limit=201",
  "limit=ten",
  "patient=a&patient=b",
  "patient=a&Patient=b",
  `patient=${"x".repeat(1025)}`,
  "tenant=elsewhere",
])("%s is malformed, and the problem does not repeat the value", (text) => {
  let problem: unknown;
  try {
    parse(text);
  } catch (error) {
    problem = error;
  }
  expect(problem).toBeInstanceOf(Problem);
  expect((problem as Problem).kind).toBe("malformed");
  expect((problem as Problem).detail).not.toMatch(/yesterday|abc|ten"|elsewhere|xxx/);
});

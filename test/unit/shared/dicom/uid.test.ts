import { describe, expect, test } from "vitest";
import {
  isUID,
  parseSeriesInstanceUID,
  parseSOPInstanceUID,
  parseStudyInstanceUID,
  parseUID,
} from "../../../../shared/dicom/uid.ts";
import { Problem } from "../../../../shared/problem/problem.ts";

describe("UIDs", () => {
  test.each([
    ["1.2.3", "1.2.3"],
    ["0", "0"],
    ["1.02.3", "1.02.3"],
    ["1..2", "1..2"],
    ["1.2.3 ", "1.2.3"],
    ["1.2.3   ", "1.2.3"],
    ["1.2.3\0", "1.2.3"],
    ["1.2.3 \0", "1.2.3"],
    ["1".repeat(64), "1".repeat(64)],
    [`${"1".repeat(64)} `, "1".repeat(64)],
  ])("%j is a UID and becomes %j", (text, expected) => {
    expect(isUID(text)).toBe(true);
    expect(parseUID(text, "x")).toBe(expected);
    expect(parseStudyInstanceUID(text)).toBe(expected);
    expect(parseSeriesInstanceUID(text)).toBe(expected);
    expect(parseSOPInstanceUID(text)).toBe(expected);
  });

  test.each([
    "",
    " ",
    "\0",
    ".",
    "1.",
    "1.2.a",
    "1-2",
    " 1.2",
    "1.2\0\0",
    "1\0.2",
    "1".repeat(65),
    "１.２",
    "1.2\n",
  ])("%j is no UID", (text) => {
    expect(isUID(text)).toBe(false);
    expect(() => parseUID(text, "x")).toThrow(Problem);
  });

  test("the message names what was wrong and never the value", () => {
    expect(() => parseStudyInstanceUID("Doe^Jane")).toThrow(
      expect.objectContaining({
        kind: "malformed",
        detail: expect.stringMatching(/^StudyInstanceUID is not a valid UID(?!.*Doe)/) as string,
      }) as Error,
    );
    expect(() => parseSeriesInstanceUID("x", "The series in the path")).toThrow(
      /^The series in the path/,
    );
    expect(() => parseSOPInstanceUID("x")).toThrow(/^SOPInstanceUID/);
  });
});

import { expect, test } from "vitest";
import { parseRejectReason } from "../../../../shared/dicomweb/rejectReason.ts";

test.each(["113001^DCM", "113037^DCM", "a^b", "1234567890123456^99-Local.1_2"])(
  "%s is the reason of a rejection",
  (code) => {
    expect(parseRejectReason(code)).toBe(code);
  },
);

test.each([
  "",
  "113001",
  "113001^",
  "^DCM",
  "113001^DCM^x",
  "12345678901234567^DCM",
  "a b^DCM",
  "ä^DCM",
])("%j is no reason of a rejection", (code) => {
  expect(() => parseRejectReason(code)).toThrow(expect.objectContaining({ kind: "malformed" }));
});

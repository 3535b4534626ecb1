import { expect, test } from "vitest";
import { parseOperationId } from "../../../../shared/operations/operation.ts";
import { shownOperation } from "../../../../shared/operations/shownOperation.ts";

const id = "0123456789abcdef0123456789abcdef";

test.each<[string, string | undefined]>([
  [id, id],
  [id.toUpperCase(), id],
  ["01234567-89ab-cdef-0123-456789ABCDEF", id],
  [id.slice(1), undefined],
  [`${id}0`, undefined],
  ["0123456789abcdef-0123456789abcdef", undefined],
  [id.replace("f", "g"), undefined],
  ["", undefined],
])("the id %s is understood as %s", (text, expected) => {
  expect(parseOperationId(text)).toBe(expected);
});

test.each([
  ["v1", "succeeded", "completed"],
  ["v2", "succeeded", "succeeded"],
  ["v1", "running", "running"],
  ["v2", "failed", "failed"],
] as const)("%s shows the status %s as %s", (version, status, word) => {
  const shown = shownOperation("https://host/dicom", version, {
    id,
    type: "reindex",
    status,
    createdTime: "2026-01-01T00:00:00.000Z",
    lastUpdatedTime: "2026-01-01T00:00:01.000Z",
    percentComplete: 50,
    resources: ["extendedquerytags/00101010"],
    steps: 3,
    failures: 0,
    position: "where it is",
  });
  expect(shown).toEqual({
    operationId: id,
    type: "reindex",
    createdTime: "2026-01-01T00:00:00.000Z",
    lastUpdatedTime: "2026-01-01T00:00:01.000Z",
    status: word,
    percentComplete: 50,
    resources: ["https://host/dicom/extendedquerytags/00101010"],
  });
});

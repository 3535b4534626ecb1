import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatTag } from "../../../../shared/dicom/tag.ts";
import { lookupMatchKey } from "../../../../shared/dicomweb/searchAttributes.ts";
import { parseSearchOrder, servedOrders } from "../../../../shared/dicomweb/searchOrder.ts";
import { Problem } from "../../../../shared/problem/problem.ts";

const levels = ["study", "series", "instance"] as const;

test("every order has the composite index that serves it", () => {
  const file = join(import.meta.dirname, "..", "..", "..", "..", "infra", "cosmos.json");
  const { containers } = JSON.parse(readFileSync(file, "utf8")) as {
    containers: { id: string; indexingPolicy?: { compositeIndexes?: unknown } }[];
  };
  const dicom = containers.find(({ id }) => id === "dicom");
  const kind = { path: "/kind", order: "ascending" };
  const stored = { path: "/order", order: "ascending" };
  const expected = servedOrders.map((order) => [
    kind,
    ...order.map(({ tag, isDescending }) => {
      const matchKey = lookupMatchKey([tag]);
      return {
        path: `/q/${matchKey?.level ?? ""}/"${matchKey?.keys[0] ?? ""}"`,
        order: isDescending ? "descending" : "ascending",
      };
    }),
    stored,
  ]);
  expect(dicom?.indexingPolicy?.compositeIndexes).toEqual(
    expect.arrayContaining([[kind, stored], ...expected]),
  );
});

test.each([
  ["StudyDate", "00080020"],
  ["-StudyDate", "-00080020"],
  ["00080020,-PatientName", "00080020 -00100010"],
  ["-StudyDate, PatientName", "-00080020 00100010"],
  ["-00100010,-StudyDate", "-00100010 -00080020"],
  ["SeriesNumber,InstanceNumber", "00200011 00200013"],
])("%s is read", (text, expected) => {
  const order = parseSearchOrder(text, levels);
  expect(
    order
      .map(
        ({ matchKey, isDescending }) => `${isDescending ? "-" : ""}${formatTag(matchKey.path[0])}`,
      )
      .join(" "),
  ).toBe(expected);
});

test.each([
  "",
  "-",
  "studydate",
  "NoSuchAttribute",
  "StudyDescription",
  "KVP",
  "StudyTime",
  "StudyDate,SeriesNumber",
  "SeriesNumber,-InstanceNumber",
  "StudyDate,PatientName,PatientID",
  "RequestAttributesSequence",
])("%s is malformed", (text) => {
  expect(() => parseSearchOrder(text, levels)).toThrow(Problem);
});

test("results have no order by attributes that are below them", () => {
  expect(() => parseSearchOrder("SeriesNumber", ["study"])).toThrow(Problem);
  expect(() => parseSearchOrder("InstanceNumber", ["study", "series"])).toThrow(Problem);
});

import { expect, test } from "vitest";
import { keepFields } from "../../../../shared/dicomweb/metadataResponse.ts";
import { parseMetadataFields } from "../../../../shared/dicomweb/metadataFields.ts";

const dataset = {
  "00080016": { vr: "UI", Value: ["1.2"] },
  "00080018": { vr: "UI", Value: ["1.3"] },
  "00080060": { vr: "CS", Value: ["CT"] },
  "00081140": { vr: "SQ", Value: [{ "00080060": { vr: "CS", Value: ['a"}'] } }] },
  "00091001": { vr: "LO", Value: ["private"] },
  "0020000D": { vr: "UI", Value: ["1.4"] },
  "0020000E": { vr: "UI", Value: ["1.5"] },
};
const identifiers = ["00080016", "00080018", "0020000D", "0020000E"];

function kept(query: string): readonly string[] {
  const fields = parseMetadataFields(new URLSearchParams(query));
  const text = JSON.stringify(dataset);
  const cut = fields === undefined ? text : keepFields(text, fields);
  return Object.keys(JSON.parse(cut) as object).toSorted();
}

test.each([
  ["", Object.keys(dataset)],
  ["includefield=all", Object.keys(dataset)],
  ["includefield=Modality,ALL", Object.keys(dataset)],
  ["includefield=", Object.keys(dataset)],
  ["includefield=Modality", [...identifiers, "00080060"]],
  ["IncludeField=00080060&includefield=00091001", [...identifiers, "00080060", "00091001"]],
  ["includefield=00080060%2C%20ReferencedImageSequence", [...identifiers, "00080060", "00081140"]],
  ["includefield=PatientName", identifiers],
  ["excludefield=ReferencedImageSequence,00091001", [...identifiers, "00080060"]],
  ["excludefield=SOPInstanceUID,Modality", [...identifiers, "00081140", "00091001"]],
])("%s leaves the attributes %j", (query, expected) => {
  expect(kept(query)).toEqual(expected.toSorted());
});

test.each([
  ["includefield=Nonsense", "includefield"],
  ["includefield=0008006", "includefield"],
  ["excludefield=0008,0060", "excludefield"],
  ["includefield=Modality&excludefield=PatientName", "exclude one another"],
  [`includefield=${"00080060,".repeat(1_001)}`, "1000 fields"],
])("%.40s is malformed", (query, detail) => {
  expect(() => kept(query)).toThrow(
    expect.objectContaining({
      kind: "malformed",
      detail: expect.stringContaining(detail) as unknown,
    }),
  );
});

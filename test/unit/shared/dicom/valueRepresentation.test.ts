import { expect, test } from "vitest";
import { lookupVR } from "../../../../shared/dicom/valueRepresentation.ts";

const every =
  "AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split(
    " ",
  );

test("all 34 VRs of PS3.5 are known, and no other", () => {
  expect(every.filter((vr) => lookupVR(vr)?.vr !== vr)).toEqual([]);
  expect(lookupVR("XX")).toBeUndefined();
  expect(lookupVR("us")).toBeUndefined();
});

test("the long form of the explicit length is that of PS3.5 Table 7.1-1", () => {
  expect(every.filter((vr) => lookupVR(vr)?.hasLongLength)).toEqual(
    "OB OD OF OL OV OW SQ SV UC UN UR UT UV".split(" "),
  );
});

test("Specific Character Set applies to the VRs of PS3.5 §6.1.2.3", () => {
  expect(every.filter((vr) => lookupVR(vr)?.isCharacterSetDependent)).toEqual(
    "LO LT PN SH ST UC UT".split(" "),
  );
});

test("a backslash does not separate values of ST, LT, UT and UR", () => {
  const single = every.filter(
    (vr) => lookupVR(vr)?.kind === "text" && !lookupVR(vr)?.isMultiValued,
  );
  expect(single).toEqual(["LT", "ST", "UR", "UT"]);
});

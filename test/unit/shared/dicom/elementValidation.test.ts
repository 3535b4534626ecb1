import { describe, expect, test } from "vitest";
import type { Dataset } from "../../../../shared/dicom/dataset.ts";
import {
  validateDataset,
  validateDatasetInSteps,
  validateElement,
  validateIndexedElement,
} from "../../../../shared/dicom/elementValidation.ts";
import {
  encodePart10,
  type TestElement,
  type TestValue,
} from "../../../support/dicom/dicomFile.ts";
import { readPart10 } from "../../../support/dicom/readPart10.ts";

async function datasetOf(...elements: TestElement[]): Promise<Dataset> {
  return (
    await readPart10(encodePart10({ elements: [["00080005", "CS", "ISO_IR 192"], ...elements] }))
  ).dataset;
}

async function reasonFor(
  vr: string,
  value: TestValue,
  isUnpadded = false,
): Promise<string | undefined> {
  const dataset = await datasetOf(["00091001", vr, value, { isUnpadded }]);
  const element = dataset.get(0x00091001);
  if (element === undefined) {
    throw new Error("the element was not read");
  }
  return validateElement(element, dataset);
}

describe("values that PS3.5 Table 6.2-1 allows", () => {
  test.each<[string, TestValue]>([
    ["AE", " STORE_SCP "],
    ["AS", "024Y"],
    ["AS", "001D"],
    ["AT", [0x00100010]],
    ["CS", "ORIGINAL_1 A"],
    ["CS", ["A", "", "B"]],
    ["DA", "20240229"],
    ["DS", "-1.25e-3"],
    ["DS", ["1", "2.5"]],
    ["DT", "2024"],
    ["DT", "20240229235960.123456-0330"],
    ["DT", "202402+1400"],
    ["FD", [1, 2]],
    ["IS", "-2147483648"],
    ["IS", " 12"],
    ["LO", "é".repeat(64)],
    ["LO", "𠮷".repeat(64)],
    ["LO", "padded\0\0"],
    ["LT", "tab\tline\r\nfeed\f"],
    ["PN", "A^B^C^D^E=F^G=H"],
    ["PN", `${"a".repeat(64)}=${"b".repeat(64)}`],
    ["SH", "sixteen chars ok"],
    ["TM", "10"],
    ["TM", "235960.1"],
    ["UI", "1.2.840"],
    ["UR", "https://a.example/b?c=d%20e"],
    ["UT", "anything\\at all"],
    ["US", [1, 2]],
    ["UN", Uint8Array.of(1)],
    ["LO", ""],
    ["DA", "  "],
  ])("%s %j", async (vr, value) => {
    expect(await reasonFor(vr, value)).toBeUndefined();
  });
});

describe("values that PS3.5 Table 6.2-1 does not allow", () => {
  test.each<[string, TestValue, RegExp]>([
    ["AE", "A".repeat(17), /16 characters/],
    ["AE", "tab\there", /character/],
    ["AS", "24Y", /age/],
    ["AS", "024X", /age/],
    ["CS", "lower", /character/],
    ["CS", ["OK", "A".repeat(17)], /16/],
    ["DA", "2024-02-29", /date/],
    ["DA", "20230229", /date/],
    ["DA", "20241301", /date/],
    ["DA", "19000229", /date/],
    ["DA", "NotADate", /date/],
    ["DS", "1,5", /decimal/],
    ["DS", "1.23456789012345678", /16/],
    ["DT", "2024022910111", /date and time/],
    ["DT", "20240229+1500", /date and time/],
    ["DT", "20240230", /date and time/],
    ["IS", "1.5", /integer/],
    ["IS", "2147483648", /integer/],
    ["LO", "a".repeat(65), /64/],
    ["LO", "a\0b", /control/],
    ["LO", "a\nb", /control/],
    ["LT", "a\0b", /control/],
    ["LT", "x".repeat(10_241), /10240/],
    ["PN", "a=b=c=d", /3 component groups/],
    ["PN", "a^b^c^d^e^f", /5 components/],
    ["PN", "a".repeat(65), /64/],
    ["PN", "a\tb", /control/],
    ["SH", "seventeen chars!!", /16/],
    ["ST", "x".repeat(1025), /1024/],
    ["TM", "2400", /time/],
    ["TM", "10:11:12", /time/],
    ["TM", "1", /time/],
    ["UI", "1.2.a", /UID/],
    ["UI", "1".repeat(65), /UID/],
    ["UR", "http://a b", /URI/],
  ])("%s %j", async (vr, value, expected) => {
    const reason = await reasonFor(vr, value);
    expect(reason).toMatch(expected);
    // The value itself would be patient data.
    expect(reason).not.toContain(String(value));
  });

  test.each(["US", "UL", "FD", "SV", "AT", "OW", "OF", "OD", "OV"])("%s of 3 bytes", async (vr) => {
    expect(await reasonFor(vr, new Uint8Array(3), true)).toMatch(/not a multiple/);
  });
});

describe("a data set", () => {
  test("lists what is invalid at any depth once, in the order of tags", async () => {
    const dataset = await datasetOf(
      ["00080020", "DA", "bad"],
      ["00080050", "SH", "fine"],
      ["00090010", "LO", "MAKER"],
      ["00091002", "DA", "bad"],
      [
        "00400275",
        "SQ",
        undefined,
        {
          items: [
            [],
            [
              ["00400007", "LO", "a\tb"],
              ["00400008", "SQ", undefined, { items: [[["00080100", "SH", "x".repeat(17)]]] }],
            ],
          ],
        },
      ],
      ["7FE00010", "OW", new Uint8Array(3), { isUnpadded: true }],
    );
    expect([...validateDataset(dataset)].map(({ path, isNested }) => [path, isNested])).toEqual([
      ["00080020", false],
      ["00091002", false],
      ["00400275/1/00400007", true],
      ["00400275/1/00400008/0/00080100", true],
      ["7FE00010", false],
    ]);
  });
});

test("a data set of many elements is validated in steps, which find as much as is asked for", async () => {
  const items = Array.from({ length: 9_000 }, (_, index): readonly TestElement[] => [
    ["00080060", "CS", index % 1_000 === 999 ? "lower" : "CT"],
  ]);
  const dataset = await datasetOf(["00081140", "SQ", undefined, { items }]);
  const all = [...validateDataset(dataset)];
  expect(all).toHaveLength(9);
  for (const most of [100, 4]) {
    const steps = validateDatasetInSteps(dataset, most);
    let count = 1;
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) {
      count += 1;
    }
    expect(step.value).toEqual(all.slice(0, most));
    expect(count).toBeGreaterThan(1);
  }
});

describe("indexed attributes", () => {
  async function indexed(
    tag: string,
    vr: string,
    value: TestValue,
    isNULPaddingAllowed = true,
  ): Promise<string | undefined> {
    const dataset = await datasetOf([tag, vr, value]);
    const element = dataset.get(Number.parseInt(tag, 16));
    if (element === undefined) {
      throw new Error("the element was not read");
    }
    return validateIndexedElement(element, dataset, { isNULPaddingAllowed });
  }

  test.each<[string, string, TestValue]>([
    ["00100020", "LO", "ID-1"],
    ["00100020", "LO", ""],
    ["00080020", "DA", "20240229"],
    ["00080030", "TM", "1011"],
    ["00080060", "CS", "lower case found"],
    ["00081030", "LO", ["one", "two".repeat(40)]],
    ["00100010", "PN", "A^B"],
    ["0020000D", "UI", "1.2.3"],
    ["00280010", "US", 5],
    ["00101010", "AS", "abcd"],
    ["00091001", "LO", "private"],
  ])("%s %s %j can be indexed", async (tag, vr, value) => {
    expect(await indexed(tag, vr, value)).toBeUndefined();
  });

  test.each<[string, string, TestValue, RegExp]>([
    ["00100020", "LO", "a".repeat(65), /64/],
    ["00100020", "LO", ["a", "b"], /backslash/],
    ["00100020", "LO", "a\x07b", /control/],
    ["00100020", "SH", "ID-1", /VR is not LO/],
    ["00080020", "DA", "2024", /date/],
    ["00080050", "SH", "a\0b", /control/],
    ["00080060", "CS", "A".repeat(17), /16/],
    ["00101010", "AS", "24Y", /4 characters/],
    ["0020000D", "UI", "1.2.x", /UID/],
    ["00200013", "IS", "x", /integer/],
  ])("%s %s %j cannot", async (tag, vr, value, expected) => {
    expect(await indexed(tag, vr, value)).toMatch(expected);
  });

  test("trailing NULs pass or not as asked, the one NUL of a UID always", async () => {
    expect(await indexed("00100020", "LO", "ID\0\0", true)).toBeUndefined();
    expect(await indexed("00100020", "LO", "ID\0\0", false)).toMatch(/padded with NUL/);
    expect(await indexed("0020000D", "UI", "1.2.3", false)).toBeUndefined();
    expect(await indexed("0020000D", "UI", "1.2.3\0\0\0", false)).toMatch(/padded with NUL/);
    expect(await indexed("0020000D", "UI", "1.2.3\0\0\0", true)).toBeUndefined();
  });
});

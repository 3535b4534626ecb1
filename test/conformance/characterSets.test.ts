// Character sets (PS3.3 §C.12.1.1.2, PS3.5 §6.1): a name of each defined term, alone and by ISO 2022 escapes, is stored, is
// Unicode in metadata as JSON and XML, and is found by itself.
import { describe, expect, test } from "vitest";
import { makeInstance } from "../support/dicom/dicomFile.ts";
import { dicomJson, DicomwebService, instancePath } from "../support/dicomwebService.ts";

const service = new DicomwebService();

/** Terms, the name in Unicode, and its bytes, which the codecs of Python made and not this project. */
const samples: readonly (readonly [
  title: string,
  specificCharacterSet: readonly string[],
  name: string,
  bytes: string,
])[] = [
  ["ISO_IR 100", ["ISO_IR 100"], "Müller^José", "4dfc6c6c65725e4a6f73e9"],
  ["ISO_IR 101", ["ISO_IR 101"], "Łukasz^Žofie", "a3756b61737a5eae6f666965"],
  ["ISO_IR 109", ["ISO_IR 109"], "Ħal^Ġorġ", "a1616c5ed56f72f5"],
  ["ISO_IR 110", ["ISO_IR 110"], "Ķēniņš^Jānis", "d3ba6e69f1b95e4ae06e6973"],
  ["ISO_IR 126", ["ISO_IR 126"], "Διονυσίου^Γιώργος", "c4e9efedf5f3dfeff55ec3e9fef1e3eff2"],
  ["ISO_IR 127", ["ISO_IR 127"], "قباني^لنزار", "e2c8c7e6ea5ee4e6d2c7d1"],
  ["ISO_IR 138", ["ISO_IR 138"], "שרון^דבורה", "f9f8e5ef5ee3e1e5f8e4"],
  ["ISO_IR 144", ["ISO_IR 144"], "Люксембург^Иван", "bbeedae1d5dcd1e3e0d35eb8d2d0dd"],
  ["ISO_IR 148", ["ISO_IR 148"], "Çavuşoğlu^Şükrü", "c7617675fe6ff06c755edefc6b72fc"],
  ["ISO_IR 166", ["ISO_IR 166"], "นามสกุล^ชื่อ", "b9d2c1caa1d8c55eaad7e8cd"],
  ["ISO_IR 203", ["ISO_IR 203"], "Œuvrard^Žan€", "bc7576726172645eb4616ea4"],
  ["ISO_IR 13", ["ISO_IR 13"], "ﾔﾏﾀﾞ^ﾀﾛｳ", "d4cfc0de5ec0dbb3"],
  ["ISO_IR 192", ["ISO_IR 192"], "Wang^小东 Zoë", "57616e675ee5b08fe4b89c205a6fc3ab"],
  ["GB18030", ["GB18030"], "Wang^小东 𠀀", "57616e675ed0a1b6ab2095328236"],
  ["GBK", ["GBK"], "王^小东", "cdf55ed0a1b6ab"],
  [
    "ISO 2022 IR 100 by its escape",
    ["", "ISO 2022 IR 100"],
    "Müller^José",
    "1b2d414dfc6c6c65725e1b2d414a6f73e9",
  ],
  [
    "ISO 2022 IR 101 by its escape",
    ["", "ISO 2022 IR 101"],
    "Łukasz^Žofie",
    "1b2d42a3756b61737a5e1b2d42ae6f666965",
  ],
  [
    "ISO 2022 IR 109 by its escape",
    ["", "ISO 2022 IR 109"],
    "Ħal^Ġorġ",
    "1b2d43a1616c5e1b2d43d56f72f5",
  ],
  [
    "ISO 2022 IR 110 by its escape",
    ["", "ISO 2022 IR 110"],
    "Ķēniņš^Jānis",
    "1b2d44d3ba6e69f1b95e1b2d444ae06e6973",
  ],
  [
    "ISO 2022 IR 126 by its escape",
    ["", "ISO 2022 IR 126"],
    "Διονυσίου^Γιώργος",
    "1b2d46c4e9efedf5f3dfeff55e1b2d46c3e9fef1e3eff2",
  ],
  [
    "ISO 2022 IR 127 by its escape",
    ["", "ISO 2022 IR 127"],
    "قباني^لنزار",
    "1b2d47e2c8c7e6ea5e1b2d47e4e6d2c7d1",
  ],
  [
    "ISO 2022 IR 138 by its escape",
    ["", "ISO 2022 IR 138"],
    "שרון^דבורה",
    "1b2d48f9f8e5ef5e1b2d48e3e1e5f8e4",
  ],
  [
    "ISO 2022 IR 144 by its escape",
    ["", "ISO 2022 IR 144"],
    "Люксембург^Иван",
    "1b2d4cbbeedae1d5dcd1e3e0d35e1b2d4cb8d2d0dd",
  ],
  [
    "ISO 2022 IR 148 by its escape",
    ["", "ISO 2022 IR 148"],
    "Çavuşoğlu^Şükrü",
    "1b2d4dc7617675fe6ff06c755e1b2d4ddefc6b72fc",
  ],
  [
    "ISO 2022 IR 166 by its escape",
    ["", "ISO 2022 IR 166"],
    "นามสกุล^ชื่อ",
    "1b2d54b9d2c1caa1d8c55e1b2d54aad7e8cd",
  ],
  [
    "ISO 2022 IR 203 by its escape",
    ["", "ISO 2022 IR 203"],
    "Œuvrard^Žan€",
    "1b2d62bc7576726172645e1b2d62b4616ea4",
  ],
  [
    "ISO 2022 IR 87 after the default",
    ["", "ISO 2022 IR 87"],
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "59616d6164615e5461726f753d1b24423b3345441b28425e1b244242404f3a1b28423d1b24422464245e24401b28425e1b2442243f246d24261b2842",
  ],
  [
    "ISO 2022 IR 13 and 87",
    ["ISO 2022 IR 13", "ISO 2022 IR 87"],
    "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "d4cfc0de5ec0dbb33d1b24423b3345441b284a5e1b244242404f3a1b284a3d1b24422464245e24401b284a5e1b2442243f246d24261b284a",
  ],
  [
    "ISO 2022 IR 159",
    ["", "ISO 2022 IR 87", "ISO 2022 IR 159"],
    "A^B=丂丄^山",
    "415e423d1b242844302130221b28425e1b24423b331b2842",
  ],
  [
    "ISO 2022 IR 149",
    ["", "ISO 2022 IR 149"],
    "Hong^Gildong=洪^吉洞=홍^길동",
    "486f6e675e47696c646f6e673d1b242943fbf35e1b242943d1ced4d73d1b242943c8ab5e1b242943b1e6b5bf",
  ],
  [
    "ISO 2022 IR 58",
    ["", "ISO 2022 IR 58"],
    "Zhang^XiaoDong=张^小东",
    "5a68616e675e5869616f446f6e673d1b242941d5c55e1b242941d0a1b6ab",
  ],
  [
    "ISO 2022 IR 100, 126 and 144 in one value",
    ["ISO 2022 IR 100", "ISO 2022 IR 126", "ISO 2022 IR 144"],
    "Buc^Jérôme Διονυσίου Люкс",
    "4275635e4ae972f46d65201b2d46c4e9efedf5f3dfeff5201b2d4cbbeedae1",
  ],
];

describe.each(samples)("%s", (_, specificCharacterSet, name, hex) => {
  const instance = makeInstance({
    elements: [
      ["00080005", "CS", specificCharacterSet],
      ["00100010", "PN", Buffer.from(hex, "hex")],
      ["00081030", "LO", "Plain"],
    ],
  });

  test("is stored byte for byte, and is Unicode in the metadata", async () => {
    const answer = await service.store([instance.bytes]);
    expect([answer.status, answer.text.includes("DICOM100")]).toEqual([200, false]);
    const file = await service.get(instancePath(instance), "application/dicom; transfer-syntax=*");
    expect(file.body.equals(instance.bytes)).toBe(true);
    const [metadata] = await service.metadata(instancePath(instance));
    const [Alphabetic, Ideographic, Phonetic] = name.split("=");
    expect(metadata?.["00100010"]).toEqual({
      vr: "PN",
      Value: [{ Alphabetic, Ideographic, Phonetic }],
    });
    const xml = await service.get(`${instancePath(instance)}/metadata`, "application/dicom+xml");
    for (const component of name.split(/[\^=]/)) {
      expect(xml.text).toContain(`>${component}<`);
    }
  });

  test("is found by each of its groups, and by none of another name", async () => {
    const { studyInstanceUID } = instance;
    const search = async (text: string): Promise<number> => {
      const query = new URLSearchParams({ StudyInstanceUID: studyInstanceUID, PatientName: text });
      return (await service.get(`studies?${query.toString()}`, dicomJson)).status;
    };
    for (const group of name.split("=")) {
      expect([group, await search(group)]).toEqual([group, 200]);
      expect([group, await search(`${group}x`)]).toEqual([group, 204]);
      expect(await search(`${group.slice(0, 2)}*`)).toBe(200);
    }
  });
});

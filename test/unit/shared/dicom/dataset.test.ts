import { describe, expect, test } from "vitest";
import {
  Dataset,
  type DicomElement,
  getNumbers,
  getString,
  getStrings,
  numberValues,
  parseDecimal,
  textValues,
} from "../../../../shared/dicom/dataset.ts";

function element(tag: number, vr: string, value: string | Uint8Array): DicomElement {
  const bytes = typeof value === "string" ? Buffer.from(value, "latin1") : value;
  return {
    tag,
    vr,
    bytes,
    offset: 0,
    length: bytes.length,
    items: undefined,
    hasFragments: false,
  };
}

function datasetOf(...elements: DicomElement[]): Dataset {
  const dataset = new Dataset(false);
  for (const one of elements) {
    dataset.set(one);
  }
  return dataset;
}

describe("a data set", () => {
  test("gives its elements in the order of tags, whatever order they came in", () => {
    const dataset = datasetOf(
      element(0x00200010, "SH", "1"),
      element(0x7fe00010, "OB", "2"),
      element(0x00080005, "CS", "3"),
    );
    expect([...dataset].map(({ tag }) => tag)).toEqual([0x00080005, 0x00200010, 0x7fe00010]);
    expect(dataset.size).toBe(3);
    expect(dataset.get(0x00200010)?.vr).toBe("SH");
    expect(dataset.get(0x00200011)).toBeUndefined();
  });

  test("keeps the last of elements with one tag", () => {
    const dataset = datasetOf(
      element(0x00100020, "LO", "first"),
      element(0x00100010, "PN", "other"),
      element(0x00100020, "LO", "second"),
      element(0x00100020, "LO", "third "),
    );
    expect(getString(dataset, 0x00100020)).toBe("third");
    expect(dataset.size).toBe(2);
  });

  test("an item inherits the character set around it and may have its own", () => {
    const outer = datasetOf(element(0x00080005, "CS", "ISO_IR 101"));
    const inner = new Dataset(false, outer);
    inner.set(element(0x00100010, "PN", "Wa\xb3\xeasa"));
    expect(getString(inner, 0x00100010)).toBe("Wałęsa");
    inner.set(element(0x00080005, "CS", "ISO_IR 100 "));
    expect(getString(inner, 0x00100010)).toBe("Wa³êsa");
    expect(inner.characterSets).toEqual(["ISO_IR 100"]);
    expect(outer.characterSets).toEqual(["ISO_IR 101"]);
  });
});

describe("text values", () => {
  const dataset = new Dataset(false);

  test.each([
    ["LO", "  a  ", ["  a"]],
    ["CS", " A ", ["A"]],
    ["UI", "1.2\0", ["1.2"]],
    ["LO", "a \0\0", ["a"]],
    ["DS", " 1.5 \\ 2 ", ["1.5", "2"]],
    ["LO", "a\\\\b", ["a", "", "b"]],
    ["LO", "a\\", ["a", ""]],
    ["LT", " a\\b ", [" a\\b"]],
    ["LO", "   ", []],
    ["LO", "", []],
    ["US", "ab", []],
  ])("%s %j is %j", (vr, text, expected) => {
    expect(textValues(element(0x00080000, vr, text), dataset)).toEqual(expected);
  });

  test("an absent or empty attribute has no string", () => {
    const filled = datasetOf(element(0x00100020, "LO", ""), element(0x00100021, "LO", "\\x"));
    expect(getString(filled, 0x00100020)).toBeUndefined();
    expect(getString(filled, 0x00100021)).toBeUndefined();
    expect(getStrings(filled, 0x00100021)).toEqual(["", "x"]);
    expect(getStrings(filled, 0x00100022)).toEqual([]);
  });
});

describe("numbers", () => {
  test("binary numbers follow the byte order of their data set", () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const little = new Dataset(false);
    const big = new Dataset(true);
    const values = (vr: string, dataset: Dataset): (number | bigint)[] =>
      numberValues(element(0x00280010, vr, bytes), dataset);
    expect(values("US", little)).toEqual([0x0201, 0x0403, 0x0605, 0x0807]);
    expect(values("US", big)).toEqual([0x0102, 0x0304, 0x0506, 0x0708]);
    expect(values("UL", big)).toEqual([0x01020304, 0x05060708]);
    expect(values("UV", big)).toEqual([0x0102030405060708n]);
    expect(values("SV", little)).toEqual([0x0807060504030201n]);
  });

  test("signs and floats are read, and a rest that is no whole value is left out", () => {
    const dataset = new Dataset(false);
    const read = (vr: string, bytes: Uint8Array): (number | bigint)[] =>
      numberValues(element(1, vr, bytes), dataset);
    expect(read("SS", Uint8Array.of(0xff, 0xff, 9))).toEqual([-1]);
    expect(read("SL", Uint8Array.of(0xfe, 0xff, 0xff, 0xff))).toEqual([-2]);
    expect(read("SV", new Uint8Array(8).fill(0xff))).toEqual([-1n]);
    expect(read("FL", new Uint8Array(Float32Array.of(1.5).buffer))).toEqual([1.5]);
    expect(read("FD", new Uint8Array(Float64Array.of(-0.1).buffer))).toEqual([-0.1]);
    expect(read("US", Uint8Array.of(1))).toEqual([]);
    expect(read("LO", Uint8Array.of(1, 2))).toEqual([]);
  });

  test("an attribute's numbers are binary or decimal text, and NaN where there is none", () => {
    const dataset = datasetOf(
      element(1, "IS", "12 \\x"),
      element(2, "US", Uint8Array.of(5, 0)),
      element(3, "UV", new Uint8Array(8).fill(0xff)),
    );
    expect(getNumbers(dataset, 1)).toEqual([12, Number.NaN]);
    expect(getNumbers(dataset, 2)).toEqual([5]);
    expect(getNumbers(dataset, 3)).toEqual([Number.NaN]);
    expect(getNumbers(dataset, 4)).toEqual([]);
  });

  test.each([
    ["1", 1],
    ["-1.50", -1.5],
    ["+.5", 0.5],
    ["5.", 5],
    ["1e3", 1000],
    ["-1.2E-2", -0.012],
  ])("%s is the number %d", (text, expected) => {
    expect(parseDecimal(text)).toBe(expected);
  });

  test.each(["", ".", "1,5", "0x10", "1e", "Infinity", "NaN", "1e999", "1 2", "--1"])(
    "%j is no decimal number",
    (text) => {
      expect(parseDecimal(text)).toBeUndefined();
    },
  );
});

import { describe, expect, test } from "vitest";
import { decodeText } from "../../../../shared/dicom/characterSets.ts";

/** Bytes from hexadecimal digits and, in quotation marks, ASCII; ESC is 1B. */
function bytesOf(notation: string): Uint8Array {
  const pieces = notation.match(/"[^"]*"|[0-9A-Fa-f]{2}/g) ?? [];
  return Buffer.concat(
    pieces.map((piece) =>
      piece.startsWith('"') ? Buffer.from(piece.slice(1, -1), "latin1") : Buffer.from(piece, "hex"),
    ),
  );
}

describe("one sample for each defined term of PS3.3 §C.12.1.1.2", () => {
  test.each([
    ["", '"Doe^Jane"', "Doe^Jane"],
    ["ISO_IR 6", '"Doe^Jane"', "Doe^Jane"],
    ["ISO_IR 100", '"Buc^J" E9 "r" F4 "me"', "Buc^Jérôme"],
    ["ISO_IR 101", '"Wa" B3 EA "sa"', "Wałęsa"],
    ["ISO_IR 109", 'C6 "u " F8 "i"', "Ĉu ĝi"],
    ["ISO_IR 110", 'C0 "da^" A9 "ime"', "Āda^Šime"],
    ["ISO_IR 144", "BB EE DA 63 65 DC D1 79 70 D3", "Люкceмбypг"],
    ["ISO_IR 127", "E2 C8 C7 E6 EA 5E E4 E6 D2 C7 D1", "قباني^لنزار"],
    ["ISO_IR 126", "C4 E9 EF ED F5 F3 E9 EF F2", "Διονυσιος"],
    ["ISO_IR 138", "F9 F8 E5 EF 5E E3 E1 E5 F8 E4", "שרון^דבורה"],
    ["ISO_IR 148", 'C7 "avu" FE "o" F0 "lu"', "Çavuşoğlu"],
    ["ISO_IR 203", '"10 " A4 " " A6 "koda " BC', "10 € Škoda Œ"],
    ["ISO_IR 13", "D4 CF C0 DE 5E C0 DB B3", "ﾔﾏﾀﾞ^ﾀﾛｳ"],
    ["ISO_IR 166", "B9 D2 C1 CA A1 D8 C5", "นามสกุล"],
    ["ISO_IR 192", '"Wang^XiaoDong=" E7 8E 8B 5E E5 B0 8F E4 B8 9C', "Wang^XiaoDong=王^小东"],
    ["GB18030", '"Wang^XiaoDong=" CD F5 5E D0 A1 B6 AB', "Wang^XiaoDong=王^小东"],
    ["GBK", '"Wang^XiaoDong=" CD F5 5E D0 A1 B6 AB', "Wang^XiaoDong=王^小东"],
    ["ISO 2022 IR 6", '"Doe^Jane"', "Doe^Jane"],
    ["ISO 2022 IR 100", '"Buc^J" E9 "r" F4 "me"', "Buc^Jérôme"],
    ["ISO 2022 IR 101", '"Wa" B3 EA "sa"', "Wałęsa"],
    ["ISO 2022 IR 109", 'C6 "u " F8 "i"', "Ĉu ĝi"],
    ["ISO 2022 IR 110", 'C0 "da^" A9 "ime"', "Āda^Šime"],
    ["ISO 2022 IR 144", "BB EE DA", "Люк"],
    ["ISO 2022 IR 127", "E2 C8 C7", "قبا"],
    ["ISO 2022 IR 126", "C4 E9 EF", "Διο"],
    ["ISO 2022 IR 138", "F9 F8 E5", "שרו"],
    ["ISO 2022 IR 148", "C7 FE F0", "Çşğ"],
    ["ISO 2022 IR 203", "A4", "€"],
    ["ISO 2022 IR 13", "D4 CF C0 DE", "ﾔﾏﾀﾞ"],
    ["ISO 2022 IR 166", "B9 D2 C1", "นาม"],
  ])("%s: %s is %s", (term, notation, expected) => {
    expect(decodeText(bytesOf(notation), term === "" ? [] : [term], "PN")).toEqual([expected]);
  });

  test.each([
    ["ISO 2022 IR 100", '1B 2D 41 "J" E9', "Jé"],
    ["ISO 2022 IR 101", "1B 2D 42 B3 EA", "łę"],
    ["ISO 2022 IR 109", "1B 2D 43 C6 F8", "Ĉĝ"],
    ["ISO 2022 IR 110", "1B 2D 44 C0 A9", "ĀŠ"],
    ["ISO 2022 IR 144", "1B 2D 4C BB EE DA", "Люк"],
    ["ISO 2022 IR 127", "1B 2D 47 E2 C8 C7", "قبا"],
    ["ISO 2022 IR 126", "1B 2D 46 C4 E9 EF", "Διο"],
    ["ISO 2022 IR 138", "1B 2D 48 F9 F8 E5", "שרו"],
    ["ISO 2022 IR 148", "1B 2D 4D C7 FE F0", "Çşğ"],
    ["ISO 2022 IR 203", "1B 2D 62 A4", "€"],
    ["ISO 2022 IR 166", "1B 2D 54 B9 D2 C1", "นาม"],
    ["ISO 2022 IR 13", "1B 29 49 D4 CF", "ﾔﾏ"],
    ["ISO 2022 IR 87", "1B 24 42 3B 33 45 44 1B 28 42", "山田"],
    ["ISO 2022 IR 159", "1B 24 28 44 30 21 30 22 1B 28 42", "丂丄"],
    ["ISO 2022 IR 149", "1B 24 29 43 C8 AB B1 E6 B5 BF", "홍길동"],
    ["ISO 2022 IR 58", "1B 24 29 41 D5 C5 D0 A1 B6 AB", "张小东"],
  ])(
    "after an empty first value, %s is switched to by its escape sequence",
    (term, notation, expected) => {
      expect(decodeText(bytesOf(`"A" ${notation}`), ["", term], "LO")).toEqual([`A${expected}`]);
    },
  );
});

describe("the examples of PS3.5 Annexes H, I and K", () => {
  test("H.3.1: Japanese in ASCII, kanji and kana", () => {
    const bytes = bytesOf(
      '"Yamada^Tarou=" 1B 24 42 3B 33 45 44 1B 28 42 "^" 1B 24 42 42 40 4F 3A 1B 28 42 "=" ' +
        '1B 24 42 24 64 24 5E 24 40 1B 28 42 "^" 1B 24 42 24 3F 24 6D 24 26 1B 28 42',
    );
    expect(decodeText(bytes, ["", "ISO 2022 IR 87"], "PN")).toEqual([
      "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ]);
  });

  test("H.3.2: Japanese in half-width katakana, kanji and kana", () => {
    const bytes = bytesOf(
      'D4 CF C0 DE "^" C0 DB B3 "=" 1B 24 42 3B 33 45 44 1B 28 4A "^" 1B 24 42 42 40 4F 3A 1B 28 4A "=" ' +
        '1B 24 42 24 64 24 5E 24 40 1B 28 4A "^" 1B 24 42 24 3F 24 6D 24 26 1B 28 4A',
    );
    expect(decodeText(bytes, ["ISO 2022 IR 13", "ISO 2022 IR 87"], "PN")).toEqual([
      "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ]);
  });

  test("I.2: Korean, whose set is designated anew after each delimiter", () => {
    const bytes = bytesOf(
      '"Hong^Gildong=" 1B 24 29 43 FB F3 "^" 1B 24 29 43 D1 CE D4 D7 "=" 1B 24 29 43 C8 AB "^" 1B 24 29 43 B1 E6 B5 BF',
    );
    expect(decodeText(bytes, ["", "ISO 2022 IR 149"], "PN")).toEqual([
      "Hong^Gildong=洪^吉洞=홍^길동",
    ]);
  });

  test("K.2: Chinese in GB 2312", () => {
    const bytes = bytesOf('"Zhang^XiaoDong=" 1B 24 29 41 D5 C5 "^" 1B 24 29 41 D0 A1 B6 AB "="');
    expect(decodeText(bytes, ["", "ISO 2022 IR 58"], "PN")).toEqual(["Zhang^XiaoDong=张^小东="]);
  });

  test("several sets in one value", () => {
    const bytes = bytesOf('"J" E9 " " 1B 24 42 3B 33 1B 28 42 " " 1B 2D 4C BB EE');
    expect(
      decodeText(bytes, ["ISO 2022 IR 100", "ISO 2022 IR 87", "ISO 2022 IR 144"], "LO"),
    ).toEqual(["Jé 山 Лю"]);
  });
});

describe("delimiters", () => {
  test("a byte 5C inside a double-byte character separates nothing", () => {
    // JIS X 0208 has it as the second byte of 215C and 305C.
    const bytes = bytesOf('1B 24 42 21 5C 30 5C 1B 28 42 "\\B"');
    expect(decodeText(bytes, ["", "ISO 2022 IR 87"], "LO")).toEqual(["＋移", "B"]);
    // GBK and GB18030 have it as a second byte.
    expect(decodeText(bytesOf('81 5C "\\" 81 5C'), ["GBK"], "LO")).toEqual(["乗", "乗"]);
    expect(decodeText(bytesOf('81 5C "\\" 81 5C'), ["GB18030"], "SH")).toEqual(["乗", "乗"]);
  });

  test("bytes 5E and 3D inside a kanji delimit no name", () => {
    const bytes = bytesOf("1B 24 42 30 5E 3D 3D 1B 28 42");
    expect(decodeText(bytes, ["", "ISO 2022 IR 87"], "PN")).toEqual(["緯十"]);
  });

  test.each([
    ["09", "\t"],
    ["0A", "\n"],
    ["0C", "\f"],
    ["0D", "\r"],
  ])("the initial set is in force again after control character %s", (hex, character) => {
    const bytes = bytesOf(`1B 24 42 3B 33 ${hex} "AB"`);
    expect(decodeText(bytes, ["", "ISO 2022 IR 87"], "LT")).toEqual([`山${character}AB`]);
  });

  test("a backslash of a multi-valued VR resets the sets, and of a single-valued one is text", () => {
    const bytes = bytesOf('1B 2D 4C BB "\\" C9');
    expect(decodeText(bytes, ["ISO 2022 IR 100", "ISO 2022 IR 144"], "LO")).toEqual(["Л", "É"]);
    expect(decodeText(bytes, ["ISO 2022 IR 100", "ISO 2022 IR 144"], "LT")).toEqual(["Л\\Щ"]);
  });

  test("caret and equals sign reset the sets in a name only", () => {
    const bytes = bytesOf('1B 2D 4C BB "^" C9');
    expect(decodeText(bytes, ["ISO 2022 IR 100", "ISO 2022 IR 144"], "PN")).toEqual(["Л^É"]);
    expect(decodeText(bytes, ["ISO 2022 IR 100", "ISO 2022 IR 144"], "LO")).toEqual(["Л^Щ"]);
  });

  test("ISO-IR 14 has a yen sign and an overline, but its 5C still separates values", () => {
    expect(decodeText(bytesOf('"a~\\b"'), ["ISO_IR 13"], "LO")).toEqual(["a‾", "b"]);
    expect(decodeText(bytesOf('"a\\b"'), ["ISO_IR 13"], "LT")).toEqual(["a¥b"]);
  });
});

describe("what files get wrong", () => {
  test("an undeclared or unknown set is UTF-8 if it can be, and else ISO 8859-1", () => {
    for (const sets of [[], [""], ["ISO_IR 999"], ["nonsense"]]) {
      expect(decodeText(bytesOf("C3 A9"), sets, "LO"), sets.join()).toEqual(["é"]);
      expect(decodeText(bytesOf("E9"), sets, "LO"), sets.join()).toEqual(["é"]);
    }
  });

  test("VRs of the default repertoire do not depend on the set", () => {
    expect(decodeText(bytesOf('"A~B"'), ["ISO_IR 13"], "CS")).toEqual(["A~B"]);
    expect(decodeText(bytesOf("C3 A9"), ["ISO_IR 101"], "CS")).toEqual(["é"]);
  });

  test.each(["ISO IR 192", "ISO-IR 192", "UTF-8", "ISO_IR_192", "ISO 2022 IR 192"])(
    "the spelling %s is understood",
    (term) => {
      expect(decodeText(bytesOf("C3 A9"), [term], "LO")).toEqual(["é"]);
    },
  );

  test.each(["ISO IR 100", "ISO-IR 100", "ISO_IR_100"])("the spelling %s is understood", (term) => {
    expect(decodeText(bytesOf("C3 A9"), [term], "LO")).toEqual(["Ã©"]);
  });

  test("bytes that the set does not assign become replacement characters, halves of characters too", () => {
    expect(decodeText(bytesOf('"a" FF "b"'), ["ISO_IR 192"], "LO")).toEqual(["a\ufffdb"]);
    expect(decodeText(bytesOf("E0"), ["ISO_IR 13"], "LO")).toEqual(["\ufffd"]);
    expect(decodeText(bytesOf("1B 24 42 3B 33 45"), ["", "ISO 2022 IR 87"], "LO")).toEqual([
      "山\ufffd",
    ]);
  });

  test("an escape sequence of no known set stays visible", () => {
    expect(decodeText(bytesOf('1B 28 5A "x"'), ["ISO 2022 IR 100"], "LO")).toEqual(["\u001b(Zx"]);
    expect(decodeText(bytesOf('"x" 1B'), ["ISO 2022 IR 100"], "LO")).toEqual(["x\u001b"]);
  });

  test("a byte order mark is a character like any", () => {
    expect(decodeText(bytesOf('EF BB BF "x"'), ["ISO_IR 192"], "LO")).toEqual(["\ufeffx"]);
    expect(decodeText(bytesOf('EF BB BF "x"'), [], "LO")).toEqual(["\ufeffx"]);
  });

  test("empty bytes are one empty value", () => {
    for (const sets of [[], ["ISO_IR 192"], ["ISO_IR 13"], ["", "ISO 2022 IR 87"]]) {
      expect(decodeText(new Uint8Array(0), sets, "LO")).toEqual([""]);
    }
  });
});

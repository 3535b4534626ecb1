/** Pixels that a character is wide and high; lines and characters are one more apart. */
export const glyphSize: { readonly width: 5; readonly height: 7 } = { width: 5, height: 7 };

// Printable ASCII from the space on. A character is seven rows from the top, a row is one digit of base 32: its five bits
// are pixels, the leftmost in the highest.
const glyphs: readonly string[] = (
  "0000000 4444404 AAA0000 AAVAVAA 4FKE5U4 OP248J3 CIK8LID 4480000 2488842 8422248 04LEL40 044V440 " +
  "0000C48 000V000 00000CC 01248G0 EHJLPHE 4C4444E EH1248V V2421HE 26AIV22 VGU11HE 68GUHHE V124888 " +
  "EHHEHHE EHHF12C 0CC0CC0 0CC0C48 248G842 00V0V00 8421248 EH12404 EH1DLLE EHHVHHH UHHUHHU EHGGGHE " +
  "SIHHHIS VGGUGGV VGGUGGG EHGNHHF HHHVHHH E44444E 72222IC HIKOKIH GGGGGGV HRLLHHH HHPLJHH EHHHHHE " +
  "UHHUGGG EHHHLID UHHUKIH FGGE11U V444444 HHHHHHE HHHHHA4 HHHLLLA HHA4AHH HHHA444 V1248GV E88888E " +
  "0G84210 E22222E 4AH0000 000000V 8420000 00E1FHF GGMPHHU 00EGGHE 11DJHHF 00EHVGE 698S888 00FHF1E " +
  "GGMPHHH 40C444E 20622IC GGIKOKI C44444E 00QLLHH 00MPHHH 00EHHHE 00UHUGG 00DJF11 00MPGGG 00EGE1U " +
  "88S8896 00HHHJD 00HHHA4 00HHLLA 00HA4AH 00HHF1E 00V248V 2448442 4444444 8442448 008L200"
).split(" ");

/** Stands for what has no glyph. */
const box = "VHHHHHV";

/** Letters that Unicode does not take apart into a letter and its mark. */
const substitutes: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ß: "ss",
    æ: "ae",
    Æ: "AE",
    œ: "oe",
    Œ: "OE",
    ø: "o",
    Ø: "O",
    ł: "l",
    Ł: "L",
    đ: "d",
    Đ: "D",
    ð: "d",
    Ð: "D",
    þ: "th",
    Þ: "Th",
    ı: "i",
    "°": "deg",
    µ: "u",
    "–": "-",
    "—": "-",
    "’": "'",
  }),
);

/**
 * The rows of pixels of each character of a text, from the top, five bits each, the leftmost the highest.
 *
 * There are glyphs for ASCII. Letters with marks lose them (`é` is `e`), a few others are spelled out (`ß` is `ss`), and
 * each character of another script is a box, so that nobody takes what is missing for what is there.
 */
export function glyphsOf(text: string): number[][] {
  return Array.from(text.normalize("NFD").replaceAll(/\p{M}/gu, "")).flatMap((character) =>
    Array.from(substitutes.get(character) ?? character).map((one) => {
      const rows = glyphs[(one.codePointAt(0) ?? 0) - 0x20] ?? box;
      return Array.from(rows).map((digit) => Number.parseInt(digit, 32));
    }),
  );
}

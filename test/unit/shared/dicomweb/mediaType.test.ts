import { describe, expect, test } from "vitest";
import { parseAccept, parseMediaType } from "../../../../shared/dicomweb/mediaType.ts";

/** An entry as one line: type;name=value;… q=quality. */
function show(headerValues: string[], acceptQuery?: string): string[] {
  return parseAccept(headerValues, acceptQuery).map(({ type, parameters, quality }) =>
    [type, ...[...parameters].filter(([name]) => name !== "q").map((pair) => pair.join("="))]
      .join(";")
      .concat(quality === 1 ? "" : ` q=${quality}`),
  );
}

const octets = "multipart/related;type=application/octet-stream;transfer-syntax=*";

describe("Accept headers of real clients", () => {
  test.each([
    [
      "OHIF, frames",
      'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
      [octets],
    ],
    [
      "OHIF, frames, without quotation marks",
      "multipart/related; type=application/octet-stream; transfer-syntax=*",
      [octets],
    ],
    [
      "OHIF, metadata, two headers in one",
      'application/dicom+json, multipart/related; type="application/octet-stream"; transfer-syntax="*"',
      ["application/dicom+json", octets],
    ],
    [
      "dicom-microscopy-viewer, frames",
      'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50, multipart/related; type="application/octet-stream"; transfer-syntax=*',
      ["multipart/related;type=image/jpeg;transfer-syntax=1.2.840.10008.1.2.4.50", octets],
    ],
    [
      "the Azure cURL tutorial, study",
      'multipart/related; type="application/dicom"; transfer-syntax=*',
      ["multipart/related;type=application/dicom;transfer-syntax=*"],
    ],
    [
      "the Azure cURL tutorial, instance",
      "application/dicom; transfer-syntax=*",
      ["application/dicom;transfer-syntax=*"],
    ],
    [
      "a browser",
      "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
      [
        "text/html",
        "application/xhtml+xml",
        "image/avif",
        "image/webp",
        "application/xml q=0.9",
        "*/* q=0.8",
      ],
    ],
    ["curl", "*/*", ["*/*"]],
    [
      "java.net",
      "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
      ["text/html", "image/gif", "image/jpeg", "*/*"],
    ],
  ])("%s", (_, header, expected) => {
    expect(show([header])).toEqual(expected);
  });
});

describe("parseAccept", () => {
  test("several headers count as one", () => {
    expect(show(["application/json;q=0.5", "application/dicom+json"])).toEqual([
      "application/dicom+json",
      "application/json q=0.5",
    ]);
  });

  test("no header, and an empty one, accept everything", () => {
    for (const headers of [[], [""], [" ", ","]]) {
      expect(show(headers)).toEqual(["*/*"]);
    }
  });

  test("a header of rubbish accepts nothing, and rubbish beside an entry is ignored", () => {
    for (const rubbish of [
      "json",
      "/",
      "a/",
      "/b",
      ";q=1",
      "a b/c",
      '"application/json"',
      "a/b/c",
      "é/x",
    ]) {
      expect(show([rubbish])).toEqual([]);
      expect(show([`${rubbish}, image/png`])).toEqual(["image/png"]);
    }
  });

  test("weights order, zero stays, and a weight that cannot be read counts as one", () => {
    expect(show(["a/a;q=0, b/b;q=0.25, c/c;q=7, d/d;q=high, e/e;Q=0.5, f/f;q=-1, g/g;q="])).toEqual(
      ["c/c", "d/d", "f/f", "g/g", "e/e q=0.5", "b/b q=0.25", "a/a q=0"],
    );
  });

  test("the query parameter replaces the headers, even where its plus sign has become a space", () => {
    expect(show(["application/dicom+json"], "image/jpeg")).toEqual(["image/jpeg"]);
    expect(show(["image/jpeg"], "application/dicom json")).toEqual(["application/dicom+json"]);
    expect(show(["image/jpeg"], "a/b;q=0.1, application/dicom json; q=0.5")).toEqual([
      "application/dicom+json q=0.5",
      "a/b q=0.1",
    ]);
    expect(show(["image/jpeg"], "")).toEqual(["image/jpeg"]);
    expect(show(["image/jpeg"], "rubbish")).toEqual([]);
  });

  test("no more than a hundred entries are read", () => {
    expect(show(["a/b,".repeat(100_000)])).toHaveLength(100);
  });
});

describe("parseMediaType", () => {
  test("names are in lower case, values are kept, the first of two counts", () => {
    const mediaType = parseMediaType(
      ' Multipart/Related ;TYPE = "Application/DICOM" ; Boundary=aB;boundary=c',
    );
    expect(mediaType?.type).toBe("multipart/related");
    expect([...(mediaType?.parameters ?? [])]).toEqual([
      ["type", "Application/DICOM"],
      ["boundary", "aB"],
    ]);
  });

  test("separators inside quotation marks belong to the value, and escapes are taken away", () => {
    const parameters = parseMediaType(String.raw`a/b; x="1;2,3=\"4\"\\"; y=5`)?.parameters;
    expect(parameters?.get("x")).toBe(String.raw`1;2,3="4"\ `.trimEnd());
    expect(parameters?.get("y")).toBe("5");
  });

  test("parameters that cannot be read are left out", () => {
    for (const text of ['a/b; x="1', 'a/b; x=1"', 'a/b; x="1"2', "a/b; x", "a/b; =1", "a/b;;"]) {
      expect(parseMediaType(text)).toEqual({ type: "a/b", parameters: new Map() });
    }
  });

  test("text without a type is no media type", () => {
    for (const text of ["", " ", "a", "a/", ";", "a/b c/d", "a,b/c"]) {
      expect(parseMediaType(text)).toBeUndefined();
    }
  });
});

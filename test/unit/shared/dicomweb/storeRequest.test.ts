import { expect, test } from "vitest";
import { isDicomPart, parseStoreContentType } from "../../../../shared/dicomweb/storeRequest.ts";

test.each([
  ['multipart/related; type="application/dicom"; boundary=abc', "abc"],
  ['multipart/related; type=application/dicom; boundary="a b;c"', "a b;c"],
  ['Multipart/Related; Boundary=abc; Type="APPLICATION/DICOM"', "abc"],
  ["multipart/related; boundary=abc", "abc"],
  ['multipart/related; type="application/dicom"', undefined],
  ["multipart/related", undefined],
  ['multipart/related; type="application/dicom"; start="<1>"; boundary=abc', "abc"],
  [
    'multipart/related; type="application/dicom; transfer-syntax=1.2.840.10008.1.2.1"; boundary=abc',
    "abc",
  ],
  [
    'multipart/related; type="application/dicom"; boundary=------------------------38d2ddc420fb4da7',
    "------------------------38d2ddc420fb4da7",
  ],
])("Content-Type %s is a multipart Store request", (contentType, boundary) => {
  expect(parseStoreContentType(contentType)).toEqual({ form: "multipart", boundary });
});

test.each([
  "application/dicom",
  "Application/DICOM",
  "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90",
  " application/dicom ; x=y",
])("Content-Type %s is a Store request of one instance", (contentType) => {
  expect(parseStoreContentType(contentType)).toEqual({ form: "single" });
});

test.each([
  undefined,
  "",
  "rubbish",
  "application/json",
  "application/dicom+json",
  "application/octet-stream",
  "multipart/form-data; boundary=abc",
  "multipart/mixed; boundary=abc",
  'multipart/related; type="application/dicom+json"; boundary=abc',
  'multipart/related; type="application/dicom+xml"; boundary=abc',
  'multipart/related; type=""; boundary=abc',
  "*/*",
])("Content-Type %s is an unsupported media type", (contentType) => {
  expect(() => parseStoreContentType(contentType)).toThrow(
    expect.objectContaining({ kind: "unsupportedMediaType" }),
  );
});

test.each([
  ["application/dicom", true],
  ["APPLICATION/DICOM", true],
  ["application/dicom; transfer-syntax=1.2.840.10008.1.2.1", true],
  ["", true],
  [undefined, true],
  ["application/octet-stream", false],
  ["application/dicom+json", false],
  ["text/plain", false],
  ["rubbish", false],
])("a part of type %s is read as DICOM: %s", (contentType, expected) => {
  const headers = new Map(contentType === undefined ? [] : [["content-type", contentType]]);
  expect(isDicomPart(headers)).toBe(expected);
});

import { expect, test } from "vitest";
import {
  encodeClosingBoundary,
  encodeMultipartContentType,
  encodePartHeader,
} from "../../../../shared/dicomweb/multipartWriter.ts";

test("a body is the part headers, the contents and the closing boundary, byte for byte", () => {
  const contentType = "application/dicom; transfer-syntax=1.2.840.10008.1.2.1";
  const body = Buffer.concat([
    encodePartHeader("7f3a", { contentType }, true),
    Buffer.from("A"),
    encodePartHeader("7f3a", { contentType, contentLocation: "https://h/v2/studies/1" }, false),
    Buffer.from("B"),
    encodeClosingBoundary("7f3a"),
  ]);
  expect(body.toString()).toBe(
    "--7f3a\r\n" +
      "Content-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n\r\nA\r\n" +
      "--7f3a\r\n" +
      "Content-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n" +
      "Content-Location: https://h/v2/studies/1\r\n\r\nB\r\n" +
      "--7f3a--\r\n",
  );
});

test("the Content-Type of a multipart body quotes its type", () => {
  expect(encodeMultipartContentType("application/octet-stream", "7f3a")).toBe(
    'multipart/related; type="application/octet-stream"; boundary=7f3a',
  );
});

test("a line break cannot be smuggled into a header, nor a boundary that would need quoting", () => {
  const contentType = "application/dicom";
  expect(() => encodePartHeader("b", { contentType: "a/b\r\nX: 1" }, true)).toThrow(/ASCII/);
  expect(() => encodePartHeader("b", { contentType, contentLocation: "/\n" }, true)).toThrow();
  expect(() => encodeMultipartContentType("a/b\r\n", "b")).toThrow(/ASCII/);
  for (const boundary of ["", "a b", "a\r\n", 'a"', "b".repeat(71)]) {
    expect(() => encodePartHeader(boundary, { contentType }, true)).toThrow(/boundary/);
    expect(() => encodeClosingBoundary(boundary)).toThrow(/boundary/);
    expect(() => encodeMultipartContentType("a/b", boundary)).toThrow(/boundary/);
  }
});

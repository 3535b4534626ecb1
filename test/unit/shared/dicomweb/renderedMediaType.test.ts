import { describe, expect, test } from "vitest";
import { parseAccept } from "../../../../shared/dicomweb/mediaType.ts";
import {
  acceptedRendered,
  imageMediaTypes,
  requireRendered,
} from "../../../../shared/dicomweb/renderedMediaType.ts";

function accepted(accept: string, offered: readonly string[] = imageMediaTypes): string[] {
  return acceptedRendered(parseAccept([accept]), offered).map(({ mediaType, form }) =>
    form === "single" ? mediaType : `multipart ${mediaType}`,
  );
}

describe("of images, a request with the Accept header", () => {
  test.each([
    ["", "image/jpeg"],
    ["*/*", "image/jpeg"],
    ["image/*", "image/jpeg"],
    ["image/png", "image/png"],
    ["image/png, image/jpeg", "image/png"],
    ["image/png;q=0.5, image/jpeg;q=0.9", "image/jpeg"],
    ["image/jpeg;q=0, image/*", "image/png"],
    ["image/jpeg;q=0, */*", "image/png"],
    ["text/html, image/avif, image/*;q=0.8, */*;q=0.5", "image/jpeg"],
    ["application/json, */*;q=0.1", "image/jpeg"],
    ["image/webp, image/gif", "image/gif"],
    ['multipart/related; type="image/png"', "multipart image/png"],
    ['multipart/related; type="image/*"', "multipart image/jpeg"],
    ['image/png;q=0.3, multipart/related; type="image/jpeg"', "multipart image/jpeg"],
  ])("%j is answered with %s", (accept, expected) => {
    expect(accepted(accept)[0]).toBe(expected);
  });

  test.each(["image/bmp", "text/html", "multipart/related", 'multipart/related; type="text/html"'])(
    "%j takes none",
    (accept) => {
      expect(accepted(accept)).toEqual([]);
    },
  );

  test("of everything takes single bodies rather than parts", () => {
    expect(accepted("*/*")).toEqual([
      ...imageMediaTypes,
      ...imageMediaTypes.map((mediaType) => `multipart ${mediaType}`),
    ]);
  });
});

test("what can never be met is known before anything is looked up", () => {
  const require = (accept: string, isThumbnail: boolean) => (): void => {
    requireRendered(parseAccept([accept]), isThumbnail);
  };
  expect(require("application/pdf", false)).not.toThrow();
  expect(require("video/mp4", false)).not.toThrow();
  expect(require("text/html", false)).not.toThrow();
  expect(require("text/html", true)).toThrow("image/jpeg");
  expect(require("application/dicom", false)).toThrow("image/jpeg");
});

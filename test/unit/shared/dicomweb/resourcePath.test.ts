import { expect, test } from "vitest";
import { parseInstancePath, parseResourcePath } from "../../../../shared/dicomweb/resourcePath.ts";

const study = { studyInstanceUID: "1.2.3" };
const series = { ...study, seriesInstanceUID: "4.5.6" };
const instance = { ...series, sopInstanceUID: "7.8.9" };

test.each([
  ["studies/1.2.3", study],
  ["studies/1.2.3/metadata", study],
  ["studies/1.2.3/series", study],
  ["studies/1.2.3/instances", study],
  ["studies/1.2.3/series/4.5.6", series],
  ["studies/1.2.3/Series/4.5.6/metadata", series],
  ["studies/1.2.3/series/4.5.6/instances", series],
  ["studies/1.2.3/series/4.5.6/instances/7.8.9", instance],
  ["studies/1.2.3/series/4.5.6/Instances/7.8.9/frames/1", instance],
])("%s names what stands before its last word", (path, expected) => {
  expect(parseResourcePath(path.split("/"))).toEqual(expected);
});

test.each([
  ["studies", "StudyInstanceUID"],
  ["studies//series/4.5.6", "StudyInstanceUID"],
  ["studies/1.2.3/series//instances/7.8.9", "SeriesInstanceUID"],
  ["studies/1.2.3/series/abc", "SeriesInstanceUID"],
  ["studies/1.2.3/series/4.5.6/instances/1.-2", "SOPInstanceUID"],
])("%s is malformed, and the problem names %s", (path, name) => {
  expect(() => parseResourcePath(path.split("/"))).toThrow(
    expect.objectContaining({ kind: "malformed", detail: expect.stringContaining(name) as string }),
  );
});

test("a path that has to name an instance and does not is not found", () => {
  expect(parseInstancePath("studies/1.2.3/series/4.5.6/instances/7.8.9".split("/"))).toEqual(
    instance,
  );
  expect(() => parseInstancePath("studies/1.2.3/series/4.5.6".split("/"))).toThrow(
    expect.objectContaining({ kind: "notFound" }),
  );
});

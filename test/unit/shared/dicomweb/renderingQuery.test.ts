import { describe, expect, test } from "vitest";
import {
  parseRenderingQuery,
  type RenderingQuery,
} from "../../../../shared/dicomweb/renderingQuery.ts";

function parsed(query: string, isThumbnail = false): RenderingQuery {
  return parseRenderingQuery(new URLSearchParams(query), isThumbnail);
}

const nothing: RenderingQuery = {
  quality: undefined,
  window: undefined,
  viewport: undefined,
  annotations: [],
  hasUnknownAnnotations: false,
  iccProfile: undefined,
};

test("a query that says nothing of rendering asks for nothing", () => {
  expect(parsed("")).toEqual(nothing);
  expect(parsed("accept=image/png&foo=bar")).toEqual(nothing);
});

test("names match in any case, and the first of several counts", () => {
  expect(parsed("Quality=5&quality=6")).toEqual({ ...nothing, quality: 5 });
});

test.each(["0", "101", "x", "", "-1", "1.5", "1e1", "+5", "0x10", "1000", "５"])(
  "the quality %j is refused",
  (quality) => {
    expect(() => parsed(`quality=${encodeURIComponent(quality)}`)).toThrow("quality");
    expect(() => parsed(`quality=${encodeURIComponent(quality)}`, true)).toThrow("quality");
  },
);

test.each([1, 50, 100])("the quality %i is taken", (quality) => {
  expect(parsed(`quality=${quality}`).quality).toBe(quality);
});

describe("a window", () => {
  test.each([
    ["40,400,linear", { center: 40, width: 400, function: "LINEAR" }],
    ["-0.5,1,LINEAR", { center: -0.5, width: 1, function: "LINEAR" }],
    ["1e3,.5,linear-exact", { center: 1000, width: 0.5, function: "LINEAR_EXACT" }],
    ["0,0.001,sigmoid", { center: 0, width: 0.001, function: "SIGMOID" }],
    ["40,400", { center: 40, width: 400, function: "LINEAR" }],
  ])("%s is taken", (text, window) => {
    expect(parsed(`window=${text}`).window).toEqual(window);
  });

  test.each([
    "40",
    "40,400,cubic",
    "40,0,linear",
    "40,0.5,linear",
    "40,0,sigmoid",
    "40,0,linear-exact",
    "40,-400,linear",
    "a,b,linear",
    "NaN,400,linear",
    "Infinity,400,linear",
    "40,400,linear,1",
    ",,",
    "",
    `${"9".repeat(400)},1,linear`,
  ])("%s is refused", (text) => {
    expect(() => parsed(`window=${text}`)).toThrow("window");
  });

  test("is nothing that a thumbnail has", () => {
    expect(parsed("window=nonsense", true).window).toBeUndefined();
  });
});

describe("a viewport", () => {
  const whole = { x: 0, y: 0, width: undefined, height: undefined };

  test.each([
    ["100,200", { width: 100, height: 200, region: undefined }],
    [
      "100,200,10,20,30,40",
      { width: 100, height: 200, region: { x: 10, y: 20, width: 30, height: 40 } },
    ],
    ["1,1,,,-5,-6", { width: 1, height: 1, region: { ...whole, width: -5, height: -6 } }],
    ["1,1,2.5", { width: 1, height: 1, region: { ...whole, x: 2.5 } }],
    ["65535,1024", { width: 65_535, height: 1024, region: undefined }],
  ])("%s is taken", (text, viewport) => {
    expect(parsed(`viewport=${text}`).viewport).toEqual(viewport);
  });

  test.each([
    "",
    "100",
    "0,0",
    "100,0",
    "-1,5",
    "1.5,5",
    "a,b",
    "65536,1",
    "60000,60000",
    "1,1,-1",
    "1,1,x",
    "1,1,0,0,0,5",
    "1,1,0,0,5,0",
    "1,1,0,0,5,5,5",
  ])("%s is refused", (text) => {
    expect(() => parsed(`viewport=${text}`)).toThrow("viewport");
  });

  test("of a thumbnail has no region", () => {
    expect(parsed("viewport=10,20", true).viewport).toMatchObject({ width: 10, height: 20 });
    expect(() => parsed("viewport=10,20,1,1,1,1", true)).toThrow("viewport");
  });
});

describe("annotations", () => {
  test.each([
    ["patient", ["patient"], false],
    ["technique,patient,technique", ["patient", "technique"], false],
    ["Patient, OVERLAY", ["overlay", "patient"], false],
    ["patient,measurements", ["patient"], true],
    ["", [], false],
  ])("%j are %j, unknown ones: %s", (text, annotations, hasUnknownAnnotations) => {
    const query = parsed(`annotation=${encodeURIComponent(text)}`);
    expect(query).toEqual({ ...nothing, annotations, hasUnknownAnnotations });
  });

  test("are nothing that a thumbnail has", () => {
    expect(parsed("annotation=patient", true)).toEqual(nothing);
  });
});

test.each(["no", "yes", "srgb", "sRGB", "adobergb", "rommrgb", "displayp3"])(
  "the ICC profile %s is taken",
  (text) => {
    expect(parsed(`iccprofile=${text}`).iccProfile).toBe(text.toLowerCase());
  },
);

test.each(["", "cmyk", "true"])("the ICC profile %j is refused", (text) => {
  expect(() => parsed(`iccprofile=${text}`)).toThrow("iccprofile");
});

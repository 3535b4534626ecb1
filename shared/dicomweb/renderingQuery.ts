import { Problem } from "../problem/problem.ts";

/** The functions that a window can be, as in PS3.3 §C.11.2.1.2. */
type WindowShape = "LINEAR" | "LINEAR_EXACT" | "SIGMOID";

/** What is burned into a picture on request; `overlay` is our own keyword for the overlay planes of the image. */
export type Annotation = "patient" | "technique" | "overlay";

/** How an image is asked to be rendered (PS3.18 §8.3.5). */
export interface RenderingQuery {
  /** 1 to 100; for media types with losses. Undefined when nothing is said. */
  readonly quality: number | undefined;
  readonly window:
    { readonly center: number; readonly width: number; readonly function: WindowShape } | undefined;
  readonly viewport:
    | {
        readonly width: number;
        readonly height: number;
        readonly region:
          | {
              readonly x: number;
              readonly y: number;
              readonly width: number | undefined;
              readonly height: number | undefined;
            }
          | undefined;
      }
    | undefined;
  readonly annotations: readonly Annotation[];
  /** Whether there are annotations that nobody knows: the answer says so (PS3.18 §8.3.5.1.1). */
  readonly hasUnknownAnnotations: boolean;
  /** Which ICC profile is to be in the picture: none; that of the image; or that of a color space. Undefined: as we like. */
  readonly iccProfile: "no" | "yes" | "srgb" | "adobergb" | "rommrgb" | "displayp3" | undefined;
}

/** Width times height of a viewport; 64 Mi. */
const viewportPixelsMax = 64 * 1024 * 1024;
/** JPEG counts the pixels of a line with 16 bits. */
const viewportSideMax = 0xffff;

const decimal = String.raw`[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(?:[eE][+-]?\d{1,2})?`;
const shapes: ReadonlyMap<string, WindowShape> = new Map([
  ["linear", "LINEAR"],
  ["linear-exact", "LINEAR_EXACT"],
  ["linear_exact", "LINEAR_EXACT"],
  ["sigmoid", "SIGMOID"],
]);

/**
 * Parses the query of a rendered resource, or with `isThumbnail` that of a thumbnail, whose viewport has no region and
 * which has neither window nor annotations (PS3.18 §8.3.5.2). Names of parameters match in any case; the first of
 * several with one name counts, and parameters of other names are nobody's business here.
 *
 * The function of a window may be left out: it is LINEAR then.
 *
 * Throws Problem `malformed`, naming the parameter.
 */
export function parseRenderingQuery(query: URLSearchParams, isThumbnail: boolean): RenderingQuery {
  const parameters = new Map<string, string>();
  for (const [name, value] of query) {
    const key = name.toLowerCase();
    if (!parameters.has(key)) {
      parameters.set(key, value.trim());
    }
  }
  const quality = parameters.get("quality");
  const viewport = parameters.get("viewport");
  const window = isThumbnail ? undefined : parameters.get("window");
  const annotation = isThumbnail ? undefined : parameters.get("annotation");
  const keywords =
    annotation === undefined || annotation === ""
      ? []
      : annotation.split(",").map((keyword) => keyword.trim().toLowerCase());
  return {
    quality: quality === undefined ? undefined : parseQuality(quality),
    window: window === undefined ? undefined : parseWindow(window),
    viewport: viewport === undefined ? undefined : parseViewport(viewport, isThumbnail),
    annotations: [...new Set(keywords.filter(isAnnotation))].toSorted(),
    hasUnknownAnnotations: !keywords.every(isAnnotation),
    iccProfile: parseIccProfileName(parameters.get("iccprofile")),
  };
}

function isAnnotation(keyword: string): keyword is Annotation {
  return keyword === "patient" || keyword === "technique" || keyword === "overlay";
}

function parseQuality(text: string): number {
  const quality = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (quality < 1 || quality > 100) {
    throw new Problem("malformed", "The parameter quality is an integer from 1 to 100.");
  }
  return quality;
}

function parseWindow(text: string): NonNullable<RenderingQuery["window"]> {
  const match = new RegExp(`^(${decimal}),(${decimal})(?:,([A-Za-z_-]+))?$`).exec(text);
  const shape = shapes.get((match?.[3] ?? "linear").toLowerCase());
  if (match === null || shape === undefined) {
    throw new Problem(
      "malformed",
      "The parameter window is a center, a width and one of linear, linear-exact and sigmoid, separated by commas.",
    );
  }
  const center = Number(match[1]);
  const width = Number(match[2]);
  // PS3.3 §C.11.2.1.2.1: a LINEAR window has a width of at least 1.
  if (shape === "LINEAR" ? width < 1 : width <= 0) {
    throw new Problem(
      "malformed",
      "The width in the parameter window is at least 1 when it is linear, and more than 0 otherwise.",
    );
  }
  return { center, width, function: shape };
}

function parseViewport(
  text: string,
  isThumbnail: boolean,
): NonNullable<RenderingQuery["viewport"]> {
  const fields = text.split(",").map((field) => field.trim());
  const [vw = "", vh = "", sx = "", sy = "", sw = "", sh = ""] = fields;
  const width = /^\d{1,6}$/.test(vw) ? Number(vw) : 0;
  const height = /^\d{1,6}$/.test(vh) ? Number(vh) : 0;
  if (width < 1 || height < 1 || fields.length > 6) {
    throw new Problem(
      "malformed",
      "The parameter viewport is a width and a height, positive integers, and optionally a region.",
    );
  }
  if (width * height > viewportPixelsMax || Math.max(width, height) > viewportSideMax) {
    throw new Problem(
      "malformed",
      `The parameter viewport has at most ${viewportPixelsMax} pixels, and ${viewportSideMax} on a side.`,
    );
  }
  if (fields.length === 2 || isThumbnail) {
    if (fields.length > 2) {
      throw new Problem("malformed", "The parameter viewport of a thumbnail has no region.");
    }
    return { width, height, region: undefined };
  }
  const x = parseOffset(sx);
  const y = parseOffset(sy);
  return { width, height, region: { x, y, width: parseLength(sw), height: parseLength(sh) } };
}

const numberPattern = new RegExp(`^${decimal}$`);

function parseOffset(text: string): number {
  const offset = text === "" ? 0 : numberPattern.test(text) ? Number(text) : -1;
  if (offset < 0) {
    throw new Problem(
      "malformed",
      "The offsets of the region in the parameter viewport are numbers and not negative.",
    );
  }
  return offset;
}

function parseLength(text: string): number | undefined {
  if (text === "") {
    return undefined;
  }
  const length = numberPattern.test(text) ? Number(text) : 0;
  if (length === 0) {
    throw new Problem(
      "malformed",
      "Width and height of the region in the parameter viewport are numbers other than 0.",
    );
  }
  return length;
}

const iccProfiles = ["no", "yes", "srgb", "adobergb", "rommrgb", "displayp3"] as const;

function parseIccProfileName(text: string | undefined): RenderingQuery["iccProfile"] {
  if (text === undefined) {
    return undefined;
  }
  const profile = iccProfiles.find((name) => name === text.toLowerCase());
  if (profile === undefined) {
    throw new Problem("malformed", `The parameter iccprofile is one of ${iccProfiles.join(", ")}.`);
  }
  return profile;
}

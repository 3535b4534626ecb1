import { Problem } from "../problem/problem.ts";
import { parseMediaType, type AcceptEntry } from "./mediaType.ts";

/** A way in which a rendered resource is answered. */
export interface RenderedRepresentation {
  readonly mediaType: string;
  /** The picture itself as the body, or parts in a multipart/related body. */
  readonly form: "single" | "multipart";
}

/** What an image is rendered as; the first is the default (PS3.18 Table 8.7.4-1). */
export const imageMediaTypes: readonly string[] = ["image/jpeg", "image/png", "image/gif"];

/** What a structured report is rendered as. */
export const textMediaTypes: readonly string[] = ["text/html", "text/plain"];

/** Everything that any rendered resource is offered in. */
export const renderedMediaTypes: readonly string[] = [
  ...imageMediaTypes,
  ...textMediaTypes,
  "application/pdf",
  "video/mp4",
  "video/mpeg",
  "video/mpeg2",
  "video/h265",
];

/**
 * Lists in which of the ways offered a request takes a rendered resource, most wanted first; none when it takes none.
 *
 * `offered` is in our own order, which decides where the request is indifferent. For each media type the most specific
 * entry of the Accept header counts, so that `image/jpeg;q=0, image/*` takes everything but JPEG (RFC 9110 §12.5.1). The
 * range of everything takes single bodies rather than parts.
 */
export function acceptedRendered(
  accept: readonly AcceptEntry[],
  offered: readonly string[],
): RenderedRepresentation[] {
  const ranked = (["single", "multipart"] as const).flatMap((form) =>
    offered.flatMap((mediaType) => {
      const match = bestMatch(accept, mediaType, form);
      return match === undefined || match.quality === 0 ? [] : [{ mediaType, form, ...match }];
    }),
  );
  // Sorting is stable: what is wanted equally and by the same entry stays in our own order.
  return ranked
    .toSorted((a, b) => b.quality - a.quality || a.position - b.position)
    .map(({ mediaType, form }) => ({ mediaType, form }));
}

/**
 * Makes sure that a request takes something that a rendered resource can be, whatever it turns out to be, before anything
 * is looked up. Throws Problem `notAcceptable` otherwise.
 */
export function requireRendered(accept: readonly AcceptEntry[], isThumbnail: boolean): void {
  const offered = isThumbnail ? imageMediaTypes : renderedMediaTypes;
  if (acceptedRendered(accept, offered).length === 0) {
    throw notRenderedAs(isThumbnail ? imageMediaTypes : offered);
  }
}

/** The problem of a request that takes none of the media types there are. */
export function notRenderedAs(offered: readonly string[]): Problem {
  return new Problem(
    "notAcceptable",
    `Nothing in the Accept header can be provided. What can be: ${offered.join(", ")}.`,
  );
}

function bestMatch(
  accept: readonly AcceptEntry[],
  mediaType: string,
  form: "single" | "multipart",
): { readonly quality: number; readonly position: number } | undefined {
  let best: { quality: number; position: number; specificity: number } | undefined;
  for (const [position, entry] of accept.entries()) {
    const specificity = specificityOf(entry, mediaType, form);
    if (specificity > (best?.specificity ?? 0)) {
      best = { quality: entry.quality, position, specificity };
    }
  }
  return best;
}

/** 0 for an entry that does not cover the media type in this form; the more exactly it does, the more. */
function specificityOf(
  entry: AcceptEntry,
  mediaType: string,
  form: "single" | "multipart",
): number {
  if (entry.type === "*/*") {
    return 1;
  }
  const isMultipart = entry.type === "multipart/related";
  if (isMultipart !== (form === "multipart")) {
    return 0;
  }
  const range = isMultipart ? parseMediaType(entry.parameters.get("type") ?? "")?.type : entry.type;
  if (range === mediaType) {
    return 3;
  }
  const group = `${mediaType.split("/", 1)[0] ?? ""}/*`;
  return range === group || (isMultipart && range === "*/*") ? 2 : 0;
}

import { Problem } from "../problem/problem.ts";
import { parseMediaType } from "./mediaType.ts";

/** How the body of a Store request holds its instances. */
export type StoreRequestFormat =
  | { readonly form: "single" }
  | {
      readonly form: "multipart";
      /** Undefined when the header does not tell it, and the body must. */
      readonly boundary: string | undefined;
    };

/**
 * Parses the Content-Type of a Store request (PS3.18 §10.5.1, §8.7.1): one instance as `application/dicom`, or any
 * number as `multipart/related` with parts of that type.
 *
 * Tolerated, because they take nothing away from the meaning: parameters of `application/dicom`, a `type` that is quoted,
 * unquoted or absent, a `boundary` that is absent, and `start`. Throws Problem `unsupportedMediaType` for everything else.
 */
export function parseStoreContentType(contentType: string | undefined): StoreRequestFormat {
  const mediaType = parseMediaType(contentType ?? "");
  if (mediaType?.type === "application/dicom") {
    return { form: "single" };
  }
  if (mediaType?.type === "multipart/related") {
    const type = mediaType.parameters.get("type");
    if (type === undefined || isDicomType(type)) {
      return { form: "multipart", boundary: mediaType.parameters.get("boundary") };
    }
  }
  throw new Problem(
    "unsupportedMediaType",
    'The Content-Type must be application/dicom, or multipart/related; type="application/dicom".',
  );
}

/**
 * Whether a part with these header fields is to be read as a Part 10 file.
 *
 * A part that does not tell its type is: RFC 2387 lets the first one leave it to the `type` of the whole, and a Part 10
 * file tells by itself what it is. A part of another type fails alone, and the other parts are stored.
 */
export function isDicomPart(headers: ReadonlyMap<string, string>): boolean {
  const contentType = headers.get("content-type");
  return contentType === undefined || contentType === "" || isDicomType(contentType);
}

function isDicomType(text: string): boolean {
  return parseMediaType(text)?.type === "application/dicom";
}

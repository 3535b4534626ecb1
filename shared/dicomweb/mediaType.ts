/** A media type or a range of them, such as `image/*`, with its parameters (RFC 9110 §8.3.1). */
export interface MediaType {
  /** Type and subtype in lower case: `application/dicom`. */
  readonly type: string;
  /** Values by lower-case name, without their quotation marks. The first of two with one name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** One entry of an Accept header. */
export interface AcceptEntry extends MediaType {
  /** From 0, which means "not this", to 1. A weight that cannot be read counts as 1. */
  readonly quality: number;
}

// No client lists more; a header that does is made to cost us time.
const acceptEntriesMax = 100;

/**
 * Parses one media type, as in a Content-Type header. Undefined when there is none.
 *
 * More tolerant than the grammar, because clients are: a parameter value may hold a slash or an asterisk without being
 * quoted (`type=application/dicom`), and a parameter that cannot be read is left out.
 */
export function parseMediaType(text: string): MediaType | undefined {
  const fields = splitOutsideQuotes(text, ";");
  const type = fields[0]?.trim().toLowerCase() ?? "";
  if (!mediaTypePattern.test(type)) {
    return undefined;
  }
  const parameters = new Map<string, string>();
  for (const field of fields.slice(1)) {
    const equals = field.indexOf("=");
    const name = field.slice(0, Math.max(0, equals)).trim().toLowerCase();
    const value = unquote(field.slice(equals + 1).trim());
    if (equals !== -1 && name !== "" && value !== undefined && !parameters.has(name)) {
      parameters.set(name, value);
    }
  }
  return { type, parameters };
}

/**
 * Parses what a request accepts, most wanted first; entries of equal weight stay in the order they were sent in.
 *
 * `headerValues` holds every Accept header of the request. `acceptQuery` is the `accept` query parameter, which replaces
 * them (PS3.18 §8.3.3.1). A request with neither accepts everything (RFC 9110 §12.5.1). Entries that are no media range
 * are ignored, so that a header of nothing else accepts nothing; nothing is ever thrown.
 */
export function parseAccept(headerValues: readonly string[], acceptQuery?: string): AcceptEntry[] {
  let text: string;
  if (acceptQuery !== undefined && acceptQuery.trim() !== "") {
    // A plus sign that was not encoded arrives as a space: application/dicom json.
    text = acceptQuery.replaceAll(/(?<=[0-9A-Za-z]\/[0-9A-Za-z.-]+) (?=[a-z])/g, "+");
  } else {
    text = headerValues.join(",");
    if (text.replaceAll(",", "").trim() === "") {
      text = "*/*";
    }
  }
  const entries: AcceptEntry[] = [];
  for (const field of splitOutsideQuotes(text, ",").slice(0, acceptEntriesMax)) {
    const mediaType = parseMediaType(field);
    if (mediaType !== undefined) {
      entries.push({ ...mediaType, quality: parseQuality(mediaType.parameters.get("q")) });
    }
  }
  return entries.sort((a, b) => b.quality - a.quality);
}

/** An entry of a list of names with weights, as in Accept-Encoding (RFC 9110 §12.5.3). */
export interface WeightedName {
  /** In lower case. */
  readonly name: string;
  /** From 0, which means "not this", to 1. A weight that cannot be read counts as 1. */
  readonly quality: number;
}

/** Parses a list of names with weights, in the order in which they stand. Never throws: what is no name is passed over. */
export function parseWeightedList(text: string): WeightedName[] {
  return text
    .split(",")
    .slice(0, acceptEntriesMax)
    .flatMap((field) => {
      const [name = "", ...parameters] = field.split(";").map((part) => part.trim().toLowerCase());
      const weight = parameters.find((parameter) => /^q\s*=/.test(parameter));
      return name === ""
        ? []
        : [{ name, quality: parseQuality(weight?.slice(weight.indexOf("=") + 1).trim()) }];
    });
}

// RFC 9110 §5.6.2: a token on either side of the slash.
const mediaTypePattern = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/;

function parseQuality(text: string | undefined): number {
  if (text === undefined || !/^\d+(?:\.\d*)?$/.test(text)) {
    return 1;
  }
  return Math.min(1, Number(text));
}

/** Cuts at `separator`, except inside quotation marks. A quotation mark that is never closed reaches to the end. */
function splitOutsideQuotes(text: string, separator: "," | ";"): string[] {
  const fields: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (isQuoted && character === "\\") {
      at += 1;
    } else if (character === '"') {
      isQuoted = !isQuoted;
    } else if (character === separator && !isQuoted) {
      fields.push(text.slice(start, at));
      start = at + 1;
    }
  }
  fields.push(text.slice(start));
  return fields;
}

/** Takes away quotation marks and what escapes inside them. Undefined when they do not match. */
function unquote(value: string): string | undefined {
  if (!value.startsWith('"')) {
    return value.includes('"') ? undefined : value;
  }
  const match = /^"((?:[^"\\]|\\.)*)"$/.exec(value);
  return match?.[1]?.replaceAll(/\\(.)/g, "$1");
}

import assert from "node:assert";
import type { MetadataFields } from "./metadataFields.ts";

/** What stands in stored metadata for what only a request knows. */
export interface MetadataContext {
  /** The URL of the instance. The paths that stand as `BulkDataURI` in stored metadata are below its `/bulkdata/`. */
  readonly instanceURL: string;
  /** The syntax in which the instance is stored, for AvailableTransferSyntaxUID (0008,3002). */
  readonly transferSyntaxUID: string;
}

const availableTransferSyntaxUID = "00083002";

/**
 * Completes the stored metadata of one instance (PS3.18 §10.4.3.3.3) without parsing it: every `BulkDataURI` becomes
 * absolute, and AvailableTransferSyntaxUID is put in its place in tag order, or in the place of the one that is there.
 *
 * `metadata` is one data set as JSON.stringify writes it: without white space between its signs. The cost is one pass over
 * the text, whatever the depth of its sequences.
 */
export function completeMetadata(metadata: string, context: MetadataContext): string {
  const steps = completeMetadataInSteps(metadata, context);
  for (;;) {
    const step = steps.next();
    if (step.done === true) {
      return step.value;
    }
  }
}

/** Like {@link completeMetadata}, in steps of some thousand values, so that others can have their turn between them. */
export function* completeMetadataInSteps(
  metadata: string,
  context: MetadataContext,
): Generator<void, string, undefined> {
  const { instanceURL, transferSyntaxUID } = context;
  assert(metadata.startsWith("{") && metadata.endsWith("}"), "Metadata is one data set.");
  const prefix = JSON.stringify(`${instanceURL}/bulkdata/`).slice(0, -1);
  // A quotation mark inside a string of JSON has a backslash before it, so that these signs are never part of a value.
  const absolute = metadata.replaceAll('"BulkDataURI":"', () => `"BulkDataURI":${prefix}`);
  const element = `"${availableTransferSyntaxUID}":{"vr":"UI","Value":[${JSON.stringify(transferSyntaxUID)}]}`;
  return yield* insertElement(absolute, element);
}

/** Cuts the text of a data set, of the form that {@link completeMetadata} takes, down to the attributes that are wanted. */
export function keepFields(metadata: string, isWanted: MetadataFields): string {
  const kept: string[] = [];
  for (const element of outermostElements(metadata)) {
    if (element !== undefined && isWanted(element.tag)) {
      kept.push(metadata.slice(element.start, element.end));
    }
  }
  return `{${kept.join(",")}}`;
}

/** Puts the element before the first of the outermost attributes that comes after it. */
function* insertElement(dataset: string, element: string): Generator<void, string, undefined> {
  for (const step of outermostElements(dataset)) {
    if (step === undefined) {
      yield;
      continue;
    }
    const { tag, start, end } = step;
    if (tag === availableTransferSyntaxUID) {
      return dataset.slice(0, start) + element + dataset.slice(end);
    }
    if (tag > availableTransferSyntaxUID) {
      return `${dataset.slice(0, start)}${element},${dataset.slice(start)}`;
    }
  }
  const isEmpty = dataset === "{}";
  return `${dataset.slice(0, -1)}${isEmpty ? "" : ","}${element}}`;
}

interface ElementText {
  readonly tag: string;
  readonly start: number;
  readonly end: number;
}

const signPattern = /["[\]{}]/g;

/**
 * Finds the outermost attributes of a data set, one after the other, as far as they are asked for; `undefined` now and then
 * in between, when one is long.
 */
function* outermostElements(dataset: string): Generator<ElementText | undefined, void, undefined> {
  let start = 1;
  while (dataset[start] === '"') {
    const end = yield* endOfValue(dataset, start + '"00000000":'.length);
    yield { tag: dataset.slice(start + 1, start + 9), start, end };
    start = end + 1;
  }
}

/** How many signs are looked at in one step: a few milliseconds of work. */
const signsPerStep = 50_000;

/** Where the object that begins at `from` ends. */
function* endOfValue(text: string, from: number): Generator<undefined, number, undefined> {
  const pattern = new RegExp(signPattern);
  pattern.lastIndex = from;
  let depth = 0;
  let signs = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    signs += 1;
    if (signs % signsPerStep === 0) {
      yield undefined;
    }
    const [sign] = match;
    if (sign === '"') {
      pattern.lastIndex = endOfString(text, match.index);
    } else if (sign === "{" || sign === "[") {
      depth += 1;
    } else {
      depth -= 1;
      if (depth === 0) {
        return pattern.lastIndex;
      }
    }
  }
  return text.length;
}

/** The index after the quotation mark that closes the string that opens at `from`. */
function endOfString(text: string, from: number): number {
  let at = text.indexOf('"', from + 1);
  while (at !== -1) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === "\\") {
      backslashes += 1;
    }
    if (backslashes % 2 === 0) {
      return at + 1;
    }
    at = text.indexOf('"', at + 1);
  }
  return text.length;
}

/**
 * Frames data sets as the JSON array of a metadata or search response, chunk by chunk, so that no more than one of them
 * is in memory. Nothing at all is an empty array.
 */
export async function* encodeJsonArray(
  datasets: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<string, void, undefined> {
  let separator = "[";
  for await (const dataset of datasets) {
    yield separator + dataset;
    separator = ",";
  }
  yield separator === "[" ? "[]" : "]";
}

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { stringifyDicomJson, type DicomJsonDataset } from "../dicom/dicomJson.ts";
import { encodeJsonArray } from "../dicomweb/metadataResponse.ts";
import {
  encodeClosingBoundary,
  encodeMultipartContentType,
  encodePartHeader,
} from "../dicomweb/multipartWriter.ts";
import type { Answer } from "./answer.ts";

/** One object of an answer, to be read before the next. */
export interface AnswerObject {
  readonly mediaType: string;
  readonly transferSyntaxUID: string;
  /** The resource it is, as a path below the service's URL. */
  readonly location: string;
  readonly length: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Answers with one data set, or an array of them, that is at hand. */
export function dicomJsonAnswer(
  status: number,
  datasets: DicomJsonDataset | readonly DicomJsonDataset[],
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { "Content-Type": "application/dicom+json", ...headers },
    body: Array.isArray(datasets)
      ? `[${datasets.map((dataset: DicomJsonDataset) => stringifyDicomJson(dataset)).join(",")}]`
      : stringifyDicomJson(datasets as DicomJsonDataset),
  };
}

/** Answers with an array of data sets, each a text already, as they come. */
export function dicomJsonStream(
  datasets: AsyncIterable<string>,
  headers: Readonly<Record<string, string>>,
): Answer {
  return {
    status: 200,
    headers: { "Content-Type": "application/dicom+json", ...headers },
    body: gathered(encodeJsonArray(datasets)),
  };
}

/** Answers with objects as parts of a multipart/related body (PS3.18 §8.6.1.2). */
export function multipartAnswer(
  mediaType: string,
  objects: AsyncIterable<AnswerObject> | Iterable<AnswerObject>,
  serviceURL: string,
): Answer {
  const boundary = randomUUID();
  return {
    status: 200,
    headers: { "Content-Type": encodeMultipartContentType(mediaType, boundary) },
    body: parts(objects, boundary, serviceURL),
  };
}

/**
 * Answers with objects in the form that was chosen for them; a single part is the first of them.
 *
 * The first object is opened before anything is answered, so that a store that is down is a problem and not half an answer.
 */
export async function objectsAnswer(
  answer: {
    readonly form: "multipart" | "single";
    readonly mediaType: string;
    readonly objects: AsyncIterable<AnswerObject>;
  },
  serviceURL: string,
): Promise<Answer> {
  const objects = answer.objects[Symbol.asyncIterator]();
  const first = await objects.next();
  assert(first.done !== true, "An answer has at least one object.");
  if (answer.form === "multipart") {
    return multipartAnswer(answer.mediaType, after(first.value, objects), serviceURL);
  }
  return singlePartAnswer({ ...first.value, body: closing(first.value.body, objects) }, serviceURL);
}

async function* after<T>(first: T, rest: AsyncIterator<T>): AsyncGenerator<T, void, undefined> {
  try {
    yield first;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
      yield next.value;
    }
  } finally {
    await rest.return?.();
  }
}

// What the object is read from stays open until it has been read, or is not wanted any more.
async function* closing<T>(
  body: AsyncIterable<Uint8Array>,
  objects: AsyncIterator<T>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body;
  } finally {
    await objects.return?.();
  }
}

/** Answers with one object as the body (PS3.18 §8.6.1.1). */
export function singlePartAnswer(object: AnswerObject, serviceURL: string): Answer {
  return {
    status: 200,
    headers: {
      "Content-Type": contentType(object),
      "Content-Location": `${serviceURL}/${object.location}`,
      ...(object.length === undefined ? {} : { "Content-Length": String(object.length) }),
    },
    body: object.body,
  };
}

function contentType({ mediaType, transferSyntaxUID }: AnswerObject): string {
  return `${mediaType}; transfer-syntax=${transferSyntaxUID}`;
}

async function* parts(
  objects: AsyncIterable<AnswerObject> | Iterable<AnswerObject>,
  boundary: string,
  serviceURL: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let isFirst = true;
  for await (const object of objects) {
    const header = {
      contentType: contentType(object),
      contentLocation: `${serviceURL}/${object.location}`,
    };
    yield encodePartHeader(boundary, header, isFirst);
    isFirst = false;
    yield* object.body;
  }
  yield encodeClosingBoundary(boundary);
}

// A write to the socket for every data set would cost more than the data set.
const gatheredCharacters = 64 * 1024;

/** Texts as UTF-8, in pieces that are worth a write to the socket. */
export async function* gathered(
  texts: AsyncIterable<string>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let pieces: string[] = [];
  let characters = 0;
  for await (const text of texts) {
    pieces.push(text);
    characters += text.length;
    if (characters >= gatheredCharacters) {
      yield Buffer.from(pieces.join(""), "utf8");
      pieces = [];
      characters = 0;
    }
  }
  if (pieces.length > 0) {
    yield Buffer.from(pieces.join(""), "utf8");
  }
}

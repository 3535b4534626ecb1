import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setImmediate as otherTurns } from "node:timers/promises";
import { stringifyDicomJson, type DicomJsonDataset } from "../dicom/dicomJson.ts";
import { encodeJsonArray } from "../dicomweb/metadataResponse.ts";
import {
  encodeClosingBoundary,
  encodeMultipartContentType,
  encodePartHeader,
} from "../dicomweb/multipartWriter.ts";
import { encodeNativeDicomModel } from "../dicomweb/nativeDicomModel.ts";
import type { DatasetRepresentation } from "../dicomweb/negotiation.ts";
import { encodeContentRange, type Selection } from "../dicomweb/range.ts";
import type { Answer } from "./answer.ts";
import { compress, negotiateContentCoding, type ContentCoding } from "./contentCoding.ts";
import type { DicomwebRequest } from "./dicomwebRequest.ts";

/** One object of an answer, to be read before the next. */
export interface AnswerObject {
  readonly mediaType: string;
  /** Undefined of what is rendered: it is no DICOM any more. */
  readonly transferSyntaxUID: string | undefined;
  /** The resource it is, as a path below the service's URL. */
  readonly location: string;
  /** Of the whole. */
  readonly length: number | undefined;
  /** Names the bytes of the whole, without quotation marks. */
  readonly entityTag?: string;
  /** Which of the bytes are in the body; all, when it is absent. */
  readonly selection?: Selection;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Data sets of an answer, and what kind of resource they are. */
export interface Datasets {
  /**
   * `list`: any number of them, as in metadata of a study and in search results. `listOfOne`: the metadata of an instance.
   * `one`: not a list at all, as in a Store response.
   */
  readonly shape: "list" | "listOfOne" | "one";
  /** At hand, or as they come, each a text of JSON already. */
  readonly datasets: readonly DicomJsonDataset[] | AsyncIterable<string>;
}

/** An answer shorter than this fits a packet whether it is compressed or not. */
const compressedBytesMin = 1_400;

/**
 * Answers with data sets in the representation that was negotiated (PS3.18 §8.7.3.2), compressed when the caller takes that.
 *
 * In JSON they are an array, except for a Store response. In XML each is a document of its own: a list is always
 * multipart/related, a single document is so only when it was asked for in parts.
 */
export function datasetsAnswer(
  request: DicomwebRequest,
  { mediaType, form }: DatasetRepresentation,
  { shape, datasets }: Datasets,
  { status = 200, headers = {} }: Partial<Pick<Answer, "status" | "headers">> = {},
): Answer {
  const varying = { Vary: "Accept, Accept-Encoding", ...headers };
  const answer = (contentType: string, texts: AsyncIterable<string>): Answer =>
    compressedAnswer(request, {
      status,
      headers: { "Content-Type": contentType, ...varying },
      body: gathered(texts),
    });
  if (mediaType === "application/dicom+json") {
    if (isStream(datasets)) {
      return answer(mediaType, encodeJsonArray(datasets));
    }
    const texts = datasets.map((dataset) => stringifyDicomJson(dataset));
    const body = shape === "one" ? texts.join("") : `[${texts.join(",")}]`;
    const whole = { status, headers: { "Content-Type": mediaType, ...varying }, body };
    return body.length < compressedBytesMin ? whole : compressedAnswer(request, whole);
  }
  if (form === "single" && shape !== "list") {
    return answer(mediaType, joined(documents(datasets)));
  }
  const boundary = randomUUID();
  const contentType = encodeMultipartContentType(mediaType, boundary);
  return answer(contentType, documentParts(documents(datasets), boundary));
}

/** The entity tag of a representation of data sets: different for each, because a strong tag names bytes (RFC 9110 §8.8.3). */
export function datasetsEntityTag(
  request: DicomwebRequest,
  { mediaType, form }: DatasetRepresentation,
  version: string,
): string {
  const isJSON = mediaType === "application/dicom+json";
  const coding = codingOf(request);
  return [
    version,
    ...(isJSON ? [] : [form === "single" ? "xml" : "parts"]),
    ...(coding === "identity" ? [] : [coding]),
  ].join(".");
}

function compressedAnswer(request: DicomwebRequest, answer: Answer): Answer {
  const coding = codingOf(request);
  const { body } = answer;
  if (coding === "identity" || body === undefined) {
    return answer;
  }
  const chunks = typeof body === "string" || body instanceof Uint8Array ? whole(body) : body;
  return {
    status: answer.status,
    headers: { ...answer.headers, "Content-Encoding": coding },
    body: compress(chunks, coding),
  };
}

function codingOf(request: DicomwebRequest): ContentCoding {
  return negotiateContentCoding(request.header("accept-encoding"));
}

async function* whole(body: string | Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(typeof body === "string" ? Buffer.from(body, "utf8") : body);
}

function isStream(
  datasets: readonly DicomJsonDataset[] | AsyncIterable<string>,
): datasets is AsyncIterable<string> {
  return Symbol.asyncIterator in datasets;
}

/** Each data set as a document, in pieces. */
async function* documents(
  datasets: readonly DicomJsonDataset[] | AsyncIterable<string>,
): AsyncGenerator<Iterable<string>, void, undefined> {
  for await (const dataset of datasets) {
    yield encodeNativeDicomModel(
      typeof dataset === "string" ? (JSON.parse(dataset) as DicomJsonDataset) : dataset,
    );
  }
}

async function* joined(
  documents: AsyncIterable<Iterable<string>>,
): AsyncGenerator<string, void, undefined> {
  for await (const document of documents) {
    yield* document;
  }
}

async function* documentParts(
  documents: AsyncIterable<Iterable<string>>,
  boundary: string,
): AsyncGenerator<string, void, undefined> {
  let isFirst = true;
  for await (const document of documents) {
    const header = { contentType: "application/dicom+xml" };
    yield Buffer.from(encodePartHeader(boundary, header, isFirst)).toString("latin1");
    isFirst = false;
    yield* document;
  }
  yield Buffer.from(encodeClosingBoundary(boundary)).toString("latin1");
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
    headers: { "Content-Type": encodeMultipartContentType(mediaType, boundary), ...cacheHeaders },
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

/** Answers with one object as the body (PS3.18 §8.6.1.1), or with what of it was selected: 200, 206 or 304. */
export function singlePartAnswer(object: AnswerObject, serviceURL: string): Answer {
  const { length, entityTag, selection = { kind: "whole" }, body } = object;
  const validators = {
    ...cacheHeaders,
    ...(entityTag === undefined ? {} : { ETag: `"${entityTag}"` }),
  };
  if (selection.kind === "notModified") {
    return { status: 304, headers: validators };
  }
  const headers = {
    "Content-Type": contentType(object),
    "Content-Location": `${serviceURL}/${object.location}`,
    ...validators,
    ...(entityTag === undefined || length === undefined ? {} : { "Accept-Ranges": "bytes" }),
  };
  if (selection.kind === "part" && length !== undefined) {
    return {
      status: 206,
      headers: {
        ...headers,
        "Content-Length": String(selection.end - selection.start),
        "Content-Range": encodeContentRange(selection, length),
      },
      body,
    };
  }
  return {
    status: 200,
    headers: { ...headers, ...(length === undefined ? {} : { "Content-Length": String(length) }) },
    body,
  };
}

// Kept by the caller alone, and asked about each time: an instance can be replaced, and rights taken away.
const cacheHeaders: Readonly<Record<string, string>> = {
  "Cache-Control": "private, no-cache",
  Vary: "Accept",
};

function contentType({ mediaType, transferSyntaxUID }: AnswerObject): string {
  return transferSyntaxUID === undefined
    ? mediaType
    : `${mediaType}; transfer-syntax=${transferSyntaxUID}`;
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

/** Texts as UTF-8, in pieces that are worth a write to the socket. After each, others have their turn. */
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
      await otherTurns();
    }
  }
  if (pieces.length > 0) {
    yield Buffer.from(pieces.join(""), "utf8");
  }
}

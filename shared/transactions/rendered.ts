import { createHash } from "node:crypto";
import type { AcceptEntry } from "../dicomweb/mediaType.ts";
import { selectBytes, type Conditions, type Selection } from "../dicomweb/range.ts";
import {
  acceptedRendered,
  notRenderedAs,
  type RenderedRepresentation,
} from "../dicomweb/renderedMediaType.ts";
import type { RenderingQuery } from "../dicomweb/renderingQuery.ts";
import type { InstanceRecord, Target } from "../store/instanceIndex.ts";
import { openSelection } from "./retrieveInstances.ts";

/** Raised whenever the same instance and the same request give another picture than before: entity tags change with it. */
const renderingRevision = 1;

/** What is asked of a rendered resource or a thumbnail. */
export interface RenderedRequest {
  readonly target: Target;
  /** From 1; undefined when the path names no frames. */
  readonly frameNumbers: readonly number[] | undefined;
  readonly query: RenderingQuery;
  readonly accept: readonly AcceptEntry[];
  /** What the caller has already, and which bytes it wants. */
  readonly conditions: Conditions;
}

/** A rendered object on its way to the caller. */
export interface RenderedObject {
  readonly mediaType: string;
  readonly transferSyntaxUID: undefined;
  /** The resource it is, as a path below the service's URL. */
  readonly location: string;
  /** In bytes, where it is known before the last of them. */
  readonly length: number | undefined;
  /** Without quotation marks; undefined of a part. */
  readonly entityTag?: string;
  /** Which of its bytes `body` is. */
  readonly selection?: Selection;
  readonly body: AsyncIterable<Uint8Array>;
}

/** What is answered to a request for a rendered resource. */
export interface Rendered extends RenderedRepresentation {
  /** Made as they are asked for, each to be read before the next. */
  readonly objects: AsyncIterable<RenderedObject>;
}

/** One object that is to be answered, before it is made. */
export interface RenderedSubject {
  readonly record: InstanceRecord;
  readonly location: string;
  readonly representation: RenderedRepresentation;
  /** What distinguishes it from others of this instance, beside the query: frames, for one. */
  readonly distinction: unknown;
}

/** A body, and its length where that is known. */
export interface RenderedBody {
  readonly length: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Answers with one object that costs work to make: only if the caller does not have it already, and before anything is
 * answered, so that what cannot be made is a problem. Ranges of it are not offered.
 */
export async function answerMade(
  { query, conditions }: RenderedRequest,
  subject: RenderedSubject,
  make: () => Promise<RenderedBody>,
): Promise<Rendered> {
  const { representation, location } = subject;
  const object = { mediaType: representation.mediaType, transferSyntaxUID: undefined, location };
  if (representation.form === "multipart") {
    return { ...representation, objects: once({ ...object, ...(await make()) }) };
  }
  const entityTag = entityTagOf(subject, query);
  const selection = selectBytes(conditions, entityTag, undefined);
  const made =
    selection.kind === "notModified" ? { length: undefined, body: nothing() } : await make();
  return { ...representation, objects: once({ ...object, entityTag, selection, ...made }) };
}

/**
 * Answers with bytes that are at hand or stored, whole or in part, as the first of `offered` that the request takes.
 *
 * Throws `notAcceptable` when it takes none, and `rangeNotSatisfiable` for bytes that are not there.
 */
export async function answerStored(
  request: RenderedRequest,
  {
    record,
    location,
    offered,
  }: Pick<RenderedSubject, "record" | "location"> & {
    readonly offered: readonly string[];
  },
  length: number,
  open: (start: number, end: number) => Promise<AsyncIterable<Uint8Array>>,
): Promise<Rendered> {
  const [representation] = acceptedRendered(request.accept, offered);
  if (representation === undefined) {
    throw notRenderedAs(offered);
  }
  const { mediaType, form } = representation;
  const object = { mediaType, transferSyntaxUID: undefined, location, length };
  if (form === "multipart") {
    return { ...representation, objects: once({ ...object, body: await open(0, length) }) };
  }
  const subject = { record, location, representation, distinction: undefined };
  const entityTag = entityTagOf(subject, request.query);
  const selection = selectBytes(request.conditions, entityTag, length);
  const body = await openSelection(selection, length, async (range) =>
    range === undefined
      ? await open(0, length)
      : await open(range.offset, range.offset + range.length),
  );
  return { ...representation, objects: once({ ...object, entityTag, selection, body }) };
}

/** Names the bytes of an answer: others for each version of the instance, each media type and each way to ask. */
function entityTagOf(
  { record, location, representation, distinction }: RenderedSubject,
  query: RenderingQuery,
): string {
  const { mediaType } = representation;
  const asked = JSON.stringify([renderingRevision, location, mediaType, query, distinction]);
  const digest = createHash("sha256").update(asked).digest("hex").slice(0, 16);
  return `${record.version}.${digest}`;
}

/** One value, as what comes one by one. */
export async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield await Promise.resolve(value);
}

async function* nothing(): AsyncGenerator<never, void, undefined> {
  // Not a byte.
}

import {
  chooseRepresentation,
  isIndifferent,
  isMetAsStored,
  type AcceptedRepresentation,
  type ChosenRepresentation,
} from "../dicomweb/negotiation.ts";
import {
  encodeContentRange,
  selectBytes,
  type Conditions,
  type Selection,
} from "../dicomweb/range.ts";
import { transferSyntaxUIDs } from "../dicom/transferSyntax.ts";
import { Problem } from "../problem/problem.ts";
import type { ByteSpan } from "../dicom/frameIndex.ts";
import type { PixelWorkers } from "../pixels/pixelWorkers.ts";
import type {
  InstanceRecord,
  InstanceUIDs,
  InstanceWithMetadata,
  Target,
} from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { convertibleImage, isNative, type ConvertibleImage } from "./convertibleImage.ts";
import { readAhead } from "./readAhead.ts";
import type { Stores } from "./storeInstances.ts";
import { transcodeInstance } from "./transcodeInstance.ts";

/** What bytes are retrieved with. */
export interface RetrievingStores extends Stores {
  /** Pixels are decoded and encoded away from the thread that answers requests. */
  readonly pixels: Pick<PixelWorkers, "run">;
}

/** One object on its way to the caller. */
export interface RetrievedObject {
  readonly mediaType: string;
  /** The syntax that the bytes are in. */
  readonly transferSyntaxUID: string;
  /** The resource it is, as a path below the service's URL: `studies/…`. */
  readonly location: string;
  /** Of the whole, in bytes, where it is known before the bytes are. */
  readonly length: number | undefined;
  /** Of an object that is sent by itself: names its bytes, which are the same whenever it is sent. */
  readonly entityTag?: string;
  /** Which of its bytes are in the body; all, when it is absent. */
  readonly selection?: Selection;
  readonly body: AsyncIterable<Uint8Array>;
}

/** What is answered to a retrieval. Objects are opened as they are asked for, and each is to be read before the next. */
export interface Retrieved {
  readonly form: "multipart" | "single";
  readonly mediaType: string;
  readonly objects: AsyncIterable<RetrievedObject>;
}

/** How many instances are opened ahead of the one that is being sent. */
const instancesAhead = 4;
/** An instance up to this size is read ahead into memory; a larger one is opened and waits in its connection. */
const readAheadBytesMax = 1024 * 1024;

/**
 * Retrieves the instances under a target (PS3.18 §10.4), in the order in which they were stored: as they are stored where
 * that is acceptable, and else in a transfer syntax that is, each converted when its turn comes.
 *
 * Nothing is held in memory but a few small instances, and a few frames of those that are converted. `conditions` count for
 * an instance that is sent by itself; ranges for one that is sent as it is stored.
 *
 * Where no transfer syntax is named, what cannot be converted into the default is sent as it is stored. Throws `notFound`
 * when nothing is there, `notAcceptable` when a syntax is asked for that an instance cannot be had in, and
 * `rangeNotSatisfiable` when it does not have the bytes that are asked for.
 */
export async function retrieveInstances(
  stores: RetrievingStores,
  scope: TenantScope,
  target: Target,
  accepted: readonly AcceptedRepresentation[],
  signal: AbortSignal,
  conditions?: Conditions,
): Promise<Retrieved> {
  const { studyInstanceUID, seriesInstanceUID, sopInstanceUID } = target;
  const retrieval: Retrieval = { stores, scope, accepted, signal, conditions };
  if (seriesInstanceUID !== undefined && sopInstanceUID !== undefined) {
    const record = await stores.index.get(scope, {
      studyInstanceUID,
      seriesInstanceUID,
      sopInstanceUID,
    });
    if (record === undefined) {
      throw noInstance();
    }
    const chosen = await choose(retrieval, record);
    const object = await openChosen(retrieval, chosen, false);
    return {
      form: chosen.representation.form,
      mediaType: chosen.representation.mediaType,
      objects: once(object),
    };
  }
  const named = accepted.every(({ transferSyntax = "*" }) => transferSyntax !== "*");
  const contents = named
    ? await stores.index.queryMetadata(scope, target)
    : await stores.index.query(scope, target);
  if (contents === undefined) {
    throw noInstance();
  }
  return {
    form: "multipart",
    mediaType: accepted[0]?.mediaType ?? "application/dicom",
    objects: readAhead(
      await chooseAll(retrieval, contents.pages, named),
      instancesAhead,
      async (chosen) => await openChosen(retrieval, chosen, true),
    ),
  };
}

/** What is the same for all instances of a retrieval. */
interface Retrieval {
  readonly stores: RetrievingStores;
  readonly scope: TenantScope;
  readonly accepted: readonly AcceptedRepresentation[];
  readonly signal: AbortSignal;
  readonly conditions: Conditions | undefined;
}

interface ChosenInstance extends ChosenRepresentation {
  readonly record: InstanceRecord;
  /** What it can be converted into, when that has been found out and is still at hand. */
  readonly image: ConvertibleImage | undefined;
}

// Where anything that is stored will do, instances are chosen as they come. Where a syntax is named, it has to be known
// before the first byte leaves whether every instance can be had in it.
async function chooseAll(
  retrieval: Retrieval,
  pages: AsyncIterable<readonly (InstanceRecord | InstanceWithMetadata)[]>,
  isNamed: boolean,
): Promise<AsyncIterable<ChosenInstance>> {
  const each = async function* each(): AsyncGenerator<ChosenInstance, void, undefined> {
    for await (const page of pages) {
      for (const record of page) {
        yield await choose(retrieval, record);
      }
    }
  };
  if (!isNamed) {
    return each();
  }
  const all: ChosenInstance[] = [];
  for await (const instance of each()) {
    // The metadata of all of them would be a lot to keep until their turns come.
    const { metadata: _, ...record } = { metadata: undefined, ...instance.record };
    all.push({ ...instance, record, image: undefined });
  }
  return (async function* list() {
    yield* all;
  })();
}

async function choose(
  retrieval: Retrieval,
  record: InstanceRecord | InstanceWithMetadata,
): Promise<ChosenInstance> {
  const { accepted } = retrieval;
  const explicit = transferSyntaxUIDs.explicitVRLittleEndian;
  const isPlain = accepted.every(
    ({ transferSyntax = explicit }) => transferSyntax === explicit || transferSyntax === "*",
  );
  const isMet = isMetAsStored(accepted, record.transferSyntaxUID);
  const isKnown = isMet || (isPlain && isNative(record));
  const complete = isKnown ? undefined : await withMetadata(retrieval, record);
  const image =
    complete &&
    (await convertibleImage(retrieval.stores.content, retrieval.scope, complete, "instance"));
  const now = complete ?? record;
  const convertibleTo = image?.convertibleTo ?? (isKnown && !isMet ? [explicit] : []);
  const chosen = chooseRepresentation(accepted, now.transferSyntaxUID, convertibleTo);
  if (chosen === undefined) {
    throw new Problem(
      "notAcceptable",
      "An instance is not offered in what is asked for. What can be, as a transfer syntax: " +
        `${[now.transferSyntaxUID, ...convertibleTo].join(", ")}.`,
    );
  }
  return { ...chosen, record: now, image };
}

/** The record as it is now, if it does not have its metadata with it. */
async function withMetadata(
  { stores, scope }: Retrieval,
  record: InstanceRecord | InstanceWithMetadata,
): Promise<InstanceWithMetadata> {
  const complete = "metadata" in record ? record : await stores.index.get(scope, record);
  if (complete === undefined) {
    throw noInstance();
  }
  return complete;
}

// Found out again where it was not kept. What has been replaced since is gone, and there is something new.
async function imageOf(retrieval: Retrieval, record: InstanceRecord): Promise<ConvertibleImage> {
  const now = await withMetadata(retrieval, record);
  if (now.content.name !== record.content.name) {
    throw noInstance();
  }
  return await convertibleImage(retrieval.stores.content, retrieval.scope, now, "instance");
}

async function openChosen(
  retrieval: Retrieval,
  chosen: ChosenInstance,
  isUnderWay: boolean,
): Promise<RetrievedObject> {
  const { stores, scope } = retrieval;
  try {
    return await openInstance(retrieval, chosen, isUnderWay);
  } catch (error) {
    const isUndecodable = error instanceof Problem && error.kind === "notAcceptable";
    if (isUndecodable && isIndifferent(chosen.representation)) {
      const { transferSyntaxUID } = chosen.record;
      return await openInstance(retrieval, { ...chosen, transferSyntaxUID }, isUnderWay);
    }
    // Whoever reads the index and is then overtaken by a replacement finds the bytes gone: there are new ones.
    const isGone = error instanceof Problem && error.kind === "notFound";
    const now = isGone ? await stores.index.get(scope, chosen.record) : undefined;
    if (now === undefined || now.content.name === chosen.record.content.name) {
      throw error;
    }
    return await openInstance(retrieval, await choose(retrieval, now), isUnderWay);
  }
}

async function openInstance(
  retrieval: Retrieval,
  { record, representation, transferSyntaxUID, image }: ChosenInstance,
  isUnderWay: boolean,
): Promise<RetrievedObject> {
  const { stores, scope, signal, conditions } = retrieval;
  const { content } = stores;
  const { name } = record.content;
  const isAsStored = transferSyntaxUID === record.transferSyntaxUID;
  const length = isAsStored ? record.content.length : undefined;
  const whole = {
    mediaType: representation.mediaType,
    transferSyntaxUID,
    location: instancePath(record),
    length,
  };
  const open = async (range?: ByteSpan): Promise<AsyncIterable<Uint8Array>> =>
    isAsStored
      ? await content.get(scope, name, range, signal)
      : await transcodeInstance({
          ...stores,
          scope,
          record,
          image: isNativeCopy(record, transferSyntaxUID)
            ? undefined
            : (image ?? (await imageOf(retrieval, record))),
          targetUID: transferSyntaxUID,
          signal,
          isUnderWay,
        });
  if (representation.form === "single" && conditions !== undefined) {
    const entityTag = `${record.version}.${transferSyntaxUID}`;
    const selection = selectBytes(conditions, entityTag, length);
    return {
      ...whole,
      entityTag,
      selection,
      body: await openSelection(selection, length, open),
    };
  }
  const body =
    length !== undefined && length <= readAheadBytesMax
      ? once(await content.getBytes(scope, name, undefined, signal))
      : await open();
  return { ...whole, body };
}

function isNativeCopy(record: InstanceRecord, transferSyntaxUID: string): boolean {
  return isNative(record) && transferSyntaxUID === transferSyntaxUIDs.explicitVRLittleEndian;
}

/**
 * Opens the selected bytes of a representation of this length: those of the range, those of no range for all of them, or
 * nothing at all. Throws `rangeNotSatisfiable` when there are none.
 */
export async function openSelection(
  selection: Selection,
  length: number | undefined,
  open: (range: ByteSpan | undefined) => Promise<AsyncIterable<Uint8Array>>,
): Promise<AsyncIterable<Uint8Array>> {
  switch (selection.kind) {
    case "whole":
      return await open(undefined);
    case "part":
      return await open({ offset: selection.start, length: selection.end - selection.start });
    case "notModified":
      return nothing();
    case "unsatisfiable":
      throw new Problem("rangeNotSatisfiable", "There are no such bytes.", {
        contentRange: encodeContentRange(selection, length ?? 0),
      });
  }
}

async function* nothing(): AsyncGenerator<never, void, undefined> {
  // Not a byte.
}

/** The path of an instance below the service's URL. */
export function instancePath({
  studyInstanceUID,
  seriesInstanceUID,
  sopInstanceUID,
}: InstanceUIDs): string {
  return `studies/${studyInstanceUID}/series/${seriesInstanceUID}/instances/${sopInstanceUID}`;
}

/** The answer to a retrieval of what is not there, or not this tenant's. */
export function noInstance(): Problem {
  return new Problem("notFound", "There is no such study, series or instance.");
}

async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield await Promise.resolve(value);
}

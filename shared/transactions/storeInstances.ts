import type { InlineFrameIndex } from "../dicom/frameIndex.ts";
import {
  stringifyDicomJsonInSteps,
  toDicomJsonInSteps,
  type DicomJsonDataset,
} from "../dicom/dicomJson.ts";
import type { Part10Instance } from "../dicom/part10Reader.ts";
import { Part10Reader } from "../dicom/part10Reader.ts";
import type { PixelData } from "../dicom/pixelData.ts";
import { failureReason } from "../dicomweb/failureReason.ts";
import { extractSearchAttributes } from "../dicomweb/searchAttributes.ts";
import type { ApiVersion, InstanceOutcome } from "../dicomweb/storeResponse.ts";
import { Problem } from "../problem/problem.ts";
import { sideName, type ContentWriter, type InstanceContent } from "../store/instanceContent.ts";
import type { InstanceIndex, NewInstance, PutMode, PutOutcome } from "../store/instanceIndex.ts";
import { compressMetadata } from "../store/metadataCodec.ts";
import {
  readExtendedValuesOfFile,
  withExtendedValues,
  type ExtendedValues,
} from "../tags/extendedValues.ts";
import { indexedTags, type TagList } from "../tags/tagList.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { inSlices } from "./inSlices.ts";
import { validateInstance, type ValidInstance } from "./validateInstance.ts";

/** One part of a Store request. */
export interface StorePart {
  /** Whether it says that it is a DICOM file. */
  readonly isDicom: boolean;
  readonly body: AsyncIterable<Uint8Array>;
}

/** What is to be stored, and by whose rules. */
export interface StoreRequest {
  readonly parts: AsyncIterable<StorePart>;
  readonly version: ApiVersion;
  /** The study that all instances have to be of, when the request names one. */
  readonly studyInstanceUID: string | undefined;
  readonly mode: PutMode;
  /** When the studies of the instances are to be deleted, in milliseconds since 1970; never, when it is absent. */
  readonly expiresAt?: number | undefined;
  /** The tenant's extended query tags, by which the instances can be searched for at once. */
  readonly extendedTags: TagList;
  /** Hears why instances could not be stored through no fault of their own, when others could. */
  readonly report: (error: unknown) => void;
}

/** The stores that a transaction works on. */
export interface Stores {
  readonly index: InstanceIndex;
  readonly content: InstanceContent;
}

/** How many studies of one request are committed at once. */
const studiesMax = 4;
/** How many objects are sent to the content store at once. Each holds at most one block in memory. */
const uploadsMax = 6;
/** Metadata larger than this, encoded, stands beside the content: a batch of the index holds two megabytes. */
const inlineMetadataBytesMax = 128 * 1024;
/** How much metadata a request keeps in memory until its end; what comes after stands beside the content. */
const pendingMetadataBytesMax = 64 * 1024 * 1024;
/** A frame index larger than this, as JSON, stands beside the content. */
const inlineFramesCharactersMax = 4 * 1024;

interface Received {
  readonly valid: ValidInstance;
  readonly upload: Promise<NewInstance>;
}

/**
 * Stores the instances of a request (PS3.18 §10.5), and says for each part what became of it, in their order.
 *
 * Parts stream into the content store as they arrive; memory is bounded by what is in flight. The index is changed only
 * once the whole request has been read: a request that breaks off, or that turns out to be malformed, leaves nothing
 * that anybody could see. A part that is broken fails alone.
 *
 * Throws what reading the request throws; and `unavailable` when nothing could be stored because a store is down.
 */
export async function storeInstances(
  stores: Stores,
  scope: TenantScope,
  request: StoreRequest,
): Promise<readonly InstanceOutcome[]> {
  const uploads = new Uploads(stores.content, scope);
  const received: (Received | InstanceOutcome)[] = [];
  try {
    for await (const part of request.parts) {
      received.push(await receive(part, stores.content, scope, request, uploads));
    }
  } catch (error) {
    uploads.discardAll();
    throw error;
  }
  const outcomes = await putAll(stores.index, scope, received, request, uploads);
  const failures = outcomes.filter((outcome) => outcome instanceof Unavailable);
  if (failures.length > 0 && failures.length === outcomes.length) {
    throw failures[0]?.cause;
  }
  for (const cause of new Set(failures.map((failure) => failure.cause))) {
    request.report(cause);
  }
  return outcomes.map((outcome) => (outcome instanceof Unavailable ? outcome.outcome : outcome));
}

async function receive(
  part: StorePart,
  content: InstanceContent,
  scope: TenantScope,
  request: StoreRequest,
  uploads: Uploads,
): Promise<Received | InstanceOutcome> {
  if (!part.isDicom) {
    return { outcome: "failed", failureReason: failureReason.validationFailed };
  }
  await uploads.room();
  const writer = content.openWriter(scope);
  try {
    const instance = await readPart(part.body, writer);
    const { version, studyInstanceUID, extendedTags } = request;
    const extended = readExtendedValuesOfFile(
      instance.dataset,
      indexedTags(extendedTags),
      version === "v2",
    );
    const validation = await validateInstance(instance, version, studyInstanceUID, extended);
    if (!validation.isValid) {
      await writer.abort();
      return validation.outcome;
    }
    const { valid } = validation;
    const encoded = await encodeDataset(instance);
    return {
      valid,
      upload: uploads.begin(writer, instance, valid, encoded, extended, extendedTags),
    };
  } catch (error) {
    await writer.abort();
    if (error instanceof PartFailure) {
      return { outcome: "failed", failureReason: failureReason.validationFailed };
    }
    throw error;
  }
}

/** What is kept of the data set of an instance. */
interface EncodedDataset {
  readonly dataset: DicomJsonDataset;
  readonly metadata: Buffer;
}

async function encodeDataset(instance: Part10Instance): Promise<EncodedDataset> {
  const { dataset, bulkdata } = await inSlices(toDicomJsonInSteps(instance));
  const text = await inSlices(stringifyDicomJsonInSteps(dataset));
  return { dataset, metadata: await compressMetadata({ dataset: text, bulkdata }) };
}

/** Why a part is not an instance. It concerns that part alone, unlike what goes wrong with the request. */
class PartFailure extends Error {}

async function readPart(
  body: AsyncIterable<Uint8Array>,
  writer: ContentWriter,
): Promise<Part10Instance> {
  const reader = new Part10Reader();
  try {
    for await (const chunk of body) {
      await ofPart(async () => {
        await reader.write(chunk);
      });
      await writer.write(chunk);
    }
    return await ofPart(async () => await reader.end());
  } finally {
    reader.close();
  }
}

async function ofPart<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof Problem ? new PartFailure(error.detail, { cause: error }) : error;
  }
}

/** The uploads of one request: a few at a time, and all of them known, so that they can be undone. */
class Uploads {
  readonly #content: InstanceContent;
  readonly #scope: TenantScope;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #all: Promise<NewInstance>[] = [];
  #pendingMetadataBytes = 0;

  constructor(content: InstanceContent, scope: TenantScope) {
    this.#content = content;
    this.#scope = scope;
  }

  /** Waits until one more may begin. */
  async room(): Promise<void> {
    while (this.#underWay.size >= uploadsMax) {
      await Promise.race(this.#underWay);
    }
  }

  /**
   * Begins to make an instance durable, with its data set as JSON and that as it is kept. The promise is also awaited here,
   * so that its failure is never unheard.
   */
  begin(
    writer: ContentWriter,
    instance: Part10Instance,
    valid: ValidInstance,
    { dataset, metadata }: EncodedDataset,
    extended: ExtendedValues,
    { registrations }: TagList,
  ): Promise<NewInstance> {
    const metadataBeside =
      metadata.byteLength > inlineMetadataBytesMax ||
      this.#pendingMetadataBytes + metadata.byteLength > pendingMetadataBytesMax;
    if (!metadataBeside) {
      this.#pendingMetadataBytes += metadata.byteLength;
    }
    const frames = instance.pixelData?.frames;
    const inlineFrames = instance.pixelData && inlineIfSmall(instance.pixelData);
    const known = {
      studyInstanceUID: valid.studyInstanceUID,
      seriesInstanceUID: valid.seriesInstanceUID,
      sopInstanceUID: valid.sopInstanceUID,
      sopClassUID: valid.sopClassUID,
      transferSyntaxUID: instance.transferSyntax.uid,
      datasetOffset: instance.datasetOffset,
      attributes: withExtendedValues(extractSearchAttributes(dataset), extended.attributes),
      ...(registrations === 0 ? {} : { registrations }),
    };
    const encodedFrames = inlineFrames === undefined ? frames?.encode() : undefined;
    const framesReference = instance.pixelData && {
      count: instance.pixelData.frames.count,
      vr: instance.pixelData.vr,
      ...(inlineFrames === undefined ? {} : { inline: inlineFrames }),
    };
    const upload = (async (): Promise<NewInstance> => {
      const stored = await writer.commit();
      if (encodedFrames !== undefined) {
        await this.#content.putSide(this.#scope, stored.name, ".frames", encodedFrames);
      }
      if (metadataBeside) {
        await this.#content.putSide(this.#scope, stored.name, ".metadata", metadata);
      }
      return {
        ...known,
        content: stored,
        frames: framesReference,
        metadata: metadataBeside ? "beside" : metadata,
      };
    })();
    this.#all.push(upload);
    const settled = upload.then(
      () => undefined,
      () => undefined,
    );
    this.#underWay.add(settled);
    void settled.then(() => this.#underWay.delete(settled));
    return upload;
  }

  /** Removes what was made durable for an instance that is not kept. What is left after a crash, the sweep finds. */
  discard(instances: readonly NewInstance[]): void {
    void this.#remove(instances);
  }

  /** Removes all that was made durable, once it is. */
  discardAll(): void {
    void Promise.allSettled(this.#all).then(async (results) => {
      await this.#remove(
        results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])),
      );
    });
  }

  async #remove(instances: readonly NewInstance[]): Promise<void> {
    try {
      for (const instance of instances) {
        for (const name of contentNames(instance)) {
          await this.#content.remove(this.#scope, name);
        }
      }
    } catch {
      // The sweep comes by later; nobody can see what is left until then.
    }
  }
}

/** An instance that could not be stored through no fault of its own. */
class Unavailable {
  readonly cause: unknown;
  readonly outcome: InstanceOutcome;

  constructor(cause: unknown, valid: ValidInstance) {
    this.cause = cause;
    this.outcome = {
      outcome: "failed",
      failureReason: failureReason.processingFailure,
      sopClassUID: valid.sopClassUID,
      sopInstanceUID: valid.sopInstanceUID,
    };
  }
}

async function putAll(
  index: InstanceIndex,
  scope: TenantScope,
  received: readonly (Received | InstanceOutcome)[],
  { mode, expiresAt }: Pick<StoreRequest, "mode" | "expiresAt">,
  uploads: Uploads,
): Promise<(InstanceOutcome | Unavailable)[]> {
  const outcomes: (InstanceOutcome | Unavailable)[] = [];
  const byStudy = new Map<
    string,
    { position: number; valid: ValidInstance; instance: NewInstance }[]
  >();
  for (const [position, entry] of received.entries()) {
    if ("outcome" in entry) {
      outcomes[position] = entry;
      continue;
    }
    const { valid } = entry;
    try {
      const instance = await entry.upload;
      const members = byStudy.get(valid.studyInstanceUID) ?? [];
      members.push({ position, valid, instance });
      byStudy.set(valid.studyInstanceUID, members);
    } catch (error) {
      outcomes[position] = new Unavailable(error, valid);
    }
  }
  // Studies are partitions of their own and do not meet; a few at a time is as fast as the database likes.
  const studies = [...byStudy];
  const worker = async (): Promise<void> => {
    for (let next = studies.shift(); next !== undefined; next = studies.shift()) {
      const [study, members] = next;
      const results = await index.put(
        scope,
        study,
        members.map(({ instance }) => instance),
        mode,
        expiresAt,
      );
      const unused: NewInstance[] = [];
      for (const [at, { position, valid, instance }] of members.entries()) {
        const result = results[at] ?? { result: "unavailable", cause: undefined };
        outcomes[position] = outcomeOf(result, valid);
        if (result.result !== "stored" && result.result !== "unavailable") {
          unused.push(instance);
        }
      }
      uploads.discard(unused);
    }
  };
  await Promise.all(Array.from({ length: studiesMax }, worker));
  return outcomes;
}

function outcomeOf(result: PutOutcome, valid: ValidInstance): InstanceOutcome | Unavailable {
  const { studyInstanceUID, seriesInstanceUID, sopInstanceUID, sopClassUID } = valid;
  const { hasUnindexedValues } = valid;
  switch (result.result) {
    case "stored":
    case "unchanged": {
      const stored = {
        studyInstanceUID,
        seriesInstanceUID,
        sopClassUID,
        sopInstanceUID,
        ...(hasUnindexedValues ? { hasUnindexedValues } : {}),
      };
      return valid.warningReasons.length === 0
        ? { outcome: "stored", ...stored }
        : {
            outcome: "storedWithWarning",
            ...stored,
            warningReasons: valid.warningReasons,
            errorComments: valid.errorComments,
          };
    }
    case "duplicate":
      return {
        outcome: "failed",
        failureReason: failureReason.alreadyStored,
        sopClassUID,
        sopInstanceUID,
      };
    case "notAuthorized":
      return {
        outcome: "failed",
        failureReason: failureReason.notAuthorized,
        sopClassUID,
        sopInstanceUID,
      };
    case "unavailable":
      return new Unavailable(result.cause, valid);
  }
}

function inlineIfSmall({ frames, isEncapsulated }: PixelData): InlineFrameIndex | undefined {
  // Native frames are a formula; encapsulated ones take some ten characters each at least.
  if (isEncapsulated && frames.count > inlineFramesCharactersMax / 10) {
    return undefined;
  }
  const inline = frames.toInline();
  return JSON.stringify(inline).length > inlineFramesCharactersMax ? undefined : inline;
}

/** All the names under which an instance that was made durable is kept. */
function contentNames({ content, frames, metadata }: NewInstance): string[] {
  return [
    content.name,
    ...(frames !== undefined && frames.inline === undefined
      ? [sideName(content.name, ".frames")]
      : []),
    ...(metadata === "beside" ? [sideName(content.name, ".metadata")] : []),
  ];
}

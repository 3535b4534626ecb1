import {
  chooseRepresentation,
  type AcceptedRepresentation,
  type ChosenRepresentation,
} from "../dicomweb/negotiation.ts";
import { Problem } from "../problem/problem.ts";
import type { InstanceContent } from "../store/instanceContent.ts";
import type { InstanceRecord, InstanceUIDs, Target } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { readAhead } from "./readAhead.ts";
import type { Stores } from "./storeInstances.ts";

/** One object on its way to the caller. */
export interface RetrievedObject {
  readonly mediaType: string;
  /** The syntax that the bytes are in. */
  readonly transferSyntaxUID: string;
  /** The resource it is, as a path below the service's URL: `studies/…`. */
  readonly location: string;
  /** In bytes, where it is known before the bytes are. */
  readonly length: number | undefined;
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
 * Retrieves the instances under a target (PS3.18 §10.4), in the order in which they were stored and in the syntax in which
 * they are stored.
 *
 * Nothing is held in memory but a few small instances.
 *
 * Throws `notFound` when nothing is there, and `notAcceptable` when a syntax is asked for that an instance is not in.
 */
export async function retrieveInstances(
  stores: Stores,
  scope: TenantScope,
  target: Target,
  accepted: readonly AcceptedRepresentation[],
  signal: AbortSignal,
): Promise<Retrieved> {
  const { studyInstanceUID, seriesInstanceUID, sopInstanceUID } = target;
  const open = async ({ record, chosen }: ChosenInstance): Promise<RetrievedObject> => {
    try {
      return await openInstance(stores.content, scope, record, chosen, signal);
    } catch (error) {
      // Whoever reads the index and is then overtaken by a replacement finds the bytes gone: there are new ones.
      const isGone = error instanceof Problem && error.kind === "notFound";
      const now = isGone ? await stores.index.get(scope, record) : undefined;
      if (now === undefined || now.content.name === record.content.name) {
        throw error;
      }
      return await openInstance(stores.content, scope, now, choose(now, accepted), signal);
    }
  };
  if (seriesInstanceUID !== undefined && sopInstanceUID !== undefined) {
    const record = await stores.index.get(scope, {
      studyInstanceUID,
      seriesInstanceUID,
      sopInstanceUID,
    });
    if (record === undefined) {
      throw noInstance();
    }
    const chosen = choose(record, accepted);
    const object = await open({ record, chosen });
    return {
      form: chosen.representation.form,
      mediaType: chosen.representation.mediaType,
      objects: once(object),
    };
  }
  const contents = await stores.index.query(scope, target);
  if (contents === undefined) {
    throw noInstance();
  }
  return {
    form: "multipart",
    mediaType: accepted[0]?.mediaType ?? "application/dicom",
    objects: readAhead(await chooseAll(contents.pages, accepted), instancesAhead, open),
  };
}

interface ChosenInstance {
  readonly record: InstanceRecord;
  readonly chosen: ChosenRepresentation;
}

// Where anything that is stored will do, instances are chosen as they come. Where a syntax is named, it has to be known
// before the first byte leaves whether every instance is in it.
async function chooseAll(
  pages: AsyncIterable<readonly InstanceRecord[]>,
  accepted: readonly AcceptedRepresentation[],
): Promise<AsyncIterable<ChosenInstance>> {
  const each = async function* each(): AsyncGenerator<ChosenInstance, void, undefined> {
    for await (const page of pages) {
      for (const record of page) {
        yield { record, chosen: choose(record, accepted) };
      }
    }
  };
  const takesAny = accepted.some(
    ({ transferSyntax }) => transferSyntax === "*" || transferSyntax === undefined,
  );
  if (takesAny) {
    return each();
  }
  const all: ChosenInstance[] = [];
  for await (const instance of each()) {
    all.push(instance);
  }
  return (async function* list() {
    yield* all;
  })();
}

function choose(
  record: InstanceRecord,
  accepted: readonly AcceptedRepresentation[],
): ChosenRepresentation {
  const chosen = chooseRepresentation(accepted, record.transferSyntaxUID, []);
  if (chosen === undefined) {
    throw new Problem(
      "notAcceptable",
      `An instance is stored in the transfer syntax ${record.transferSyntaxUID} and is not offered in another.`,
    );
  }
  return chosen;
}

async function openInstance(
  content: InstanceContent,
  scope: TenantScope,
  record: InstanceRecord,
  { representation, transferSyntaxUID }: ChosenRepresentation,
  signal: AbortSignal,
): Promise<RetrievedObject> {
  const { name, length } = record.content;
  const body =
    length <= readAheadBytesMax
      ? once(await content.getBytes(scope, name, undefined, signal))
      : await content.get(scope, name, undefined, signal);
  return {
    mediaType: representation.mediaType,
    transferSyntaxUID,
    location: instancePath(record),
    length,
    body,
  };
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

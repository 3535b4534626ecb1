import { createHash, randomBytes } from "node:crypto";
import { expect } from "vitest";
import { parseAccept } from "../../shared/dicomweb/mediaType.ts";
import {
  negotiateRetrieve,
  type AcceptedRepresentation,
  type RetrieveResource,
} from "../../shared/dicomweb/negotiation.ts";
import { parseSearchQuery } from "../../shared/dicomweb/searchQuery.ts";
import type { InstanceOutcome } from "../../shared/dicomweb/storeResponse.ts";
import { Problem } from "../../shared/problem/problem.ts";
import type { InstanceIndex, PutMode, Target } from "../../shared/store/instanceIndex.ts";
import { maintenanceScope, type TenantScope } from "../../shared/tenancy/tenantScope.ts";
import { refreshCopies } from "../../shared/transactions/refreshCopies.ts";
import { removeContent } from "../../shared/transactions/removeContent.ts";
import { retrieveFrames } from "../../shared/transactions/retrieveFrames.ts";
import { retrieveInstances } from "../../shared/transactions/retrieveInstances.ts";
import { retrieveMetadata } from "../../shared/transactions/retrieveMetadata.ts";
import { noTags } from "../../shared/tags/tagList.ts";
import { storeInstances } from "../../shared/transactions/storeInstances.ts";
import { sweepContent } from "../../shared/transactions/sweepContent.ts";
import { makeInstance, type InstanceOptions } from "./dicom/dicomFile.ts";
import { readStudyState, type StudyState } from "./studyState.ts";
import type { TestStores } from "./testStores.ts";

/** A file to store, with what it says. */
export type TestFile = ReturnType<typeof makeInstance>;

/** A small file of a study. */
export function fileOf(studyInstanceUID: string, options: InstanceOptions = {}): TestFile {
  return makeInstance({ studyInstanceUID, ...options });
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The tenant of one test, whose content no other test has. */
export function newScope(): TenantScope {
  return maintenanceScope(`t${randomBytes(8).toString("hex")}`, "Microsoft.Default");
}

/** The service's transactions on stores of a test, and views that compare them with each other. */
export class TestTransactions {
  readonly #stores: TestStores;

  constructor(stores: TestStores) {
    this.#stores = stores;
  }

  async store(
    scope: TenantScope,
    files: readonly TestFile[],
    mode: PutMode = "create",
    index: InstanceIndex = this.#stores.index,
  ): Promise<readonly InstanceOutcome[]> {
    return await storeInstances({ index, content: this.#stores.content }, scope, {
      parts: (async function* parts() {
        for (const { bytes } of files) {
          yield await Promise.resolve({
            isDicom: true,
            body: (async function* body() {
              yield await Promise.resolve(bytes);
            })(),
          });
        }
      })(),
      version: "v2",
      studyInstanceUID: undefined,
      mode,
      extendedTags: noTags,
      report: () => undefined,
    });
  }

  /** The bytes of all instances under a target, one after the other. */
  async readBytes(scope: TenantScope, target: Target): Promise<Buffer> {
    const signal = new AbortController().signal;
    const accepted = accepting(target.sopInstanceUID === undefined ? "study" : "instance");
    const { objects } = await retrieveInstances(this.#stores, scope, target, accepted, signal);
    return Buffer.concat(await readObjects(objects));
  }

  /**
   * What a reader gets of an instance: a hash of its bytes, or `undefined` when it is not there. Throws when the ways to
   * read it do not agree on that.
   */
  async readWhole(scope: TenantScope, file: TestFile): Promise<string | undefined> {
    const signal = new AbortController().signal;
    const bytes = await orNotFound(async () => await this.readBytes(scope, file));
    const metadata = await orNotFound(async () => {
      const found = await retrieveMetadata(this.#stores, scope, file, "http://x/v2");
      let text = "";
      for await (const dataset of found.isModified ? found.datasets : []) {
        text += dataset;
      }
      return text;
    });
    const frames = await orNotFound(async () => {
      const accepted = accepting("frames");
      const last = [file.frameCount];
      const { objects } = await retrieveFrames(this.#stores, scope, file, last, accepted, signal);
      return Buffer.concat(await readObjects(objects));
    });
    if (bytes === undefined) {
      expect([metadata, frames]).toEqual([undefined, undefined]);
      return undefined;
    }
    expect(metadata).toContain(file.sopInstanceUID);
    expect(frames?.length).toBeGreaterThan(0);
    return sha256(bytes);
  }

  /** Reads a study in every way, and expects that all of them say the same and that its items hold together. */
  async readStudy(scope: TenantScope, study: string, isRepaired: boolean): Promise<StudyState> {
    const key = { tenant: scope.tenant, partition: scope.partition, study };
    const state = await readStudyState(this.#stores.direct.container, key, isRepaired);
    expect(state.faults).toEqual([]);
    const { index } = this.#stores;
    const contents = await index.queryMetadata(scope, { studyInstanceUID: study });
    const listed: string[] = [];
    for await (const page of contents?.pages ?? []) {
      listed.push(...page.map(({ sopInstanceUID }) => sopInstanceUID));
    }
    expect(listed.toSorted()).toEqual(state.current.map(({ sop }) => sop).toSorted());
    expect(contents?.instanceCount ?? 0).toBe(state.current.length);
    const rows = async (level: "study" | "series" | "instance"): Promise<number> => {
      const query = parseSearchQuery({ level }, [["StudyInstanceUID", study]], "v2");
      return (await index.search(scope, query)).rows.length;
    };
    expect(await rows("study")).toBe(state.study === undefined ? 0 : 1);
    expect(await rows("series")).toBe(state.series.length);
    expect(await rows("instance")).toBe(Math.min(state.current.length, 100));
    return state;
  }

  /** Lets the change feed have its way, twice with everything, as it may. */
  async replayFeed(scope: TenantScope, study: string): Promise<void> {
    const { resources } = await this.#stores.direct.container.items
      .query<object>("SELECT * FROM c", { partitionKey: [scope.tenant, scope.partition, study] })
      .fetchAll();
    for (let round = 0; round < 2; round += 1) {
      await removeContent(this.#stores.content, resources);
      await refreshCopies(this.#stores.index, resources);
    }
  }

  /** Sweeps as if a day had passed, and expects exactly what is referred to to be left. */
  async sweepEverything(scope: TenantScope): Promise<void> {
    const before = new Date(Date.now() + 3_600_000);
    const names = await this.contentNames(scope);
    for (const shard of new Set(names.map((name) => name.slice(0, 2)))) {
      await sweepContent(this.#stores, scope, shard, before);
    }
    const { resources } = await this.#stores.direct.container.items
      .query<string>(
        'SELECT VALUE c.content.name FROM c WHERE c.kind = "instance" AND c.state = "current"',
        { partitionKey: [scope.tenant, scope.partition] },
      )
      .fetchAll();
    const left = (await this.contentNames(scope)).map((name) =>
      name.replace(/\.(frames|metadata)$/, ""),
    );
    expect([...new Set(left)].toSorted()).toEqual(resources.toSorted());
  }

  /** The names of all that is kept for a tenant. */
  async contentNames(scope: TenantScope): Promise<string[]> {
    const container = this.#stores.blobs.getContainerClient(scope.contentContainer);
    const names: string[] = [];
    for await (const { name } of container.listBlobsFlat()) {
      names.push(name);
    }
    return names;
  }
}

function accepting(resource: RetrieveResource): readonly AcceptedRepresentation[] {
  const type = resource === "frames" ? "application/octet-stream" : "application/dicom";
  const accept = `multipart/related; type="${type}"; transfer-syntax=*`;
  return negotiateRetrieve(parseAccept([accept], undefined), resource);
}

async function readObjects(
  objects: AsyncIterable<{ readonly body: AsyncIterable<Uint8Array> }>,
): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const { body } of objects) {
    for await (const chunk of body) {
      chunks.push(chunk);
    }
  }
  return chunks;
}

async function orNotFound<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Problem && error.kind === "notFound") {
      return undefined;
    }
    throw error;
  }
}

import { expect, test } from "vitest";
import { Problem } from "../../../../shared/problem/problem.ts";
import type { InstanceContent } from "../../../../shared/store/instanceContent.ts";
import type {
  InstanceIndex,
  NewInstance,
  PutOutcome,
} from "../../../../shared/store/instanceIndex.ts";
import { unauthenticatedScope } from "../../../../shared/tenancy/tenantScope.ts";
import { noTags } from "../../../../shared/tags/tagList.ts";
import { storeInstances, type StorePart } from "../../../../shared/transactions/storeInstances.ts";
import { makeInstance } from "../../../support/dicom/dicomFile.ts";

async function* partsOf(files: readonly Uint8Array[]): AsyncGenerator<StorePart> {
  for (const bytes of files) {
    const body = (async function* one() {
      yield await Promise.resolve(bytes);
    })();
    yield await Promise.resolve({ isDicom: true, body });
  }
}

/** Content that keeps everything, and an index that says what `decide` says. */
function storesThat(decide: (instance: NewInstance) => PutOutcome) {
  let names = 0;
  const removed: string[] = [];
  const content = {
    openWriter: () => ({
      write: async () => {
        await Promise.resolve();
      },
      commit: async () => {
        names += 1;
        return await Promise.resolve({ name: `aa/${names}`, length: 1, sha256: "" });
      },
      abort: async () => {
        await Promise.resolve();
      },
    }),
    remove: async (_: unknown, name: string) => {
      removed.push(name);
      await Promise.resolve();
    },
  } as unknown as InstanceContent;
  const index = {
    put: async (_: unknown, __: unknown, instances: readonly NewInstance[]) =>
      await Promise.resolve(instances.map(decide)),
  } as unknown as InstanceIndex;
  return { stores: { index, content }, removed };
}

async function store(
  stores: ReturnType<typeof storesThat>["stores"],
  files: readonly Uint8Array[],
): Promise<{ outcomes: readonly object[]; reported: unknown[] }> {
  const reported: unknown[] = [];
  const outcomes = await storeInstances(stores, unauthenticatedScope(), {
    parts: partsOf(files),
    version: "v2",
    studyInstanceUID: undefined,
    mode: "create",
    extendedTags: noTags,
    report: (error) => reported.push(error),
  });
  return { outcomes, reported };
}

const one = makeInstance();
const other = makeInstance({ studyInstanceUID: one.studyInstanceUID });
const busy = new Problem("unavailable", "Busy.");

function failingFor(uid: string): (instance: NewInstance) => PutOutcome {
  return ({ sopInstanceUID }) =>
    sopInstanceUID === uid
      ? { result: "unavailable", cause: busy }
      : { result: "stored", revision: 1 };
}

test("an instance that a busy store could not take is reported beside those that it took, with the cause for the log", async () => {
  const { stores, removed } = storesThat(failingFor(other.sopInstanceUID));
  const { outcomes, reported } = await store(stores, [one.bytes, other.bytes]);
  expect(outcomes).toMatchObject([
    { outcome: "stored", sopInstanceUID: one.sopInstanceUID },
    { outcome: "failed", failureReason: 0x0110, sopInstanceUID: other.sopInstanceUID },
  ]);
  expect(reported).toEqual([busy]);
  // Whether the index knows of it is not certain; the sweep finds out.
  expect(removed).toEqual([]);
});

test("a store that could take nothing is a problem of the request", async () => {
  const { stores } = storesThat(() => ({ result: "unavailable", cause: busy }));
  await expect(store(stores, [one.bytes, other.bytes])).rejects.toBe(busy);
});

test("the content of a duplicate is removed", async () => {
  const { stores, removed } = storesThat(() => ({ result: "duplicate" }));
  const { outcomes } = await store(stores, [one.bytes]);
  expect(outcomes).toMatchObject([{ outcome: "failed", failureReason: 45070 }]);
  await expect.poll(() => removed).toEqual(["aa/1"]);
});

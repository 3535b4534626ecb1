import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { DicomJsonDataset } from "../../shared/dicom/dicomJson.ts";
import { formatTag } from "../../shared/dicom/tag.ts";
import { searchAttributeTags } from "../../shared/dicomweb/searchAttributes.ts";
import { Problem } from "../../shared/problem/problem.ts";
import type { NewInstance } from "../../shared/store/instanceIndex.ts";
import type { TenantScope } from "../../shared/tenancy/tenantScope.ts";
import { deleteInstances } from "../../shared/transactions/deleteInstances.ts";
import { refreshCopies } from "../../shared/transactions/refreshCopies.ts";
import { removeContent } from "../../shared/transactions/removeContent.ts";
import { retrieveMetadata } from "../../shared/transactions/retrieveMetadata.ts";
import { makeUID } from "../support/dicom/dicomFile.ts";
import type { Fault, ProxiedRequest } from "../support/faultyProxy.ts";
import { indexedInstance } from "../support/indexedInstance.ts";
import { startTestStores, type TestStores } from "../support/testStores.ts";
import { fileOf, newScope, sha256, TestTransactions } from "../support/testTransactions.ts";

// Goal: what happens between a request's effect and its answer, or between its reading and its writing, does no harm.
// Method: a proxy holds one chosen request of the index and lets something else happen first.

let stores: TestStores;
let service: TestTransactions;

beforeAll(async () => {
  stores = await startTestStores();
  service = new TestTransactions(stores);
});

afterEach(() => {
  stores.cosmosProxy.reset();
  stores.blobProxy.reset();
});

afterAll(async () => {
  await stores.close();
});

function isBatch({ headers }: ProxiedRequest): boolean {
  return headers["x-ms-cosmos-is-batch-request"]?.toString().toLowerCase() === "true";
}

/** Something goes wrong with the first batch, and with nothing else. */
function firstBatch(fault: Fault): void {
  let isFirst = true;
  stores.cosmosProxy.reset((request) => {
    if (isFirst && isBatch(request)) {
      isFirst = false;
      return fault;
    }
    return undefined;
  });
}

/** Instances of one series that are in the index alone. */
function indexedSeries(study: string, count: number, attributes?: DicomJsonDataset): NewInstance[] {
  const seriesInstanceUID = makeUID();
  return Array.from({ length: count }, () =>
    indexedInstance(
      { studyInstanceUID: study, seriesInstanceUID, sopInstanceUID: makeUID() },
      attributes,
    ),
  );
}

/** As many attributes as there are tags, as long as the index takes them, in a script of three bytes a character. */
function longAttributes(tags: readonly string[]): DicomJsonDataset {
  return Object.fromEntries(tags.map((tag) => [tag, { vr: "LO", Value: ["あ".repeat(990)] }]));
}

describe("a store whose reply is lost", () => {
  test("does not bring back what another caller deleted in the meantime", async () => {
    const scope = newScope();
    const study = makeUID();
    const file = fileOf(study);
    firstBatch({
      kind: "resetAfter",
      meanwhile: async () => {
        await deleteInstances(stores.direct.index, scope, { studyInstanceUID: study });
      },
    });
    expect(await service.store(scope, [file])).toMatchObject([{ outcome: "stored" }]);
    await service.replayFeed(scope, study);
    const { current, events } = await service.readStudy(scope, study, true);
    expect(current).toEqual([]);
    expect(events.map(({ action }) => action)).toEqual(["create", "delete"]);
    await service.sweepEverything(scope);
  });

  test("does not take the place of what another caller stored over it in the meantime", async () => {
    const scope = newScope();
    const study = makeUID();
    const file = fileOf(study);
    const other = fileOf(study, {
      seriesInstanceUID: file.seriesInstanceUID,
      sopInstanceUID: file.sopInstanceUID,
      rows: 16,
    });
    firstBatch({
      kind: "resetAfter",
      meanwhile: async () => {
        await service.store(scope, [other], "upsert", stores.direct.index);
      },
    });
    expect(await service.store(scope, [file], "upsert")).toMatchObject([{ outcome: "stored" }]);
    await service.replayFeed(scope, study);
    await service.readStudy(scope, study, true);
    expect(await service.readWhole(scope, file)).toBe(sha256(other.bytes));
    await service.sweepEverything(scope);
  });

  test("answers for each part what it would have answered", async () => {
    const scope = newScope();
    const study = makeUID();
    const file = fileOf(study);
    const same = fileOf(study, {
      seriesInstanceUID: file.seriesInstanceUID,
      sopInstanceUID: file.sopInstanceUID,
      rows: 16,
    });
    firstBatch({ kind: "resetAfter" });
    const outcomes = await service.store(scope, [file, same], "upsert");
    expect(outcomes).toMatchObject([
      { outcome: "stored" },
      { outcome: "failed", failureReason: 45070 },
    ]);
    await service.readStudy(scope, study, false);
    expect(await service.readWhole(scope, file)).toBe(sha256(file.bytes));
  });
});

describe("a delete whose reply is lost", () => {
  test("is a success although nothing is left when it looks again", async () => {
    const scope = newScope();
    const study = makeUID();
    await service.store(scope, [fileOf(study), fileOf(study)]);
    firstBatch({ kind: "resetAfter" });
    await deleteInstances(stores.index, scope, { studyInstanceUID: study });
    expect((await service.readStudy(scope, study, true)).current).toEqual([]);
  });

  test("does not delete what was stored after it", async () => {
    const scope = newScope();
    const study = makeUID();
    const file = fileOf(study);
    await service.store(scope, [file]);
    firstBatch({
      kind: "resetAfter",
      meanwhile: async () => {
        await service.store(scope, [file], "create", stores.direct.index);
      },
    });
    await deleteInstances(stores.index, scope, { studyInstanceUID: study });
    await service.replayFeed(scope, study);
    await service.readStudy(scope, study, true);
    expect(await service.readWhole(scope, file)).toBe(sha256(file.bytes));
  });
});

describe("a store that is overtaken", () => {
  test("by the delete of the last instance of its modality leaves the study searchable by it", async () => {
    const scope = newScope();
    const study = makeUID();
    const [first, second, third] = [
      fileOf(study, { modality: "CT" }),
      fileOf(study, { modality: "MR" }),
      fileOf(study, { modality: "CT" }),
    ];
    await service.store(scope, [first, second]);
    firstBatch({
      kind: "overtaken",
      meanwhile: async () => {
        await deleteInstances(stores.direct.index, scope, first);
      },
    });
    expect(await service.store(scope, [third])).toMatchObject([{ outcome: "stored" }]);
    await service.replayFeed(scope, study);
    const { current } = await service.readStudy(scope, study, true);
    expect(current.map(({ sop }) => sop).toSorted()).toEqual(
      [second.sopInstanceUID, third.sopInstanceUID].toSorted(),
    );
  });

  test("by the delete of its study makes the study anew", async () => {
    const scope = newScope();
    const study = makeUID();
    const [first, second] = [fileOf(study), fileOf(study)];
    await service.store(scope, [first]);
    firstBatch({
      kind: "overtaken",
      meanwhile: async () => {
        await deleteInstances(stores.direct.index, scope, { studyInstanceUID: study });
      },
    });
    expect(await service.store(scope, [second])).toMatchObject([{ outcome: "stored" }]);
    expect((await service.readStudy(scope, study, true)).current).toHaveLength(1);
  });

  test("by a store of the same instance is a duplicate, and its own content goes", async () => {
    const scope = newScope();
    const study = makeUID();
    const file = fileOf(study);
    firstBatch({
      kind: "overtaken",
      meanwhile: async () => {
        await service.store(scope, [file], "create", stores.direct.index);
      },
    });
    expect(await service.store(scope, [file])).toMatchObject([
      { outcome: "failed", failureReason: 45070 },
    ]);
    expect((await service.readStudy(scope, study, true)).events).toHaveLength(1);
    expect(await service.readWhole(scope, file)).toBe(sha256(file.bytes));
    await service.sweepEverything(scope);
  });

  test("by a store that changes the patient ends with one patient", async () => {
    const scope = newScope();
    const study = makeUID();
    const [first, second, third] = [
      fileOf(study),
      fileOf(study, { patientName: "Second^Artificial" }),
      fileOf(study, { patientName: "Third^Artificial" }),
    ];
    await service.store(scope, [first]);
    firstBatch({
      kind: "overtaken",
      meanwhile: async () => {
        await service.store(scope, [second], "create", stores.direct.index);
      },
    });
    await service.store(scope, [third]);
    await service.replayFeed(scope, study);
    const { study: item } = await service.readStudy(scope, study, true);
    expect(JSON.stringify(item?.attributes)).toContain("Third^Artificial");
  });
});

test("a store that is cut short after its batch is stored, and the change feed brings the copies up to date", async () => {
  const scope = newScope();
  const study = makeUID();
  const [first, second] = [fileOf(study), fileOf(study, { patientName: "Other^Artificial" })];
  await service.store(scope, [first]);
  let isCommitted = false;
  stores.cosmosProxy.reset((request) => {
    if (isCommitted) {
      return { kind: "answer", status: 503 };
    }
    isCommitted = isBatch(request);
    return undefined;
  });
  expect(await service.store(scope, [second])).toMatchObject([{ outcome: "stored" }]);
  stores.cosmosProxy.reset();
  const { study: item } = await service.readStudy(scope, study, false);
  expect(await refreshCopies(stores.index, [item])).toBeGreaterThan(0);
  await service.readStudy(scope, study, true);
  expect(await refreshCopies(stores.index, [item])).toBe(0);
});

test("copies are brought up to date however much each of them is", async () => {
  const scope = newScope();
  const study = makeUID();
  await stores.index.put(scope, study, indexedSeries(study, 90), "create");
  const tags = searchAttributeTags.study.map(formatTag).filter((tag) => tag !== "0020000D");
  const amending = indexedSeries(study, 1, longAttributes(tags));
  const outcomes = await stores.index.put(scope, study, amending, "create");
  expect(outcomes).toMatchObject([{ result: "stored" }]);
  expect(await stores.index.refreshCopies(scope, study)).toBe(90);
  await service.readStudy(scope, study, true);
});

test("instances with much to say in a script of three bytes a character are stored", async () => {
  const scope = newScope();
  const study = makeUID();
  const tags = searchAttributeTags.instance.map(formatTag).filter((tag) => tag !== "00080018");
  const instances = indexedSeries(study, 40, longAttributes(tags));
  const outcomes = await stores.index.put(scope, study, instances, "create");
  expect(outcomes.map(({ result }) => result)).toEqual(instances.map(() => "stored"));
});

describe("a study of several pages", () => {
  const count = 2_500;
  let scope: TenantScope;
  let study: string;

  beforeAll(async () => {
    scope = newScope();
    study = makeUID();
    await stores.index.put(scope, study, indexedSeries(study, count), "create");
  });

  async function countMetadata(betweenInstances: () => void = () => undefined): Promise<number> {
    const found = await retrieveMetadata(
      stores,
      scope,
      { studyInstanceUID: study },
      "http://x/v2",
      undefined,
    );
    let instances = 0;
    for await (const dataset of found.isModified ? found.datasets : []) {
      instances += dataset.startsWith("{") ? 1 : 0;
      betweenInstances();
    }
    return instances;
  }

  test.each([
    ["answered 503", { kind: "answer", status: 503 }],
    ["answered 410", { kind: "answer", status: 410, headers: { "x-ms-substatus": "1002" } }],
    ["reset", { kind: "resetBefore" }],
    ["cut", { kind: "cut" }],
  ] as const)("is read whole although any one of its pages is %s", async (_, fault) => {
    for (let n = 0, isHit = true; isHit; n += 1) {
      stores.cosmosProxy.reset((__, index) => (index === n ? fault : undefined));
      expect(await countMetadata(), `page ${n}`).toBe(count);
      isHit = stores.cosmosProxy.requests.length > n;
    }
  });

  test("is never taken for a shorter one when the database stays away", async () => {
    stores.cosmosProxy.reset();
    await countMetadata();
    const pages = stores.cosmosProxy.requests.length;
    expect(pages).toBeGreaterThan(2);
    for (let n = 0; n < pages; n += 1) {
      stores.cosmosProxy.reset((__, index) =>
        index >= n ? { kind: "answer", status: 503 } : undefined,
      );
      await expect(countMetadata(), `page ${n}`).rejects.toMatchObject({ kind: "unavailable" });
    }
    stores.cosmosProxy.reset();
  });

  test("is read whole by one who reads for longer than one call may be tried", async () => {
    stores.cosmosProxy.reset((__, index) =>
      index % 2 === 1 ? { kind: "answer", status: 503 } : undefined,
    );
    const read = countMetadata(() => {
      stores.passTime(1_000);
    });
    expect(await read).toBe(count);
    stores.cosmosProxy.reset();
  });
});

describe("the bytes of a study", () => {
  let scope: TenantScope;
  let study: string;
  let hash: string;

  beforeAll(async () => {
    scope = newScope();
    study = makeUID();
    const files = [
      ...Array.from({ length: 8 }, () => fileOf(study)),
      // Too large to be read ahead.
      fileOf(study, { rows: 1_200, columns: 1_000 }),
      fileOf(study),
    ];
    await service.store(scope, files);
    hash = sha256(Buffer.concat(files.map(({ bytes }) => bytes)));
  });

  async function read(): Promise<string> {
    return sha256(await service.readBytes(scope, { studyInstanceUID: study }));
  }

  test.each([
    ["answered 503", { kind: "answer", status: 503 }],
    ["reset", { kind: "resetBefore" }],
    ["cut", { kind: "cut" }],
  ] as const)("are whole although any one request for them is %s", async (_, fault) => {
    for (let n = 0, isHit = true; isHit; n += 1) {
      stores.blobProxy.reset((__, index) => (index === n ? fault : undefined));
      expect(await read(), `request ${n}`).toBe(hash);
      isHit = stores.blobProxy.requests.length > n;
    }
  });

  test.each([
    ["answered 503", { kind: "answer", status: 503 }],
    ["cut", { kind: "cut" }],
  ] as const)("are never taken for fewer when all from one on are %s", async (_, fault) => {
    for (let n = 0; n < 10; n += 1) {
      stores.blobProxy.reset((__, index) => (index >= n ? fault : undefined));
      await expect(read(), `request ${n}`).rejects.toThrow();
    }
  });
});

describe("what follows from the change feed", () => {
  async function itemsOf(scope: TenantScope, study: string): Promise<object[]> {
    const { resources } = await stores.direct.container.items
      .query<object>("SELECT * FROM c", { partitionKey: [scope.tenant, scope.partition, study] })
      .fetchAll();
    return resources;
  }

  test("removes content however often it is cut short, and nothing that is referred to", async () => {
    const scope = newScope();
    const study = makeUID();
    const files = Array.from({ length: 5 }, () => fileOf(study));
    await service.store(scope, files);
    await deleteInstances(stores.index, scope, { studyInstanceUID: study });
    await service.store(scope, files.slice(3));
    const items = await itemsOf(scope, study);
    for (let n = 0; n < 5; n += 1) {
      stores.blobProxy.reset((__, index) =>
        index >= n ? { kind: "answer", status: 503 } : undefined,
      );
      await expect(removeContent(stores.content, items)).rejects.toMatchObject({
        kind: "unavailable",
      });
    }
    stores.blobProxy.reset((_, index) => (index === 2 ? { kind: "resetAfter" } : undefined));
    await removeContent(stores.content, items);
    expect(await service.contentNames(scope)).toHaveLength(2);
    for (const [at, file] of files.entries()) {
      expect(await service.readWhole(scope, file)).toBe(at < 3 ? undefined : sha256(file.bytes));
    }
  });

  test("brings copies up to date although any one request fails, and says when it could not", async () => {
    for (const isLasting of [false, true]) {
      for (let n = 0, isHit = true; isHit; n += 1) {
        const scope = newScope();
        const study = makeUID();
        await service.store(scope, [fileOf(study), fileOf(study)]);
        await service.store(scope, [fileOf(study, { patientName: "Other^Artificial" })]);
        const items = await itemsOf(scope, study);
        stores.cosmosProxy.reset((_, index) =>
          index === n || (isLasting && index > n)
            ? { kind: "answer", status: 408, hasEffect: true }
            : undefined,
        );
        const done = await refreshCopies(stores.index, items).catch((error: unknown) => error);
        isHit = stores.cosmosProxy.requests.length > n;
        stores.cosmosProxy.reset();
        if (isLasting && isHit) {
          expect(done, `request ${n}`).toMatchObject({ kind: "unavailable" });
        } else {
          expect(typeof done, `request ${n}`).toBe("number");
          await service.readStudy(scope, study, true);
        }
        await refreshCopies(stores.index, items);
        await service.readStudy(scope, study, true);
      }
    }
  });
});

test("stores and deletes of two hosts that meet in one study leave exactly what they say", async () => {
  const scope = newScope();
  const study = makeUID();
  const series = [makeUID(), makeUID()];
  const files = Array.from({ length: 24 }, (_, at) =>
    fileOf(study, {
      seriesInstanceUID: series[at % 2] ?? makeUID(),
      modality: ["CT", "MR", "US"][at % 3] ?? "OT",
      patientName: `Name${at % 4}^Artificial`,
    }),
  );
  const hosts = [stores.direct.index, stores.direct.secondIndex];
  const answers = await Promise.all(
    files.flatMap((file, at) =>
      hosts.map(async (index, host) => {
        const [outcome] = await service.store(scope, [file], "create", index);
        // A third of them goes again, from one host, while the rest is still on its way.
        const isGone =
          host === 0 && at % 3 === 0 && (await remove(scope, file)) ? file.sopInstanceUID : "";
        return { outcome, isGone };
      }),
    ),
  );
  const gone = new Set(answers.map(({ isGone }) => isGone));
  await service.replayFeed(scope, study);
  const { current, events } = await service.readStudy(scope, study, true);
  const there = new Set(current.map(({ sop }) => sop));
  for (const [at, file] of files.entries()) {
    const stored = answers
      .slice(2 * at, 2 * at + 2)
      .filter(({ outcome }) => outcome?.outcome === "stored").length;
    const creates = events.filter(
      ({ sop, action }) => sop === file.sopInstanceUID && action === "create",
    ).length;
    expect(creates, "each instance is created as often as somebody was told so").toBe(stored);
    expect(there.has(file.sopInstanceUID)).toBe(stored > (gone.has(file.sopInstanceUID) ? 1 : 0));
    expect(await service.readWhole(scope, file)).toBe(
      there.has(file.sopInstanceUID) ? sha256(file.bytes) : undefined,
    );
  }
  await service.sweepEverything(scope);
});

async function remove(scope: TenantScope, file: ReturnType<typeof fileOf>): Promise<boolean> {
  try {
    await deleteInstances(stores.direct.index, scope, file);
    return true;
  } catch (error) {
    if (error instanceof Problem && error.kind === "notFound") {
      return false;
    }
    throw error;
  }
}

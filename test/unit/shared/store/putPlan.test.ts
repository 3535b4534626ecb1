import { expect, test } from "vitest";
import {
  batchOperationsMax,
  patchOperationsMax,
} from "../../../../shared/store/batchOperations.ts";
import type { NewInstance } from "../../../../shared/store/instanceIndex.ts";
import {
  groupForPut,
  planPut,
  type KnownItems,
  type PlanContext,
} from "../../../../shared/store/putPlan.ts";

function context(): PlanContext {
  let versions = 0;
  return {
    keys: { tenant: "default", partition: "Microsoft.Default", study: "1" },
    stamp: { version: "V", at: "2026-11-21T00:00:00.000Z" },
    newVersion: () => String((versions += 1)),
  };
}

function instance(sop: number, series = 1, modality = "CT"): NewInstance {
  return {
    studyInstanceUID: "1",
    seriesInstanceUID: `1.${series}`,
    sopInstanceUID: `1.${series}.${sop}`,
    sopClassUID: "1.2",
    transferSyntaxUID: "1.2.840.10008.1.2.1",
    datasetOffset: 300,
    content: { name: `aa/${series}-${sop}`, length: 1, sha256: `hash ${series} ${sop}` },
    frames: undefined,
    metadata: new Uint8Array(300),
    attributes: {
      study: { match: {}, attributes: {} },
      series: { match: {}, attributes: { "00080060": { vr: "CS", Value: [modality] } } },
      instance: { match: {}, attributes: {} },
    },
  };
}

const nothing: KnownItems = new Map();

function patchSizes(plan: ReturnType<typeof planPut>): number[] {
  return plan.operations.flatMap((operation) =>
    operation.operationType === "Patch"
      ? [(operation.resourceBody as { operations: unknown[] }).operations.length]
      : [],
  );
}

test.each([
  ["one series", (at: number) => instance(at)],
  ["a series each", (at: number) => instance(at, at)],
  ["a modality each", (at: number) => instance(at, 1, `M${at}`)],
])("instances of %s are cut into groups that fit a batch", (_, make) => {
  const instances = Array.from({ length: 500 }, (__, at) => make(at));
  for (const mode of ["create", "upsert"] as const) {
    const groups = [...groupForPut(instances, mode)];
    expect(groups.flat()).toEqual(instances);
    for (const group of groups) {
      const plan = planPut(context(), group, mode, nothing);
      expect(plan.operations.length).toBeLessThanOrEqual(batchOperationsMax);
      expect(JSON.stringify(plan.operations).length).toBeLessThan(2 * 1024 * 1024);
    }
  }
});

test("large metadata makes groups smaller, so that a batch stays below two megabytes", () => {
  const instances = Array.from({ length: 60 }, (_, at) => ({
    ...instance(at),
    metadata: new Uint8Array(128 * 1024),
  }));
  for (const group of groupForPut(instances, "create")) {
    const { operations } = planPut(context(), group, "create", nothing);
    expect(JSON.stringify(operations).length).toBeLessThan(2 * 1024 * 1024);
  }
});

test("the second of two copies in one request is a duplicate", () => {
  const copy = { ...instance(1), content: { name: "bb/x", length: 1, sha256: "other" } };
  const plan = planPut(context(), [instance(1), copy], "create", nothing);
  expect(plan.outcomes).toEqual([{ result: "stored", revision: 1 }, { result: "duplicate" }]);
});

function known(overrides: object): KnownItems {
  const keys = { tenant: "default", partition: "Microsoft.Default", study: "1", _etag: '"e"' };
  const items = [
    {
      ...keys,
      id: "study",
      kind: "study",
      q: { study: { "00080061": ["CT"] } },
      attributes: { study: {} },
      studyVersion: "S",
      modalities: { CT: 1 },
      instanceCount: 1,
    },
    {
      ...keys,
      id: "series:1.1",
      kind: "series",
      series: "1.1",
      q: { series: {} },
      attributes: { series: { "00080060": { vr: "CS", Value: ["CT"] } } },
      seriesVersion: "E",
      instanceCount: 1,
    },
    {
      ...keys,
      id: "instance:1.1:1.1.1",
      kind: "instance",
      state: "current",
      series: "1.1",
      sop: "1.1.1",
      modality: "CT",
      order: "2:0",
      revision: 3,
      content: { name: "cc/old", length: 1, sha256: "old" },
      ...overrides,
    },
  ];
  return new Map(items.map((item) => [item.id, item])) as unknown as KnownItems;
}

test("a plan names one of its own events, by which a batch whose answer was lost is known again", () => {
  const plan = planPut(context(), [instance(1), instance(2)], "create", nothing);
  const ids = plan.operations.map((operation) =>
    "resourceBody" in operation ? (operation.resourceBody as { id?: unknown }).id : undefined,
  );
  expect(plan.changeId).toMatch(/^change:/);
  expect(ids).toContain(plan.changeId);
});

test("an instance that is there is a duplicate for POST, and replaced by PUT with an update event", () => {
  expect(planPut(context(), [instance(1)], "create", known({})).outcomes).toEqual([
    { result: "duplicate" },
  ]);
  const plan = planPut(context(), [instance(1)], "upsert", known({}));
  expect(plan.outcomes).toEqual([{ result: "stored", revision: 4 }]);
  expect(plan.operations).toContainEqual(
    expect.objectContaining({ operationType: "Replace", ifMatch: '"e"', id: "instance:1.1:1.1.1" }),
  );
  expect(plan.operations.at(-1)).toMatchObject({
    resourceBody: { kind: "change", action: "update", revision: 4, remove: ["cc/old"] },
  });
});

test("the same bytes again change nothing, whatever they are called", () => {
  const same = { ...instance(1), content: { name: "dd/new", length: 1, sha256: "old" } };
  const plan = planPut(context(), [same], "upsert", known({}));
  expect(plan).toMatchObject({ outcomes: [{ result: "unchanged", revision: 3 }], operations: [] });
});

test("after a deletion revisions go on", () => {
  const plan = planPut(context(), [instance(1)], "create", known({ state: "deleted" }));
  expect(plan.outcomes).toEqual([{ result: "stored", revision: 4 }]);
  expect(plan.operations.at(-1)).toMatchObject({ resourceBody: { action: "create", remove: [] } });
});

test("a patch of many modalities is cut, and only its first part has the condition", () => {
  const instances = Array.from({ length: 30 }, (_, at) => instance(at + 2, 1, `M${at}`));
  const plan = planPut(context(), instances, "create", known({}));
  for (const size of patchSizes(plan)) {
    expect(size).toBeLessThanOrEqual(patchOperationsMax);
  }
  const conditions = plan.operations
    .filter(({ operationType }) => operationType === "Patch")
    .filter((operation) => "id" in operation && operation.id === "study")
    .map(
      (operation) => (operation as { resourceBody: { condition?: string } }).resourceBody.condition,
    );
  expect(conditions.length).toBeGreaterThan(1);
  expect(conditions[0]).toBe('from c where c.studyVersion = "S"');
  expect(conditions.slice(1).every((condition) => condition === undefined)).toBe(true);
});

test("a new modality changes what the study is searched by, and makes copies old", () => {
  const plan = planPut(context(), [instance(2, 2, "MR")], "create", known({}));
  expect(plan.agesCopies).toBe(true);
  expect(JSON.stringify(plan.operations[0])).toContain('"00080061":["CT","MR"]');
});

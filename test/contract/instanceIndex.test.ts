import { AssertionError } from "node:assert";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Container } from "@azure/cosmos";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCosmosServer, type CosmosServer } from "../../local/cosmos/server.ts";
import type { DicomJsonDataset } from "../../shared/dicom/dicomJson.ts";
import { parseSearchQuery } from "../../shared/dicomweb/searchQuery.ts";
import type { InstanceUIDs, NewInstance, PutMode } from "../../shared/store/instanceIndex.ts";
import { CosmosInstanceIndex } from "../../shared/store/cosmosInstanceIndex.ts";
import { ElementPicker } from "../../shared/store/elementPicker.ts";
import { decodeDataset } from "../../shared/store/metadataCodec.ts";
import { maintenanceScope, type TenantScope } from "../../shared/tenancy/tenantScope.ts";
import { makeUID } from "../support/dicom/dicomFile.ts";
import { indexedInstance } from "../support/indexedInstance.ts";
import { readStudyState } from "../support/studyState.ts";
import { openTestIndex, testSurroundings, type TestIndex } from "../support/testStores.ts";

// The contract of InstanceIndex, against the embedded Cosmos DB server or, where COSMOS_ENDPOINT and COSMOS_KEY are set,
// against that account.

const seed = 20_261_121;

let server: CosmosServer | undefined;
let dataDir: string | undefined;
let opened: TestIndex;

beforeAll(async () => {
  const { COSMOS_ENDPOINT: endpoint, COSMOS_KEY: key } = process.env;
  if (endpoint !== undefined && key !== undefined) {
    opened = await openTestIndex(endpoint, key);
    return;
  }
  dataDir = mkdtempSync(join(tmpdir(), "strata-index-"));
  server = await startCosmosServer({ dataDir, physicalPartitions: 3 });
  opened = await openTestIndex(server.endpoint, server.key);
});

afterAll(async () => {
  await server?.close();
  if (dataDir !== undefined) {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

interface PutInstance {
  readonly series: number;
  readonly sop: number;
  readonly patient: number | undefined;
  readonly modality: number | undefined;
  readonly version: number;
}

type Command = { readonly scope: number; readonly study: number } & (
  | { readonly kind: "put"; readonly mode: PutMode; readonly instances: readonly PutInstance[] }
  | {
      readonly kind: "remove";
      readonly series: number | undefined;
      readonly sop: number | undefined;
    }
);

const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const maybe = (max: number): fc.Arbitrary<number | undefined> =>
  fc.option(small(max), { nil: undefined });

const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("put" as const),
        scope: small(2),
        study: small(1),
        mode: fc.constantFrom<PutMode>("create", "upsert"),
        instances: fc.array(
          fc.record({
            series: small(1),
            sop: small(2),
            patient: maybe(2),
            modality: maybe(2),
            version: small(1),
          }),
          { minLength: 1, maxLength: 4 },
        ),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("remove" as const),
        scope: small(2),
        study: small(1),
        series: maybe(1),
        sop: maybe(2),
      }),
    },
  ),
  { minLength: 4, maxLength: 14 },
);

const modalities = ["CT", "MR", "US"];

/** What a study is, said as plainly as can be. */
interface ModelStudy {
  patient: string | undefined;
  /** By series. */
  readonly modality: Map<string, string>;
  /** In the order in which they came. */
  readonly current: Map<string, { uids: InstanceUIDs; instance: NewInstance; modality: string }>;
  /** By series and SOP Instance UID, the deleted ones included. */
  readonly revisions: Map<string, number>;
}

/** UIDs that all tenants of a run have alike, so that one could be taken for another's. */
class Names {
  readonly studies: readonly string[] = [makeUID(), makeUID()];
  readonly series: readonly string[] = [makeUID(), makeUID()];
  readonly instances: readonly string[] = [makeUID(), makeUID(), makeUID()];
  readonly scopes: readonly TenantScope[];

  constructor() {
    const tenant = `t${randomBytes(6).toString("hex")}`;
    this.scopes = [
      maintenanceScope(tenant, "Microsoft.Default"),
      maintenanceScope(`${tenant}-other`, "Microsoft.Default"),
      maintenanceScope(tenant, "Another.Partition"),
    ];
  }

  uids(study: number, series: number, sop: number): InstanceUIDs {
    return {
      studyInstanceUID: this.studies[study] ?? "",
      seriesInstanceUID: this.series[series] ?? "",
      sopInstanceUID: this.instances[sop] ?? "",
    };
  }
}

class Model {
  readonly #studies = new Map<string, ModelStudy>();

  study(scope: number, study: number): ModelStudy {
    const key = `${scope} ${study}`;
    const known = this.#studies.get(key);
    if (known !== undefined) {
      return known;
    }
    const made: ModelStudy = {
      patient: undefined,
      modality: new Map(),
      current: new Map(),
      revisions: new Map(),
    };
    this.#studies.set(key, made);
    return made;
  }

  put(
    study: ModelStudy,
    mode: PutMode,
    instances: readonly { readonly instance: NewInstance; readonly put: PutInstance }[],
  ): object[] {
    const accepted: ((typeof instances)[number] & { readonly key: string })[] = [];
    const before = new Map(study.current);
    const outcomes = instances.map(({ instance, put }) => {
      const key = `${instance.seriesInstanceUID} ${instance.sopInstanceUID}`;
      const current = before.get(key);
      if (accepted.some((other) => other.key === key) || (current && mode === "create")) {
        return { result: "duplicate" };
      }
      const revision = study.revisions.get(key) ?? 0;
      if (current?.instance.content.sha256 === instance.content.sha256) {
        return { result: "unchanged", revision };
      }
      study.revisions.set(key, revision + 1);
      accepted.push({ key, instance, put });
      return { result: "stored", revision: revision + 1 };
    });
    for (const members of Map.groupBy(accepted, ({ put }) => put.series).values()) {
      for (const { key, instance, put } of members) {
        const modality = put.modality === undefined ? "" : (modalities[put.modality] ?? "");
        study.current.set(key, { uids: instance, instance, modality });
        if (modality !== "") {
          study.modality.set(instance.seriesInstanceUID, modality);
        }
      }
    }
    for (const { put } of accepted) {
      study.patient = put.patient === undefined ? study.patient : `PATIENT-${put.patient}`;
    }
    return outcomes;
  }

  remove(study: ModelStudy, isTarget: (uids: InstanceUIDs) => boolean): number {
    let removed = 0;
    for (const [key, { uids }] of study.current) {
      if (isTarget(uids)) {
        study.current.delete(key);
        removed += 1;
      }
    }
    const series = new Set([...study.current.values()].map(({ uids }) => uids.seriesInstanceUID));
    for (const uid of study.modality.keys()) {
      if (!series.has(uid)) {
        study.modality.delete(uid);
      }
    }
    if (study.current.size === 0) {
      study.patient = undefined;
    }
    return removed;
  }
}

function datasetOf({ patient, modality }: PutInstance): DicomJsonDataset {
  return {
    ...(patient === undefined ? {} : { "00100020": { vr: "LO", Value: [`PATIENT-${patient}`] } }),
    ...(modality === undefined
      ? {}
      : { "00080060": { vr: "CS", Value: [modalities[modality] ?? ""] } }),
  };
}

async function apply(names: Names, model: Model, command: Command): Promise<void> {
  const { index } = opened;
  const scope = names.scopes[command.scope];
  const study = model.study(command.scope, command.study);
  const studyInstanceUID = names.studies[command.study] ?? "";
  if (scope === undefined) {
    throw new Error("no such scope");
  }
  if (command.kind === "put") {
    const instances = command.instances.map((put) => ({
      put,
      instance: indexedInstance(
        names.uids(command.study, put.series, put.sop),
        datasetOf(put),
        String(put.version),
      ),
    }));
    const expected = model.put(study, command.mode, instances);
    const puts = instances.map(({ instance }) => instance);
    expect(await index.put(scope, studyInstanceUID, puts, command.mode)).toEqual(expected);
    return;
  }
  const { series, sop } = command;
  const seriesInstanceUID = series === undefined ? undefined : names.series[series];
  const sopInstanceUID =
    series === undefined || sop === undefined ? undefined : names.instances[sop];
  const target = { studyInstanceUID, seriesInstanceUID, sopInstanceUID };
  const expected = model.remove(
    study,
    (uids) =>
      (seriesInstanceUID === undefined || uids.seriesInstanceUID === seriesInstanceUID) &&
      (sopInstanceUID === undefined || uids.sopInstanceUID === sopInstanceUID),
  );
  expect(await index.remove(scope, target)).toBe(expected);
}

async function compare(names: Names, model: Model, scopeAt: number, at: number): Promise<void> {
  const { index, container } = opened;
  const scope = names.scopes[scopeAt];
  const studyInstanceUID = names.studies[at] ?? "";
  if (scope === undefined) {
    throw new Error("no such scope");
  }
  const study = model.study(scopeAt, at);
  const current = [...study.current.values()];
  await index.refreshCopies(scope, studyInstanceUID);
  const key = { tenant: scope.tenant, partition: scope.partition, study: studyInstanceUID };
  expect((await readStudyState(container, key, true)).faults).toEqual([]);

  const version = await index.version(scope, { studyInstanceUID });
  expect(version?.instanceCount).toBe(current.length === 0 ? undefined : current.length);
  for (const seriesInstanceUID of [undefined, ...names.series]) {
    const target = { studyInstanceUID, seriesInstanceUID };
    const expected = current.filter(
      ({ uids }) => seriesInstanceUID === undefined || uids.seriesInstanceUID === seriesInstanceUID,
    );
    const plain = await index.query(scope, target);
    const found = await index.queryMetadata(scope, target);
    expect(plain?.version).toBe(found?.version);
    const rows = [];
    for await (const page of found?.pages ?? []) {
      rows.push(...page);
    }
    expect(rows.map(({ content }) => content.name)).toEqual(
      expected.map(({ instance }) => instance.content.name),
    );
    for (const row of rows) {
      expect(row.metadata === "beside" ? "" : decodeDataset(row.metadata)).toContain(
        row.sopInstanceUID,
      );
      expect(row.revision).toBe(
        study.revisions.get(`${row.seriesInstanceUID} ${row.sopInstanceUID}`),
      );
      expect(await index.get(scope, row)).toEqual(row);
    }
    let count = 0;
    for await (const page of plain?.pages ?? []) {
      count += page.length;
    }
    expect(count).toBe(expected.length);
  }
  for (const seriesInstanceUID of names.series) {
    for (const sopInstanceUID of names.instances) {
      const uids = { studyInstanceUID, seriesInstanceUID, sopInstanceUID };
      const isThere = study.current.has(`${seriesInstanceUID} ${sopInstanceUID}`);
      expect((await index.get(scope, uids)) !== undefined).toBe(isThere);
    }
  }

  const search = async (
    level: "study" | "series" | "instance",
    parameters: [string, string][] = [],
  ): Promise<Awaited<ReturnType<typeof index.search>>["rows"]> => {
    const all: [string, string][] = [["StudyInstanceUID", studyInstanceUID], ...parameters];
    return (await index.search(scope, parseSearchQuery({ level }, all, "v2"))).rows;
  };
  const present = [...new Set(current.map(({ modality }) => modality))]
    .filter((modality) => modality !== "")
    .toSorted();
  const seriesCount = new Set(current.map(({ uids }) => uids.seriesInstanceUID)).size;
  expect(await search("study")).toMatchObject(
    current.length === 0
      ? []
      : [
          {
            studyInstanceUID,
            ofStudy: { seriesCount, instanceCount: current.length, modalities: present },
          },
        ],
  );
  expect(await search("series")).toHaveLength(seriesCount);
  expect((await search("instance")).map(({ sopInstanceUID }) => sopInstanceUID)).toEqual(
    current.map(({ uids }) => uids.sopInstanceUID).toReversed(),
  );
  for (const [patient] of [["PATIENT-0"], ["PATIENT-1"], ["PATIENT-2"]] as const) {
    const isSo = study.patient === patient;
    const parameters: [string, string][] = [["PatientID", patient]];
    expect(await search("study", parameters)).toHaveLength(isSo ? 1 : 0);
    expect(await search("series", parameters)).toHaveLength(isSo ? seriesCount : 0);
    expect(await search("instance", parameters)).toHaveLength(isSo ? current.length : 0);
  }
  for (const modality of modalities) {
    expect(await search("study", [["ModalitiesInStudy", modality]])).toHaveLength(
      present.includes(modality) ? 1 : 0,
    );
    const ofModality = [...study.modality].filter(([, value]) => value === modality);
    expect(await search("series", [["Modality", modality]])).toHaveLength(ofModality.length);
  }
  const contentNames = current.map(({ instance }) => instance.content.name);
  expect(await index.referenced(scope, [...contentNames, "00/nothing"])).toEqual(
    new Set(contentNames),
  );
}

test(`any puts and removes of tenants with the same UIDs end as a naive model does (seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (list) => {
      const names = new Names();
      const model = new Model();
      for (const command of list) {
        await apply(names, model, command);
      }
      for (const scope of names.scopes.keys()) {
        for (const study of names.studies.keys()) {
          await compare(names, model, scope, study);
        }
      }
    }),
    { seed, numRuns: 12 },
  );
});

test("a search pages through everything once, newest first", async () => {
  const scope = maintenanceScope(`t${randomBytes(6).toString("hex")}`, "Microsoft.Default");
  const stored: string[] = [];
  for (let at = 0; at < 23; at += 1) {
    const studyInstanceUID = makeUID();
    const uids = { studyInstanceUID, seriesInstanceUID: makeUID(), sopInstanceUID: makeUID() };
    await opened.index.put(scope, studyInstanceUID, [indexedInstance(uids)], "create");
    stored.unshift(studyInstanceUID);
  }
  const found: string[] = [];
  let more = true;
  while (more) {
    const query = parseSearchQuery(
      { level: "study" },
      [
        ["limit", "5"],
        ["offset", String(found.length)],
      ],
      "v2",
    );
    const page = await opened.index.search(scope, query);
    found.push(...page.rows.map(({ studyInstanceUID }) => studyInstanceUID));
    more = page.next !== undefined;
  }
  expect(found).toEqual(stored);
});

describe("rows of another tenant", () => {
  // The SDK has a mode in which it ignores the partition key. This container ignores that and the conditions too, and
  // answers out of another tenant's partition whatever it is asked for.
  async function strayIndex(
    victim: TenantScope,
    uids: InstanceUIDs,
  ): Promise<{ index: CosmosInstanceIndex; asked: () => number }> {
    await opened.index.put(victim, uids.studyInstanceUID, [indexedInstance(uids)], "create");
    const { container } = opened;
    const partitionKey = [victim.tenant, victim.partition, uids.studyInstanceUID];
    let asked = 0;
    const stray = {
      items: {
        query: () => {
          asked += 1;
          return container.items.query("SELECT * FROM c", { partitionKey });
        },
        batch: async (...parameters: Parameters<Container["items"]["batch"]>) =>
          await container.items.batch(...parameters),
      },
      item: (id: string) => {
        asked += 1;
        return container.item(id, partitionKey);
      },
    };
    return {
      index: new CosmosInstanceIndex(stray as unknown as Container, testSurroundings()),
      asked: () => asked,
    };
  }

  const calls: Readonly<
    Record<string, (index: CosmosInstanceIndex, scope: TenantScope, uids: InstanceUIDs) => unknown>
  > = {
    get: async (index, scope, uids) => await index.get(scope, uids),
    version: async (index, scope, { studyInstanceUID }) =>
      await index.version(scope, { studyInstanceUID }),
    query: async (index, scope, { studyInstanceUID }) =>
      await index.query(scope, { studyInstanceUID }),
    queryMetadata: async (index, scope, { studyInstanceUID }) =>
      await index.queryMetadata(scope, { studyInstanceUID }),
    search: async (index, scope) =>
      await index.search(scope, parseSearchQuery({ level: "study" }, [], "v2")),
    count: async (index, scope) =>
      await index.count(scope, parseSearchQuery({ level: "study" }, [], "v2")),
    newest: async (index, scope, { studyInstanceUID }) =>
      await index.newest(scope, { studyInstanceUID }, new ElementPicker([])),
    remove: async (index, scope, { studyInstanceUID }) =>
      await index.remove(scope, { studyInstanceUID }),
    refreshCopies: async (index, scope, { studyInstanceUID }) =>
      await index.refreshCopies(scope, studyInstanceUID),
    referenced: async (index, scope) => await index.referenced(scope, ["00/nothing"]),
  };

  test.each(Object.keys(calls))("are a bug and never an answer, to %s", async (name) => {
    const tenant = `t${randomBytes(6).toString("hex")}`;
    const uids = {
      studyInstanceUID: makeUID(),
      seriesInstanceUID: makeUID(),
      sopInstanceUID: makeUID(),
    };
    for (const victim of [
      maintenanceScope(`${tenant}-other`, "Microsoft.Default"),
      maintenanceScope(tenant, "Another.Partition"),
    ]) {
      const { index, asked } = await strayIndex(victim, uids);
      const scope = maintenanceScope(tenant, "Microsoft.Default");
      await expect(calls[name]?.(index, scope, uids)).rejects.toBeInstanceOf(AssertionError);
      expect(asked()).toBeGreaterThan(0);
    }
  });

  test("are a bug and never an answer, to put", async () => {
    const tenant = `t${randomBytes(6).toString("hex")}`;
    const uids = {
      studyInstanceUID: makeUID(),
      seriesInstanceUID: makeUID(),
      sopInstanceUID: makeUID(),
    };
    const victim = maintenanceScope(`${tenant}-other`, "Microsoft.Default");
    const { index } = await strayIndex(victim, uids);
    const scope = maintenanceScope(tenant, "Microsoft.Default");
    const [outcome] = await index.put(
      scope,
      uids.studyInstanceUID,
      [indexedInstance(uids)],
      "create",
    );
    expect(outcome?.result === "unavailable" && outcome.cause).toBeInstanceOf(AssertionError);
    expect(await opened.index.get(scope, uids)).toBeUndefined();
  });
});

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PutMode } from "../../shared/store/instanceIndex.ts";
import { deleteInstances } from "../../shared/transactions/deleteInstances.ts";
import { expireStudies } from "../../shared/transactions/expireStudies.ts";
import {
  encapsulate,
  fakeCodestream,
  makeUID,
  syntaxes,
  type TestElement,
} from "../support/dicom/dicomFile.ts";
import type { Fault, ProxiedRequest } from "../support/faultyProxy.ts";
import { indexedInstance } from "../support/indexedInstance.ts";
import { startTestStores, type TestStores } from "../support/testStores.ts";
import {
  fileOf,
  newScope,
  sha256,
  TestTransactions,
  type TestFile,
} from "../support/testTransactions.ts";

// Goal: whatever fails, the answer is true, nobody reads half an instance, and doing it again ends where success ends.
// Method: the real clients over a proxy before each store. The nth request fails, for n = 0 until the whole scenario
// passes without reaching its nth request; each time on a new study. Both stores are counted together.

let stores: TestStores;
let service: TestTransactions;

beforeAll(async () => {
  stores = await startTestStores();
  service = new TestTransactions(stores);
});

afterAll(async () => {
  await stores.close();
});

/** Which request is made to fail, and how; `undefined` when such a request is not meant. */
interface FaultKind {
  readonly name: string;
  /** Whether all requests from the nth on fail, and not the nth alone. */
  readonly isLasting: boolean;
  fault(store: "cosmos" | "blob", request: ProxiedRequest): Fault | undefined;
}

const busy: Fault = { kind: "answer", status: 503 };
const conflicting: Fault = { kind: "answer", status: 449 };

const faultKinds: readonly FaultKind[] = [
  {
    name: "its connection breaks before it has an effect",
    isLasting: false,
    // The client of the index waits a whole second before it reads again; pages of a study show that elsewhere.
    fault: (store, request) =>
      store === "cosmos" && isRead(request) ? undefined : { kind: "resetBefore" },
  },
  {
    name: "its reply is lost after it had its effect",
    isLasting: false,
    fault: (_, request) => (isRead(request) ? undefined : { kind: "resetAfter" }),
  },
  {
    name: "its answer breaks off",
    isLasting: false,
    fault: (store, { method }) =>
      store === "cosmos" || method === "GET" ? { kind: "cut" } : undefined,
  },
  { name: "it is answered 503", isLasting: false, fault: () => busy },
  {
    name: "it is answered 449",
    isLasting: false,
    fault: (store) => (store === "cosmos" ? conflicting : undefined),
  },
  {
    name: "it is answered 429",
    isLasting: false,
    fault: (store) =>
      store === "cosmos"
        ? { kind: "answer", status: 429, headers: { "x-ms-retry-after-ms": "1" } }
        : undefined,
  },
  {
    name: "it is answered 500 after it had its effect",
    isLasting: false,
    fault: (store) => ({ kind: "answer", status: store === "cosmos" ? 408 : 500, hasEffect: true }),
  },
  { name: "and all after it are answered 503", isLasting: true, fault: () => busy },
  {
    name: "and all after it are answered 500 after they had their effect",
    isLasting: true,
    fault: (store) => ({ kind: "answer", status: store === "cosmos" ? 408 : 500, hasEffect: true }),
  },
];

function isRead({ method, headers }: ProxiedRequest): boolean {
  return (
    method === "GET" ||
    method === "HEAD" ||
    headers["x-ms-documentdb-isquery"]?.toString().toLowerCase() === "true"
  );
}

/** Makes the nth request fail that the kind means. Tells whether there was one. */
function injectFault(kind: FaultKind, n: number): () => boolean {
  let count = 0;
  const decide =
    (store: "cosmos" | "blob") =>
    (request: ProxiedRequest): Fault | undefined => {
      // Content that is not needed is removed behind the caller's back, and may be left to the sweep.
      const fault =
        store === "blob" && request.method === "DELETE" ? undefined : kind.fault(store, request);
      if (fault === undefined) {
        return undefined;
      }
      count += 1;
      return count - 1 === n || (kind.isLasting && count > n) ? fault : undefined;
    };
  stores.cosmosProxy.reset(decide("cosmos"));
  stores.blobProxy.reset(decide("blob"));
  return () => count > n;
}

/** What `run` gives, or `undefined` when it says that the service is unavailable. */
async function attempt<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    expect(error).toMatchObject({ kind: "unavailable" });
    return undefined;
  }
}

function endFaults(): void {
  stores.cosmosProxy.reset();
  stores.blobProxy.reset();
}

interface StoreScenario {
  readonly name: string;
  readonly mode: PutMode;
  /** What is there before. */
  before(study: string): readonly TestFile[];
  request(study: string, before: readonly TestFile[]): readonly TestFile[];
}

const manyFrames: readonly TestElement[] = encapsulate(
  Array.from({ length: 700 }, (_, frameIndex) => fakeCodestream(6_400, frameIndex)),
  { offsetTable: "none" },
);

// So many that what is kept of them, compressed, is more than the index takes.
const incompressibleElements: readonly TestElement[] = Array.from({ length: 3_000 }, (_, index) => [
  `00${(0x19 + 2 * (index >> 7)).toString(16)}10${(0x10 + (index & 127)).toString(16)}`.toUpperCase(),
  "LO",
  randomBytes(48).toString("base64"),
]);

const storeScenarios: readonly StoreScenario[] = [
  {
    name: "three instances of two series and two modalities in a new study",
    mode: "create",
    before: () => [],
    request: (study) => {
      const first = fileOf(study, { modality: "CT" });
      return [
        first,
        fileOf(study, { modality: "CT", seriesInstanceUID: first.seriesInstanceUID }),
        fileOf(study, { modality: "MR" }),
      ];
    },
  },
  {
    name: "an instance that changes the patient of a study, and one that is there already",
    mode: "create",
    before: (study) => [fileOf(study), fileOf(study)],
    request: (study, [first]) => [
      fileOf(study, { patientName: "Other^Artificial", modality: "CR" }),
      ...(first === undefined ? [] : [first]),
    ],
  },
  {
    name: "an instance in the place of another",
    mode: "upsert",
    before: (study) => [fileOf(study), fileOf(study)],
    request: (study, [first]) => [
      fileOf(study, {
        seriesInstanceUID: first?.seriesInstanceUID ?? makeUID(),
        sopInstanceUID: first?.sopInstanceUID ?? makeUID(),
        modality: "US",
        rows: 16,
      }),
    ],
  },
  {
    name: "an instance of several blocks, with metadata and frames beside its content",
    mode: "create",
    before: () => [],
    request: (study) => [
      fileOf(study, {
        transferSyntaxUID: syntaxes.jpegBaseline,
        frames: 700,
        elements: [...incompressibleElements, ...manyFrames],
      }),
    ],
  },
];

describe.each(storeScenarios)("Store of $name", (scenario) => {
  test.each(faultKinds)("is true and whole when its nth request fails: $name", async (kind) => {
    const scope = newScope();
    for (let n = 0, isHit = true; isHit; n += 1) {
      const study = makeUID();
      const before = scenario.before(study);
      await service.store(scope, before);
      const request = scenario.request(study, before);

      const hasHit = injectFault(kind, n);
      const outcomes = await attempt(
        async () => await service.store(scope, request, scenario.mode),
      );
      isHit = hasHit();
      endFaults();

      // One failure that passes is nobody's business but the service's.
      if (!kind.isLasting) {
        expect(outcomes, `request ${n}`).toMatchObject(
          request.map((file) =>
            before.includes(file) ? { failureReason: 45070 } : { outcome: "stored" },
          ),
        );
      }
      await service.readStudy(scope, study, false);
      for (const [at, file] of request.entries()) {
        const found = await service.readWhole(scope, file);
        const old = before.find(({ sopInstanceUID }) => sopInstanceUID === file.sopInstanceUID);
        const allowed = [sha256(file.bytes), old && sha256(old.bytes)];
        if (outcomes?.[at]?.outcome === "stored") {
          allowed.pop();
        }
        expect(allowed, `request ${n}, file ${at}`).toContain(found);
      }

      const repeated = await service.store(scope, request, scenario.mode);
      for (const outcome of repeated) {
        expect([undefined, 45070]).toContain(
          outcome.outcome === "failed" ? outcome.failureReason : undefined,
        );
      }
      await service.replayFeed(scope, study);
      const state = await service.readStudy(scope, study, true);
      const uids = new Set([...before, ...request].map((file) => file.sopInstanceUID));
      expect(new Set(state.current.map(({ sop }) => sop))).toEqual(uids);
      // Once, however often it was tried.
      const isUpsert = scenario.mode === "upsert";
      expect(state.events).toHaveLength(uids.size + (isUpsert ? 1 : 0));
      for (const file of isUpsert ? request : [...before, ...request]) {
        expect(await service.readWhole(scope, file)).toBe(sha256(file.bytes));
      }
    }
    await service.sweepEverything(scope);
  });
});

interface DeleteScenario {
  readonly name: string;
  before(study: string): readonly TestFile[];
  /** Of what is there before, what goes. */
  isTarget(file: TestFile, first: TestFile): boolean;
  readonly level: "study" | "series" | "instance";
}

const deleteScenarios: readonly DeleteScenario[] = [
  {
    name: "a study of more instances than fit one batch",
    before: (study) => {
      const first = fileOf(study, { modality: "CT" });
      const { seriesInstanceUID } = first;
      return [
        first,
        ...Array.from({ length: 54 }, () => fileOf(study, { modality: "CT", seriesInstanceUID })),
        fileOf(study, { modality: "MR" }),
      ];
    },
    isTarget: () => true,
    level: "study",
  },
  {
    name: "the last series of a modality",
    before: (study) => [fileOf(study, { modality: "CT" }), fileOf(study, { modality: "MR" })],
    isTarget: (file, first) => file === first,
    level: "series",
  },
  {
    name: "one of two instances of a series",
    before: (study) => {
      const first = fileOf(study);
      return [first, fileOf(study, { seriesInstanceUID: first.seriesInstanceUID })];
    },
    isTarget: (file, first) => file === first,
    level: "instance",
  },
];

describe.each(deleteScenarios)("Delete of $name", (scenario) => {
  test.each(faultKinds)("is true and whole when its nth request fails: $name", async (kind) => {
    const scope = newScope();
    for (let n = 0, isHit = true; isHit; n += 1) {
      const study = makeUID();
      const before = scenario.before(study);
      await service.store(scope, before);
      const [first] = before;
      if (first === undefined) {
        throw new Error("nothing to delete");
      }
      const isLeft = (file: TestFile): boolean => !scenario.isTarget(file, first);
      const target = {
        studyInstanceUID: study,
        ...(scenario.level === "study" ? {} : { seriesInstanceUID: first.seriesInstanceUID }),
        ...(scenario.level === "instance" ? { sopInstanceUID: first.sopInstanceUID } : {}),
      };

      const hasHit = injectFault(kind, n);
      const answer = await attempt(async () => {
        await deleteInstances(stores.index, scope, target);
        return "deleted" as const;
      });
      isHit = hasHit();
      endFaults();

      if (!kind.isLasting) {
        expect(answer, `request ${n}`).toBe("deleted");
      }
      const state = await service.readStudy(scope, study, false);
      const there = new Set(state.current.map(({ sop }) => sop));
      for (const file of before) {
        const isThere = there.has(file.sopInstanceUID);
        expect(isThere || !isLeft(file)).toBe(true);
        expect(isThere && !isLeft(file) && answer === "deleted", `request ${n}`).toBe(false);
      }
      const some = before.at(-1) ?? first;
      for (const file of [first, some]) {
        expect(await service.readWhole(scope, file)).toBe(
          there.has(file.sopInstanceUID) ? sha256(file.bytes) : undefined,
        );
      }

      // What was done without an answer is done: then nothing is left to delete.
      await deleteInstances(stores.index, scope, target).catch((error: unknown) => {
        expect(error).toMatchObject({ kind: "notFound" });
        expect(before.filter((file) => there.has(file.sopInstanceUID))).toEqual(
          before.filter(isLeft),
        );
      });
      await service.replayFeed(scope, study);
      const end = await service.readStudy(scope, study, true);
      expect(end.current.map(({ sop }) => sop).toSorted()).toEqual(
        before
          .filter(isLeft)
          .map((file) => file.sopInstanceUID)
          .toSorted(),
      );
      expect(end.events).toHaveLength(2 * before.length - before.filter(isLeft).length);
      for (const file of before.filter(isLeft)) {
        expect(await service.readWhole(scope, file)).toBe(sha256(file.bytes));
      }
    }
    // The feed has removed what the events name, so that nothing is left for the sweep.
    const names = await service.contentNames(scope);
    await service.sweepEverything(scope);
    expect(await service.contentNames(scope)).toEqual(names);
  });
});

describe("Expiry of a study of more instances than fit one batch", () => {
  test.each(faultKinds)(
    "is finished by the next run when its nth request fails: $name",
    async (kind) => {
      const scope = newScope();
      for (let n = 0, isHit = true; isHit; n += 1) {
        const study = makeUID();
        const uids = { studyInstanceUID: study, seriesInstanceUID: makeUID() };
        const instances = Array.from({ length: 60 }, () =>
          indexedInstance({ ...uids, sopInstanceUID: makeUID() }),
        );
        await stores.direct.index.put(scope, study, instances, "create", 1_000);

        const hasHit = injectFault(kind, n);
        const reported: unknown[] = [];
        await attempt(async () => {
          await expireStudies(stores.index, scope, { now: 1_000 }, (error) => reported.push(error));
        });
        isHit = hasHit();
        endFaults();
        for (const error of reported) {
          expect(error).toMatchObject({ kind: "unavailable" });
        }

        await expireStudies(stores.index, scope, { now: 1_000 }, (error) => {
          throw error;
        });
        const { current, events } = await service.readStudy(scope, study, true);
        expect(current).toEqual([]);
        const deletions = events.filter(({ action }) => action === "delete");
        expect(deletions.map(({ reason }) => reason)).toEqual(Array(60).fill("expired"));
      }
    },
  );
});

// Searches of the index against a model that knows nothing of how it works: plain values, filtered and sorted.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startCosmosServer, type CosmosServer } from "../../local/cosmos/server.ts";
import type { DicomJsonDataset } from "../../shared/dicom/dicomJson.ts";
import type { SearchPosition } from "../../shared/dicomweb/searchOrder.ts";
import { parseSearchQuery, type SearchTarget } from "../../shared/dicomweb/searchQuery.ts";
import { maintenanceScope } from "../../shared/tenancy/tenantScope.ts";
import { makeUID } from "../support/dicom/dicomFile.ts";
import { indexedInstance } from "../support/indexedInstance.ts";
import { openTestIndex, type TestIndex } from "../support/testStores.ts";

const seed = 20_261_122;

interface ModelStudy {
  readonly uid: string;
  readonly patientID: string | undefined;
  readonly patientName: { readonly Alphabetic?: string; readonly Ideographic?: string } | undefined;
  readonly studyDate: string | undefined;
  readonly studyTime: string | undefined;
  readonly description: string | undefined;
}

interface ModelInstance {
  readonly study: ModelStudy;
  readonly seriesUID: string;
  readonly modality: string;
  readonly seriesNumber: number | undefined;
  readonly steps: readonly string[];
  readonly uid: string;
  readonly instanceNumber: number | undefined;
}

const patientIDs = ["P-1", "p-1 ", "P-2", "Q_3", "Ä%[4]", "x*y"];
// Each with what it is without accents in lower case, and with the names that sound like its family name.
const families: Readonly<Record<string, string>> = {
  Schmidt: "smith",
  Schmitt: "smith",
  Smyth: "smith",
  Müller: "miller",
  Miller: "miller",
  García: "garcia",
  Иванов: "иванов",
};
const givens = ["Anna", "Änne", "José María", "Peter", "Pieter"];
const dates = ["20240101", "20240102", "20240103", "20241231"];
const times = ["080000", "100000", "120000.5", "2359"];
const descriptions = ["Chest", "CHEST native", "Abdomen, 100%", "_"];
const modalities = ["CT", "MR", "SR"];

let server: CosmosServer;
let dataDir: string;
let opened: TestIndex;
/** All that is stored, the first first. */
const stored: ModelInstance[] = [];
const scope = maintenanceScope(`t${randomBytes(6).toString("hex")}`, "Microsoft.Default");

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "strata-search-"));
  server = await startCosmosServer({ dataDir, physicalPartitions: 3 });
  opened = await openTestIndex(server.endpoint, server.key);
  const optional = <T>(values: readonly T[]): fc.Arbitrary<T | undefined> =>
    fc.option(fc.constantFrom(...values), { nil: undefined, freq: 6 });
  const name = fc
    .tuple(
      fc.constantFrom(...Object.keys(families)),
      fc.constantFrom(...givens),
      optional(["王^小东", "山田^太郎"]),
    )
    .map(([family, given, ideographic]) => ({
      Alphabetic: `${family}^${given}`,
      ...(ideographic === undefined ? {} : { Ideographic: ideographic }),
    }));
  const series = fc.record({
    modality: fc.constantFrom(...modalities),
    seriesNumber: optional([1, 2, 10]),
    steps: fc.uniqueArray(fc.constantFrom("STEP-1", "STEP-2"), { maxLength: 2 }),
    instances: fc.array(optional([1, 2, 3]), { minLength: 1, maxLength: 2 }),
  });
  const study = fc.record({
    patientID: optional(patientIDs),
    patientName: fc.option(name, { nil: undefined, freq: 8 }),
    studyDate: optional(dates),
    studyTime: optional(times),
    description: optional(descriptions),
    series: fc.array(series, { minLength: 1, maxLength: 2 }),
  });
  const [studies = []] = fc.sample(fc.array(study, { minLength: 60, maxLength: 60 }), {
    seed,
    numRuns: 1,
  });
  for (const { series: members, ...attributes } of studies) {
    const of: ModelStudy = { uid: makeUID(), ...attributes };
    const instances = members.flatMap(({ instances: numbers, ...rest }) => {
      const seriesUID = makeUID();
      return numbers.map((instanceNumber) => ({
        study: of,
        seriesUID,
        ...rest,
        uid: makeUID(),
        instanceNumber,
      }));
    });
    const outcomes = await opened.index.put(
      scope,
      of.uid,
      instances.map((instance) =>
        indexedInstance(
          {
            studyInstanceUID: of.uid,
            seriesInstanceUID: instance.seriesUID,
            sopInstanceUID: instance.uid,
          },
          datasetOf(instance),
        ),
      ),
      "create",
    );
    expect(outcomes.every(({ result }) => result === "stored")).toBe(true);
    stored.push(...instances);
  }
}, 60_000);

afterAll(async () => {
  await server.close();
  rmSync(dataDir, { recursive: true, force: true });
});

function datasetOf({ study, ...instance }: ModelInstance): DicomJsonDataset {
  const elements: [string, string, unknown][] = [
    ["00080020", "DA", study.studyDate],
    ["00080030", "TM", study.studyTime],
    ["00081030", "LO", study.description],
    ["00100010", "PN", study.patientName],
    ["00100020", "LO", study.patientID],
    ["00080060", "CS", instance.modality],
    ["00200011", "IS", instance.seriesNumber],
    ["00200013", "IS", instance.instanceNumber],
  ];
  const dataset: DicomJsonDataset = {
    "00400275": {
      vr: "SQ",
      Value: instance.steps.map((step) => ({ "00400009": { vr: "SH", Value: [step] } })),
    },
  };
  for (const [tag, vr, value] of elements) {
    if (value !== undefined) {
      dataset[tag] = { vr, Value: [value as string] };
    }
  }
  return dataset;
}

/** A parameter, and what it means. */
interface ModelFilter {
  readonly parameter: readonly [name: string, value: string];
  readonly level: "study" | "series" | "instance";
  readonly matches: (instance: ModelInstance, options: ModelOptions) => boolean;
}

interface ModelOptions {
  readonly fuzzymatching: boolean;
  readonly phonetic: boolean;
}

function plain(text: string): string {
  return text
    .normalize("NFD")
    .replaceAll(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .normalize("NFC");
}

function isLike(pattern: string, value: string): boolean {
  const source = pattern.replaceAll(/[\\^$.+()[\]{}|]/g, String.raw`\$&`);
  return new RegExp(`^${source.replaceAll("*", ".*").replaceAll("?", ".")}$`, "su").test(value);
}

function textFilter(
  name: string,
  level: ModelFilter["level"],
  value: string,
  valueOf: (instance: ModelInstance) => string | undefined,
): ModelFilter {
  return {
    parameter: [name, value],
    level,
    matches: (instance) => {
      const own = valueOf(instance)?.trim().toLowerCase();
      if (value === '""') {
        return own === undefined;
      }
      return (
        value === "" ||
        value === "*" ||
        (own !== undefined &&
          value.split("\\").some((one) => isLike(one.trim().toLowerCase(), own)))
      );
    },
  };
}

function inRange(range: string, value: string | undefined, width: number): boolean {
  const [from = "", to = from] = range.split("-");
  const own = value?.padEnd(width, "0");
  return own !== undefined && (from === "" || own >= from) && (to === "" || own <= to);
}

const dateRanges = ["20240102", "20240102-20240103", "20240102-", "-20240102", "20230101-20230102"];
const timeRanges = ["1000", "0900-1200", "1000-", "-1000"];

/** Times as the standard compares them: digits to the microsecond. */
function clock(time: string): string {
  const [digits = "", fraction = ""] = time.split(".");
  return digits.padEnd(6, "0") + fraction.padEnd(6, "0");
}

function timeRange(range: string): string {
  return range
    .split("-")
    .map((end) => (end === "" ? "" : clock(end)))
    .join("-");
}

const filterSets: readonly fc.Arbitrary<ModelFilter>[] = [
  fc
    .constantFrom("P-1", "p-*", "?-1", "*3", "*", "", '""', "Ä%[4]", "*%*", "P-2\\q_*", "none")
    .map((value) => textFilter("PatientID", "study", value, ({ study }) => study.patientID)),
  fc
    .constantFrom("chest", "*est*", "*100%", "_", "?", '""', "chest native\\_")
    .map((value) =>
      textFilter("StudyDescription", "study", value, ({ study }) => study.description),
    ),
  fc
    .constantFrom(
      "muller^anna",
      "MÜLLER^*",
      "*jos?*",
      "schm",
      "mill jo",
      "smith",
      "王^小东",
      "иван",
      '""',
    )
    .map((value): ModelFilter => ({
      parameter: ["PatientName", value],
      level: "study",
      matches: ({ study: { patientName } }, { fuzzymatching, phonetic }) => {
        const groups = Object.values(patientName ?? {}).map(plain);
        const wanted = plain(value);
        if (value === '""') {
          return groups.length === 0;
        }
        if (/[*?]/.test(value)) {
          return groups.some((group) => isLike(wanted, group));
        }
        const words = wanted.split(/[ ^]/);
        if (phonetic) {
          const own = groups.flatMap((group) => group.split(/[ ^]/)).map((word) => soundOf(word));
          return words.every((word) => own.includes(soundOf(word)));
        }
        if (fuzzymatching) {
          return groups.some((group) => {
            const own = group.split(/[ ^]/);
            return own.some((_, at) =>
              words.every((word, offset) => own[at + offset]?.startsWith(word)),
            );
          });
        }
        return groups.includes(wanted);
      },
    })),
  fc.constantFrom(...dateRanges, '""').map((value): ModelFilter => ({
    parameter: ["StudyDate", value],
    level: "study",
    matches: ({ study }) =>
      value === '""' ? study.studyDate === undefined : inRange(value, study.studyDate, 8),
  })),
  fc.constantFrom(...timeRanges).map((value): ModelFilter => ({
    parameter: ["StudyTime", value],
    level: "study",
    matches: ({ study }) =>
      inRange(timeRange(value), study.studyTime && clock(study.studyTime), 12),
  })),
  fc.constantFrom("CT", "ct,MR", "CT\\SR", "?R", "*", "NM").map((value): ModelFilter => ({
    parameter: ["ModalitiesInStudy", value],
    level: "study",
    matches: ({ study }) =>
      stored.some(
        (instance) =>
          instance.study === study &&
          value.split(/[,\\]/).some((one) => isLike(one.toUpperCase(), instance.modality)),
      ),
  })),
  fc.constantFrom("CT", "mr", "M*").map((value): ModelFilter => ({
    parameter: ["Modality", value],
    level: "series",
    matches: ({ modality }) => isLike(value.toUpperCase(), modality),
  })),
  fc.constantFrom("1", "0010", '""').map((value): ModelFilter => ({
    parameter: ["SeriesNumber", value],
    level: "series",
    matches: ({ seriesNumber }) => seriesNumber === (value === '""' ? undefined : Number(value)),
  })),
  fc.constantFrom("STEP-1", "step*", '""').map((value): ModelFilter => ({
    parameter: ["RequestAttributesSequence.ScheduledProcedureStepID", value],
    level: "series",
    matches: ({ steps }) =>
      value === '""' ? steps.length === 0 : steps.some((step) => isLike(value.toUpperCase(), step)),
  })),
  fc.constantFrom("1", "3").map((value): ModelFilter => ({
    parameter: ["InstanceNumber", value],
    level: "instance",
    matches: ({ instanceNumber }) => instanceNumber === Number(value),
  })),
];

function soundOf(word: string): string {
  const known = Object.entries(families).find(([family]) => plain(family) === word)?.[1];
  return (
    known ??
    new Map([
      ["anne", "anna"],
      ["pieter", "peter"],
    ]).get(word) ??
    word
  );
}

/** From the day and time of the first end to those of the other: PS3.4 §C.2.2.2.5.4. */
function isMoment(date: string, time: string, { study }: ModelInstance): boolean {
  const [fromDay = "", toDay = ""] = date.split("-");
  const [fromTime = "", toTime = ""] = timeRange(time).split("-");
  if (study.studyDate === undefined) {
    return false;
  }
  const moment = study.studyDate + (study.studyTime === undefined ? "" : clock(study.studyTime));
  const isBoundary = [fromDay, toDay].includes(study.studyDate);
  return (
    (study.studyTime !== undefined || !isBoundary) &&
    (fromDay === "" || moment >= fromDay + fromTime) &&
    (toDay === "" || moment.padEnd(20, "9") <= toDay + toTime || study.studyDate < toDay)
  );
}

const levels = ["study", "series", "instance"] as const;
const orders: Readonly<Record<string, (instance: ModelInstance) => string | number | undefined>> = {
  StudyDate: ({ study }) => study.studyDate,
  StudyTime: ({ study }) => study.studyTime && clock(study.studyTime),
  PatientName: ({ study }) => study.patientName?.Alphabetic && plain(study.patientName.Alphabetic),
  PatientID: ({ study }) => study.patientID?.trim().toLowerCase(),
  SeriesNumber: ({ seriesNumber }) => seriesNumber,
  InstanceNumber: ({ instanceNumber }) => instanceNumber,
};
const orderTexts: Readonly<Record<(typeof levels)[number], readonly string[]>> = {
  study: [
    "",
    "StudyDate",
    "-StudyDate,-StudyTime",
    "-StudyDate,PatientName",
    "PatientName",
    "-PatientID",
  ],
  series: ["", "SeriesNumber", "-SeriesNumber", "PatientName,StudyDate"],
  instance: ["", "SeriesNumber,InstanceNumber", "-InstanceNumber", "PatientName,-StudyDate"],
};

function compare(one: string | number | undefined, other: string | number | undefined): number {
  if (one === other) {
    return 0;
  }
  if (one === undefined || other === undefined) {
    return one === undefined ? -1 : 1;
  }
  return one < other ? -1 : 1;
}

function expected(
  level: (typeof levels)[number],
  filters: readonly ModelFilter[],
  options: ModelOptions,
  order: string,
): string[] {
  const byName = new Map(filters.map((filter) => [filter.parameter[0], filter]));
  const date = byName.get("StudyDate")?.parameter[1];
  const time = byName.get("StudyTime")?.parameter[1];
  const formOf = (range: string | undefined): string | undefined =>
    range?.replaceAll(/[\d.]+/g, "x");
  const isCombined = date?.includes("-") === true && formOf(date) === formOf(time);
  const matching = stored.filter(
    (instance) =>
      filters
        .filter(({ parameter: [name] }) => !isCombined || !/^Study(?:Date|Time)$/.test(name))
        .every((filter) => filter.matches(instance, options)) &&
      (!isCombined || isMoment(date, time ?? "", instance)),
  );
  const uidOf = (instance: ModelInstance): string =>
    level === "study" ? instance.study.uid : level === "series" ? instance.seriesUID : instance.uid;
  const first = new Map<string, ModelInstance>();
  for (const instance of matching) {
    if (!first.has(uidOf(instance))) {
      first.set(uidOf(instance), instance);
    }
  }
  const keys = order === "" ? [] : order.split(",");
  const isDescending = order === "" || order.startsWith("-");
  return [...first.values()]
    .toSorted((one, other) => {
      for (const key of keys) {
        const valueOf = orders[key.replace("-", "")];
        const difference = compare(valueOf?.(one), valueOf?.(other));
        if (difference !== 0) {
          return key.startsWith("-") ? -difference : difference;
        }
      }
      const difference = stored.indexOf(one) - stored.indexOf(other);
      return isDescending ? -difference : difference;
    })
    .map(uidOf);
}

async function found(
  target: SearchTarget,
  parameters: readonly (readonly [string, string])[],
): Promise<{ uids: string[]; count: number }> {
  const uids: string[] = [];
  let after: SearchPosition | undefined;
  do {
    const query = parseSearchQuery(target, parameters, "v2", [], after);
    const page = await opened.index.search(scope, query);
    expect(page.rows.length).toBeLessThanOrEqual(query.limit);
    uids.push(
      ...page.rows.map(
        ({ studyInstanceUID, seriesInstanceUID, sopInstanceUID }) =>
          sopInstanceUID ?? seriesInstanceUID ?? studyInstanceUID,
      ),
    );
    after = page.next;
  } while (after !== undefined);
  const count = await opened.index.count(scope, parseSearchQuery(target, parameters, "v2"));
  return { uids, count };
}

test(`any search finds what a naive model does, in its order, page by page and counted (seed ${seed})`, async () => {
  const search = fc.record({
    level: fc.constantFrom(...levels),
    filters: fc
      .tuple(...filterSets.map((filter) => fc.option(filter, { nil: undefined, freq: 3 })))
      .map((list) => list.filter((filter) => filter !== undefined).slice(0, 3)),
    order: fc.nat({ max: 5 }),
    limit: fc.constantFrom(1, 2, 7, 200),
    fuzzymatching: fc.boolean(),
    phonetic: fc.boolean(),
  });
  let nonEmpty = 0;
  await fc.assert(
    fc.asyncProperty(search, async ({ level, order: at, limit, ...rest }) => {
      const filters = rest.filters.filter(
        (filter) => levels.indexOf(filter.level) <= levels.indexOf(level),
      );
      const order = orderTexts[level][at % orderTexts[level].length] ?? "";
      const { uids, count } = await found({ level }, [
        ...filters.map(({ parameter }) => parameter),
        ["limit", String(limit)],
        ["fuzzymatching", String(rest.fuzzymatching)],
        ["phonetic", String(rest.phonetic)],
        ["emptyvaluematching", "true"],
        ["multiplevaluematching", "true"],
        ...(order === "" ? [] : ([["orderby", order]] as const)),
      ]);
      const wanted = expected(level, filters, rest, order);
      expect(uids).toEqual(wanted);
      expect(count).toBe(wanted.length);
      nonEmpty += wanted.length > 0 ? 1 : 0;
    }),
    { seed, numRuns: 150 },
  );
  expect(nonEmpty).toBeGreaterThan(40);
}, 60_000);

test("below a study and a series nothing else is found or counted", async () => {
  const [{ study, seriesUID }] = stored as [ModelInstance];
  const own = stored.filter((instance) => instance.study === study);
  expect(await found({ level: "series", studyInstanceUID: study.uid }, [])).toEqual({
    uids: [...new Set(own.map((instance) => instance.seriesUID))].toReversed(),
    count: new Set(own.map((instance) => instance.seriesUID)).size,
  });
  const members = own.filter((instance) => instance.seriesUID === seriesUID);
  expect(
    await found(
      { level: "instance", studyInstanceUID: study.uid, seriesInstanceUID: seriesUID },
      [],
    ),
  ).toEqual({ uids: members.map(({ uid }) => uid).toReversed(), count: members.length });
});

test("what is stored while somebody pages appears nowhere in the pages that follow, and shifts none of them", async () => {
  const target: SearchTarget = { level: "study" };
  const first = await opened.index.search(scope, parseSearchQuery(target, [["limit", "20"]], "v2"));
  const before = [...new Set(stored.map(({ study }) => study.uid))].toReversed();
  const uids = {
    studyInstanceUID: makeUID(),
    seriesInstanceUID: makeUID(),
    sopInstanceUID: makeUID(),
  };
  await opened.index.put(scope, uids.studyInstanceUID, [indexedInstance(uids)], "create");
  const rest = await opened.index.search(
    scope,
    parseSearchQuery(target, [["limit", "200"]], "v2", [], first.next),
  );
  await opened.index.remove(scope, uids);
  expect([...first.rows, ...rest.rows].map(({ studyInstanceUID }) => studyInstanceUID)).toEqual(
    before,
  );
  expect(rest.next).toBeUndefined();
});

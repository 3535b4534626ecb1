import { parseSearchQuery, type SearchTarget } from "../shared/dicomweb/searchQuery.ts";
import type { InstanceContent } from "../shared/store/instanceContent.ts";
import { searchResources } from "../shared/transactions/searchResources.ts";
import { compareRates, rateOf } from "./support/rate.ts";
import { benchStudy, withSearchIndex, type SearchIndex } from "./support/searchIndex.ts";
import { printTable, type Row } from "./support/table.ts";

// Searches in tenants of 100, 10,000 and 100,000 studies, by kind of query: what one takes, against the newest rows of
// the same number asked of the database by its client, and what the database charges for it.

const sizes = process.argv[2] === undefined ? [100, 10_000, 100_000] : [Number(process.argv[2])];
const turns = 20;

/** A kind of query: what is searched, and the parameters of the call of this number among this many studies. */
interface Kind {
  readonly what: string;
  readonly target: (study: string) => SearchTarget;
  readonly query: (number: number, size: number) => string;
  readonly isCount?: true;
  /** Whether it is asked for what comes after half of the results. */
  readonly isDeep?: true;
}

const studies = (): SearchTarget => ({ level: "study" });

const kinds: readonly Kind[] = [
  { what: "newest 100", target: studies, query: () => "" },
  {
    what: "StudyInstanceUID",
    target: studies,
    query: (number) => `StudyInstanceUID=${benchStudy(number).studyInstanceUID}`,
  },
  {
    what: "20 StudyInstanceUIDs",
    target: studies,
    query: (number, size) =>
      `StudyInstanceUID=${Array.from({ length: 20 }, (_, at) => benchStudy((number + at * 37) % size).studyInstanceUID).join(",")}`,
  },
  {
    what: "PatientID",
    target: studies,
    query: (number) => `PatientID=${benchStudy(number).patientID}`,
  },
  {
    what: "PatientID, beginning",
    target: studies,
    query: (number) => `PatientID=${benchStudy(number).patientID.slice(0, -1)}*`,
  },
  {
    what: "AccessionNumber, somewhere in it",
    target: studies,
    query: (number) => `AccessionNumber=*${benchStudy(number).accessionNumber.slice(-4)}*`,
  },
  {
    what: "PatientName",
    target: studies,
    query: (number) => `PatientName=${benchStudy(number).patientName}`,
  },
  {
    what: "PatientName, beginning",
    target: studies,
    query: (number) => `PatientName=${benchStudy(number).patientName.split("^")[0] ?? ""}*`,
  },
  {
    what: "PatientName, fuzzy",
    target: studies,
    query: (number) =>
      `fuzzymatching=true&PatientName=${benchStudy(number).patientName.split("^")[1]?.slice(0, 8) ?? ""}`,
  },
  {
    what: "PatientName, phonetic",
    target: studies,
    query: (number) =>
      `phonetic=true&PatientName=${benchStudy(number).patientName.replaceAll("f", "ph")}`,
  },
  { what: "PatientName that nobody has", target: studies, query: () => "PatientName=*nobody*" },
  {
    what: "StudyDate",
    target: studies,
    query: (number) => `StudyDate=${benchStudy(number).studyDate}`,
  },
  {
    what: "StudyDate of a year, ModalitiesInStudy",
    target: studies,
    query: (number) =>
      `StudyDate=${2015 + (number % 10)}0101-${2015 + (number % 10)}1231&ModalitiesInStudy=MR`,
  },
  { what: "ModalitiesInStudy, rare", target: studies, query: () => "ModalitiesInStudy=XA" },
  {
    what: "no AccessionNumber",
    target: studies,
    query: () => 'emptyvaluematching=true&AccessionNumber=""',
  },
  { what: "orderby -StudyDate", target: studies, query: () => "orderby=-StudyDate" },
  {
    what: "orderby PatientName,-StudyDate",
    target: studies,
    query: () => "orderby=PatientName,-StudyDate",
  },
  {
    what: "offset, half of all",
    target: studies,
    query: (_, size) => `offset=${Math.floor(size / 2)}`,
  },
  { what: "continuation, half of all", target: studies, query: () => "", isDeep: true },
  {
    what: "continuation of orderby PatientName",
    target: studies,
    query: () => "orderby=PatientName",
    isDeep: true,
  },
  {
    what: "includefield of what is not in the index",
    target: studies,
    query: () => "includefield=KVP",
  },
  { what: "count of all", target: studies, query: () => "", isCount: true },
  {
    what: "count of a StudyDate",
    target: studies,
    query: (number) => `StudyDate=${benchStudy(number).studyDate}`,
    isCount: true,
  },
  {
    what: "series by PatientID",
    target: () => ({ level: "series" }),
    query: (number) => `PatientID=${benchStudy(number).patientID}`,
  },
  {
    what: "series by Modality, 100 results",
    target: () => ({ level: "series" }),
    query: () => "Modality=MR",
  },
  {
    what: "instance by SOPInstanceUID",
    target: () => ({ level: "instance" }),
    query: (number) => `SOPInstanceUID=${benchStudy(number).studyInstanceUID}.1.1`,
  },
  {
    what: "series of a study",
    target: (studyInstanceUID) => ({ level: "series", studyInstanceUID }),
    query: () => "",
  },
];

const noContent = {} as InstanceContent;

async function measureKind(
  { index, container, scope, charged }: SearchIndex,
  size: number,
  kind: Kind,
): Promise<{ row: Row; charge: number; results: number }> {
  let results = 0;
  const parse = (number: number, after?: Parameters<typeof parseSearchQuery>[4]) => {
    const { studyInstanceUID } = benchStudy(number);
    const parameters = new URLSearchParams(kind.query(number, size));
    return parseSearchQuery(kind.target(studyInstanceUID), parameters, "v2", [], after);
  };
  let after: Parameters<typeof parseSearchQuery>[4];
  if (kind.isDeep) {
    const middle = await index.search(scope, {
      ...parse(0),
      offset: Math.floor(size / 2),
      limit: 1,
    });
    after = middle.next;
  }
  const numbers = Array.from({ length: turns }, (_, at) =>
    Math.floor((((at * 7_919) % 9_973) / 9_973) * size),
  );
  const ask = async (at: number): Promise<void> => {
    const query = parse(numbers[at % turns] ?? 0, after);
    if (kind.isCount) {
      results = (await index.count(scope, query)) > 0 ? 1 : 0;
      return;
    }
    const answer = await searchResources(
      { index, content: noContent },
      scope,
      query,
      "http://x/v2",
    );
    results = answer.results.length;
  };
  await rateOf(3, 1, ask);
  const before = charged();
  await ask(1);
  const charge = charged() - before;
  const level = kind.target("").level;
  const newest = async (): Promise<unknown> =>
    await container.items
      .query(
        {
          query: `SELECT c.id, c.study, c.attributes FROM c WHERE c.kind = @kind ORDER BY c["order"] DESC OFFSET 0 LIMIT ${Math.max(results, 1)}`,
          parameters: [{ name: "@kind", value: level }],
        },
        { partitionKey: [scope.tenant, scope.partition] },
      )
      .fetchAll();
  await rateOf(3, 1, newest);
  const [ours, floor] = await compareRates(turns, 1, [ask, newest]);
  return {
    charge,
    results,
    row: {
      what: `${kind.what}: ${results} results, ${charge.toFixed(1)} RU`,
      value: ours.p50,
      unit: "ms",
      p50: ours.p50,
      p95: ours.p95,
      floor: floor.p50,
      floorName: "the newest as many",
    },
  };
}

for (const size of sizes) {
  // A database of its own each, for one that has answered searches has indexes that slow the filling down.
  await withSearchIndex(async (searches) => {
    await searches.fill(size);
    console.log(`\n  ${size} studies`);
    const rows: Row[] = [];
    for (const kind of kinds) {
      rows.push((await measureKind(searches, size, kind)).row);
    }
    printTable(rows);
  });
}

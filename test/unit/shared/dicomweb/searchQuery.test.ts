import { describe, expect, test } from "vitest";
import {
  matchesCondition,
  type MatchCondition,
} from "../../../../shared/dicomweb/matchCondition.ts";
import {
  parseSearchQuery,
  type SearchQuery,
  type SearchTarget,
} from "../../../../shared/dicomweb/searchQuery.ts";
import { matchesMoment } from "../../../../shared/dicomweb/matchMoment.ts";
import { extendedMatchKey } from "../../../../shared/dicomweb/searchAttributes.ts";
import { Problem } from "../../../../shared/problem/problem.ts";

const studies: SearchTarget = { level: "study" };
const series: SearchTarget = { level: "series" };
const instances: SearchTarget = { level: "instance" };
const studySeries: SearchTarget = { level: "series", studyInstanceUID: "1.2" };
const studyInstances: SearchTarget = { level: "instance", studyInstanceUID: "1.2" };
const seriesInstances: SearchTarget = {
  level: "instance",
  studyInstanceUID: "1.2",
  seriesInstanceUID: "1.2.1",
};

function parse(query: string, target: SearchTarget = studies): SearchQuery {
  return parseSearchQuery(target, new URLSearchParams(query), "v2");
}

/** The filters as lines: the keys, joined by a bar, and the condition. */
function filters(query: string, target: SearchTarget = studies): string[] {
  return parse(query, target).filters.map(
    ({ keys, condition }) => `${keys.join("|")} ${showCondition(condition)}`,
  );
}

function showCondition(condition: MatchCondition): string {
  switch (condition.kind) {
    case "oneOf":
      return `= ${condition.values.join(" ")}`;
    case "range":
      return `${condition.from ?? ""}..${condition.to ?? ""}`;
    case "pattern":
      return `like ${condition.pattern}`;
    case "words":
      return `words ${condition.words.join(" ")}`;
    case "sounds":
      return `sounds ${condition.words.map((word) => word.join("/")).join(" ")}`;
    case "empty":
      return "none";
    case "anyOf":
      return `any of ${condition.conditions.map(showCondition).join(", ")}`;
  }
}

function problemOf(query: string, target: SearchTarget = studies): Problem {
  try {
    parse(query, target);
  } catch (error) {
    if (error instanceof Problem) {
      return error;
    }
    throw error;
  }
  throw new Error("The query was understood.");
}

describe("settings", () => {
  test("a query of nothing asks for the first hundred", () => {
    expect(parse("")).toEqual({
      target: studies,
      version: "v2",
      filters: [],
      filterTags: [],
      extendedFilters: [],
      moments: [],
      includeField: [],
      furtherTags: [],
      order: [],
      after: undefined,
      limit: 100,
      offset: 0,
    });
  });

  test("limit, offset and fuzzymatching are read, whatever the case of their names", () => {
    expect(parse("limit=1&offset=0&fuzzymatching=false")).toMatchObject({ limit: 1, offset: 0 });
    expect(parse("LIMIT=200&Offset=100000&fuzzyMatching=TRUE")).toMatchObject({
      limit: 200,
      offset: 100_000,
    });
    expect(parse("limit=101&offset=101")).toMatchObject({ limit: 101, offset: 101 });
  });

  test.each([
    "limit=0",
    "limit=201",
    "limit=-1",
    "limit=",
    "limit=ten",
    "limit=1.5",
    "limit=1e2",
    "limit=10&limit=20",
    "limit=99999999999",
    "offset=-1",
    "offset=",
    "offset=x",
    "offset=0&OFFSET=0",
    "offset=2147483648",
    "fuzzymatching=",
    "fuzzymatching=yes",
    "fuzzymatching=1",
    "fuzzymatching=true&fuzzymatching=true",
  ])("%s is malformed, and the problem names the parameter", (query) => {
    const problem = problemOf(query);
    expect(problem.kind).toBe("malformed");
    expect(problem.detail.toLowerCase()).toContain(query.slice(0, query.indexOf("=")));
  });

  test("parameters that are about the form of the answer are none of a search", () => {
    expect(filters("accept=application/dicom%2Bjson&charset=utf-8")).toEqual([]);
  });
});

describe("includefield", () => {
  test.each([
    [
      "includefield=00081030,00080060,00080090,00100030",
      [0x00081030, 0x00080060, 0x00080090, 0x00100030],
    ],
    ["includefield=StudyDescription&IncludeField=00100030", [0x00081030, 0x00100030]],
    ["includefield=%200008103e%20,%20StudyDate", [0x0008103e, 0x00080020]],
    ["includefield=00091001", [0x00091001]],
    ["includefield=StudyDate,00080020", [0x00080020]],
  ])("%s lists attributes", (query, expected) => {
    expect(parse(query).includeField).toEqual(expected);
  });

  test.each([
    "includefield=all",
    "includefield=ALL",
    "includefield=all,StudyDate",
    "includefield=StudyDate&includefield=all",
    "includefield=all&includefield=all",
  ])("%s asks for everything", (query) => {
    expect(parse(query).includeField).toBe("all");
  });

  test.each([
    "includefield=",
    "includefield=StudyDate,",
    "includefield=,StudyDate",
    "includefield=NoSuchAttribute",
    "includefield=studydate",
    "includefield=0008",
    "includefield=00081234",
    "includefield=00400275.00400009",
    `includefield=${"00080020,".repeat(1000)}00080020`,
  ])("%s is malformed", (query) => {
    expect(problemOf(query)).toMatchObject({ kind: "malformed" });
    expect(problemOf(query).detail).toContain("includefield");
  });
});

describe("attributes to search by", () => {
  const every = [
    "StudyInstanceUID=1.2",
    "PatientName=x",
    "PatientID=x",
    "PatientBirthDate=20240101",
    "AccessionNumber=x",
    "ReferringPhysicianName=x",
    "StudyDate=20240101",
    "StudyTime=10",
    "StudyDescription=x",
    "StudyID=x",
    "ModalitiesInStudy=CT",
  ];
  const ofSeries = [
    "SeriesInstanceUID=1.2",
    "Modality=CT",
    "PerformedProcedureStepStartDate=20240101",
    "PerformedProcedureStepStartTime=10",
    "ManufacturerModelName=x",
    "SeriesNumber=1",
    "RequestAttributesSequence.ScheduledProcedureStepID=x",
    "00400275.00401001=x",
  ];
  const ofInstance = ["SOPInstanceUID=1.2", "SOPClassUID=1.2", "InstanceNumber=1"];

  test.each([
    ["/studies", studies, every, [...ofSeries, ...ofInstance]],
    ["/series", series, [...every, ...ofSeries], ofInstance],
    ["/instances", instances, [...every, ...ofSeries, ...ofInstance], []],
    ["/studies/{s}/series", studySeries, ofSeries, [...every, ...ofInstance]],
    ["/studies/{s}/instances", studyInstances, [...ofSeries, ...ofInstance], every],
    ["/studies/{s}/series/{e}/instances", seriesInstances, ofInstance, [...every, ...ofSeries]],
  ])("%s is searched by its own levels and by no others", (_, target, accepted, refused) => {
    for (const query of accepted) {
      expect(filters(query, target), query).toHaveLength(1);
    }
    for (const query of refused) {
      expect(problemOf(query, target).kind, query).toBe("malformed");
    }
  });

  test("a tag in either case and a keyword name the same attribute", () => {
    expect(filters("0020000d=1.2")).toEqual(filters("0020000D=1.2"));
    expect(filters("0020000d=1.2")).toEqual(filters("StudyInstanceUID=1.2"));
    expect(parse("00100020=x&StudyDate=").filterTags).toEqual([0x00100020, 0x00080020]);
  });

  test.each([
    ["patientid=x", "a keyword in another case"],
    ["PatientID=x&PatientID=y", "an attribute twice"],
    ["PatientID=x&00100020=y", "an attribute twice, by keyword and tag"],
    ["Modality=CT&Modality=MR", "an attribute twice, of codes"],
    ["NoSuchAttribute=x", "an unknown keyword"],
    ["00081234=x", "an unknown tag"],
    ["0010=x", "half a tag"],
    ["=x", "no name"],
    ["00091001=x", "a private tag"],
    ["TimezoneOffsetFromUTC=%2B0100", "an attribute that is returned only"],
    ["PatientAge=010Y", "an attribute that is kept only"],
    ["PatientName.PatientID=x", "a path that does not exist"],
    ["RequestAttributesSequence=x", "a sequence"],
    [".=x", "a path of nothing"],
    ["00400275..00400009=x", "a path with a gap"],
  ])("%s is malformed: %s", (query) => {
    const target = query.startsWith("Modality") || query.startsWith("00400275") ? series : studies;
    expect(problemOf(query, target).kind).toBe("malformed");
  });

  test("a problem names what looks like a name, and never a value", () => {
    expect(problemOf("StudyDate=Secret").detail).toBe(
      'The parameter "StudyDate" is not a valid DA.',
    );
    expect(problemOf("Doe%5EJohn%20Secret").detail).not.toContain("Secret");
    expect(problemOf(`${"x".repeat(1000)}=1`).detail.length).toBeLessThan(200);
  });
});

describe("matching", () => {
  test.each([
    // Single values (PS3.4 §C.2.2.2.1).
    ["PatientID=P-1", ["00100020 = p-1"]],
    ["PatientID=%20P-1%20%00", ["00100020 = p-1"]],
    ["AccessionNumber=A,B", ["00080050 = a,b"]],
    ["AccessionNumber=A%5CB", ["00080050 = a\\b"]],
    ["PatientID=2024-2025", ["00100020 = 2024-2025"]],
    [`PatientID=${"x".repeat(300)}`, ["00100020 = "]],
    // Universal matching (§C.2.2.2.3).
    ["PatientID=", []],
    ["PatientID=*", []],
    ["PatientID=**", []],
    ["PatientName=", []],
    ["PatientName=*", []],
    ["StudyDate=", []],
    ["StudyDate=*", []],
    ["StudyInstanceUID=", []],
    ["ModalitiesInStudy=", []],
    ["ModalitiesInStudy=*", []],
    // Wildcards (§C.2.2.2.4).
    ["00100020=*123*", ["00100020 like *123*"]],
    ["00100020=***1?3**", ["00100020 like *1?3*"]],
    ["PatientID=?", ["00100020 like ?"]],
    ["StudyDescription=Chest*", ["00081030 like chest*"]],
    // Lists (§C.2.2.2.2), by comma, backslash and repetition.
    ["StudyInstanceUID=1.2", ["0020000D = 1.2"]],
    ["StudyInstanceUID=1.2%20", ["0020000D = 1.2"]],
    ["StudyInstanceUID=1.2,1.3", ["0020000D = 1.2 1.3"]],
    ["StudyInstanceUID=1.2%5C1.3", ["0020000D = 1.2 1.3"]],
    ["StudyInstanceUID=1.2&0020000d=1.3&StudyInstanceUID=1.2", ["0020000D = 1.2 1.3"]],
    ["StudyInstanceUID=1.2,", ["0020000D = 1.2"]],
    ["ModalitiesInStudy=CT", ["00080061 = CT"]],
    ["ModalitiesInStudy=ct,MR", ["00080061 = CT MR"]],
    ["ModalitiesInStudy=CT%5CMR", ["00080061 = CT MR"]],
    ["ModalitiesInStudy=CT&ModalitiesInStudy=MR", ["00080061 = CT MR"]],
    ["ModalitiesInStudy=c*", ["00080061 like C*"]],
    ["PatientSex=m", ["00100040 = M"]],
    // Ranges (§C.2.2.2.5).
    ["StudyDate=20240229", ["00080020 = 20240229"]],
    ["StudyDate=20240101-20240131", ["00080020 20240101..20240131"]],
    ["StudyDate=20240101-20240101", ["00080020 20240101..20240101"]],
    ["StudyDate=20240101-", ["00080020 20240101.."]],
    ["StudyDate=-20240101", ["00080020 ..20240101"]],
    ["StudyTime=10", ["00080030 = 100000.000000"]],
    ["StudyTime=1030-103059.5", ["00080030 103000.000000..103059.500000"]],
    // Several attributes.
    ["PatientID=a&StudyDate=-20240101", ["00100020 = a", "00080020 ..20240101"]],
  ])("%s", (query, expected) => {
    expect(filters(query)).toEqual(expected);
  });

  test.each([
    ["SeriesNumber=0003", ["00200011 = 3"]],
    ["SeriesNumber=", []],
    ["Modality=C*", ["00080060 like C*"]],
    ["Modality=CT,MR", ["00080060 = CT MR"]],
    ["RequestAttributesSequence.ScheduledProcedureStepID=S1", ["00400275.00400009 = s1"]],
  ])("%s of series", (query, expected) => {
    expect(filters(query, series)).toEqual(expected);
  });

  const name = "00100010|00100010.Ideographic|00100010.Phonetic";
  test.each([
    ["PatientName=Doe%5EJohn", [`${name} = doe^john`]],
    ["PatientName=J%C3%A9r%C3%B4me", [`${name} = jerome`]],
    ["PatientName=山田^太郎", [`${name} = 山田^太郎`]],
    ["PatientName=*smith*", [`${name} like *smith*`]],
    ["PatientName=SM%C3%8FTH%5E*", [`${name} like smith^*`]],
    ["PatientName=Yamada*=山田*", ["00100010 like yamada*", "00100010.Ideographic like 山田*"]],
    ["PatientName=Smi*=", ["00100010 like smi*"]],
    ["PatientName==山田^太郎", ["00100010.Ideographic = 山田^太郎"]],
    ["PatientName=a=b=c", ["00100010 = a", "00100010.Ideographic = b", "00100010.Phonetic = c"]],
    ["PatientName===", []],
    ["PatientName=%5E%5E", []],
    ["PatientName=jo do&fuzzymatching=true", [`${name} words jo do`]],
    ["PatientName=Do%5EJ%C3%B6=x&fuzzymatching=true", [`${name} words do jo x`]],
    ["PatientName=%20%5E&fuzzymatching=true", []],
    ["PatientName=*smith*&fuzzymatching=true", [`${name} like *smith*`]],
    [
      "ReferringPhysicianName=x&PatientID=A&fuzzymatching=true",
      [`${name.replaceAll("00100010", "00080090")} words x`, "00100020 = a"],
    ],
  ])("%s", (query, expected) => {
    expect(filters(query)).toEqual(expected);
  });

  test.each([
    "StudyDate=-",
    "StudyDate=20240102-20240101",
    "StudyDate=2024",
    "StudyDate=20240230",
    "StudyDate=2024.02.29",
    "StudyDate=20240101-20240102-20240103",
    "StudyDate=20240101,20240102",
    "StudyDate=2024*",
    "StudyTime=25",
    "StudyTime=10:30",
    "StudyTime=11-10",
    "StudyInstanceUID=abc.123",
    "StudyInstanceUID=1.2,x",
    "StudyInstanceUID=1.*",
    `StudyInstanceUID=${"1".repeat(65)}`,
    `StudyInstanceUID=${"1,".repeat(1000)}1`,
    "ModalitiesInStudy=C*,MR",
    "PatientName=%22x%22&fuzzymatching=true",
    `PatientID=${"x".repeat(1025)}`,
    `PatientID=${"*x".repeat(11)}`,
    `PatientName=${"*x".repeat(11)}`,
  ])("%s is malformed", (query) => {
    const problem = problemOf(query);
    expect(problem.kind).toBe("malformed");
    expect(problem.detail).toContain(`"${query.slice(0, query.indexOf("="))}"`);
  });

  test.each(["SeriesNumber=x", "SeriesNumber=1.5", "SeriesNumber=1-2", "Modality=C*,MR"])(
    "%s of series is malformed",
    (query) => {
      expect(problemOf(query, series).kind).toBe("malformed");
    },
  );
});

describe("matching that has to be asked for", () => {
  const names = "00100010|00100010.Ideographic|00100010.Phonetic";
  test.each([
    ["phonetic=true&PatientName=Schmidt", ["00100010.Sound sounds XMT/SMT"]],
    [
      "phonetic=true&PatientName=M%C3%BCller-Schmidt%5E王",
      ["00100010.Sound sounds MLR XMT/SMT 王"],
    ],
    ["phonetic=true&PatientName=Sm*", [`${names} like sm*`]],
    ["phonetic=true&PatientName=%5E", []],
    ["phonetic=true&fuzzymatching=true&PatientName=Meier", ["00100010.Sound sounds MR"]],
    ["phonetic=true&PatientID=Meier", ["00100020 = meier"]],
    ['emptyvaluematching=true&PatientID=""', ["00100020 none"]],
    ['emptyvaluematching=true&PatientName=""', [`${names} none`]],
    ['emptyvaluematching=true&StudyDate=""', ["00080020 none"]],
    ['emptyvaluematching=true&StudyInstanceUID=""', ["0020000D none"]],
    ['emptyvaluematching=true&ModalitiesInStudy= "" ', ["00080061 none"]],
    ["emptyvaluematching=true&PatientID=", []],
    ['emptyvaluematching=false&PatientID=""', ['00100020 = ""']],
    ["multiplevaluematching=true&PatientID=a", ["00100020 = a"]],
    ["multiplevaluematching=true&PatientID=a%5CB*", ["00100020 any of = a, like b*"]],
    ["multiplevaluematching=true&PatientID=a%5C", []],
    ["multiplevaluematching=true&PatientID=a%5C*", []],
    ["multiplevaluematching=true&PatientName=a%5Cb", [`${names} any of = a, = b`]],
    ["multiplevaluematching=true&PatientName=a%3Db", ["00100010 = a", "00100010.Ideographic = b"]],
    [
      "multiplevaluematching=true&fuzzymatching=true&PatientName=a%5Cb c",
      [`${names} any of words a, words b c`],
    ],
    [
      "multiplevaluematching=true&StudyDate=20240101%5C20240201-",
      ["00080020 any of = 20240101, 20240201.."],
    ],
    ["multiplevaluematching=true&StudyInstanceUID=1.2%5C1.3", ["0020000D = 1.2 1.3"]],
    [
      "multiplevaluematching=true&phonetic=true&PatientName=Meier%5CSchmidt",
      ["00100010.Sound any of sounds MR, sounds XMT/SMT"],
    ],
    [
      "multiplevaluematching=true&PatientName=%3Da%5C%3Db",
      ["00100010.Ideographic any of = a, = b"],
    ],
    ["multiplevaluematching=false&PatientID=a%5Cb", ["00100020 = a\\b"]],
  ])("%s, with the matching that has to be asked for", (query, expected) => {
    expect(filters(query)).toEqual(expected);
  });

  test.each([
    'emptyvaluematching=true&StudyInstanceUID=""&StudyInstanceUID=1.2',
    "multiplevaluematching=true&PatientName=a%3Db%5Cc",
    "multiplevaluematching=true&PatientName=a%3D%5Cc",
    "multiplevaluematching=true&PatientName=c%5Ca%3D",
    "multiplevaluematching=true&PatientName=c%5Ca%3Db",
    "multiplevaluematching=true&phonetic=true&PatientName=c%5Ca*",
    "multiplevaluematching=true&StudyDate=20240101%5Cx",
    "multiplevaluematching=true&StudyDate=20240102-20240101%5C20240101",
    `multiplevaluematching=true&PatientID=${"a%5C".repeat(50)}a`,
    "phonetic=maybe",
    "emptyvaluematching=",
    "multiplevaluematching=1",
    "phonetic=true&Phonetic=true",
  ])("%s is malformed", (query) => {
    expect(problemOf(query).kind).toBe("malformed");
  });
});

describe("a date and a time", () => {
  const moments = (query: string): string[] =>
    parse(query, series).moments.map(({ date, time, from, to }) => {
      const show = (moment: typeof from): string =>
        moment === undefined ? "" : `${moment.date} ${moment.time.slice(0, 4)}`;
      return `${date.keys[0]} ${time.keys[0]} ${show(from)}..${show(to)}`;
    });

  test.each([
    [
      "StudyDate=20240101-20240103&StudyTime=1000-1800",
      ["00080020 00080030 20240101 1000..20240103 1800"],
    ],
    [
      "StudyDate=20240101-20240102&StudyTime=1800-1000",
      ["00080020 00080030 20240101 1800..20240102 1000"],
    ],
    ["StudyDate=20240101-&StudyTime=1000-", ["00080020 00080030 20240101 1000.."]],
    ["StudyTime=-1000&StudyDate=-20240101", ["00080020 00080030 ..20240101 1000"]],
    [
      "PerformedProcedureStepStartDate=20240101-&PerformedProcedureStepStartTime=10-",
      ["00400244 00400245 20240101 1000.."],
    ],
    ["StudyDate=20240101-&StudyTime=-1000", []],
    ["StudyDate=20240101&StudyTime=1000-1200", []],
    ["StudyDate=20240101-20240102&StudyTime=1000", []],
    ["StudyDate=20240101-20240102", []],
    ["SeriesDate=20240101-20240102&StudyTime=1000-1200", []],
  ])("a date and a time of %s are %j", (query, expected) => {
    expect(moments(query)).toEqual(expected);
    // The date stays a condition of its own; the time is one when they are not taken together.
    const keys = parse(query, series).filters.map((filter) => filter.keys[0]);
    expect(keys.some((key) => key.endsWith("30") || key.endsWith("45"))).toBe(
      expected.length === 0 && query.includes("Time="),
    );
  });

  test.each([
    "StudyTime=1800-1000",
    "StudyDate=20240101&StudyTime=1800-1000",
    "StudyDate=20240101-20240101&StudyTime=1800-1000",
    "StudyDate=20240102-20240101&StudyTime=1000-1800",
  ])("%s is a range that ends before it begins", (query) => {
    expect(problemOf(query, series).detail).toContain("ends before it begins");
  });

  test.each([
    ["20240101", "120000.000000", true],
    ["20240101", "095959.999999", false],
    ["20240102", "010000.000000", true],
    ["20240102", undefined, true],
    ["20240103", "175959.000000", true],
    ["20240103", "180000.000001", false],
    ["20240101", undefined, false],
    ["20240104", "120000.000000", false],
    [undefined, "120000.000000", false],
  ])("the moment %s %s lies between them: %s", (day, clock, expected) => {
    const [moment] = parse("StudyDate=20240101-20240103&StudyTime=1000-1800").moments;
    const match = {
      ...(day === undefined ? {} : { "00080020": day }),
      ...(clock === undefined ? {} : { "00080030": clock }),
    };
    expect(moment && matchesMoment(moment, match)).toBe(expected);
  });
});

describe("what the index may not have", () => {
  test.each([
    ["includefield=StudyDate,00080060,00081190,00201208", []],
    ["includefield=KVP,00091001", [0x00180060, 0x00091001]],
    ["includefield=PatientComments,ReferencedStudySequence", [0x00104000, 0x00081110]],
    ["includefield=all,KVP", []],
  ])("of %s is %j", (query, expected) => {
    expect(parse(query).furtherTags).toEqual(expected);
  });

  test("is not what extended query tags have", () => {
    const key = extendedMatchKey(0x00180060, "DS", "series", 1);
    const query = parseSearchQuery(
      series,
      [
        ["KVP", "120"],
        ["includefield", "KVP"],
      ],
      "v2",
      [key],
    );
    expect(query.furtherTags).toEqual([]);
    expect(query.extendedFilters).toEqual([{ name: "KVP", matchKey: key }]);
    expect(query.filters[0]?.keys).toEqual(["00180060.x1"]);
  });
});

describe("matchesCondition", () => {
  const conditionOf = (query: string): MatchCondition => {
    const [filter] = parse(query).filters;
    if (filter === undefined) {
      throw new Error("The query has no filter.");
    }
    return filter.condition;
  };

  test.each([
    ["john^doe", "joh", true],
    ["john^doe", "do", true],
    ["john^doe", "jo do", true],
    ["john^doe", "Doe", true],
    ["john^doe", "John Doe", true],
    ["john^doe", "ohn", false],
    ["john^doe", "do jo", false],
    ["john^a^doe", "jo do", false],
    ["van der berg^anna", "der be", true],
    ["van der berg^anna", "van be", false],
    ["o'neil^a.b", "o'n a.b", true],
    ["oxneil^axb", "o.n", false],
    ["a\\b^c", "a\\", true],
    ["a[b]-c/d{e}$", "a[b]-c/d{e}$", true],
  ])("the name %s has the words %s: %s", (value, words, expected) => {
    const condition = conditionOf(`PatientName=${encodeURIComponent(words)}&fuzzymatching=true`);
    expect(condition.kind).toBe("words");
    expect(matchesCondition(condition, value)).toBe(expected);
  });

  test.each([
    ["abc", "a*", true],
    ["abc", "*c", true],
    ["abc", "*b*", true],
    ["abc", "a?c", true],
    ["abc", "a?", false],
    ["abc", "???", true],
    ["abc", "????", false],
    ["abc", "abc*", true],
    ["abc", "b*", false],
    ["aab", "*ab", true],
    ["mississippi", "m*iss*p?i", true],
    ["mississippi", "m*iss*p?p", false],
    ["a.c", "a.*", true],
    ["abc", "a.*", false],
    ["a%c", "a%?", true],
    ["a𝒳c", "a?c", true],
  ])("the text %s is like %s: %s", (value, pattern, expected) => {
    const condition = conditionOf(`PatientID=${encodeURIComponent(pattern)}`);
    expect(condition.kind).toBe("pattern");
    expect(matchesCondition(condition, value)).toBe(expected);
  });

  test.each([
    ["20240101", "20240101-20240131", true],
    ["20240131", "20240101-20240131", true],
    ["20231231", "20240101-20240131", false],
    ["20240201", "20240101-20240131", false],
    ["20240201", "20240101-", true],
    ["20240201", "-20240101", false],
    ["20240101", "20240101", true],
    ["20240102", "20240101", false],
  ])("the date %s is in %s: %s", (value, range, expected) => {
    expect(matchesCondition(conditionOf(`StudyDate=${range}`), value)).toBe(expected);
  });

  test("of several values one is enough, and sounds are looked for among all of them", () => {
    expect(matchesCondition({ kind: "oneOf", values: ["b"] }, ["a", "b"])).toBe(true);
    expect(matchesCondition({ kind: "pattern", pattern: "c*" }, ["a", "b"])).toBe(false);
    const sounds: MatchCondition = { kind: "sounds", words: [["X", "Y"], ["Z"]] };
    expect(matchesCondition(sounds, ["Z", "Y"])).toBe(true);
    expect(matchesCondition(sounds, ["Y"])).toBe(false);
    expect(matchesCondition({ kind: "empty" }, undefined)).toBe(true);
    expect(matchesCondition({ kind: "empty" }, [])).toBe(true);
    expect(matchesCondition({ kind: "empty" }, "a")).toBe(false);
    const either: MatchCondition = {
      kind: "anyOf",
      conditions: [
        { kind: "oneOf", values: ["a"] },
        { kind: "pattern", pattern: "b*" },
      ],
    };
    expect(["a", "bc", "c"].map((value) => matchesCondition(either, value))).toEqual([
      true,
      true,
      false,
    ]);
  });

  test("a number is no text", () => {
    expect(matchesCondition({ kind: "oneOf", values: [3] }, 3)).toBe(true);
    expect(matchesCondition({ kind: "oneOf", values: ["3"] }, 3)).toBe(false);
    expect(matchesCondition({ kind: "range", from: "3" }, 3)).toBe(false);
    expect(matchesCondition({ kind: "pattern", pattern: "3" }, 3)).toBe(false);
    expect(matchesCondition({ kind: "words", words: ["3"] }, 3)).toBe(false);
  });
});

import fc from "fast-check";
import { expect, test } from "vitest";
import type { DicomJsonDataset } from "../../shared/dicom/dicomJson.ts";
import { parseAccept } from "../../shared/dicomweb/mediaType.ts";
import { completeMetadata } from "../../shared/dicomweb/metadataResponse.ts";
import { negotiateDatasets, negotiateRetrieve } from "../../shared/dicomweb/negotiation.ts";
import { parseFrameList } from "../../shared/dicomweb/frameList.ts";
import { matchesCondition } from "../../shared/dicomweb/matchCondition.ts";
import type { SearchFilter } from "../../shared/dicomweb/matchParameter.ts";
import {
  extractSearchAttributes,
  type MatchValues,
} from "../../shared/dicomweb/searchAttributes.ts";
import { parseSearchQuery, type SearchTarget } from "../../shared/dicomweb/searchQuery.ts";
import { Problem } from "../../shared/problem/problem.ts";

const seed = 20_240_229;

/** Runs `act`, and expects that what it throws, if anything, is a Problem of one of these kinds. */
function expectProblemOnly(act: () => unknown, ...kinds: string[]): void {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    expect(kinds).toContain(error instanceof Problem ? error.kind : undefined);
  }
}

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc
    .array(
      fc.constantFrom(
        "*",
        "?",
        "-",
        "^",
        "=",
        ",",
        "\\",
        '"',
        " ",
        "\0",
        "1",
        ".",
        "20240101",
        "10",
        "Doe",
        "é",
        "all",
      ),
      {
        maxLength: 8,
      },
    )
    .map((pieces) => pieces.join("")),
);
const names = fc.constantFrom(
  "limit",
  "offset",
  "includefield",
  "fuzzymatching",
  "accept",
  "orderby",
  "phonetic",
  "emptyvaluematching",
  "multiplevaluematching",
  "StudyInstanceUID",
  "0020000D",
  "PatientName",
  "PatientID",
  "StudyDate",
  "StudyTime",
  "ModalitiesInStudy",
  "Modality",
  "SeriesNumber",
  "SOPClassUID",
  "InstanceNumber",
  "00400275.00400009",
  "NoSuchAttribute",
);
const targets = fc.constantFrom<SearchTarget>(
  { level: "study" },
  { level: "series" },
  { level: "instance" },
  { level: "series", studyInstanceUID: "1.2" },
  { level: "instance", studyInstanceUID: "1.2" },
  { level: "instance", studyInstanceUID: "1.2", seriesInstanceUID: "1.2.1" },
);

test(`any query is understood or malformed (seed ${seed})`, () => {
  const parameters = fc.array(fc.tuple(fc.oneof(names, anyText), anyText), { maxLength: 5 });
  fc.assert(
    fc.property(targets, parameters, (target, pairs) => {
      expectProblemOnly(() => parseSearchQuery(target, pairs, "v2"), "malformed");
    }),
    { seed, numRuns: 10_000 },
  );
});

test(`any Accept header is negotiated or not acceptable (seed ${seed})`, () => {
  const pieces = fc.constantFrom(
    "application/dicom",
    "application/dicom+json",
    "multipart/related",
    "*/*",
    "image/*",
    "q=0.5",
    "type=",
    "transfer-syntax=",
    '"',
    ",",
    ";",
    "*",
    "\\",
    " ",
    "1.2.840.10008.1.2.1",
    "/",
    "=",
  );
  const header = fc.oneof(
    fc.array(pieces, { maxLength: 12 }).map((list) => list.join("")),
    fc.string({ unit: "binary" }),
  );
  const resources = fc.constantFrom("study", "series", "instance", "frames", "bulkdata" as const);
  fc.assert(
    fc.property(
      fc.array(header, { maxLength: 3 }),
      fc.option(header, { nil: undefined }),
      resources,
      fc.boolean(),
      (headers, query, resource, isSeveral) => {
        const accept = parseAccept(headers, query);
        expect(accept.every(({ quality }) => quality >= 0 && quality <= 1)).toBe(true);
        expectProblemOnly(() => negotiateDatasets(accept), "notAcceptable");
        expectProblemOnly(
          () => {
            expect(negotiateRetrieve(accept, resource, isSeveral).length).toBeGreaterThan(0);
          },
          "notAcceptable",
          "malformed",
        );
      },
    ),
    { seed, numRuns: 10_000 },
  );
});

test(`any frame list is read or malformed (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.oneof(anyText, fc.array(fc.integer()).map(String)), (text) => {
      expectProblemOnly(() => {
        expect(parseFrameList(text).every((frame) => Number.isInteger(frame) && frame > 0)).toBe(
          true,
        );
      }, "malformed");
    }),
    { seed, numRuns: 5000 },
  );
});

test(`patterns match as their translation into a regular expression does (seed ${seed})`, () => {
  const signs = fc.string({ unit: fc.constantFrom("a", "b", "*", "?", "."), maxLength: 8 });
  const values = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 8 });
  fc.assert(
    fc.property(signs, values, (pattern, value) => {
      const expression = pattern.replaceAll(".", "[.]").replaceAll("*", ".*").replaceAll("?", ".");
      expect(matchesCondition({ kind: "pattern", pattern }, value)).toBe(
        new RegExp(`^${expression}$`).test(value),
      );
    }),
    { seed, numRuns: 10_000 },
  );
});

function matches({ keys, condition }: SearchFilter, match: MatchValues): boolean {
  return keys.some((key) => matchesCondition(condition, match[key]));
}

function searchStudy(parameters: [string, string][], instance: DicomJsonDataset): boolean {
  const { filters } = parseSearchQuery({ level: "study" }, parameters, "v2");
  return filters.every((filter) => matches(filter, extractSearchAttributes(instance).study.match));
}

const letters = fc.string({
  unit: fc.constantFrom("a", "B", "é", "Ö", "山", "-", ".", " ", "'"),
  maxLength: 12,
});

test(`text is found by itself in any case, by its beginning and by its end (seed ${seed})`, () => {
  fc.assert(
    fc.property(letters, (text) => {
      const instance = { "00100020": { vr: "LO", Value: [text] } };
      const trimmed = text.trim();
      fc.pre(trimmed !== "");
      for (const value of [
        text,
        text.toUpperCase(),
        text.toLowerCase(),
        `${trimmed.slice(0, 1)}*`,
        `*${trimmed.slice(-1)}`,
        `${"?".repeat(Array.from(trimmed).length)}`,
      ]) {
        expect(searchStudy([["PatientID", value]], instance), value).toBe(true);
      }
      expect(searchStudy([["PatientID", `${trimmed}x`]], instance)).toBe(false);
    }),
    { seed, numRuns: 2000 },
  );
});

test(`a name is found by itself without accents, and by the beginnings of words that are neighbours (seed ${seed})`, () => {
  const component = fc.string({
    unit: fc.constantFrom("a", "B", "é", "Ö", "ñ", "-"),
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(
      fc.array(component, { minLength: 1, maxLength: 4 }),
      fc.nat(),
      fc.nat(),
      (components, from, length) => {
        const name = components.join("^");
        const instance = { "00100010": { vr: "PN", Value: [{ Alphabetic: name }] } };
        const plain = name.normalize("NFD").replaceAll(/[\u0300-\u036f]/g, "");
        for (const value of [name, plain, name.toUpperCase(), `${name}^^`, ` ${name} `]) {
          expect(searchStudy([["PatientName", value]], instance), value).toBe(true);
        }
        const start = from % components.length;
        const words = components.slice(start, start + 1 + (length % components.length));
        const beginnings = words.map((word) => word.slice(0, 1 + (length % word.length))).join(" ");
        expect(
          searchStudy(
            [
              ["PatientName", beginnings],
              ["fuzzymatching", "true"],
            ],
            instance,
          ),
          beginnings,
        ).toBe(true);
      },
    ),
    { seed, numRuns: 2000 },
  );
});

test(`dates are found in the ranges that hold them (seed ${seed})`, () => {
  const date = fc
    .date({ min: new Date("1900-01-01"), max: new Date("2100-12-31"), noInvalidDate: true })
    .map((value) => value.toISOString().slice(0, 10).replaceAll("-", ""));
  fc.assert(
    fc.property(date, date, date, (value, from, to) => {
      const instance = { "00080020": { vr: "DA", Value: [value] } };
      const search = (range: string) => searchStudy([["StudyDate", range]], instance);
      expect(search(value)).toBe(true);
      expect(search(`${from}-`)).toBe(from <= value);
      expect(search(`-${to}`)).toBe(value <= to);
      if (from <= to) {
        expect(search(`${from}-${to}`)).toBe(from <= value && value <= to);
      }
    }),
    { seed, numRuns: 2000 },
  );
});

/** A data set as metadata has it, with what it must become. */
const text = fc.string({
  unit: fc.constantFrom(
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "a",
    "BulkDataURI",
    '"BulkDataURI":"',
  ),
  maxLength: 6,
});
const { dataset } = fc.letrec<{ dataset: DicomJsonDataset }>((tie) => ({
  dataset: fc.dictionary(
    fc.constantFrom(
      "00080005",
      "00080018",
      "00083001",
      "00083002",
      "00083003",
      "00100010",
      "00400275",
      "0040A730",
      "7FE00010",
    ),
    fc.oneof(
      { maxDepth: 3 },
      fc.array(text, { maxLength: 3 }).map((Value) => ({ vr: "LO", Value })),
      fc.constant({ vr: "LO" }),
      fc
        .constantFrom("7FE00010", "00400275/0/7FE00010")
        .map((BulkDataURI) => ({ vr: "OW", BulkDataURI })),
      fc.array(tie("dataset"), { maxLength: 2 }).map((Value) => ({ vr: "SQ", Value })),
    ),
    { maxKeys: 5, noNullPrototype: true },
  ),
}));

function expectedOf(value: unknown, key = ""): unknown {
  if (typeof value === "string") {
    return key === "BulkDataURI" ? `https://h/i/bulkdata/${value}` : value;
  }
  if (Array.isArray(value)) {
    return value.map((item: unknown) => expectedOf(item));
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, expectedOf(inner, name)]),
    );
  }
  return value;
}

test(`metadata is completed as if it had been parsed, and stays in tag order (seed ${seed})`, () => {
  fc.assert(
    fc.property(dataset, (unordered) => {
      const ordered = Object.fromEntries(
        Object.entries(unordered).toSorted(([a], [b]) => (a < b ? -1 : 1)),
      );
      const completed = JSON.parse(
        completeMetadata(JSON.stringify(ordered), {
          instanceURL: "https://h/i",
          transferSyntaxUID: "1.2.840.10008.1.2",
        }),
      ) as DicomJsonDataset;
      expect(completed).toEqual({
        ...(expectedOf(ordered) as DicomJsonDataset),
        "00083002": { vr: "UI", Value: ["1.2.840.10008.1.2"] },
      });
      expect(Object.keys(completed)).toEqual(Object.keys(completed).toSorted());
    }),
    { seed, numRuns: 5000 },
  );
});

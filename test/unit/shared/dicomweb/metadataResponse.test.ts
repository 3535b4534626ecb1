import { describe, expect, test } from "vitest";
import type { DicomJsonDataset } from "../../../../shared/dicom/dicomJson.ts";
import {
  completeMetadata,
  completeMetadataInSteps,
  encodeJsonArray,
} from "../../../../shared/dicomweb/metadataResponse.ts";

const context = {
  instanceURL: "https://h/v2/studies/1/series/2/instances/3",
  transferSyntaxUID: "1.2.840.10008.1.2.1",
};

function complete(dataset: DicomJsonDataset): string {
  return completeMetadata(JSON.stringify(dataset), context);
}

const syntaxElement = { vr: "UI", Value: ["1.2.840.10008.1.2.1"] };

describe("AvailableTransferSyntaxUID", () => {
  const before = { "00080018": { vr: "UI", Value: ["3"] } };
  const after = { "00100010": { vr: "PN", Value: [{ Alphabetic: "A" }] } };
  const element = { "00083002": syntaxElement };

  test.each([
    ["the only one", {}, element],
    ["the first", after, { ...element, ...after }],
    ["the last", before, { ...before, ...element }],
    ["between others", { ...before, ...after }, { ...before, ...element, ...after }],
    [
      "in the place of the one that is there",
      { ...before, "00083002": { vr: "UI", Value: ["9"] }, ...after },
      { ...before, ...element, ...after },
    ],
    [
      "in the place of the last",
      { ...before, "00083002": { vr: "UI" } },
      { ...before, ...element },
    ],
  ] satisfies [string, DicomJsonDataset, DicomJsonDataset][])(
    "becomes %s",
    (_, dataset, expected) => {
      expect(complete(dataset)).toBe(JSON.stringify(expected));
    },
  );

  test("is put after sequences and text that are full of signs", () => {
    const dataset: DicomJsonDataset = {
      "00080005": { vr: "CS", Value: ['"}]\\', "\\", '\\"', "{[", '00083002":{'] },
      "00081140": {
        vr: "SQ",
        Value: [
          { "00100010": { vr: "LO", Value: ["]}"] } },
          {},
          { "00400275": { vr: "SQ", Value: [{}] } },
        ],
      },
      "00204000": { vr: "LT", Value: ["x"] },
    };
    const keys = Object.keys(JSON.parse(complete(dataset)) as DicomJsonDataset);
    expect(keys).toEqual(["00080005", "00081140", "00083002", "00204000"]);
    expect(JSON.parse(complete(dataset))).toEqual({ ...dataset, "00083002": syntaxElement });
  });
});

describe("BulkDataURI", () => {
  test("becomes absolute at every depth", () => {
    const dataset: DicomJsonDataset = {
      "00281201": { vr: "OW", BulkDataURI: "00281201" },
      "00400275": {
        vr: "SQ",
        Value: [{ "00089999": { vr: "OB", BulkDataURI: "00400275/0/00089999" } }],
      },
    };
    expect(JSON.parse(complete(dataset))).toEqual({
      "00083002": syntaxElement,
      "00281201": { vr: "OW", BulkDataURI: `${context.instanceURL}/bulkdata/00281201` },
      "00400275": {
        vr: "SQ",
        Value: [
          {
            "00089999": {
              vr: "OB",
              BulkDataURI: `${context.instanceURL}/bulkdata/00400275/0/00089999`,
            },
          },
        ],
      },
    });
  });

  test("is left alone where it is text", () => {
    const text = '"BulkDataURI":"x", \\"BulkDataURI\\":\\"y';
    const dataset: DicomJsonDataset = {
      "00204000": { vr: "LT", Value: [text, "BulkDataURI"] },
    };
    expect(JSON.parse(complete(dataset))).toEqual({ "00083002": syntaxElement, ...dataset });
  });

  test("has the URL as it is, dollar signs and quotation marks included", () => {
    const url = 'https://h/$&/"$1';
    const text = completeMetadata('{"00281201":{"vr":"OW","BulkDataURI":"00281201"}}', {
      ...context,
      instanceURL: url,
    });
    expect((JSON.parse(text) as DicomJsonDataset)["00281201"]?.BulkDataURI).toBe(
      `${url}/bulkdata/00281201`,
    );
  });
});

test("what is no data set is a mistake of ours", () => {
  expect(() => completeMetadata("", context)).toThrow(/data set/);
  for (const text of ["[]", "[}", "{]"]) {
    expect(() => completeMetadata(text, context), text).toThrow(/data set/);
  }
});

test("data sets are framed as an array, one chunk each", async () => {
  const chunksOf = async (datasets: string[]) => {
    const chunks: string[] = [];
    for await (const chunk of encodeJsonArray(datasets)) {
      chunks.push(chunk);
    }
    return chunks;
  };
  expect(await chunksOf([])).toEqual(["[]"]);
  expect(await chunksOf(["{}"])).toEqual(["[{}", "]"]);
  expect(await chunksOf(['{"a":1}', "{}"])).toEqual(['[{"a":1}', ",{}", "]"]);
});

test("a long sequence before the place of the element is passed over in steps", () => {
  const item = { "00080060": { vr: "CS", Value: ['C"T}'] } };
  const dataset = { "00081140": { vr: "SQ", Value: Array.from({ length: 20_000 }, () => item) } };
  const steps = completeMetadataInSteps(JSON.stringify(dataset), context);
  let count = 0;
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) {
    count += 1;
  }
  expect(count).toBeGreaterThan(1);
  expect(JSON.parse(step.value)).toEqual({ ...dataset, "00083002": syntaxElement });
});

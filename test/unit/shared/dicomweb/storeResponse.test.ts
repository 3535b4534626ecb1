import { describe, expect, test } from "vitest";
import { failureReason, warningReason } from "../../../../shared/dicomweb/failureReason.ts";
import {
  encodeErrorComment,
  encodeStoreResponse,
  type ApiVersion,
  type FailedOutcome,
  type InstanceOutcome,
  type StoredOutcome,
  type StoredWithWarningOutcome,
} from "../../../../shared/dicomweb/storeResponse.ts";

const ct = "1.2.840.10008.5.1.4.1.1.2";

function stored(sopInstanceUID = "1.2.3.4"): StoredOutcome {
  return {
    outcome: "stored",
    studyInstanceUID: "1",
    seriesInstanceUID: "2",
    sopClassUID: ct,
    sopInstanceUID,
  };
}

function warned(...warningReasons: StoredWithWarningOutcome["warningReasons"]): InstanceOutcome {
  const comments = ["DICOM100: (0008,0020) - not a date."];
  return { ...stored(), outcome: "storedWithWarning", warningReasons, errorComments: comments };
}

const duplicate: FailedOutcome = {
  outcome: "failed",
  failureReason: failureReason.alreadyStored,
  sopClassUID: ct,
  sopInstanceUID: "1.2.3.4",
};
const unreadable: FailedOutcome = {
  outcome: "failed",
  failureReason: failureReason.validationFailed,
};

const { dataSetDoesNotMatchSOPClass, invalidAttributes } = warningReason;

function encode(outcomes: InstanceOutcome[], version: ApiVersion, studyInstanceUID?: string) {
  return encodeStoreResponse(outcomes, {
    version,
    serviceURL: `https://h/${version}`,
    ...(studyInstanceUID === undefined ? {} : { studyInstanceUID }),
  });
}

describe("the status", () => {
  test.each([
    ["every instance is stored", [stored()], 200, 200],
    ["an instance is stored and one fails", [stored(), duplicate], 202, 202],
    ["one fails before an instance is stored", [unreadable, stored()], 202, 202],
    ["nothing is stored", [duplicate, unreadable], 409, 409],
    ["there was no part", [], 204, 204],
    ["an instance has invalid attributes", [warned(invalidAttributes)], 200, 202],
    ["an instance does not match its SOP Class", [warned(dataSetDoesNotMatchSOPClass)], 200, 202],
    ["one of two has a warning", [stored("9"), warned(invalidAttributes)], 200, 202],
    ["a warning has no reason", [warned()], 200, 200],
  ] satisfies [string, InstanceOutcome[], number, number][])("when %s", (_, outcomes, v1, v2) => {
    expect(encode(outcomes, "v1").status).toBe(v1);
    expect(encode(outcomes, "v2").status).toBe(v2);
  });
});

describe("the data set", () => {
  test("v2: one instance with a warning", () => {
    expect(encode([warned(invalidAttributes)], "v2").dataset).toEqual({
      "00081199": {
        vr: "SQ",
        Value: [
          {
            "00081150": { vr: "UI", Value: [ct] },
            "00081155": { vr: "UI", Value: ["1.2.3.4"] },
            "00081190": { vr: "UR", Value: ["https://h/v2/studies/1/series/2/instances/1.2.3.4"] },
            "00081196": { vr: "US", Value: [1] },
            "00741048": {
              vr: "SQ",
              Value: [{ "00000902": { vr: "LO", Value: ["DICOM100: (0008,0020) - not a date."] } }],
            },
          },
        ],
      },
    });
  });

  test("v2: an instance without warnings has an empty FailedAttributesSequence; v1 has none", () => {
    const item = (version: ApiVersion) =>
      JSON.stringify(encode([stored()], version).dataset?.["00081199"]?.Value?.[0]);
    expect(item("v2")).toContain('"00741048":{"vr":"SQ"}}');
    expect(item("v1")).not.toContain("00741048");
  });

  test("v1: no warning about attributes, but that of an implicit VR file", () => {
    const item = (outcome: InstanceOutcome) =>
      encode([outcome], "v1").dataset?.["00081199"]?.Value?.[0];
    expect(item(warned(invalidAttributes))).toEqual(item(stored()));
    expect(item(warned(invalidAttributes, dataSetDoesNotMatchSOPClass))).toMatchObject({
      "00081196": { vr: "US", Value: [45063] },
    });
  });

  test("v2: of two reasons the standard's is told, and the attributes all the same", () => {
    const dataset = encode([warned(invalidAttributes, dataSetDoesNotMatchSOPClass)], "v2").dataset;
    const text = JSON.stringify(dataset);
    expect(text).toContain('"00081196":{"vr":"US","Value":[45063]}');
    expect(text).toContain("DICOM100: (0008,0020)");
  });

  test("a failed part has the UIDs that could be read and always a reason", () => {
    const dataset = encode([duplicate, unreadable], "v2").dataset;
    expect(dataset).toEqual({
      "00081198": {
        vr: "SQ",
        Value: [
          {
            "00081150": { vr: "UI", Value: [ct] },
            "00081155": { vr: "UI", Value: ["1.2.3.4"] },
            "00081197": { vr: "US", Value: [45070] },
          },
          { "00081197": { vr: "US", Value: [43264] } },
        ],
      },
    });
  });

  test("a failed part tells each attribute that failed, in v1 and v2", () => {
    const outcome = {
      ...unreadable,
      errorComments: [
        encodeErrorComment(0x0020000d, "missing"),
        encodeErrorComment(0x7fe00010, "x"),
      ],
    };
    for (const version of ["v1", "v2"] as const) {
      expect(encode([outcome], version).dataset?.["00081198"]?.Value?.[0]).toEqual({
        "00081197": { vr: "US", Value: [43264] },
        "00741048": {
          vr: "SQ",
          Value: [
            { "00000902": { vr: "LO", Value: ["DICOM100: (0020,000d) - missing"] } },
            { "00000902": { vr: "LO", Value: ["DICOM100: (7fe0,0010) - x"] } },
          ],
        },
      });
    }
    expect(JSON.stringify(encode([{ ...outcome, errorComments: [] }], "v2").dataset)).not.toContain(
      "00741048",
    );
  });

  test("RetrieveURL of the study is there when the path named one and something was stored", () => {
    expect(encode([stored()], "v2", "1").dataset?.["00081190"]).toEqual({
      vr: "UR",
      Value: ["https://h/v2/studies/1"],
    });
    expect(encode([stored()], "v2").dataset).not.toHaveProperty("00081190");
    expect(encode([duplicate], "v2", "1").dataset).not.toHaveProperty("00081190");
  });

  test("members are in tag order, and items in the order of the parts", () => {
    const dataset = encode([stored("9"), duplicate, stored("8"), unreadable], "v2", "1").dataset;
    expect(Object.keys(dataset ?? {})).toEqual(["00081190", "00081198", "00081199"]);
    const text = JSON.stringify(dataset?.["00081199"]);
    expect(text.indexOf('"9"')).toBeLessThan(text.indexOf('"8"'));
    for (const sequence of Object.values(dataset ?? {})) {
      for (const item of sequence.Value ?? []) {
        const tags = typeof item === "object" && item !== null ? Object.keys(item) : [];
        expect(tags).toEqual(tags.toSorted());
      }
    }
  });

  test("nothing is told of no parts", () => {
    expect(encode([], "v2", "1").dataset).toBeUndefined();
  });
});

test("that values were left out of the index is told in a Warning of this host, and changes no status", () => {
  const stored = {
    outcome: "stored",
    studyInstanceUID: "1",
    seriesInstanceUID: "2",
    sopClassUID: "3",
    sopInstanceUID: "4",
  } as const;
  const context = {
    version: "v2",
    serviceURL: "https://imaging.example.org:8443/pacs/v2",
  } as const;
  const { status, warning } = encodeStoreResponse(
    [stored, { ...stored, hasUnindexedValues: true }],
    context,
  );
  expect(status).toBe(200);
  expect(warning).toMatch(/^299 imaging\.example\.org:8443: "[^"]+"$/);
  expect(encodeStoreResponse([stored], context)).not.toHaveProperty("warning");
});

test("the reasons have the numbers that clients know", () => {
  expect(failureReason).toEqual({
    processingFailure: 272,
    validationFailed: 43264,
    alreadyStored: 45070,
    beingStored: 45071,
    notAuthorized: 292,
  });
  expect(warningReason).toEqual({ dataSetDoesNotMatchSOPClass: 45063, invalidAttributes: 1 });
});

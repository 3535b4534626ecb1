// PS3.18 §10.5, Store transaction, and what the Azure DICOM service adds to it.
import { describe, expect, test } from "vitest";
import { makeInstance, makeUID, syntaxes, type TestElement } from "../support/dicom/dicomFile.ts";
import {
  dicomJson,
  DicomwebService,
  failureReasons,
  firstValues,
  instancePath,
  itemsOf,
  multipartStoreType,
  nameOf,
  problemKind,
  type JsonDataset,
} from "../support/dicomwebService.ts";
import { encodeParts, testBoundary } from "../support/multipart.ts";
import type { ReceivedAnswer } from "../support/send.ts";

const v1 = new DicomwebService("v1");
const v2 = new DicomwebService("v2");
const validationFailed = 43264;
const alreadyStored = 45070;
const implicitVR = 45063;

/** ErrorComments of the items of a sequence of a Store response. */
function errorComments(answer: ReceivedAnswer, sequence: string): unknown[] {
  return itemsOf(answer, sequence).flatMap((item) =>
    ((item["00741048"]?.Value ?? []) as JsonDataset[]).map(
      (inner) => inner["00000902"]?.Value?.[0],
    ),
  );
}

describe.each([v1, v2])("Store under /$version", (service) => {
  test("an instance of multipart/related is answered 200 with its identifiers and RetrieveURL", async () => {
    const instance = makeInstance();
    const answer = await service.store([instance.bytes]);
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe(dicomJson);
    expect(answer.json()).toEqual({
      "00081199": {
        vr: "SQ",
        Value: [
          {
            "00081150": { vr: "UI", Value: [instance.sopClassUID] },
            "00081155": { vr: "UI", Value: [instance.sopInstanceUID] },
            "00081190": { vr: "UR", Value: [service.url(instancePath(instance))] },
            ...(service.version === "v2" ? { "00741048": { vr: "SQ" } } : {}),
          },
        ],
      },
    });
  });

  test("a single part of application/dicom is stored, with or without parameters", async () => {
    for (const type of [
      "application/dicom",
      "Application/DICOM",
      `application/dicom; transfer-syntax=${syntaxes.explicitLittle}`,
    ]) {
      const { bytes } = makeInstance();
      const answer = await service.request("studies", {
        method: "POST",
        headers: { Accept: dicomJson, "Content-Type": type },
        body: bytes,
      });
      expect([type, answer.status]).toEqual([type, 200]);
    }
  });

  test("a multipart body without parts is answered 204 without a body", async () => {
    for (const body of [
      `--${testBoundary}--\r\n`,
      `--${testBoundary}\r\n\r\n--${testBoundary}--\r\n`,
    ]) {
      const answer = await service.request("studies", {
        method: "POST",
        headers: { Accept: dicomJson, "Content-Type": multipartStoreType },
        body,
      });
      expect([answer.status, answer.text]).toEqual([204, ""]);
    }
  });

  test("an empty single part is a failed instance: 409, reason 43264, no identifiers", async () => {
    const answer = await service.request("studies", {
      method: "POST",
      headers: { Accept: dicomJson, "Content-Type": "application/dicom" },
      body: "",
    });
    expect(answer.status).toBe(409);
    expect(itemsOf(answer, "00081198")).toEqual([
      { "00081197": { vr: "US", Value: [validationFailed] } },
    ]);
  });

  test("an instance of another study than the path names fails alone with 43264", async () => {
    const right = makeInstance();
    const wrong = makeInstance();
    const study = right.studyInstanceUID;
    const alone = await service.store([wrong.bytes], { study });
    expect([alone.status, failureReasons(alone)]).toEqual([409, [validationFailed]]);
    expect(alone.json()).not.toHaveProperty("00081190");
    const mixed = await service.store([wrong.bytes, right.bytes], { study });
    expect([mixed.status, failureReasons(mixed)]).toEqual([202, [validationFailed]]);
    expect(firstValues(itemsOf(mixed, "00081199"), "00081155")).toEqual([right.sopInstanceUID]);
    expect((mixed.json() as JsonDataset)["00081190"]?.Value).toEqual([
      service.url(`studies/${study}`),
    ]);
    expect((await service.get(instancePath(wrong))).status).toBe(404);
  });

  test("the same file twice in one request is stored once: 202 and one 45070", async () => {
    const instance = makeInstance();
    const answer = await service.store([instance.bytes, instance.bytes]);
    expect([answer.status, failureReasons(answer)]).toEqual([202, [alreadyStored]]);
    expect(await service.metadata(`studies/${instance.studyInstanceUID}`)).toHaveLength(1);
  });

  test("an instance that is there already is refused with 409 and 45070, whatever its bytes", async () => {
    const instance = makeInstance();
    await service.mustStore([instance.bytes]);
    const other = makeInstance({ ...nameOf(instance), patientName: "Other^Name" });
    for (const bytes of [instance.bytes, other.bytes]) {
      const answer = await service.store([bytes]);
      expect([answer.status, failureReasons(answer)]).toEqual([409, [alreadyStored]]);
      expect(firstValues(itemsOf(answer, "00081198"), "00081155")).toEqual([
        instance.sopInstanceUID,
      ]);
    }
    const kept = await service.get(instancePath(instance), "application/dicom; transfer-syntax=*");
    expect(kept.body.equals(instance.bytes)).toBe(true);
  });

  test("implicit VR is stored with the warning reason 45063", async () => {
    const instance = makeInstance({ transferSyntaxUID: syntaxes.implicitLittle });
    const answer = await service.store([instance.bytes]);
    expect(answer.status).toBe(service.version === "v1" ? 200 : 202);
    expect(firstValues(itemsOf(answer, "00081199"), "00081196")).toEqual([implicitVR]);
  });

  test.each([
    ["StudyInstanceUID", "0020000D"],
    ["SeriesInstanceUID", "0020000E"],
    ["SOPInstanceUID", "00080018"],
    ["SOPClassUID", "00080016"],
    ["PatientID", "00100020"],
  ])("an instance without %s is refused with 43264 and an ErrorComment", async (_, tag) => {
    const { bytes } = makeInstance({ elements: [[tag, "-"]] });
    const answer = await service.store([bytes]);
    expect([answer.status, failureReasons(answer)]).toEqual([409, [validationFailed]]);
    const shown = `DICOM100: (${tag.slice(0, 4)},${tag.slice(4)}) - `.toLowerCase();
    expect(String(errorComments(answer, "00081198")[0]).toLowerCase()).toContain(shown);
  });

  test.each(["abc.123", "1.2.3.", "1.2.-3", "1.2 3", "9".repeat(65)])(
    "the UID %s in a file is refused with 43264, and in a path with 400",
    async (uid) => {
      for (const tag of ["0020000D", "0020000E", "00080018"]) {
        const answer = await service.store([makeInstance({ elements: [[tag, "UI", uid]] }).bytes]);
        expect([tag, answer.status, failureReasons(answer)]).toEqual([
          tag,
          409,
          [validationFailed],
        ]);
      }
      const segment = encodeURIComponent(uid);
      for (const path of [
        `studies/${segment}`,
        `studies/1.2/series/${segment}`,
        `studies/1.2/series/1.3/instances/${segment}`,
        `studies/1.2/series/1.3/instances/${segment}/metadata`,
        `studies/${segment}/series`,
      ]) {
        const answer = await service.get(path);
        expect([path, answer.status, problemKind(answer)]).toEqual([path, 400, "malformed"]);
      }
      const posted = await service.store([makeInstance().bytes], { study: segment });
      expect([posted.status, problemKind(posted)]).toEqual([400, "malformed"]);
    },
  );

  test("a UID that is padded with a space is the same as without", async () => {
    const uid = makeUID();
    const padded = makeInstance({
      elements: [["00080018", "UI", `${uid} `, { isUnpadded: true }]],
    });
    const plain = makeInstance({ ...nameOf(padded), sopInstanceUID: uid });
    await service.mustStore([padded.bytes]);
    const again = await service.store([plain.bytes]);
    expect([again.status, failureReasons(again)]).toEqual([409, [alreadyStored]]);
    for (const segment of [uid, `${uid}%20`]) {
      const path = instancePath({ ...padded, sopInstanceUID: segment });
      expect((await service.get(path, "application/dicom; transfer-syntax=*")).status).toBe(200);
    }
  });

  test("several errors of one instance are listed together", async () => {
    const { bytes } = makeInstance({
      elements: [
        ["0020000E", "UI", "abc"],
        ["00080018", "UI", "xyz"],
      ],
    });
    const answer = await service.store([bytes]);
    const comments = errorComments(answer, "00081198").map(String);
    expect(answer.status).toBe(409);
    expect(comments.some((comment) => comment.includes("(0020,000e)"))).toBe(true);
    expect(comments.some((comment) => comment.includes("(0008,0018)"))).toBe(true);
  });

  test("study, series and instance may have the same UID", async () => {
    const uid = makeUID();
    const instance = makeInstance({
      studyInstanceUID: uid,
      seriesInstanceUID: uid,
      sopInstanceUID: uid,
    });
    expect((await service.store([instance.bytes])).status).toBe(200);
    expect(await service.metadata(`studies/${uid}/series/${uid}`)).toHaveLength(1);
  });

  test("PUT replaces an instance, and one with the same bytes is left as it is", async () => {
    const before = makeInstance({ patientName: "Before^Name" });
    const after = makeInstance({ ...nameOf(before), patientName: "After^Name" });
    await service.mustStore([before.bytes]);
    for (const file of [after, after]) {
      const answer = await service.store([file.bytes], {
        study: before.studyInstanceUID,
        method: "PUT",
      });
      expect(answer.status).toBe(200);
    }
    const answer = await service.get(instancePath(before), "application/dicom; transfer-syntax=*");
    expect(answer.body.equals(after.bytes)).toBe(true);
    const [study] = await service.search(`studies?StudyInstanceUID=${before.studyInstanceUID}`);
    expect(study?.["00201208"]?.Value).toEqual([1]);
    expect(study?.["00100010"]?.Value).toEqual([{ Alphabetic: "After^Name" }]);
  });

  test("the preamble and every other byte are kept as received", async () => {
    const instance = makeInstance({ preamble: Buffer.alloc(128, "II*\0preamble ") });
    await service.mustStore([instance.bytes]);
    const answer = await service.get(
      instancePath(instance),
      "application/dicom; transfer-syntax=*",
    );
    expect(answer.body.equals(instance.bytes)).toBe(true);
  });

  test.each([
    "application/dicom+json",
    "multipart/form-data; boundary=x",
    "text/plain",
    'multipart/related; type="application/dicom+xml"; boundary=x',
    undefined,
  ])("a body of %s is answered 415", async (type) => {
    const answer = await service.request("studies", {
      method: "POST",
      headers: { Accept: dicomJson, ...(type === undefined ? {} : { "Content-Type": type }) },
      body: encodeParts([{ body: makeInstance().bytes }]),
    });
    expect([answer.status, problemKind(answer)]).toEqual([415, "unsupportedMediaType"]);
  });

  test.each([
    [undefined, 200],
    ["application/json", 200],
    ["*/*", 200],
    ["text/html, application/*;q=0.1", 200],
    ["application/dicom", 406],
    ["application/dicom+xml", 200],
    ["text/*", 406],
  ])("Store with Accept %s is answered %i", async (accept, status) => {
    const instance = makeInstance();
    const answer = await service.request("studies", {
      method: "POST",
      headers: {
        ...(accept === undefined ? {} : { Accept: accept }),
        "Content-Type": multipartStoreType,
      },
      body: encodeParts([{ body: instance.bytes }]),
    });
    expect(answer.status).toBe(status);
    if (status === 406) {
      expect(problemKind(answer)).toBe("notAcceptable");
      expect((await service.get(instancePath(instance))).status).toBe(404);
    }
  });
});

describe("several values of an attribute that is searched by one", () => {
  const warning = /^299 [^ ]+: "The DICOM dataset has multiple values/;

  test.each([
    ["v1", "0020000D", "required", true],
    ["v2", "0020000D", "required", true],
    ["v1", "00080090", "searched", true],
    ["v2", "00080090", "searched", false],
    ["v1", "00081010", "neither", false],
  ] as const)("under %s of %s, which is %s, are told of: %s", async (version, tag, _, isTold) => {
    const one = makeInstance();
    const values: Readonly<Record<string, readonly [string, readonly string[]]>> = {
      "0020000D": ["UI", [one.studyInstanceUID, "1.2.3"]],
      "00080090": ["PN", ["One^Artificial", "Two^Artificial"]],
      "00081010": ["SH", ["ROOM-1", "ROOM-2"]],
    };
    const [vr, several] = values[tag] ?? ["", []];
    const { bytes } = makeInstance({ ...nameOf(one), elements: [[tag, vr, several]] });
    const answer = await new DicomwebService(version).store([bytes]);
    expect(answer.status).toBe(200);
    if (isTold) {
      expect(answer.headers["warning"]).toMatch(warning);
      expect(answer.headers["warning"]).toContain(new URL(v2.baseUrl).host);
    } else {
      expect(answer.headers["warning"]).toBeUndefined();
    }
    // The first of them names it.
    expect((await v2.get(instancePath(one))).status).toBe(200);
  });
});

test("a body with a Content-Encoding is answered 415, because compressed it would only look broken", async () => {
  const { bytes } = makeInstance();
  for (const [coding, status] of [
    ["gzip", 415],
    ["identity", 200],
  ] as const) {
    const answer = await v2.request("studies", {
      method: "POST",
      headers: { "Content-Type": multipartStoreType, "Content-Encoding": coding },
      body: encodeParts([{ body: bytes }]),
    });
    expect([coding, answer.status]).toEqual([coding, status]);
  }
});

describe("the forms of a multipart body", () => {
  const [dashes, line] = [`--${testBoundary}`, "Content-Type: application/dicom\r\n\r\n"];

  test.each([
    [
      "a quoted boundary",
      `multipart/related; type="application/dicom"; boundary="${testBoundary}"`,
      `${dashes}\r\n${line}`,
      `\r\n${dashes}--\r\n`,
    ],
    [
      "an unquoted type",
      `multipart/related; type=application/dicom; boundary=${testBoundary}`,
      `${dashes}\r\n${line}`,
      `\r\n${dashes}--\r\n`,
    ],
    [
      "no type",
      `multipart/related; boundary=${testBoundary}`,
      `${dashes}\r\n${line}`,
      `\r\n${dashes}--\r\n`,
    ],
    [
      "a start parameter",
      `multipart/related; type="application/dicom"; start="<a>"; boundary=${testBoundary}`,
      `${dashes}\r\nContent-ID: <a>\r\n${line}`,
      `\r\n${dashes}--\r\n`,
    ],
    [
      "no boundary in the header",
      'multipart/related; type="application/dicom"',
      `${dashes}\r\n${line}`,
      `\r\n${dashes}--\r\n`,
    ],
    [
      "a line break before the first boundary and none after the last",
      multipartStoreType,
      `\r\n${dashes}\r\n${line}`,
      `\r\n${dashes}--`,
    ],
    [
      "a preamble and an epilogue",
      multipartStoreType,
      `Hello.\r\n${dashes}\r\n${line}`,
      `\r\n${dashes}--\r\nGood bye.\r\n`,
    ],
    [
      "white space after the boundaries",
      multipartStoreType,
      `${dashes} \t\r\n${line}`,
      `\r\n${dashes}-- \r\n`,
    ],
    [
      "a form-data disposition, as curl writes it",
      multipartStoreType,
      `${dashes}\r\nContent-Disposition: form-data; name="file1"; filename="a.dcm"\r\n${line}`,
      `\r\n${dashes}--\r\n`,
    ],
    [
      "a transfer syntax in the part's type",
      multipartStoreType,
      `${dashes}\r\nContent-Type: application/dicom; transfer-syntax=${syntaxes.explicitLittle}\r\n\r\n`,
      `\r\n${dashes}--\r\n`,
    ],
    [
      "a part without a type",
      multipartStoreType,
      `${dashes}\r\nContent-ID: <1>\r\n\r\n`,
      `\r\n${dashes}--\r\n`,
    ],
    ["a part without any header", multipartStoreType, `${dashes}\r\n\r\n`, `\r\n${dashes}--\r\n`],
    [
      "header names in lower case",
      multipartStoreType,
      `${dashes}\r\ncontent-type:application/dicom\r\n\r\n`,
      `\r\n${dashes}--\r\n`,
    ],
  ])("a body with %s is stored byte for byte", async (_, type, before, after) => {
    const instance = makeInstance();
    const answer = await v2.request("studies", {
      method: "POST",
      headers: { Accept: dicomJson, "Content-Type": type },
      body: Buffer.concat([Buffer.from(before), instance.bytes, Buffer.from(after)]),
    });
    expect([answer.status, answer.text.includes("00081198")]).toEqual([200, false]);
    const kept = await v2.get(instancePath(instance), "application/dicom; transfer-syntax=*");
    expect(kept.body.equals(instance.bytes)).toBe(true);
  });

  test("a part of another type, or with broken content, fails alone and the others are stored", async () => {
    const good = [makeInstance(), makeInstance(), makeInstance()] as const;
    const other = makeInstance();
    const answer = await v2.storeParts([
      { body: good[0].bytes },
      { body: "{}", headers: ["Content-Type: application/dicom+json"] },
      { body: good[1].bytes },
      { body: "this is not DICOM" },
      { body: other.bytes.subarray(0, other.bytes.length - 7) },
      { body: "" },
      { body: good[2].bytes },
    ]);
    expect([answer.status, failureReasons(answer)]).toEqual([
      202,
      [validationFailed, validationFailed, validationFailed, validationFailed],
    ]);
    expect(firstValues(itemsOf(answer, "00081199"), "00081155")).toEqual(
      good.map(({ sopInstanceUID }) => sopInstanceUID),
    );
    expect((await v2.get(instancePath(other))).status).toBe(404);
  });

  test("the parts of many studies are stored by one request, in the order of the answer", async () => {
    const instances = Array.from({ length: 12 }, () => makeInstance());
    const answer = await v2.store(instances.map(({ bytes }) => bytes));
    expect(answer.status).toBe(200);
    expect(firstValues(itemsOf(answer, "00081199"), "00081155")).toEqual(
      instances.map(({ sopInstanceUID }) => sopInstanceUID),
    );
  });

  test("150 instances of one study are stored by one request, more than one batch holds", async () => {
    const first = makeInstance();
    const files = Array.from({ length: 150 }, (_, index) =>
      makeInstance({
        studyInstanceUID: first.studyInstanceUID,
        seriesInstanceUID: first.seriesInstanceUID,
        instanceNumber: index + 1,
      }),
    );
    const answer = await v2.store(files.map(({ bytes }) => bytes));
    expect(answer.status).toBe(200);
    expect(itemsOf(answer, "00081199")).toHaveLength(150);
    const [study] = await v2.search(`studies?StudyInstanceUID=${first.studyInstanceUID}`);
    expect([study?.["00201206"]?.Value, study?.["00201208"]?.Value]).toEqual([[1], [150]]);
    expect(await v2.metadata(`studies/${first.studyInstanceUID}`)).toHaveLength(150);
  });
});

describe("validation, which differs between the versions", () => {
  const badDate: TestElement = ["00080020", "DA", "NotADate"];

  test("v1 refuses an invalid value of a searchable attribute with 43264", async () => {
    const instance = makeInstance({ elements: [badDate] });
    const answer = await v1.store([instance.bytes]);
    expect([answer.status, failureReasons(answer)]).toEqual([409, [validationFailed]]);
    expect(errorComments(answer, "00081198").join()).toContain("(0008,0020)");
  });

  test("v2 stores an invalid value of a searchable attribute with the warning reason 1", async () => {
    const instance = makeInstance({ elements: [badDate] });
    const answer = await v2.store([instance.bytes]);
    const [item] = itemsOf(answer, "00081199");
    expect([answer.status, item?.["00081196"]?.Value]).toEqual([202, [1]]);
    expect(errorComments(answer, "00081199").join()).toContain("DICOM100: (0008,0020) - ");
    // It is shown as it is, and nothing finds it.
    const path = `studies?StudyInstanceUID=${instance.studyInstanceUID}`;
    const [found] = await v2.search(path);
    expect(found?.["00080020"]?.Value).toEqual(["NotADate"]);
    expect(await v2.search(`${path}&StudyDate=19000101-20991231`)).toEqual([]);
  });

  test("what v2 warns of because it is too long is shown and found as it is", async () => {
    const description = "two characters too long ".padEnd(66, "x");
    const instance = makeInstance({ elements: [["00081030", "LO", description]] });
    const answer = await v2.store([instance.bytes]);
    expect(answer.status).toBe(202);
    expect(errorComments(answer, "00081199").join()).toContain("DICOM100: (0008,1030) - ");
    const path = `studies?StudyInstanceUID=${instance.studyInstanceUID}`;
    for (const value of [description, "two characters too long*"]) {
      const found = await v2.search(`${path}&StudyDescription=${encodeURIComponent(value)}`);
      expect(firstValues(found, "00081030")).toEqual([description]);
    }
  });

  test("v1 lets an invalid value of any other attribute pass without a word", async () => {
    const { bytes } = makeInstance({ elements: [["00080031", "TM", "noon"]] });
    const answer = await v1.store([bytes]);
    expect(answer.status).toBe(200);
    expect(itemsOf(answer, "00081199")[0]).not.toHaveProperty("00081196");
  });

  test("v2 warns of an invalid value anywhere, in private attributes and in items too", async () => {
    const instance = makeInstance({
      elements: [
        ["00080031", "TM", "noon"],
        ["00090010", "LO", "STRATA TEST"],
        ["00091001", "DA", "tomorrow"],
        ["00400275", "SQ", undefined, { items: [[["00400009", "SH", "longer than sixteen"]]] }],
      ],
    });
    const answer = await v2.store([instance.bytes]);
    expect([answer.status, firstValues(itemsOf(answer, "00081199"), "00081196")]).toEqual([
      202,
      [1],
    ]);
    const comments = errorComments(answer, "00081199").map(String);
    expect(comments.map((comment) => comment.slice(0, 21))).toEqual([
      "DICOM100: (0008,0031)",
      "DICOM100: (0009,1001)",
      "DICOM100: (0040,0009)",
    ]);
    // No value of a patient's file is repeated.
    expect(answer.text).not.toMatch(/noon|tomorrow|longer/);
  });

  test("what v2 warns of stays in the metadata as it was sent, at any depth", async () => {
    const instance = makeInstance({
      elements: [
        ["00080031", "TM", "noon"],
        [
          "00400275",
          "SQ",
          undefined,
          {
            items: [
              [
                ["00400009", "SH", "longer than sixteen"],
                ["00401001", "SH", "RP1"],
              ],
            ],
          },
        ],
      ],
    });
    await v2.mustStore([instance.bytes]);
    const [metadata] = await v2.metadata(instancePath(instance));
    expect(metadata?.["00080031"]?.Value).toEqual(["noon"]);
    expect(metadata?.["00400275"]?.Value).toEqual([
      {
        "00400009": { vr: "SH", Value: ["longer than sixteen"] },
        "00401001": { vr: "SH", Value: ["RP1"] },
      },
    ]);
    const file = await v2.get(instancePath(instance), "application/dicom; transfer-syntax=*");
    expect(file.body.equals(instance.bytes)).toBe(true);
  });

  test("an empty PatientID is refused by v1, and stored by v2 with a warning and without a value in the metadata", async () => {
    const instance = makeInstance({ elements: [["00100020", "LO", ""]] });
    const refused = await v1.store([instance.bytes]);
    expect([refused.status, failureReasons(refused)]).toEqual([409, [validationFailed]]);
    const stored = await v2.store([instance.bytes]);
    expect([stored.status, firstValues(itemsOf(stored, "00081199"), "00081196")]).toEqual([
      202,
      [1],
    ]);
    expect(errorComments(stored, "00081199").join()).toContain("(0010,0020)");
    expect((await v2.metadata(instancePath(instance)))[0]?.["00100020"]).toEqual({ vr: "LO" });
  });

  test.each(["a\\b", "a\nb", "x".repeat(65)])(
    "a PatientID that is not one value of LO is refused by both versions",
    async (patientID) => {
      for (const service of [v1, v2]) {
        const answer = await service.store([
          makeInstance({ elements: [["00100020", "LO", patientID]] }).bytes,
        ]);
        expect([answer.status, failureReasons(answer)]).toEqual([409, [validationFailed]]);
      }
    },
  );

  test("NUL padding of a searchable attribute is refused by v1, and by v2 neither refused nor warned of", async () => {
    const instance = makeInstance({
      elements: [["00080050", "SH", Buffer.from("ACC\0\0\0", "latin1")]],
    });
    expect((await v1.store([instance.bytes])).status).toBe(409);
    expect((await v2.store([instance.bytes])).status).toBe(200);
    const path = `studies?StudyInstanceUID=${instance.studyInstanceUID}`;
    expect(await v2.search(`${path}&AccessionNumber=ACC`)).toHaveLength(1);
    expect(await v2.search(`${path}&AccessionNumber=ACC%00`)).toHaveLength(1);
  });

  test("implicit VR with an invalid attribute is reported as 45063, and the attribute is listed", async () => {
    const { bytes } = makeInstance({
      transferSyntaxUID: syntaxes.implicitLittle,
      elements: [badDate],
    });
    const answer = await v2.store([bytes]);
    expect(firstValues(itemsOf(answer, "00081199"), "00081196")).toEqual([implicitVR]);
    expect(errorComments(answer, "00081199").join()).toContain("(0008,0020)");
  });
});

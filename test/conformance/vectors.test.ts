// The test vectors of the Azure DICOM service's contract, by their numbers, and what its error model says of each status.
// Where this service departs from a vector, as docs/conformance.md says, the row holds both answers.
import { describe, expect, test } from "vitest";
import { makeInstance, makeUID, syntaxes } from "../support/dicom/dicomFile.ts";
import {
  dicomJson,
  DicomwebService,
  failureReasons,
  instancePath,
  itemsOf,
  multipartStoreType,
  nameOf,
  problemKind,
} from "../support/dicomwebService.ts";
import { decodeParts, encodeParts } from "../support/multipart.ts";
import type { ReceivedAnswer } from "../support/send.ts";

const v1 = new DicomwebService("v1");
const v2 = new DicomwebService("v2");

type Instance = ReturnType<typeof makeInstance>;

async function stored(options: Parameters<typeof makeInstance>[0] = {}): Promise<Instance> {
  const instance = makeInstance(options);
  await v2.mustStore([instance.bytes]);
  return instance;
}

async function storeSingle(body: Uint8Array): Promise<ReceivedAnswer> {
  return await v2.request("studies", {
    method: "POST",
    headers: { Accept: dicomJson, "Content-Type": "application/dicom" },
    body,
  });
}

/** Status and failure reasons of a Store response. */
function outcome(answer: ReceivedAnswer): unknown {
  return [answer.status, ...failureReasons(answer)];
}

function warningReasons(answer: ReceivedAnswer): unknown[] {
  return itemsOf(answer, "00081199").map((item) => item["00081196"]?.Value?.[0]);
}

interface Vector {
  readonly given: string;
  readonly answered: () => Promise<unknown>;
  /** By the contract. */
  readonly expected: unknown;
  /** By this service, where that is something else. */
  readonly departure?: unknown;
}

const vectors: Readonly<Record<string, Vector>> = {
  "1": {
    given: "POST of a multipart body without parts",
    answered: async () => (await v2.storeParts([])).status,
    expected: 204,
  },
  "2": {
    given: "POST of an empty single part",
    answered: async () => {
      const answer = await storeSingle(new Uint8Array(0));
      const [failed] = itemsOf(answer, "00081198");
      return [outcome(answer), failed?.["00081155"]];
    },
    expected: [[409, 43264], undefined],
  },
  "3": {
    given: "POST of a part with a transfer-syntax parameter",
    answered: async () => {
      const headers = [
        `Content-Type: application/dicom; transfer-syntax=${syntaxes.explicitLittle}`,
      ];
      return (await v2.storeParts([{ headers, body: makeInstance().bytes }])).status;
    },
    expected: 415,
    departure: 200,
  },
  "4": {
    given: "POST to study a of an instance of study b; and with a good one",
    answered: async () => {
      const study = makeUID();
      const [other, own] = [makeInstance(), makeInstance({ studyInstanceUID: study })];
      return [
        outcome(await v2.store([other.bytes], { study })),
        outcome(await v2.store([other.bytes, own.bytes], { study })),
      ];
    },
    expected: [
      [409, 43264],
      [202, 43264],
    ],
  },
  "5": {
    given: "POST of the same file twice in one request",
    answered: async () => {
      const { bytes } = makeInstance();
      return outcome(await v2.store([bytes, bytes]));
    },
    expected: [202, 45070],
  },
  "6": {
    given: "POST of a stored file again",
    answered: async () => outcome(await v2.store([(await stored()).bytes])),
    expected: [409, 45070],
  },
  "7": {
    given: "POST under v1 and v2 of StudyDate NotADate",
    answered: async () => {
      const invalid = (): Uint8Array =>
        makeInstance({ elements: [["00080020", "DA", "NotADate"]] }).bytes;
      const warned = await v2.store([invalid()]);
      return [outcome(await v1.store([invalid()])), outcome(warned), warningReasons(warned)];
    },
    expected: [[409, 43264], [202], [1]],
  },
  "8": {
    given: "POST under v2 of a clean file",
    answered: async () => {
      const answer = await v2.store([makeInstance().bytes]);
      const [item] = itemsOf(answer, "00081199");
      return [answer.status, item?.["00741048"]];
    },
    expected: [200, { vr: "SQ" }],
  },
  "9": {
    given: "POST under v2 of an empty PatientID",
    answered: async () => {
      const instance = makeInstance({ patientID: "" });
      const answer = await v2.store([instance.bytes]);
      const [metadata] = await v2.metadata(instancePath(instance));
      return [outcome(answer), metadata?.["00100020"]];
    },
    expected: [[202], undefined],
    // It has no value to take out: what is there says that it was empty.
    departure: [[202], { vr: "LO" }],
  },
  "10": {
    given: "POST under v2 without PatientID",
    answered: async () =>
      outcome(await v2.store([makeInstance({ elements: [["00100020", "-"]] }).bytes])),
    expected: [409, 43264],
  },
  "11": {
    given: "the UID abc.123 in a file, and in a path",
    answered: async () => [
      outcome(await v2.store([makeInstance({ studyInstanceUID: "abc.123" }).bytes])),
      (await v2.get("studies/abc.123")).status,
    ],
    expected: [[409, 43264], 400],
  },
  "12": {
    given: "GET of a study without Accept",
    answered: async () => (await v2.get(`studies/${(await stored()).studyInstanceUID}`)).status,
    expected: 406,
    departure: 200,
  },
  "13": {
    given: "GET of a study of two instances with transfer-syntax=*, and without it",
    answered: async () => {
      const one = await stored();
      await stored({ studyInstanceUID: one.studyInstanceUID, transferSyntaxUID: syntaxes.rle });
      const multipart = 'multipart/related; type="application/dicom"';
      const statuses = [];
      for (const accept of [`${multipart}; transfer-syntax=*`, multipart]) {
        statuses.push((await v2.get(`studies/${one.studyInstanceUID}`, accept)).status);
      }
      return statuses;
    },
    expected: [200, 406],
    departure: [200, 200],
  },
  "14": {
    given: "GET of a study as application/dicom",
    answered: async () => {
      const { studyInstanceUID } = await stored();
      return (await v2.get(`studies/${studyInstanceUID}`, "application/dicom")).status;
    },
    expected: 406,
  },
  "15": {
    given: "GET of an instance as */*",
    answered: async () => {
      const instance = await stored();
      const answer = await v2.get(instancePath(instance), "*/*");
      const parts = decodeParts(answer.body, answer.headers["content-type"]);
      return [answer.status, parts.length];
    },
    expected: [200, 1],
  },
  "16": {
    given: "GET of frames 1,2 as a single part",
    answered: async () => {
      const path = instancePath(await stored({ frames: 2 }));
      return (await v2.get(`${path}/frames/1,2`, "application/octet-stream")).status;
    },
    expected: 400,
  },
  "17": {
    given: "GET of frames 0 and -1, and of one beyond the last",
    answered: async () => {
      const path = instancePath(await stored());
      const statuses = [];
      for (const frame of ["0", "-1", "2"]) {
        statuses.push((await v2.get(`${path}/frames/${frame}`, "*/*")).status);
      }
      return statuses;
    },
    expected: [400, 400, 404],
  },
  "20": {
    given: "GET of metadata with If-None-Match of its ETag",
    answered: async () => {
      const path = `${instancePath(await stored())}/metadata`;
      const { etag = "" } = (await v2.get(path, dicomJson)).headers;
      const again = await v2.request(path, {
        headers: { Accept: dicomJson, "If-None-Match": etag },
      });
      return [again.status, again.headers["etag"], again.body.length];
    },
    expected: [304, undefined, 0],
  },
  "21": {
    given: "DELETE, then GET, then DELETE again",
    answered: async () => {
      const path = instancePath(await stored());
      const first = await v2.request(path, { method: "DELETE" });
      const get = await v2.get(path);
      const second = await v2.request(path, { method: "DELETE" });
      return [first.status, get.status, second.status];
    },
    expected: [204, 404, 404],
  },
  "22": {
    given: "a search with limit=0 and limit=201",
    answered: async () => [
      (await v2.get("studies?limit=0", dicomJson)).status,
      (await v2.get("studies?limit=201", dicomJson)).status,
    ],
    expected: [400, 400],
  },
  "23": {
    given: "a search by an unknown attribute, an empty value, and one attribute twice",
    answered: async () => [
      (await v2.get("studies?Nonsense=1", dicomJson)).status,
      (await v2.get(`studies?PatientID=&StudyInstanceUID=${makeUID()}`, dicomJson)).status,
      (await v2.get("studies?PatientID=1&PatientID=2", dicomJson)).status,
    ],
    expected: [400, 400, 400],
    departure: [400, 204, 400],
  },
  "24": {
    given: "a fuzzy search for ohn among John^Doe",
    answered: async () => {
      const { studyInstanceUID } = await stored({ patientName: "John^Doe" });
      const path = `studies?StudyInstanceUID=${studyInstanceUID}&fuzzymatching=true&PatientName=`;
      return [
        (await v2.get(`${path}ohn`, dicomJson)).status,
        (await v2.get(`${path}joh`, dicomJson)).status,
      ];
    },
    expected: [204, 200],
  },
  "25": {
    given: "a search by StudyDate=-",
    answered: async () => (await v2.get("studies?StudyDate=-", dicomJson)).status,
    expected: 400,
  },
  "26": {
    given: "a search without Accept",
    answered: async () => (await v2.get(`studies?StudyInstanceUID=${makeUID()}`)).status,
    expected: 406,
    departure: 204,
  },
  "27": {
    given: "the change feed under v1 with offset=10&limit=5",
    answered: async () => {
      const answer = await v1.get("changefeed?offset=10&limit=5&includeMetadata=false");
      const entries = answer.json() as { sequence: number }[];
      return entries.every(({ sequence }) => sequence >= 11 && sequence <= 15);
    },
    expected: true,
  },
  "28": {
    given: "the change feed under v2 with a startTime without an offset",
    answered: async () => (await v2.get("changefeed?startTime=2024-01-01T00:00:00")).status,
    expected: 400,
  },
  "38": {
    given: "any URL with < in its query, however it is written",
    answered: async () => [
      (await v2.get("studies?PatientName=%3cscript", dicomJson)).status,
      (await v2.get("studies?PatientName=%3Cscript", dicomJson)).status,
      (await v2.get(`studies/${makeUID()}?a=<b`)).status,
    ],
    expected: [400, 400, 400],
  },
};

test.each(
  Object.entries(vectors).map(([number, vector]) => [number, vector.given, vector] as const),
)("vector %s: %s", async (_, __, { answered, expected, departure = expected }) => {
  expect(await answered()).toEqual(departure);
});

/** Requests that the error model of the contract has a status for, and the kind of problem that they are here. */
const errors: readonly (readonly [
  given: string,
  request: () => Promise<ReceivedAnswer>,
  status: number,
  kind: string,
])[] = [
  ["a UID that is none", async () => await v2.get("studies/1..x"), 400, "malformed"],
  ["an empty UID", async () => await v2.get("studies/%20/metadata"), 400, "malformed"],
  [
    "a UID of 65 characters",
    async () => await v2.get(`studies/${"1".repeat(65)}`),
    400,
    "malformed",
  ],
  ["a limit that is no number", async () => await v2.get("studies?limit=x"), 400, "malformed"],
  ["an offset below 0", async () => await v2.get("studies?offset=-1"), 400, "malformed"],
  ["an attribute that is unknown", async () => await v2.get("studies?Foo=1"), 400, "malformed"],
  ["a date that is none", async () => await v2.get("studies?StudyDate=20231340"), 400, "malformed"],
  [
    "a multipart body that is none",
    async () =>
      await v2.request("studies", {
        method: "POST",
        headers: { "Content-Type": multipartStoreType },
        body: "neither boundary nor part",
      }),
    400,
    "malformed",
  ],
  ["a study that is not there", async () => await v2.get(`studies/${makeUID()}`), 404, "notFound"],
  [
    "a bulk data path that is none",
    async () => await v2.get(`${instancePath(await stored())}/bulkdata/..%2F..%2Fetc`),
    404,
    "notFound",
  ],
  ["a path without a version", async () => await v2.request("../studies"), 404, "notFound"],
  [
    "what is not acceptable",
    async () => await v2.get("studies", "image/png"),
    406,
    "notAcceptable",
  ],
  [
    "a transfer syntax that is unknown",
    async () =>
      await v2.get(instancePath(await stored()), "application/dicom; transfer-syntax=1.2.3"),
    406,
    "notAcceptable",
  ],
  [
    "a media type that is not stored",
    async () =>
      await v2.request("studies", {
        method: "POST",
        headers: { "Content-Type": "text/plain" },
        body: "x",
      }),
    415,
    "unsupportedMediaType",
  ],
  [
    "a range beyond the end",
    async () =>
      await v2.request(instancePath(await stored()), {
        headers: { Accept: "application/dicom; transfer-syntax=*", Range: "bytes=9999999-" },
      }),
    416,
    "rangeNotSatisfiable",
  ],
];

describe("errors", () => {
  test.each(errors)("%s is a problem", async (_, request, status, kind) => {
    const answer = await request();
    expect([answer.status, problemKind(answer)]).toEqual([status, kind]);
    expect(answer.text).not.toMatch(/\bat .*\(|node:|\.ts:\d/);
  });

  test("a Store that fails in part says which instance and why, and keeps the others", async () => {
    const [good, twin] = [makeInstance(), makeInstance()];
    const body = encodeParts([
      { body: good.bytes },
      { body: "not DICOM" },
      { body: makeInstance({ ...nameOf(twin), elements: [["0020000E", "-"]] }).bytes },
      { headers: ["Content-Type: text/plain"], body: "hello" },
    ]);
    const answer = await v2.request("studies", {
      method: "POST",
      headers: { Accept: dicomJson, "Content-Type": multipartStoreType },
      body,
    });
    expect(outcome(answer)).toEqual([202, 43264, 43264, 43264]);
    expect(itemsOf(answer, "00081198").map((item) => item["00081155"]?.Value)).toEqual([
      undefined,
      [twin.sopInstanceUID],
      undefined,
    ]);
    expect((await v2.get(instancePath(good))).status).toBe(200);
  });
});

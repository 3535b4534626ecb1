// Input that no client should send: each gets the documented status, nothing of it is stored, the next request is served.
import { afterEach, describe, expect, inject, test } from "vitest";
import {
  encodePart10,
  makeInstance,
  makeUID,
  nestedSequence,
  syntaxes,
  type InstanceOptions,
  type TestElement,
} from "../support/dicom/dicomFile.ts";
import { blobsOfLength } from "../support/contentBlobs.ts";
import {
  anyDicomMultipart,
  dicomJson,
  DicomwebService,
  failureReasons,
  instancePath,
  itemsOf,
  multipartStoreType,
  problemKind,
} from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";
import { encodeParts, testBoundary } from "../support/multipart.ts";
import { openRaw } from "../support/rawRequest.ts";
import type { ReceivedAnswer } from "../support/send.ts";

const service = new DicomwebService();
const { baseUrl } = inject("runtime");
const validationFailed = 43264;

afterEach(async () => {
  const { bytes } = makeInstance();
  expect((await service.store([bytes])).status).toBe(200);
});

async function storeBody(body: string | Uint8Array): Promise<ReceivedAnswer> {
  return await service.request("studies", {
    method: "POST",
    headers: { Accept: dicomJson, "Content-Type": multipartStoreType },
    body,
  });
}

/** A hostile file has the identifiers of `named`, so that it shows whether anything of it was stored. */
async function expectNothingStored(named: ReturnType<typeof makeInstance>): Promise<void> {
  const { studyInstanceUID } = named;
  expect((await service.get(`studies?StudyInstanceUID=${studyInstanceUID}`)).status).toBe(204);
  expect((await service.get(`studies/${studyInstanceUID}`, anyDicomMultipart)).status).toBe(404);
  expect((await service.get(instancePath(named))).status).toBe(404);
}

describe("files that are no instance", () => {
  test.each<readonly [string, Uint8Array]>([
    ["text", Buffer.from("Hello, this is not DICOM. ".repeat(20))],
    ["nothing but a preamble", Buffer.alloc(128)],
    ["zeros", Buffer.alloc(4_096)],
    ["a preamble and DICM", Buffer.concat([Buffer.alloc(128), Buffer.from("DICM")])],
    ["one byte", Buffer.from("D")],
    ["a PNG", Buffer.from("89504e470d0a1a0a0000000d49484452", "hex")],
    [
      "no transfer syntax",
      encodePart10({ elements: [], fileMeta: [["00020001", "OB", Uint8Array.of(0, 1)]] }),
    ],
    [
      "an unknown transfer syntax",
      makeInstance({ transferSyntaxUID: "1.2.3.4.5" }).bytes.subarray(0, 500),
    ],
    ["no elements", encodePart10({ elements: [] })],
    [
      "garbage after the file meta information",
      encodePart10({ elements: [], trailer: Buffer.alloc(333, 0xa7) }),
    ],
  ])("%s is refused with 409 and 43264", async (_, bytes) => {
    for (const form of ["single", "multipart"]) {
      const answer =
        form === "multipart"
          ? await service.store([bytes])
          : await service.request("studies", {
              method: "POST",
              headers: { "Content-Type": "application/dicom" },
              body: bytes,
            });
      expect([form, answer.status, failureReasons(answer)]).toEqual([
        form,
        409,
        [validationFailed],
      ]);
    }
  });
});

describe("truncated files", () => {
  test.each<readonly [string, InstanceOptions]>([
    ["explicit VR", {}],
    ["implicit VR", { transferSyntaxUID: syntaxes.implicitLittle }],
    ["big endian", { transferSyntaxUID: syntaxes.explicitBig }],
    ["deflated", { transferSyntaxUID: syntaxes.deflated }],
    ["encapsulated", { transferSyntaxUID: syntaxes.jpegBaseline, frames: 3 }],
    [
      "nested",
      {
        elements: [nestedSequence(5), nestedSequence(5, false)].map(
          ([, ...rest], index) => [`0040000${index + 7}`, ...rest] as const,
        ),
      },
    ],
  ])("%s cut within an element is refused with 43264 and leaves nothing", async (_, options) => {
    const file = makeInstance(options);
    // Elements begin and end at even offsets, so that an odd one is within an element, whatever the layout.
    const cuts = Array.from(
      { length: 40 },
      (__, index) => Math.floor(((file.bytes.length - 2) * (index + 1)) / 41) | 1,
    );
    const answer = await service.store(
      [1, 131, 133, ...cuts, file.bytes.length - 1].map((end) => file.bytes.subarray(0, end)),
    );
    expect([answer.status, new Set(failureReasons(answer))]).toEqual([
      409,
      new Set([validationFailed]),
    ]);
    await expectNothingStored(file);
    // Whole, it is stored.
    await service.mustStore([file.bytes]);
  });
});

describe("absurd structures", () => {
  const items = (item: readonly TestElement[], options: object): TestElement => [
    "00081140",
    "SQ",
    undefined,
    { items: [item], ...options },
  ];
  const absurd: readonly (readonly [string, readonly TestElement[], string?])[] = [
    ["a value of almost four gigabytes", [["00091001", "OB", "x", { statedLength: 0xfffffffe }]]],
    [
      "a value of almost four gigabytes, in implicit VR",
      [["00091001", "UN", "x", { statedLength: 0xfffffff0 }]],
      syntaxes.implicitLittle,
    ],
    [
      "a short text that reaches beyond the end",
      [["00081030", "LO", "x", { statedLength: 0xfffe }]],
    ],
    ["a sequence that reaches beyond the end", [items([], { statedLength: 0x7fffffff })]],
    [
      "a sequence that is never closed",
      [["00081140", "SQ", undefined, { statedLength: 0xffffffff }]],
    ],
    [
      "a sequence within one that ends before it",
      [
        items(
          [
            [
              "00081199",
              "SQ",
              undefined,
              { items: [[["00100020", "LO", "x"]]], statedLength: 5_000 },
            ],
          ],
          {},
        ),
      ],
    ],
    ["text of undefined length", [["00081030", "LO", "x", { statedLength: 0xffff }]]],
    ["a thousand levels of sequences", [nestedSequence(1_000)]],
    ["a thousand levels of sequences of known length", [nestedSequence(1_000, false)]],
    [
      "pixels of undefined length without fragments",
      [["7FE00010", "OB", Buffer.from("no fragments here"), { statedLength: 0xffffffff }]],
      syntaxes.jpegBaseline,
    ],
  ];
  const { explicitLittle } = syntaxes;
  test.each(absurd.map(([what, elements, uid = explicitLittle]) => [what, elements, uid] as const))(
    "%s is refused with 43264",
    async (_, elements, transferSyntaxUID) => {
      const file = makeInstance({ transferSyntaxUID, elements });
      const answer = await service.store([file.bytes]);
      expect([answer.status, failureReasons(answer)]).toEqual([409, [validationFailed]]);
      await expectNothingStored(file);
    },
  );

  test("sixty levels of sequences are not absurd", async () => {
    const file = makeInstance({ elements: [nestedSequence(60)] });
    await service.mustStore([file.bytes]);
    expect(await service.metadata(instancePath(file))).toHaveLength(1);
  });

  test("attributes that describe more pixels than there are limit the frames, not the instance", async () => {
    const file = makeInstance({
      elements: [
        ["00280008", "IS", "2000000000"],
        ["00280010", "US", 65_535],
        ["00280011", "US", 65_535],
      ],
    });
    await service.mustStore([file.bytes]);
    const answer = await service.get(`${instancePath(file)}/frames/1`);
    expect([answer.status, problemKind(answer)]).toEqual([404, "notFound"]);
    const whole = await service.get(instancePath(file), "application/dicom");
    expect(whole.body.equals(file.bytes)).toBe(true);
  });
});

describe("broken multipart bodies", () => {
  const file = makeInstance();
  const begin = Buffer.from(`--${testBoundary}\r\nContent-Type: application/dicom\r\n\r\n`);

  test.each<readonly [string, Uint8Array]>([
    ["no boundary at all", Buffer.from("x".repeat(100_000))],
    ["nothing", Buffer.alloc(0)],
    ["a part that never ends", Buffer.concat([begin, file.bytes])],
    [
      "a second part that never ends",
      Buffer.concat([
        begin,
        file.bytes,
        Buffer.from(`\r\n--${testBoundary}\r\nContent-Type: application/dicom\r\n\r\nxx`),
      ]),
    ],
    [
      "a header that never ends",
      Buffer.from(`--${testBoundary}\r\nContent-Type: application/dicom`),
    ],
    [
      "a header without a colon",
      Buffer.from(`--${testBoundary}\r\nno header\r\n\r\nx\r\n--${testBoundary}--`),
    ],
    [
      "a header of 20,000 characters",
      Buffer.from(`--${testBoundary}\r\nX: ${"x".repeat(20_000)}\r\n\r\nx\r\n--${testBoundary}--`),
    ],
    [
      "a hundred header fields",
      Buffer.from(`--${testBoundary}\r\n${"X: y\r\n".repeat(100)}\r\nx\r\n--${testBoundary}--`),
    ],
    ["another boundary", encodeParts([{ body: file.bytes }], "another-boundary")],
  ])("%s: 400, and nothing is stored", async (_, body) => {
    const answer = await storeBody(body);
    expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
    await expectNothingStored(file);
  });

  test("a boundary of 300 characters is answered 400", async () => {
    const boundary = "b".repeat(300);
    const answer = await service.request("studies", {
      method: "POST",
      headers: {
        "Content-Type": `multipart/related; type="application/dicom"; boundary=${boundary}`,
      },
      body: encodeParts([{ body: file.bytes }], boundary),
    });
    expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
  });

  test("bytes like a boundary within a file are data", async () => {
    const tricky = makeInstance({
      elements: [
        ["00090010", "LO", "STRATA TEST"],
        ["00091001", "OB", Buffer.from(`\r\n--${testBoundary}x\r\n--${testBoundary}-\r\n\r\n-`)],
      ],
    });
    await service.mustStore([tricky.bytes]);
    const kept = await service.get(instancePath(tricky), "application/dicom");
    expect(kept.body.equals(tricky.bytes)).toBe(true);
  });

  test("10,000 parts are read, and 10,001 are answered 413", async () => {
    const part = `--${testBoundary}\r\nContent-Type: application/dicom\r\n\r\nx\r\n`;
    const read = await storeBody(`${part.repeat(10_000)}--${testBoundary}--\r\n`);
    expect([read.status, itemsOf(read, "00081198").length]).toEqual([409, 10_000]);
    const refused = await storeBody(
      Buffer.concat([
        encodeParts([{ body: file.bytes }]).subarray(0, -`--${testBoundary}--\r\n`.length),
        Buffer.from(`${part.repeat(10_000)}--${testBoundary}--\r\n`),
      ]),
    );
    expect([refused.status, problemKind(refused)]).toEqual([413, "tooLarge"]);
    await expectNothingStored(file);
  });
});

describe("clients that misbehave on the wire", () => {
  function head(...lines: readonly string[]): string {
    return [
      "POST /v2/studies HTTP/1.1",
      "Host: localhost",
      `Content-Type: ${multipartStoreType}`,
      ...lines,
      "",
      "",
    ].join("\r\n");
  }

  test("one that hangs up in the middle leaves nothing: no study, and soon no bytes", async () => {
    // Of lengths that no other test has.
    const complete = makeInstance({ rows: 3, columns: 1_111 });
    const cut = makeInstance({
      studyInstanceUID: complete.studyInstanceUID,
      rows: 3,
      columns: 1_113,
    });
    const first = encodeParts([{ body: complete.bytes }]).subarray(
      0,
      -`--${testBoundary}--\r\n`.length,
    );
    const second = encodeParts([{ body: cut.bytes }]);
    const connection = await openRaw(
      baseUrl,
      Buffer.concat([
        Buffer.from(head(`Content-Length: ${first.length + second.length}`)),
        first,
        second.subarray(0, second.length >> 1),
      ]),
    );
    // The first part is made durable while the second is still to come.
    await eventually(
      async () => await blobsOfLength(complete.bytes.length),
      (names) => names.length === 1,
    );
    connection.socket.destroy();
    await eventually(
      async () => await blobsOfLength(complete.bytes.length, cut.bytes.length),
      (names) => names.length === 0,
    );
    await expectNothingStored(complete);
    await expectNothingStored(cut);
  });

  test("one that hangs up in the middle of a chunked single part leaves nothing", async () => {
    const file = makeInstance({ rows: 3, columns: 1_115 });
    const half = file.bytes.subarray(0, file.bytes.length >> 1);
    const connection = await openRaw(
      baseUrl,
      Buffer.concat([
        Buffer.from(
          `POST /v2/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/dicom\r\nTransfer-Encoding: chunked\r\n\r\n${half.length.toString(16)}\r\n`,
        ),
        half,
        Buffer.from("\r\n"),
      ]),
    );
    connection.socket.end();
    await connection.answered();
    connection.socket.destroy();
    await expectNothingStored(file);
  });

  test.each([
    ["chunks without a size", head("Transfer-Encoding: chunked") + "zz\r\n"],
    [
      "both Content-Length and chunks",
      head("Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n",
    ],
    ["two lengths", head("Content-Length: 5", "Content-Length: 6") + "xxxxxx"],
    ["a negative length", head("Content-Length: -1")],
    ["no HTTP at all", "EHLO there\r\n\r\n"],
    [
      "a header line without a colon",
      "GET /v2/studies HTTP/1.1\r\nHost: localhost\r\nbroken\r\n\r\n",
    ],
  ])("%s is answered 400 or cut, and harms nobody", async (_, text) => {
    const connection = await openRaw(baseUrl, text);
    connection.socket.end();
    const answer = await connection.answered();
    connection.socket.destroy();
    expect(answer === "" || answer.startsWith("HTTP/1.1 400 ")).toBe(true);
  });

  test("forty kilobytes of headers are answered 431", async () => {
    const answer = await service.request("studies", {
      headers: Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => [`x-${index}`, "y".repeat(1_000)]),
      ),
    });
    expect(answer.status).toBe(431);
  });

  test("a body that comes byte by byte is stored", async () => {
    const file = makeInstance();
    const whole = encodeParts([{ body: file.bytes }]);
    const answer = await service.request("studies", {
      method: "POST",
      headers: { Accept: dicomJson, "Content-Type": multipartStoreType },
      body: Array.from({ length: whole.length }, (_, at) => whole.subarray(at, at + 1)),
    });
    expect(answer.status).toBe(200);
    const kept = await service.get(instancePath(file), "application/dicom");
    expect(kept.body.equals(file.bytes)).toBe(true);
  });

  test("one that sends on after its request was refused gets its answer", async () => {
    const file = makeInstance({ bytes: 4 * 1024 * 1024 });
    const answer = await service.request("studies", {
      method: "POST",
      headers: { Accept: dicomJson, "Content-Type": "text/plain" },
      body: file.bytes,
    });
    expect([answer.status, problemKind(answer)]).toEqual([415, "unsupportedMediaType"]);
  });

  test("headers of the host that a client forges change nothing", async () => {
    const file = makeInstance();
    const answer = await service.request("studies", {
      method: "POST",
      headers: {
        Accept: dicomJson,
        "Content-Type": multipartStoreType,
        "x-ms-invocation-id": makeUID(),
        "x-ms-client-principal": "eyJ1c2VySWQiOiJyb290In0=",
        "x-original-url": "/v2/studies/1.2.3",
        "x-http-method-override": "DELETE",
      },
      body: encodeParts([{ body: file.bytes }]),
    });
    expect(answer.status).toBe(200);
    expect((await service.get(instancePath(file))).status).toBe(200);
  });
});

// Large hostile input against a runtime of its own, whose memory is watched and whose body limit is small.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startRuntime, type Runtime } from "../../local/startRuntime.ts";
import {
  encodePart10,
  makeDeflateBomb,
  makeInstance,
  makeLargeInstance,
  syntaxes,
  type TestElement,
} from "../support/dicom/dicomFile.ts";
import {
  dicomJson,
  DicomwebService,
  failureReasons,
  instancePath,
  itemsOf,
  multipartStoreType,
} from "../support/dicomwebService.ts";
import { encodeParts, testBoundary } from "../support/multipart.ts";
import type { ReceivedAnswer } from "../support/send.ts";

const bodyBytesMax = 96 * 1024 * 1024;
const mebibyte = 1024 * 1024;
/** The process with nothing to do takes a good hundred; what it holds of a request is a few blocks and one header. */
const residentBytesMax = 640 * mebibyte;
const validationFailed = 43264;

const dataDir = mkdtempSync(join(tmpdir(), "strata-large-"));
/** Errors that the service met and does not know. */
const unexpected: string[] = [];
let runtime: Runtime | undefined;
let service: DicomwebService;

beforeAll(async () => {
  runtime = await startRuntime({
    dataDir,
    settings: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: String(bodyBytesMax) },
    log: (role, line) => {
      if (role === "host" && line.includes("unexpected: ")) {
        unexpected.push(line);
      }
    },
  });
  service = new DicomwebService("v2", runtime.baseUrl);
});
afterAll(async () => {
  await runtime?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** The most memory that the host's process ever had, where the system tells. */
function residentPeak(): number | undefined {
  try {
    const status = readFileSync(`/proc/${String(runtime?.pids().host)}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  } catch {
    return undefined;
  }
}

afterEach(async () => {
  const { bytes } = makeInstance();
  expect((await service.store([bytes])).status).toBe(200);
  expect(residentPeak() ?? 0).toBeLessThan(residentBytesMax);
  expect(unexpected).toEqual([]);
});

async function storeStream(
  type: string,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
): Promise<ReceivedAnswer> {
  return await service.request("studies", {
    method: "POST",
    headers: { Accept: dicomJson, "Content-Type": type, ...headers },
    body,
  });
}

async function expectRefused(bytes: Uint8Array): Promise<void> {
  const answer = await service.store([bytes]);
  expect([answer.status, failureReasons(answer)]).toEqual([409, [validationFailed]]);
}

test("a body over the limit is answered 413, by its length and in chunks, and leaves nothing", async () => {
  const large = makeLargeInstance({ bytes: bodyBytesMax + 1_000_000 });
  const byLength = await storeStream("application/dicom", large.chunks(), {
    "Content-Length": String(large.totalBytes),
  });
  expect(byLength.status).toBe(413);
  const inChunks = await storeStream("application/dicom", large.chunks());
  expect(inChunks.status).toBe(413);
  expect((await service.get(`studies?StudyInstanceUID=${large.studyInstanceUID}`)).status).toBe(
    204,
  );
  expect((await service.get(instancePath(large))).status).toBe(404);
});

test("an instance of almost the limit is stored and retrieved in chunks, and memory stays flat", async () => {
  const large = makeLargeInstance({ bytes: bodyBytesMax - 1_000_000 });
  const stored = await storeStream("application/dicom", large.chunks());
  expect(stored.status).toBe(200);
  const answer = await fetch(service.url(instancePath(large)), {
    headers: { Accept: "application/dicom" },
  });
  const expected = large.chunks();
  let wanted: Uint8Array = new Uint8Array();
  let total = 0;
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    total += chunk.length;
    for (let at = 0; at < chunk.length;) {
      if (wanted.length === 0) {
        const next = expected.next();
        wanted = next.done === true ? Buffer.alloc(0) : next.value;
      }
      const length = Math.min(wanted.length, chunk.length - at);
      if (
        length === 0 ||
        Buffer.compare(wanted.subarray(0, length), chunk.subarray(at, at + length)) !== 0
      ) {
        throw new Error(`the answer differs from what was stored, within ${total} bytes`);
      }
      wanted = wanted.subarray(length);
      at += length;
    }
  }
  expect(total).toBe(large.totalBytes);
});

test("a deflate bomb is refused, however small it is on the wire", async () => {
  const bomb = makeDeflateBomb(300 * mebibyte);
  expect(bomb.length).toBeLessThan(mebibyte);
  await expectRefused(bomb);
});

test("a deflate bomb of text, which would have to be kept, is refused", async () => {
  // Values of this VR are kept up to a megabyte; these come to 240 megabytes.
  const elements = Array.from({ length: 4_000 }, (_, index): TestElement => [
    `7001${(0x1000 + index).toString(16).toUpperCase()}`,
    "LO",
    " ".repeat(60_000),
  ]);
  const { bytes } = makeInstance({ transferSyntaxUID: syntaxes.deflated, elements });
  expect(bytes.length).toBeLessThan(2 * mebibyte);
  await expectRefused(bytes);
});

test("a deflated data set that is followed by garbage, or is no deflate stream, is refused", async () => {
  const { bytes } = makeInstance({ transferSyntaxUID: syntaxes.deflated });
  const header = encodePart10({ transferSyntaxUID: syntaxes.deflated, elements: [] }).subarray(
    0,
    -deflateRawSync(Buffer.alloc(0)).length,
  );
  await expectRefused(Buffer.concat([header, Buffer.alloc(3 * mebibyte, 0xff)]));
  expect((await service.store([bytes])).status).toBe(200);
});

test("a header of forty megabytes is refused", async () => {
  const elements = Array.from({ length: 800 }, (_, index): TestElement => [
    `7001${(0x1000 + index).toString(16).toUpperCase()}`,
    "LO",
    "x".repeat(50_000),
  ]);
  await expectRefused(makeInstance({ elements }).bytes);
});

/** Items without content, eight bytes each, and what closes them (PS3.5 §7.5). */
function emptyItems(count: number): Uint8Array {
  return Buffer.concat([
    Buffer.alloc(count * 8, Uint8Array.of(0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0)),
    Uint8Array.of(0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0),
  ]);
}

test("a million empty items are refused", async () => {
  const element: TestElement = [
    "00081140",
    "SQ",
    emptyItems(1_000_000),
    { statedLength: 0xffffffff },
  ];
  await expectRefused(makeInstance({ elements: [element] }).bytes);
});

test("two million fragments are refused", async () => {
  const element: TestElement = [
    "7FE00010",
    "OB",
    emptyItems(2_000_000),
    { statedLength: 0xffffffff },
  ];
  const transferSyntaxUID = syntaxes.jpegBaseline;
  await expectRefused(makeInstance({ transferSyntaxUID, elements: [element] }).bytes);
});

test("six hundred small instances in one request are stored", async () => {
  const first = makeInstance({ rows: 1, columns: 2 });
  const parts = Array.from({ length: 600 }, (_, index) => ({
    body: makeInstance({
      studyInstanceUID: first.studyInstanceUID,
      seriesInstanceUID: first.seriesInstanceUID,
      instanceNumber: index + 1,
      rows: 1,
      columns: 2,
    }).bytes,
  }));
  const answer = await service.storeParts(parts);
  expect([answer.status, itemsOf(answer, "00081199").length]).toEqual([200, 600]);
  expect(await service.metadata(`studies/${first.studyInstanceUID}`)).toHaveLength(600);
});

test("a part that is not read to its end because it is broken costs no memory", async () => {
  const begin = Buffer.from(`--${testBoundary}\r\nContent-Type: application/dicom\r\n\r\n`);
  const chunk = Buffer.alloc(256 * 1024, 0xa7);
  const good = makeInstance();
  const answer = await storeStream(
    multipartStoreType,
    (function* body() {
      yield begin;
      for (let sent = 0; sent < 80 * mebibyte; sent += chunk.length) {
        yield chunk;
      }
      yield Buffer.concat([Buffer.from("\r\n"), encodeParts([{ body: good.bytes }])]);
    })(),
  );
  expect([answer.status, failureReasons(answer)]).toEqual([202, [validationFailed]]);
  expect((await service.get(instancePath(good))).status).toBe(200);
});

test("an epilogue and a preamble of tens of megabytes cost no memory", async () => {
  const good = makeInstance();
  const filler = Buffer.alloc(256 * 1024, 0x2d);
  const answer = await storeStream(
    multipartStoreType,
    (function* body() {
      for (let sent = 0; sent < 30 * mebibyte; sent += filler.length) {
        yield filler;
      }
      yield Buffer.concat([Buffer.from("\r\n"), encodeParts([{ body: good.bytes }])]);
      for (let sent = 0; sent < 30 * mebibyte; sent += filler.length) {
        yield filler;
      }
    })(),
  );
  expect(answer.status).toBe(200);
});

test("sixteen clients that each read a large instance slowly cost little memory", async () => {
  const large = makeLargeInstance({ bytes: 40 * mebibyte });
  expect((await storeStream("application/dicom", large.chunks())).status).toBe(200);
  const controller = new AbortController();
  const readers = await Promise.all(
    Array.from({ length: 16 }, async () => {
      const answer = await fetch(service.url(instancePath(large)), {
        headers: { Accept: "application/dicom" },
        signal: controller.signal,
      });
      // One chunk, and then nothing more: what the sender does next is its own affair.
      const reader = answer.body?.getReader();
      await reader?.read();
      return reader;
    }),
  );
  expect(readers).toHaveLength(16);
  // A request that goes all the way shows that the others have come to rest meanwhile.
  const whole = await service.get(instancePath(large), "application/dicom");
  expect(whole.body.length).toBe(large.totalBytes);
  expect(residentPeak() ?? 0).toBeLessThan(residentBytesMax);
  controller.abort();
});

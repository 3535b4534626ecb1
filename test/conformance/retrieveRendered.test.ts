// PS3.18 §10.4.1.1.5, Rendered resources.
import { describe, expect, test } from "vitest";
import {
  encapsulate,
  fakeCodestream,
  makeInstance,
  makeUID,
  syntaxes,
  type InstanceOptions,
} from "../support/dicom/dicomFile.ts";
import { DicomwebService, instancePath, nameOf, problemKind } from "../support/dicomwebService.ts";
import { decodeParts } from "../support/multipart.ts";
import { colorSpaces } from "../../shared/rendering/colorSpaces.ts";
import { makeIccProfile } from "../../shared/rendering/makeIccProfile.ts";
import { decodeGif } from "../support/pictures/decodeGif.ts";
import { decodePng } from "../support/pictures/decodePng.ts";
import {
  makeDocument,
  makePDF,
  makeReport,
  makeVideo,
  pdf,
  video,
} from "../support/pictures/documents.ts";
import type { ReceivedAnswer } from "../support/send.ts";

const service = new DicomwebService();

async function stored(options: InstanceOptions): Promise<ReturnType<typeof makeInstance>> {
  const instance = makeInstance(options);
  await service.mustStore([instance.bytes]);
  return instance;
}

/** Frames of four by three pixels, that of the first of 0 to 110, each brighter than the one before, in a fixed window. */
function ramps(frames: number): InstanceOptions {
  const pixels = Array.from(
    { length: frames * 12 },
    (_, at) => (at % 12) * 10 + Math.floor(at / 12),
  );
  return {
    rows: 3,
    columns: 4,
    frames,
    elements: [
      ["00281050", "DS", "127.5"],
      ["00281051", "DS", "255"],
      ["00281056", "CS", "LINEAR_EXACT"],
      ["7FE00010", "OB", Uint8Array.from(pixels)],
    ],
  };
}

const firstRamp = Array.from({ length: 12 }, (_, at) => at * 10);

/** The width and height in the first frame header of a JPEG. */
function sizeOfJPEG(bytes: Buffer): readonly [width: number, height: number] {
  for (let at = 2; at < bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes.readUInt16BE(at);
    if (marker === 0xffc0) {
      return [bytes.readUInt16BE(at + 7), bytes.readUInt16BE(at + 5)];
    }
  }
  throw new Error("not a baseline JPEG");
}

async function png(path: string): Promise<ReturnType<typeof decodePng>> {
  const answer = await service.get(path, "image/png");
  if (answer.status !== 200) {
    throw new Error(`${answer.status} ${answer.text}`);
  }
  return decodePng(answer.body);
}

function expectProblem(answer: ReceivedAnswer, status: number, kind: string): void {
  expect([answer.status, problemKind(answer)]).toEqual([status, kind]);
}

describe("an image", () => {
  test.each([
    [undefined, "image/jpeg"],
    ["*/*", "image/jpeg"],
    ["image/jpeg", "image/jpeg"],
    ["image/*", "image/jpeg"],
    ["image/png", "image/png"],
    ["image/gif", "image/gif"],
    ["image/png;q=0.4, image/gif;q=0.5", "image/gif"],
    ["image/bmp, */*;q=0.1", "image/jpeg"],
  ])("with Accept %s is answered as %s, with its length", async (accept, mediaType) => {
    const path = instancePath(await stored(ramps(1)));
    const answer = await service.get(`${path}/rendered`, accept);
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, mediaType]);
    expect(answer.headers["content-length"]).toBe(String(answer.body.length));
    expect(answer.headers["content-location"]).toBe(service.url(`${path}/rendered`));
    const starts = { "image/jpeg": "ffd8ff", "image/png": "89504e", "image/gif": "474946" };
    expect(answer.body.toString("hex", 0, 3)).toBe(starts[mediaType as keyof typeof starts]);
  });

  test("shows its pixels through its window", async () => {
    const path = instancePath(await stored(ramps(1)));
    const picture = await png(`${path}/rendered`);
    expect([picture.width, picture.height, [...picture.data]]).toEqual([4, 3, firstRamp]);
    const jpeg = await service.get(`${path}/rendered`);
    expect(sizeOfJPEG(jpeg.body)).toEqual([4, 3]);
  });

  test("the accept parameter of the query replaces the header", async () => {
    const path = instancePath(await stored(ramps(1)));
    const header = 'multipart/related; type="application/octet-stream"';
    const answer = await service.get(`${path}/rendered?accept=image/png`, header);
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, "image/png"]);
  });

  test("of several frames is the first of them", async () => {
    const path = instancePath(await stored(ramps(5)));
    expect([...(await png(`${path}/rendered`)).data]).toEqual(firstRamp);
  });

  test("is the same when it is compressed", async () => {
    const instance = await stored({
      ...ramps(1),
      transferSyntaxUID: syntaxes.rle,
      elements: [
        ["00281050", "DS", "127.5"],
        ["00281051", "DS", "255"],
        ["00281056", "CS", "LINEAR_EXACT"],
        // One segment, of one run of literal bytes (PS3.5 §G.3).
        ...encapsulate([
          Buffer.concat([
            Buffer.from(Uint32Array.of(1, 64, ...Array<number>(14).fill(0)).buffer),
            Uint8Array.of(11, ...firstRamp),
          ]),
        ]),
      ],
    });
    expect([...(await png(`${instancePath(instance)}/rendered`)).data]).toEqual(firstRamp);
  });
});

test.each([
  ["implicit VR little endian", syntaxes.implicitLittle, false],
  ["deflated", syntaxes.deflated, false],
  ["explicit VR big endian", syntaxes.explicitBig, true],
])("words in %s are shown as they are meant", async (_, transferSyntaxUID, isBig) => {
  const words = Buffer.from(Uint16Array.from(firstRamp, (value) => value * 16).buffer);
  const instance = await stored({
    rows: 3,
    columns: 4,
    transferSyntaxUID,
    elements: [
      ["00280100", "US", 16],
      ["00280101", "US", 12],
      ["00280102", "US", 11],
      ["00281050", "DS", "2040"],
      ["00281051", "DS", "4080"],
      ["00281056", "CS", "LINEAR_EXACT"],
      ["7FE00010", "OW", isBig ? words.swap16() : words],
    ],
  });
  expect([...(await png(`${instancePath(instance)}/rendered`)).data]).toEqual(firstRamp);
});

describe("an image with an ICC profile", () => {
  const image = (profile: Uint8Array): InstanceOptions => ({
    rows: 1,
    columns: 2,
    elements: [
      ["00280002", "US", 3],
      ["00280004", "CS", "RGB"],
      ["00280006", "US", 0],
      ["00282000", "OB", profile],
      ["7FE00010", "OB", Uint8Array.of(219, 0, 0, 128, 128, 128)],
    ],
  });

  test("colors are converted from the profile of the image into the one that is asked for", async () => {
    // Padded beyond a kilobyte, so that it is kept as bulk data.
    const adobe = Buffer.concat([makeIccProfile(colorSpaces.adobergb), Buffer.alloc(2000)]);
    const path = `${instancePath(await stored(image(adobe)))}/rendered`;
    expect([...(await png(path)).data]).toEqual([219, 0, 0, 128, 128, 128]);
    const own = await png(`${path}?iccprofile=yes`);
    expect([[...own.data], own.chunkTypes[1]]).toEqual([[219, 0, 0, 128, 128, 128], "iCCP"]);
    const [red, green, blue, ...gray] = (await png(`${path}?iccprofile=srgb`)).data;
    expect(red).toBeGreaterThan(252);
    expect([green, blue].every((sample = 255) => sample < 12)).toBe(true);
    expect(gray.every((sample) => Math.abs(sample - (gray[0] ?? 0)) <= 1)).toBe(true);
  });

  test("that nobody can read is not converted", async () => {
    const path = `${instancePath(await stored(image(new Uint8Array(500))))}/rendered`;
    expectProblem(await service.get(`${path}?iccprofile=srgb`), 406, "notAcceptable");
    expect((await service.get(path)).status).toBe(200);
  });
});

describe("frames", () => {
  test("are rendered by their numbers", async () => {
    const path = instancePath(await stored(ramps(3)));
    const picture = await png(`${path}/frames/3/rendered`);
    expect([...picture.data]).toEqual(firstRamp.map((gray) => gray + 2));
  });

  test("of which several are asked for are parts, in their order", async () => {
    const path = instancePath(await stored(ramps(3)));
    const accept = 'multipart/related; type="image/png"';
    const answer = await service.get(`${path}/frames/3,1,3/rendered`, accept);
    expect(answer.status).toBe(200);
    const parts = decodeParts(answer.body, answer.headers["content-type"]);
    expect(parts.map(({ body }) => decodePng(body).data[0])).toEqual([2, 0, 2]);
    expect(parts.map(({ headers }) => headers.get("content-type"))).toEqual(
      Array<string>(3).fill("image/png"),
    );
    expect(parts.map(({ headers }) => headers.get("content-location"))).toEqual(
      [3, 1, 3].map((frame) => service.url(`${path}/frames/${frame}/rendered`)),
    );
  });

  test("several of them are a multipart of JPEGs to whoever takes everything", async () => {
    const path = instancePath(await stored(ramps(2)));
    const answer = await service.get(`${path}/frames/1,2/rendered`, "*/*");
    const parts = decodeParts(answer.body, answer.headers["content-type"]);
    expect(parts.map(({ headers }) => headers.get("content-type"))).toEqual([
      "image/jpeg",
      "image/jpeg",
    ]);
  });

  test("several of them in a single part are refused", async () => {
    const path = instancePath(await stored(ramps(2)));
    const answer = await service.get(`${path}/frames/1,2/rendered`, "image/png");
    expectProblem(answer, 400, "malformed");
  });

  test.each([
    ["0", 400],
    ["-1", 400],
    ["abc", 400],
    ["1.5", 400],
    ["1,", 400],
    ["4", 404],
    ["1,4", 404],
    ["2147483647", 404],
  ])("the list %s is answered %i", async (list, status) => {
    const path = instancePath(await stored(ramps(3)));
    const accept = list.includes(",") ? 'multipart/related; type="image/png"' : "image/png";
    const answer = await service.get(`${path}/frames/${list}/rendered`, accept);
    expectProblem(answer, status, status === 400 ? "malformed" : "notFound");
  });
});

describe("as GIF", () => {
  test("an instance of several frames is an animation at its own pace", async () => {
    const options = ramps(4);
    const instance = await stored({
      ...options,
      elements: [...(options.elements ?? []), ["00181063", "DS", "250"]],
    });
    const answer = await service.get(`${instancePath(instance)}/rendered`, "image/gif");
    const gif = decodeGif(answer.body);
    expect(gif.isRepeated).toBe(true);
    expect(gif.frames.map(({ hundredths, data }) => [hundredths, data[0]])).toEqual([
      [25, 0],
      [25, 1],
      [25, 2],
      [25, 3],
    ]);
  });

  test("the frames that are named are an animation of those", async () => {
    const path = instancePath(await stored(ramps(4)));
    const answer = await service.get(`${path}/frames/4,2/rendered`, "image/gif");
    expect(decodeGif(answer.body).frames.map(({ data }) => data[0])).toEqual([3, 1]);
  });

  test("of very many frames some are left out, and the others stay longer", async () => {
    const path = instancePath(await stored(ramps(1200)));
    const gif = decodeGif((await service.get(`${path}/rendered`, "image/gif")).body);
    expect(gif.frames.length).toBe(500);
    expect(gif.frames[0]?.hundredths).toBe(24);
  });
});

describe("the parameter", () => {
  test("window takes the place of the window of the file", async () => {
    const path = instancePath(await stored(ramps(1)));
    const picture = await png(`${path}/rendered?window=50,20,linear-exact`);
    expect([...picture.data]).toEqual([0, 0, 0, 0, 0, 128, 255, 255, 255, 255, 255, 255]);
  });

  test("viewport cuts out, flips and scales", async () => {
    const path = instancePath(await stored(ramps(1)));
    const region = await png(`${path}/rendered?viewport=2,2,1,1,-2,2`);
    expect([...region.data]).toEqual([60, 50, 100, 90]);
    const fitted = await png(`${path}/rendered?viewport=100,30`);
    expect([fitted.width, fitted.height]).toEqual([40, 30]);
  });

  test("quality makes a JPEG smaller, and leaves a PNG as it is", async () => {
    const instance = await stored({ rows: 64, columns: 64 });
    const path = `${instancePath(instance)}/rendered`;
    const lengths = await Promise.all(
      ["image/jpeg", "image/png"].flatMap((accept) =>
        [10, 90].map(
          async (quality) => (await service.get(`${path}?quality=${quality}`, accept)).body.length,
        ),
      ),
    );
    const [low = 0, high = 0, lowPNG, highPNG] = lengths;
    expect(low).toBeLessThan(high / 2);
    expect(lowPNG).toBe(highPNG);
  });

  test("annotation burns in what is known, and tells of what is not", async () => {
    const instance = await stored({ rows: 64, columns: 64, patientName: "Doe^Jane" });
    const path = `${instancePath(instance)}/rendered`;
    const [plain, named] = [await png(path), await png(`${path}?annotation=patient`)];
    expect(named.data).not.toEqual(plain.data);
    const answer = await service.get(`${path}?annotation=patient,mood`, "image/png");
    expect(decodePng(answer.body).data).toEqual(named.data);
    expect(answer.headers["warning"]).toMatch(/^299 [^ ]+: ".*annotation.*"$/);
  });

  test("iccprofile embeds a profile, and has a gray picture in color", async () => {
    const path = instancePath(await stored(ramps(1)));
    const picture = await png(`${path}/rendered?iccprofile=srgb`);
    expect([picture.channels, picture.chunkTypes[1]]).toEqual([3, "iCCP"]);
    const jpeg = await service.get(`${path}/rendered?iccprofile=yes`, "image/jpeg");
    expect(jpeg.body.includes("ICC_PROFILE\0", 0, "latin1")).toBe(true);
    const without = await service.get(`${path}/rendered?iccprofile=no`, "image/jpeg");
    expect(without.body.includes("ICC_PROFILE\0", 0, "latin1")).toBe(false);
  });

  test.each([
    "quality=0",
    "quality=101",
    "quality=x",
    "window=40,0,linear",
    "window=1",
    "viewport=0,0",
    "viewport=100000,100000",
    "viewport=5,5,9,9,1,1",
    "iccprofile=cmyk",
  ])("%s is refused", async (query) => {
    const path = instancePath(await stored(ramps(1)));
    expectProblem(await service.get(`${path}/rendered?${query}`), 400, "malformed");
  });
});

test("what is wrong with the query comes before what is not acceptable, and that before what is not there", async () => {
  const path = `studies/${makeUID()}/series/${makeUID()}/instances/${makeUID()}`;
  expectProblem(await service.get(`${path}/rendered?quality=0`, "text/css"), 400, "malformed");
  expectProblem(await service.get(`${path}/frames/0/rendered`, "text/css"), 400, "malformed");
  expectProblem(await service.get(`${path}/rendered`, "text/css"), 406, "notAcceptable");
  expectProblem(await service.get(`${path}/rendered`), 404, "notFound");
});

test.each(["image/bmp", "application/dicom", "multipart/related", "image/jpeg;q=0"])(
  "Accept %s is answered 406",
  async (accept) => {
    const path = instancePath(await stored(ramps(1)));
    expectProblem(await service.get(`${path}/rendered`, accept), 406, "notAcceptable");
  },
);

test("an image is not a document, and a document not an image", async () => {
  const path = instancePath(await stored(ramps(1)));
  expectProblem(await service.get(`${path}/rendered`, "application/pdf"), 406, "notAcceptable");
  const document = makePDF();
  await service.mustStore([document.bytes]);
  const answer = await service.get(`${instancePath(document)}/rendered`, "image/png");
  expectProblem(answer, 406, "notAcceptable");
});

describe("caching", () => {
  test("an entity tag changes with the instance and with what is asked", async () => {
    const instance = await stored(ramps(1));
    const path = `${instancePath(instance)}/rendered`;
    const tagOf = async (query: string, accept?: string): Promise<string | undefined> =>
      (await service.get(`${path}${query}`, accept)).headers.etag;
    const tags = [
      await tagOf(""),
      await tagOf("?quality=50"),
      await tagOf("?window=1,2,linear"),
      await tagOf("", "image/png"),
    ];
    expect(new Set(tags).size).toBe(4);
    expect(tags[0]).toMatch(/^"[^"]+"$/);
    expect(await tagOf("")).toBe(tags[0]);
    const name = nameOf(instance);
    const { bytes } = makeInstance({ ...ramps(1), ...name, patientID: "TEST-2" });
    expect((await service.store([bytes], { method: "PUT" })).status).toBe(200);
    expect(await tagOf("")).not.toBe(tags[0]);
  });

  test("whoever has it already is told so", async () => {
    const path = `${instancePath(await stored(ramps(1)))}/rendered`;
    const first = await service.get(path);
    expect(first.headers["cache-control"]).toContain("private");
    const { etag = "" } = first.headers;
    const again = await service.request(path, { headers: { "If-None-Match": etag } });
    expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, etag]);
    const other = await service.request(`${path}?quality=7`, {
      headers: { "If-None-Match": etag },
    });
    expect(other.status).toBe(200);
  });
});

describe("a study and a series", () => {
  test("are represented by the image in the middle of the largest series", async () => {
    const studyInstanceUID = makeUID();
    const [small, large] = [makeUID(), makeUID()];
    const image = (seriesInstanceUID: string, gray: number): Uint8Array =>
      makeInstance({
        studyInstanceUID,
        seriesInstanceUID,
        rows: 1,
        columns: 1,
        elements: [
          ["00281050", "DS", "127.5"],
          ["00281051", "DS", "255"],
          ["00281056", "CS", "LINEAR_EXACT"],
          ["7FE00010", "OB", Uint8Array.of(gray)],
        ],
      }).bytes;
    for (const bytes of [
      makeReport(studyInstanceUID).bytes,
      image(small, 1),
      ...[10, 20, 30].map((gray) => image(large, gray)),
    ]) {
      await service.mustStore([bytes]);
    }
    const study = `studies/${studyInstanceUID}`;
    expect((await png(`${study}/rendered`)).data[0]).toBe(20);
    expect((await png(`${study}/series/${large}/rendered`)).data[0]).toBe(20);
    expect((await png(`${study}/series/${small}/rendered`)).data[0]).toBe(1);
  });

  test("without images are represented by a document", async () => {
    const document = makePDF();
    await service.mustStore([document.bytes]);
    const answer = await service.get(`studies/${document.studyInstanceUID}/rendered`);
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/pdf"]);
  });

  test("that are not there are answered 404", async () => {
    const study = `studies/${makeUID()}`;
    expectProblem(await service.get(`${study}/rendered`), 404, "notFound");
    expectProblem(await service.get(`${study}/series/${makeUID()}/rendered`), 404, "notFound");
  });
});

describe("an encapsulated PDF", () => {
  test("is the document, which can do nothing", async () => {
    const document = makePDF();
    await service.mustStore([document.bytes]);
    const answer = await service.get(`${instancePath(document)}/rendered`);
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/pdf"]);
    expect(answer.body.equals(pdf)).toBe(true);
    expect(answer.headers["content-security-policy"]).toBe("default-src 'none'; sandbox");
    expect(answer.headers["x-content-type-options"]).toBe("nosniff");
    expect(answer.headers["content-disposition"]).toBe('inline; filename="document.pdf"');
    expect(answer.headers["accept-ranges"]).toBe("bytes");
  });

  test("is sent in part", async () => {
    const document = makePDF();
    await service.mustStore([document.bytes]);
    const path = `${instancePath(document)}/rendered`;
    const answer = await service.request(path, { headers: { Range: "bytes=9-18" } });
    expect([answer.status, answer.headers["content-range"]]).toEqual([
      206,
      `bytes 9-18/${pdf.length}`,
    ]);
    expect(answer.body.equals(pdf.subarray(9, 19))).toBe(true);
    const beyond = await service.request(path, { headers: { Range: "bytes=99999-" } });
    expectProblem(beyond, 416, "rangeNotSatisfiable");
  });

  test("that is small is the same", async () => {
    const small = pdf.subarray(0, 99);
    const document = makePDF(undefined, small);
    await service.mustStore([document.bytes]);
    const answer = await service.get(`${instancePath(document)}/rendered`);
    expect([answer.status, answer.body.equals(small)]).toEqual([200, true]);
  });

  test("has no frames", async () => {
    const document = makePDF();
    await service.mustStore([document.bytes]);
    const answer = await service.get(`${instancePath(document)}/frames/1/rendered`);
    expectProblem(answer, 404, "notFound");
  });
});

describe.each([
  ["MPEG-2 in one fragment", "1.2.840.10008.1.2.4.100", 1000, "video/mpeg"],
  ["MPEG-4 in several fragments", "1.2.840.10008.1.2.4.102.1", 300, "video/mp4"],
  ["HEVC in several fragments", "1.2.840.10008.1.2.4.107", 250, "video/mp4"],
])("a video, %s,", (_, transferSyntaxUID, fragmentBytes, mediaType) => {
  test("is its file, whole and in part", async () => {
    const document = makeVideo(transferSyntaxUID, fragmentBytes);
    await service.mustStore([document.bytes]);
    const path = `${instancePath(document)}/rendered`;
    const whole = await service.get(path);
    expect([whole.status, whole.headers["content-type"]]).toEqual([200, mediaType]);
    expect(whole.body.equals(video)).toBe(true);
    for (const [range, start, end] of [
      ["bytes=0-9", 0, 10],
      ["bytes=290-610", 290, 611],
      ["bytes=-5", 995, 1000],
    ] as const) {
      const part = await service.request(path, { headers: { Range: range } });
      expect([part.status, part.headers["content-range"]]).toEqual([
        206,
        `bytes ${start}-${end - 1}/1000`,
      ]);
      expect(part.body.equals(video.subarray(start, end))).toBe(true);
    }
  });
});

describe("a structured report", () => {
  test("is a page without scripts, or text", async () => {
    const report = makeReport();
    await service.mustStore([report.bytes]);
    const path = `${instancePath(report)}/rendered`;
    const page = await service.get(path);
    expect([page.status, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(page.headers["content-security-policy"]).toBe("default-src 'none'; sandbox");
    expect(page.text).toContain("<strong>Finding:</strong> none &lt;script&gt;");
    expect(page.text).not.toContain("<script");
    const text = await service.get(path, "text/plain");
    expect([text.status, text.headers["content-type"]]).toEqual([200, "text/plain; charset=utf-8"]);
    expect(text.text).toContain("Finding: none <script>");
  });

  test("has its long texts in it, though they are kept as bulk data", async () => {
    const finding = `${"ein längerer Befund ".repeat(1500)}Ende`;
    const report = makeReport(undefined, finding);
    await service.mustStore([report.bytes]);
    const text = await service.get(`${instancePath(report)}/rendered`, "text/plain");
    expect(text.text).toContain(`Finding: ${finding}`);
  });
});

describe("bad input", () => {
  test("what has nothing to show is answered 404", async () => {
    const document = makeDocument("1.2.840.10008.5.1.4.1.1.66", []);
    await service.mustStore([document.bytes]);
    expectProblem(await service.get(`${instancePath(document)}/rendered`), 404, "notFound");
  });

  test.each<readonly [name: string, options: InstanceOptions, status: number]>([
    [
      "a damaged codestream",
      { transferSyntaxUID: syntaxes.jpegBaseline, rows: 20, columns: 20 },
      406,
    ],
    [
      "a codestream of another size",
      {
        transferSyntaxUID: syntaxes.jpeg2000,
        elements: encapsulate([fakeCodestream(500, 1)]),
      },
      406,
    ],
    ["bits that do not fit", { elements: [["00280101", "US", 12]] }, 406],
    [
      "a photometric interpretation that nobody knows",
      {
        elements: [
          ["00280002", "US", 3],
          ["00280004", "CS", "HSV"],
          ["7FE00010", "OB", new Uint8Array(192)],
        ],
      },
      406,
    ],
    [
      "a palette whose descriptor lies",
      {
        elements: [
          ["00280004", "CS", "PALETTE COLOR"],
          ...[1, 2, 3].flatMap(
            (digit) =>
              [
                [`0028110${digit}`, "US", [0, 0, 16]],
                [`0028120${digit}`, "OW", new Uint8Array(8)],
              ] as const,
          ),
        ],
      },
      406,
    ],
    [
      "rows and columns that promise more than there is",
      {
        elements: [
          ["00280010", "US", 65_535],
          ["00280011", "US", 65_535],
        ],
      },
      404,
    ],
    [
      "a bomb: much promised in few bytes",
      {
        transferSyntaxUID: syntaxes.rle,
        elements: [
          ["00280010", "US", 65_535],
          ["00280011", "US", 65_535],
          ["00280100", "US", 16],
          ["00280101", "US", 16],
          ["00280102", "US", 15],
          ...encapsulate([new Uint8Array(100)]),
        ],
      },
      406,
    ],
    ["a video that is called an image", { transferSyntaxUID: "1.2.840.10008.1.2.4.50" }, 406],
  ])("%s is answered, and the service goes on", async (_, options, status) => {
    const path = instancePath(await stored(options));
    const answer = await service.get(`${path}/rendered`);
    expectProblem(answer, status, status === 406 ? "notAcceptable" : "notFound");
    expect(answer.text).not.toContain("TEST-1");
    const good = await service.get(`${instancePath(await stored(ramps(1)))}/rendered`);
    expect(good.status).toBe(200);
  });

  test("a window of width 0 in the file is passed over", async () => {
    const instance = await stored({
      elements: [
        ["00281050", "DS", "40"],
        ["00281051", "DS", "0"],
      ],
    });
    expect((await service.get(`${instancePath(instance)}/rendered`)).status).toBe(200);
  });
});

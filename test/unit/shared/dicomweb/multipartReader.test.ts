import { describe, expect, test } from "vitest";
import {
  defaultMultipartLimits,
  readMultipart,
  type MultipartOptions,
} from "../../../../shared/dicomweb/multipartReader.ts";
import { Problem } from "../../../../shared/problem/problem.ts";

interface ReadPart {
  headers: Record<string, string>;
  text: string;
}

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
  }
}

async function readBody(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("latin1");
}

async function readAll(
  bytes: Buffer,
  options: MultipartOptions = {},
  chunkSize = Number.MAX_SAFE_INTEGER,
): Promise<ReadPart[]> {
  const parts: ReadPart[] = [];
  for await (const part of readMultipart(chunksOf(bytes, chunkSize), options)) {
    parts.push({ headers: Object.fromEntries(part.headers), text: await readBody(part.body) });
  }
  return parts;
}

/** Reads with several chunk sizes, and expects them to agree. */
async function read(text: string, options: MultipartOptions = {}): Promise<ReadPart[]> {
  const bytes = Buffer.from(text, "latin1");
  const whole = await readAll(bytes, options);
  for (const size of [1, 2, 3, 7, 64]) {
    expect(await readAll(bytes, options, size)).toEqual(whole);
  }
  return whole;
}

async function problemOf(text: string, options: MultipartOptions = {}): Promise<Problem> {
  const bytes = Buffer.from(text, "latin1");
  const problems: Problem[] = [];
  for (const size of [1, 5, Number.MAX_SAFE_INTEGER]) {
    const error: unknown = await readAll(bytes, options, size).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(Problem);
    if (error instanceof Problem) {
      problems.push(error);
    }
  }
  expect(new Set(problems.map(({ kind, detail }) => `${kind} ${detail}`)).size).toBe(1);
  const [problem] = problems;
  expect(problem).toBeDefined();
  return problem ?? new Problem("gone", "unreachable");
}

const dicom = { "content-type": "application/dicom" };

describe("bodies as clients send them", () => {
  test("curl --form with the Content-Type of the tutorial sends attachments and an unquoted boundary", async () => {
    // Received from curl 7.88.1, which adds the boundary parameter to the header that it was given.
    const body =
      "--------------------------e0465dcb047b0a5d\r\n" +
      'Content-Disposition: attachment; name="file1"; filename="tiny.dcm"\r\n' +
      "Content-Type: application/dicom\r\n\r\nhello--x\r\n" +
      "--------------------------e0465dcb047b0a5d\r\n" +
      'Content-Disposition: attachment; name="file2"; filename="tiny.dcm"\r\n' +
      "Content-Type: application/dicom\r\n\r\nhello--x\r\n" +
      "--------------------------e0465dcb047b0a5d--\r\n";
    const expected = ["file1", "file2"].map((name) => ({
      headers: {
        "content-disposition": `attachment; name="${name}"; filename="tiny.dcm"`,
        ...dicom,
      },
      text: "hello--x",
    }));
    const boundary = "------------------------e0465dcb047b0a5d";
    expect(await read(body, { boundary })).toEqual(expected);
    expect(await read(body)).toEqual(expected);
  });

  test("the body of dicomweb-client begins with a line break and ends without one", async () => {
    const body =
      "\r\n--6fa2e1\r\nContent-Type: application/dicom\r\n\r\nA" +
      "\r\n--6fa2e1\r\nContent-Type: application/dicom\r\n\r\nB\r\n--6fa2e1--";
    const expected = [
      { headers: dicom, text: "A" },
      { headers: dicom, text: "B" },
    ];
    expect(await read(body, { boundary: "6fa2e1" })).toEqual(expected);
    expect(await read(body)).toEqual(expected);
  });

  test("a body of .NET without any part has no parts", async () => {
    expect(await read("--b\r\n\r\n--b--\r\n", { boundary: "b" })).toEqual([]);
    expect(await read("--b\r\n\r\n--b--\r\n")).toEqual([]);
  });

  test("a closing boundary alone has no parts", async () => {
    for (const body of ["--b--", "--b--\r\n", "\r\n--b--\r\nepilogue"]) {
      expect(await read(body, { boundary: "b" })).toEqual([]);
    }
    expect(await read("--b--")).toEqual([]);
    expect(await read("--b--\r\n")).toEqual([]);
  });
});

describe("what RFC 2046 allows", () => {
  test("a preamble and an epilogue are ignored, whatever they hold", async () => {
    const body = "not --b\r\nx--b\r\n--bb\r\n--b\r\n\r\nA\r\n--b--\r\n--b\r\n\r\nno part\r\n--b--";
    expect(await read(body, { boundary: "b" })).toEqual([{ headers: {}, text: "A" }]);
  });

  test("white space after a boundary is padding", async () => {
    const body =
      "--b \t \r\nContent-Type: application/dicom\r\n\r\nA\r\n--b\t\r\n\r\nB\r\n--b-- \r\n";
    const expected = [
      { headers: dicom, text: "A" },
      { headers: {}, text: "B" },
    ];
    expect(await read(body, { boundary: "b" })).toEqual(expected);
    expect(await read(body)).toEqual(expected);
  });

  test("a part may have no header fields, no content, or neither", async () => {
    const body =
      "--b\r\n\r\nA\r\n--b\r\nContent-Type: application/dicom\r\n\r\n\r\n--b\r\n\r\n\r\n--b--";
    expect(await read(body, { boundary: "b" })).toEqual([
      { headers: {}, text: "A" },
      { headers: dicom, text: "" },
      { headers: {}, text: "" },
    ]);
  });

  test("the line break that ends the header may be that of the next boundary", async () => {
    const body =
      "--b\r\nContent-Type: application/dicom\r\n\r\n--b\r\nContent-Type: application/dicom\r\n--b--";
    expect(await read(body, { boundary: "b" })).toEqual([
      { headers: dicom, text: "" },
      { headers: dicom, text: "" },
    ]);
  });

  test("names of header fields are in lower case, folded fields joined, repeated ones joined by a comma", async () => {
    const body =
      "--b\r\nX-A : 1\r\n  2\r\nCONTENT-Type:application/dicom\r\nx-a:3\r\n\r\nA\r\n--b--";
    expect(await read(body, { boundary: "b" })).toEqual([
      { headers: { "x-a": "1 2, 3", ...dicom }, text: "A" },
    ]);
  });

  test("a body whose first boundary ends in a bare LF has bare LF throughout", async () => {
    const body = "--b\nContent-Type: application/dicom\n\nA\r\n--b\n\nB\n--b--\n";
    expect(await read(body, { boundary: "b" })).toEqual([
      { headers: dicom, text: "A\r" },
      { headers: {}, text: "B" },
    ]);
  });

  test("white space at the end of the boundary parameter is not part of it", async () => {
    expect(await read("--b\r\n\r\nA\r\n--b--", { boundary: "b " })).toEqual([
      { headers: {}, text: "A" },
    ]);
  });
});

describe("data that looks like a boundary", () => {
  test.each([
    ["not at the start of a line", "x--b\r\n"],
    ["after a bare LF", "x\n--b\r\n"],
    ["after a bare CR", "x\r--b\r\n"],
    ["longer than the boundary", "x\r\n--bb\r\n"],
    ["followed by one dash", "x\r\n--b-\r\n"],
    ["followed by a bare CR", "x\r\n--b\rx"],
    ["followed by a bare LF", "x\r\n--b\nx"],
    ["followed by more than dashes", "x\r\n--b--x\r\n"],
    ["followed by white space and more", "x\r\n--b \t x\r\n"],
    ["padded beyond reason", `x\r\n--b${" ".repeat(65)}\r\n`],
    ["cut short", "x\r\n--"],
    ["line breaks only", "\r\n\r\n\r\n"],
    ["right before the real one", "x\r\n--bx\r\n--b-x\r\n--b-"],
  ])("is data when %s", async (_, text) => {
    expect(await read(`--b\r\n\r\n${text}\r\n--b--`, { boundary: "b" })).toEqual([
      { headers: {}, text },
    ]);
  });
});

describe("bodies that are refused", () => {
  test.each([
    ["empty", ""],
    ["only a preamble", "no boundary here\r\n"],
    ["never closed after its header", "--b\r\nContent-Type: application/dicom\r\n"],
    ["never closed after an empty line", "--b\r\n\r\n"],
    ["never closed in its content", "--b\r\n\r\nA"],
    ["closed by one dash too few", "--b\r\n\r\nA\r\n--b-"],
    ["ended by a boundary that opens a part", "--b\r\n\r\nA\r\n--b\r\n"],
    ["ended in the middle of a boundary", "--bound\r\n\r\nA\r\n--bou"],
    ["ended right after a boundary", "--b\r\n\r\nA\r\n--b"],
    ["only a boundary without its line break", "--b"],
  ])("a body that is %s is malformed", async (_, body) => {
    const boundary = body.startsWith("--bound") ? "bound" : "b";
    expect((await problemOf(body, { boundary })).kind).toBe("malformed");
    expect((await problemOf(body)).kind).toBe("malformed");
  });

  test("a body that breaks off in a header is told from one whose header is too long", async () => {
    for (const body of [
      "--b\r\nContent-Type: application/dicom\r\n",
      "--b\r\nContent-Ty",
      "--b\r\n",
    ]) {
      const options = { boundary: "b", limits: { headerBytesMax: 50 } };
      expect((await problemOf(body, options)).detail).toBe(
        "The multipart body ends before its closing boundary.",
      );
      expect((await problemOf(body + "x".repeat(60), options)).detail).toBe(
        "The header of a part has no end within 50 bytes.",
      );
    }
  });

  test("content right after the boundary is not a header", async () => {
    const problem = await problemOf("--b\r\nDICM\u0002\u0000\r\n\r\nA\r\n--b--", { boundary: "b" });
    expect(problem.kind).toBe("malformed");
    expect(problem.detail).toBe("A part has a header line that is not a header field.");
  });

  test("a header block is held to its limit in bytes, and so is its number of fields", async () => {
    const block = (bytes: number) => `--b\r\nX: ${"x".repeat(bytes - 7)}\r\n\r\nA\r\n--b--`;
    const options = { boundary: "b", limits: { headerBytesMax: 100 } };
    expect(await read(block(100), options)).toHaveLength(1);
    expect((await problemOf(block(101), options)).detail).toMatch(/100 bytes/);
    expect((await problemOf(`--b\r\n${"x".repeat(200)}`, options)).detail).toMatch(/100 bytes/);

    const fields = (count: number) => `--b\r\n${"X: 1\r\n".repeat(count)}\r\nA\r\n--b--`;
    const { headerFieldsMax } = defaultMultipartLimits;
    expect(await read(fields(headerFieldsMax), { boundary: "b" })).toHaveLength(1);
    expect((await problemOf(fields(headerFieldsMax + 1), { boundary: "b" })).kind).toBe(
      "malformed",
    );
  });

  test("more parts than the limit are too large", async () => {
    const body = `${"--b\r\n\r\nA\r\n".repeat(4)}--b--`;
    expect(await read(body, { boundary: "b", limits: { partsMax: 4 } })).toHaveLength(4);
    const problem = await problemOf(body, { boundary: "b", limits: { partsMax: 3 } });
    expect(problem.kind).toBe("tooLarge");
  });

  test("a boundary that is too long or empty is malformed", async () => {
    expect((await problemOf("", { boundary: "b".repeat(201) })).kind).toBe("malformed");
    expect((await problemOf("", { boundary: " " })).kind).toBe("malformed");
    expect((await problemOf(`--${"b".repeat(201)}\r\n\r\n`)).kind).toBe("malformed");
    expect((await problemOf("--\r\n\r\nA\r\n----")).kind).toBe("malformed");
  });

  test("a search for the boundary in the body ends after 16 KiB", async () => {
    const body = "\r\n--b\r\n\r\nA\r\n--b--";
    expect(await readAll(Buffer.from("x".repeat(16_300) + body), {}, 1000)).toHaveLength(1);
    const problem = await readAll(Buffer.from("x".repeat(17_000) + body), {}, 1000).catch(
      (reason: unknown) => reason,
    );
    expect(problem).toMatchObject({ kind: "malformed" });
  });
});

describe("reading", () => {
  test("a part that is not read, or not to its end, is skipped", async () => {
    const body = Buffer.from("--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b\r\n\r\nthree\r\n--b--");
    const texts: string[] = [];
    let partCount = 0;
    for await (const part of readMultipart(chunksOf(body, 1), { boundary: "b" })) {
      partCount += 1;
      if (partCount === 2) {
        for await (const chunk of part.body) {
          texts.push(Buffer.from(chunk).toString());
          break;
        }
      } else if (partCount === 3) {
        texts.push(await readBody(part.body));
      }
    }
    expect(texts).toEqual(["t", "three"]);
  });

  test("a part can be read once, and not after the next has begun", async () => {
    const body = Buffer.from("--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--");
    const parts = readMultipart(chunksOf(body, 10), { boundary: "b" });
    const first = (await parts.next()).value;
    expect(first === undefined ? "" : await readBody(first.body)).toBe("one");
    await expect(first === undefined ? "" : readBody(first.body)).rejects.toThrow(/once/);
    const second = (await parts.next()).value;
    expect((await parts.next()).done).toBe(true);
    await expect(second === undefined ? "" : readBody(second.body)).rejects.toThrow(/once/);
  });

  test("chunks of content are views of the chunks of the body", async () => {
    const content = Buffer.alloc(100_000, 0xd7);
    const body = Buffer.concat([Buffer.from("--b\r\n\r\n"), content, Buffer.from("\r\n--b--")]);
    for await (const part of readMultipart(chunksOf(body, 65_536), { boundary: "b" })) {
      for await (const chunk of part.body) {
        expect(chunk.buffer).toBe(body.buffer);
      }
    }
  });

  test("the error of a body that breaks off reaches the reader of the part, and the next part", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("--b\r\n\r\nhalf");
      throw new Error("connection reset");
    }
    const parts = readMultipart(broken(), { boundary: "b" });
    const part = (await parts.next()).value;
    await expect(part === undefined ? "" : readBody(part.body)).rejects.toThrow("connection reset");
    await expect(parts.next()).rejects.toMatchObject({ kind: "malformed" });
  });

  test("a reader that stops early closes the body, and one that reads to the end drains it", async () => {
    const bytes = Buffer.from("--b\r\n\r\nA\r\n--b\r\n\r\nB\r\n--b--\r\nepilogue");
    let yielded = 0;
    let isClosed = false;
    async function* counted(): AsyncGenerator<Uint8Array> {
      try {
        for await (const chunk of chunksOf(bytes, 1)) {
          yielded += 1;
          yield chunk;
        }
      } finally {
        isClosed = true;
      }
    }
    for await (const part of readMultipart(counted(), { boundary: "b" })) {
      expect(part.headers.size).toBe(0);
      break;
    }
    expect(isClosed).toBe(true);
    expect(yielded).toBeLessThan(bytes.length);

    yielded = 0;
    for await (const part of readMultipart(counted(), { boundary: "b" })) {
      expect(part.headers.size).toBe(0);
    }
    expect(yielded).toBe(bytes.length);
  });
});

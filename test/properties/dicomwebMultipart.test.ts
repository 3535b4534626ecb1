import fc from "fast-check";
import { expect, test } from "vitest";
import { readMultipart } from "../../shared/dicomweb/multipartReader.ts";
import { encodeClosingBoundary, encodePartHeader } from "../../shared/dicomweb/multipartWriter.ts";
import { Problem } from "../../shared/problem/problem.ts";

const seed = 20_461_996;

const boundary = "b-1";

// Pieces of boundaries, so that near misses come up all the time.
const content = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\r",
        "\n",
        "\r\n",
        "-",
        "--",
        "b",
        "-1",
        "--b-1",
        "\r\n--b-",
        "\r\n--b-1x",
        " ",
        "\t",
        "\n--b-1\r\n",
      ),
      fc.string({ maxLength: 3, unit: "binary-ascii" }),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => Buffer.from(pieces.join(""), "latin1"))
  .filter((bytes) => !/(?:^|\r\n)--b-1(?:--)?[ \t]*(?:$|[\r\n])/.test(bytes.toString("latin1")));

async function* cut(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const to of [...cuts].sort((a, b) => a - b)) {
    const end = bytes.length === 0 ? 0 : to % (bytes.length + 1);
    if (end > from) {
      yield bytes.subarray(from, end);
      from = end;
    }
  }
  yield bytes.subarray(from);
}

async function read(body: AsyncIterable<Uint8Array>, isBoundaryKnown: boolean): Promise<string[]> {
  const parts: string[] = [];
  for await (const part of readMultipart(body, isBoundaryKnown ? { boundary } : {})) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of part.body) {
      chunks.push(chunk);
    }
    const headers = [...part.headers].map((field) => field.join("=")).join(";");
    parts.push(`${headers}|${Buffer.concat(chunks).toString("latin1")}`);
  }
  return parts;
}

const cuts = fc.array(fc.nat({ max: 2000 }), { maxLength: 40 });

test(`what the writer writes, the reader reads, cut anywhere (seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(content, { minLength: 1, maxLength: 5 }),
      cuts,
      fc.boolean(),
      async (contents, at, isBoundaryKnown) => {
        const pieces = contents.flatMap((bytes, index) => [
          encodePartHeader(
            boundary,
            { contentType: "application/dicom", contentLocation: `/i/${index}` },
            index === 0,
          ),
          bytes,
        ]);
        const body = Buffer.concat([...pieces, encodeClosingBoundary(boundary)]);
        expect(await read(cut(body, at), isBoundaryKnown)).toEqual(
          contents.map(
            (bytes, index) =>
              `content-type=application/dicom;content-location=/i/${index}|${bytes.toString("latin1")}`,
          ),
        );
      },
    ),
    { seed, numRuns: 2000 },
  );
});

test(`any bytes at all, cut anywhere, give the same parts or the same problem (seed ${seed})`, async () => {
  const rubbish = fc
    .array(
      fc.constantFrom(
        "--b-1",
        "--b-1--",
        "\r\n",
        "\n",
        "\r",
        " ",
        "A: 1",
        "x",
        "--",
        "-",
        ":",
        "\r\n\r\n",
        "\r\n--b-1\r\n\r\n",
      ),
      { maxLength: 20 },
    )
    .map((pieces) => Buffer.from(pieces.join(""), "latin1"));
  const outcome = async (body: AsyncIterable<Uint8Array>, isBoundaryKnown: boolean) => {
    try {
      return await read(body, isBoundaryKnown);
    } catch (error) {
      expect(error).toBeInstanceOf(Problem);
      return error instanceof Problem ? [error.kind, error.detail] : [];
    }
  };
  await fc.assert(
    fc.asyncProperty(rubbish, cuts, fc.boolean(), async (bytes, at, isBoundaryKnown) => {
      expect(await outcome(cut(bytes, at), isBoundaryKnown)).toEqual(
        await outcome(cut(bytes, []), isBoundaryKnown),
      );
    }),
    { seed, numRuns: 5000 },
  );
});

import { Problem } from "../problem/problem.ts";
import type { Answer } from "./answer.ts";
import { gathered } from "./dicomwebAnswers.ts";
import type { DicomwebRequest } from "./dicomwebRequest.ts";

/** Answers with JSON that is at hand. */
export function jsonAnswer(
  status: number,
  json: object,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return jsonText(status, JSON.stringify(json), headers);
}

/** Answers with JSON that is a text already. */
export function jsonText(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status, headers: { "Content-Type": "application/json", ...headers }, body: text };
}

/** Answers with an array of JSON texts, as they come, between `before` and `after`. */
export function jsonStream(
  before: string,
  texts: AsyncIterable<string>,
  after: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status: 200,
    headers: { "Content-Type": "application/json", ...headers },
    body: gathered(joined(before, texts, after)),
  };
}

async function* joined(
  before: string,
  texts: AsyncIterable<string>,
  after: string,
): AsyncGenerator<string, void, undefined> {
  let separator = `${before}[`;
  for await (const text of texts) {
    yield separator + text;
    separator = ",";
  }
  yield separator === "," ? `]${after}` : `${separator}]${after}`;
}

/**
 * Reads a body that is one JSON object.
 *
 * Throws `tooLarge` above `bytesMax` and `malformed` for anything that is not a JSON object.
 */
export async function readJsonObject(
  request: DicomwebRequest,
  bytesMax: number,
): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new Problem("tooLarge", `The body holds more than ${bytesMax} bytes.`);
    }
    chunks.push(chunk);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Problem("malformed", "The body is not a JSON object.");
  }
  return value as Readonly<Record<string, unknown>>;
}

import { Problem } from "../problem/problem.ts";
import type { Answer } from "./answer.ts";
import { gathered } from "./dicomwebAnswers.ts";
import type { DicomwebRequest } from "./dicomwebRequest.ts";
import { parseTolerantJson } from "./tolerantJson.ts";

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
  const text = await readText(request, bytesMax);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Problem("malformed", "The body is not a JSON object.");
  }
  return value as Readonly<Record<string, unknown>>;
}

/**
 * Reads a body that is any JSON, as {@link parseTolerantJson} has it, and says so in its `Content-Type`.
 *
 * Throws `unsupportedMediaType` when it does not, `tooLarge` above `bytesMax` and `malformed` for what is no JSON.
 */
export async function readJson(request: DicomwebRequest, bytesMax: number): Promise<unknown> {
  const [type = ""] = (request.header("content-type")[0] ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/json") {
    throw new Problem("unsupportedMediaType", "The body must be application/json.");
  }
  const text = await readText(request, bytesMax);
  try {
    return parseTolerantJson(text);
  } catch {
    throw new Problem("malformed", "The body is not JSON.");
  }
}

async function readText(request: DicomwebRequest, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new Problem("tooLarge", `The body holds more than ${bytesMax} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

import type { IncomingHttpHeaders } from "node:http";

import { badRequest } from "./gatewayError.ts";
import { isJsonObject, isNestedWithin, type JsonObject, type JsonValue } from "./json.ts";

/** A request whose body has been read whole. */
export interface GatewayRequest {
  readonly method: string;
  /** The path split at its slashes, each segment decoded once. */
  readonly segments: readonly string[];
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether a query is to be answered with no rows and a continuation, as the service does at times. */
  readonly wantsEmptyPage: boolean;
}

/** An answer before the headers that every answer has. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body: string | undefined;
}

// A document may nest 128 levels, and lies some levels deep in the body of a batch.
const nestingMax = 136;

const invalidPayload = "The request payload is invalid. Ensure to provide a valid request payload.";

/** Returns a header that may be given once. */
export function header(request: GatewayRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}

/** Tells whether a header says true; the SDKs differ in how they spell it. */
export function isTrue(request: GatewayRequest, name: string): boolean {
  return header(request, name)?.toLowerCase() === "true";
}

/** Splits and decodes the path. An item id may hold a raw question mark, so there is no query string to cut off. */
export function parseSegments(url: string): string[] {
  const trimmed = url.replace(/^\/+|\/+$/gu, "");
  if (trimmed === "") return [];
  try {
    return trimmed.split("/").map(decodeURIComponent);
  } catch {
    throw badRequest("Request url is invalid.");
  }
}

const mayOverflow = /\d[eE]\+?\d{3}|\d{309}/u;

function hasFiniteNumbers(value: JsonValue): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(hasFiniteNumbers);
}

/** Parses the body as JSON of any kind. */
export function parseBody(request: GatewayRequest): JsonValue {
  const text = request.body.toString("utf8");
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    throw badRequest(invalidPayload);
  }
  // What follows walks the value recursively; a few bytes of brackets must not cost the stack.
  if (!isNestedWithin(value, nestingMax)) throw badRequest(invalidPayload);
  // A number beyond all doubles reads as infinity, which would be written back as null.
  if (mayOverflow.test(text) && !hasFiniteNumbers(value)) throw badRequest(invalidPayload);
  return value;
}

/** Parses the body as one JSON object. */
export function parseObjectBody(request: GatewayRequest): JsonObject {
  const value = parseBody(request);
  if (!isJsonObject(value)) throw badRequest(invalidPayload);
  return value;
}

/** Reads `x-ms-max-item-count`: absent, 0 and -1 leave the choice to the server. */
export function parsePageSize(request: GatewayRequest, whenAbsent: number): number {
  const text = header(request, "x-ms-max-item-count");
  if (text === undefined) return whenAbsent;
  const value = Number(text);
  if (!Number.isInteger(value) || value < -1 || text.trim() === "") {
    throw badRequest("The value of the header 'x-ms-max-item-count' is invalid.");
  }
  return value <= 0 ? pageSizeMax : Math.min(value, pageSizeMax);
}

const pageSizeMax = 1_000;

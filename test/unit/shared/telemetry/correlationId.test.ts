import { describe, expect, test } from "vitest";
import { correlationIdOf, traceParentOf } from "../../../../shared/telemetry/correlationId.ts";

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

function headers(values: Readonly<Record<string, readonly string[]>>) {
  return (name: string): readonly string[] => values[name] ?? [];
}

function idOf(values: Readonly<Record<string, readonly string[]>>): string {
  return correlationIdOf(headers(values), () => "new");
}

describe("the correlation id", () => {
  test("is the caller's when that is a UUID or a trace id, in lower case", () => {
    const uuid = "2BBEB035-9206-4f28-b2a7-f077192caa89";
    expect(idOf({ "x-correlation-id": [uuid] })).toBe(uuid.toLowerCase());
    expect(idOf({ "x-correlation-id": [" 0AF7651916CD43DD8448EB211C80319C "] })).toBe(
      "0af7651916cd43dd8448eb211c80319c",
    );
    expect(idOf({ "x-correlation-id": [uuid], traceparent: [trace] })).toBe(uuid.toLowerCase());
  });

  test("is the trace id when there is no other", () => {
    expect(idOf({ traceparent: [trace] })).toBe("0af7651916cd43dd8448eb211c80319c");
  });

  test.each([
    "Doe^John",
    "12345678",
    "0".repeat(32),
    "2bbeb035-9206-4f28-b2a7-f077192caa89; Doe",
    "2bbeb035-9206-4f28-b2a7-f077192caa89\r\nX: y",
    "",
  ])("%j is not repeated: it could be a name", (value) => {
    expect(idOf({ "x-correlation-id": [value] })).toBe("new");
    expect(idOf({ "x-correlation-id": [value], traceparent: [trace] })).toBe(
      "0af7651916cd43dd8448eb211c80319c",
    );
  });

  test("that was sent twice is none", () => {
    const uuid = "2bbeb035-9206-4f28-b2a7-f077192caa89";
    expect(idOf({ "x-correlation-id": [uuid, uuid] })).toBe("new");
  });
});

describe("traceparent", () => {
  test("is read with its span and whether it is sampled", () => {
    expect(traceParentOf(headers({ traceparent: [trace] }))).toEqual({
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      isSampled: true,
    });
    expect(
      traceParentOf(headers({ traceparent: [`01${trace.slice(2, -2)}00-more`] }))?.isSampled,
    ).toBe(false);
  });

  test.each([
    "",
    trace.toUpperCase(),
    trace.replace("00-", "ff-"),
    `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${"0".repeat(16)}-01`,
    trace.slice(0, -1),
    `${trace}0`,
  ])("%j is none (W3C Trace Context §3.2)", (value) => {
    expect(traceParentOf(headers({ traceparent: [value] }))).toBeUndefined();
  });
});

import { expect, test } from "vitest";
import {
  fieldsOf,
  requestFields,
  type RequestFacts,
} from "../../../../shared/telemetry/requestFacts.ts";
import { Telemetry, type TelemetrySink } from "../../../../shared/telemetry/telemetry.ts";

const clock = { now: () => 0, milliseconds: () => 0 };
const facts: RequestFacts = {
  functionName: "retrieveStudy",
  method: "GET",
  status: 200,
  tenant: "hospital",
  correlationId: "0af7651916cd43dd8448eb211c80319c",
  traceParent: undefined,
  startedAt: 1_000,
  durationMilliseconds: 12.345,
  cosmosMilliseconds: 5,
  cosmosCalls: 1,
  requestCharge: 3.5,
  blobMilliseconds: 4,
  blobCalls: 2,
  bodyBytes: 10,
  isCut: false,
};

test("a request has the fields of the list and no others", () => {
  expect(Object.keys(fieldsOf(facts))).toEqual([...requestFields]);
  const sent = { ...facts, path: "/studies?PatientName=Doe", headers: { cookie: "Doe" } };
  expect(Object.keys(fieldsOf(sent))).toEqual([...requestFields]);
});

test("a method that nobody knows is not repeated", () => {
  expect(fieldsOf({ ...facts, method: "DOE" }).method).toBe("_OTHER");
});

test("what is logged is one line of JSON, without what is not known yet", () => {
  const lines: string[] = [];
  new Telemetry(clock, undefined).answered(facts, (line) => lines.push(line));
  expect(lines).toHaveLength(1);
  const [word, json] = /^(\w+) (\{.*\})$/.exec(lines[0] ?? "")?.slice(1) ?? [];
  expect(word).toBe("request");
  expect(JSON.parse(json ?? "")).toEqual({
    function: "retrieveStudy",
    method: "GET",
    status: 200,
    tenant: "hospital",
    correlationId: "0af7651916cd43dd8448eb211c80319c",
    durationMs: 12.3,
    cosmosMs: 5,
    cosmosCalls: 1,
    requestChargeRU: 3.5,
    blobMs: 4,
    blobCalls: 2,
  });
});

test("the sink is loaded once, with the first thing there is to tell, and hears all of it", async () => {
  let loads = 0;
  const heard: unknown[] = [];
  const sink: TelemetrySink = {
    request: ({ functionName }) => heard.push(functionName),
    measure: (name, value) => heard.push([name, value]),
    flush: async () => {
      heard.push(await Promise.resolve("flushed"));
    },
  };
  const telemetry = new Telemetry(clock, async () => {
    loads += 1;
    return await Promise.resolve(sink);
  });
  await telemetry.flush();
  expect(loads).toBe(0);
  telemetry.answered(facts, () => undefined);
  telemetry.ended(facts);
  telemetry.measure("strata.feed.lag", 1.5, () => undefined);
  await telemetry.flush();
  expect([loads, heard]).toEqual([1, ["retrieveStudy", ["strata.feed.lag", 1.5], "flushed"]]);
});

test("a sink that cannot be loaded is told of once, by its name alone, and harms nothing", async () => {
  const lines: string[] = [];
  const telemetry = new Telemetry(clock, async () => {
    await Promise.resolve();
    throw new TypeError("https://user:secret@collector");
  });
  telemetry.answered(facts, (line) => lines.push(line));
  telemetry.ended(facts);
  await telemetry.flush();
  telemetry.answered(facts, (line) => lines.push(line));
  expect(lines.filter((line) => !line.startsWith("request "))).toEqual([
    "telemetry is not sent: TypeError",
  ]);
});

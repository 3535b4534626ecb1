import { expect, test } from "vitest";
import {
  currentMeter,
  metered,
  meteredBody,
  RequestMeter,
  serverTiming,
  unmetered,
} from "../../../../shared/telemetry/meter.ts";

test("calls beside each other take as long as the longest, and those after each other add up", () => {
  let now = 0;
  const meter = new RequestMeter(() => now);
  const first = meter.begin("cosmos");
  now = 10;
  const second = meter.begin("cosmos");
  now = 20;
  first(2.5);
  now = 30;
  second(1.256);
  now = 100;
  const third = meter.begin("cosmos");
  now = 105;
  expect(meter.milliseconds("cosmos")).toBe(35);
  third();
  now = 200;
  expect(meter.milliseconds("cosmos")).toBe(35);
  expect([meter.calls("cosmos"), meter.calls("blob"), meter.requestCharge]).toEqual([3, 0, 3.76]);
  expect(serverTiming(meter)).toBe('cosmos;dur=35.0;desc="3.76 RU", blob;dur=0.0');
});

test("what is done for one request is never on the account of another, and work for several on nobody's", async () => {
  const meters = [1, 2].map(() => new RequestMeter(() => 0));
  await Promise.all(
    meters.map(async (meter) => {
      await metered(meter, async () => {
        await Promise.resolve();
        expect(currentMeter()).toBe(meter);
        await unmetered(async () => {
          await Promise.resolve();
          expect(currentMeter()).toBeUndefined();
        });
        expect(currentMeter()).toBe(meter);
      });
    }),
  );
  expect(currentMeter()).toBeUndefined();
});

test("a body is read and closed on the account it was made for, and its bytes are counted", async () => {
  const meter = new RequestMeter(() => 0);
  const seen: (RequestMeter | undefined)[] = [];
  async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (const length of [3, 4, 5]) {
        await Promise.resolve();
        seen.push(currentMeter());
        yield new Uint8Array(length);
      }
    } finally {
      seen.push(currentMeter());
    }
  }
  for await (const chunk of meteredBody(meter, source())) {
    expect(currentMeter()).toBeUndefined();
    if (chunk.length === 4) {
      break;
    }
  }
  expect(seen).toEqual([meter, meter, meter]);
  expect(meter.bodyBytes).toBe(7);
});

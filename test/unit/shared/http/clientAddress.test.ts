import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { clientAddress } from "../../../../shared/http/clientAddress.ts";

function addressOf(
  forwarded: readonly string[],
  trustedProxies = 0,
  remoteAddress = "127.0.0.1",
): string | undefined {
  const request = {
    headersDistinct: forwarded.length === 0 ? {} : { "x-forwarded-for": forwarded },
    socket: { remoteAddress },
  } as unknown as IncomingMessage;
  return clientAddress({ request, response: {} as ServerResponse }, trustedProxies);
}

test("what stands last was added by the platform, and what stands before it by anybody", () => {
  expect(addressOf(["10.0.0.1, 192.0.2.7:51234"])).toBe("192.0.2.7");
  expect(addressOf(["10.0.0.1", "192.0.2.7"])).toBe("192.0.2.7");
  expect(addressOf(["192.0.2.7, "])).toBeUndefined();
});

test("proxies of the operator's own are passed over, as many as there are", () => {
  const chain = ["forged, 192.0.2.7, 198.51.100.2, 198.51.100.3"];
  expect(addressOf(chain, 2)).toBe("192.0.2.7");
  expect(addressOf(chain, 3)).toBeUndefined();
  expect(addressOf(chain, 4)).toBeUndefined();
});

test("addresses of both versions are written without port and brackets", () => {
  expect(addressOf(["[2001:db8::7]:443"])).toBe("2001:db8::7");
  expect(addressOf(["2001:db8::7"])).toBe("2001:db8::7");
  expect(addressOf([], 0, "::ffff:192.0.2.9")).toBe("192.0.2.9");
  expect(addressOf([])).toBe("127.0.0.1");
  expect(clientAddress(undefined, 0)).toBeUndefined();
});

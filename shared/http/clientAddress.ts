import { isIP } from "node:net";
import type { Exchange } from "./wire.ts";

/**
 * The network address of the caller, without a port.
 *
 * The Functions host stands before the process, and adds who is before it to the end of `X-Forwarded-For`. What is further
 * to the left was said by whoever is there, and counts only as far as `trustedProxies` reach: the number of proxies of the
 * operator's own, such as Azure Front Door, that lie between the host and the callers. `undefined` when there is no address
 * at that place.
 */
export function clientAddress(
  exchange: Exchange | undefined,
  trustedProxies: number,
): string | undefined {
  const chain = (exchange?.request.headersDistinct["x-forwarded-for"] ?? [])
    .join(",")
    .split(",")
    .map((entry) => withoutPort(entry.trim()));
  const address =
    chain.length === 1 && chain[0] === ""
      ? withoutPort(exchange?.request.socket.remoteAddress ?? "")
      : (chain.at(-1 - trustedProxies) ?? "");
  return isIP(address) === 0 ? undefined : address;
}

function withoutPort(text: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\](?::\d+)?|([0-9.]+):\d+)$/.exec(text) ?? [];
  return (bracketed ?? plain ?? text).replace(/^::ffff:(?=[0-9.]+$)/i, "");
}

import { lookup, type LookupAddress } from "node:dns";
import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Where key sets may be fetched from. */
export interface FetchRules {
  /** Also from this machine, and from it without TLS: for development alone. */
  readonly allowsLoopback: boolean;
}

const bytesMax = 256 * 1024;
const milliseconds = 5_000;

/**
 * Fetches a key set (RFC 7517 §5) from a URL of the configuration, and returns the JSON that it is.
 *
 * It takes at most five seconds and 256 KiB, follows no redirect, and goes to no address that only the inside of a network
 * has: the URL is an operator's, what its name resolves to is not. Rejects with an error for anything but a JSON answer
 * with the status 200.
 */
export async function fetchKeySet(uri: string, rules: FetchRules): Promise<unknown> {
  const url = new URL(uri);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0) {
    requireReachable(host, rules);
  }
  if (url.protocol !== "https:" && !(rules.allowsLoopback && isLoopbackHost(host))) {
    throw new Error("A key set is fetched with https.");
  }
  const signal = AbortSignal.timeout(milliseconds);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const send = url.protocol === "https:" ? requestHttps : requestHttp;
    send(
      url,
      {
        // A connection of its own: key sets are fetched seldom.
        agent: false,
        headers: { Accept: "application/jwk-set+json, application/json" },
        lookup: guardedLookup(rules),
        signal,
      },
      resolve,
    )
      .once("error", reject)
      .end();
  });
  try {
    if (response.statusCode !== 200) {
      throw new Error(`The key set was answered with ${String(response.statusCode)}.`);
    }
    return JSON.parse(await readText(response)) as unknown;
  } finally {
    response.destroy();
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new Error("The key set is too large.");
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

// The addresses are checked that the connection is made to, so that a name cannot resolve to others in between.
function guardedLookup(rules: FetchRules): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) {
        callback(error, "");
        return;
      }
      const [first] = addresses;
      try {
        for (const { address } of addresses) {
          requireReachable(address, rules);
        }
        if (first === undefined) {
          throw new Error("The host of the key set has no address.");
        }
      } catch (refusal) {
        callback(refusal as NodeJS.ErrnoException, "");
        return;
      }
      if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

function requireReachable(address: string, { allowsLoopback }: FetchRules): void {
  const isRefused = loopback.check(address, family(address))
    ? !allowsLoopback
    : insideAddresses.check(address, family(address));
  if (isRefused) {
    throw new Error("The key set is at an address that is not public.");
  }
}

function isLoopbackHost(host: string): boolean {
  return host === "localhost" || (isIP(host) !== 0 && loopback.check(host, family(host)));
}

function family(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

const loopback: BlockList = blockList(["127.0.0.0/8", "::1/128"]);

// The special-purpose address registries of IANA, and the address under which Azure's machines find their platform.
const insideAddresses: BlockList = blockList([
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
  "::/128",
  "64:ff9b::/96",
  "fc00::/7",
  "fe80::/10",
  "ff00::/8",
]);

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    list.addSubnet(address, Number(prefix), family(address));
  }
  return list;
}

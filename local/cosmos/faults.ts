import { badRequest, GatewayError } from "./gatewayError.ts";
import { header, isTrue, type GatewayRequest } from "./gatewayRequest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";

/** What a request does, as far as rules tell requests apart. */
export type RequestKind =
  | "account"
  | "metadata"
  | "ranges"
  | "read"
  | "create"
  | "upsert"
  | "replace"
  | "patch"
  | "delete"
  | "batch"
  | "bulk"
  | "query"
  | "plan"
  | "feed";

/** What happens to a request that a rule strikes. */
export type FaultAction =
  | {
      readonly kind: "fail";
      readonly status: number;
      readonly substatus?: number;
      readonly retryAfterMilliseconds?: number;
      /** Whether the request takes effect before it is answered so. */
      readonly afterEffect?: boolean;
    }
  /** The connection ends without an answer. */
  | { readonly kind: "reset"; readonly afterEffect?: boolean }
  | { readonly kind: "delay"; readonly milliseconds: number }
  /** The physical partition that the request names, or the first one, is split before the request is served. */
  | { readonly kind: "split" }
  /** A query is answered with no rows and a continuation, as the service does at times. */
  | { readonly kind: "emptyPage" };

/** A fault, and the requests that it strikes. All that is said of a request must be true of it. */
export interface FaultRule {
  readonly action: FaultAction;
  readonly requests?: readonly RequestKind[];
  readonly database?: string;
  readonly container?: string;
  readonly item?: string;
  /** How many such requests pass before the rule begins to strike. */
  readonly skip?: number;
  /** How often it strikes; absent: every time. */
  readonly count?: number;
  /** The chance of striking, from 0 to 1. */
  readonly probability?: number;
}

/** A limit on what a container serves. */
export interface Throttle {
  readonly requestUnitsPerSecond?: number;
  readonly requestsPerSecond?: number;
}

interface ActiveRule {
  readonly rule: FaultRule;
  seen: number;
  struck: number;
}

const kinds: ReadonlySet<string> = new Set<RequestKind>([
  "account",
  "metadata",
  "ranges",
  "read",
  "create",
  "upsert",
  "replace",
  "patch",
  "delete",
  "batch",
  "bulk",
  "query",
  "plan",
  "feed",
]);

const kindsByMethod: Readonly<Record<string, RequestKind>> = {
  GET: "read",
  PUT: "replace",
  PATCH: "patch",
  DELETE: "delete",
};

/** Tells what a request does. */
function requestKind(request: GatewayRequest): RequestKind {
  const { segments, method } = request;
  if (segments.length === 0) return "account";
  if (segments[4] === "pkranges") return "ranges";
  if (segments[4] !== "docs") return "metadata";
  if (segments.length > 5) return kindsByMethod[method] ?? "metadata";
  if (method === "GET") return "feed";
  if (isTrue(request, "x-ms-cosmos-is-query-plan-request")) return "plan";
  if (isTrue(request, "x-ms-cosmos-is-batch-request")) {
    return isTrue(request, "x-ms-cosmos-batch-atomic") ? "batch" : "bulk";
  }
  const type = header(request, "content-type") ?? "";
  if (isTrue(request, "x-ms-documentdb-isquery") || type.startsWith("application/query+json")) {
    return "query";
  }
  return isTrue(request, "x-ms-documentdb-is-upsert") ? "upsert" : "create";
}

/** A small generator of numbers in [0, 1) that repeats itself for the same seed (xorshift32). */
function seededRandom(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const throttledMessage =
  "Request rate is large. More Request Units may be needed, so no changes were made. Please retry this request later.";

/** The error that a throttled request is answered with. */
function throttled(retryAfterMilliseconds: number): GatewayError {
  return new GatewayError(429, throttledMessage, { substatus: 3200, retryAfterMilliseconds });
}

const retrySpread = 250;

/** A budget that refills with time and may be overdrawn once. */
class Bucket {
  readonly #perSecond: number;
  #level: number;
  #at: number;

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#level = perSecond;
    this.#at = now;
  }

  /** Returns how many milliseconds are missing until something may be taken; 0 when something may be now. */
  wait(now: number): number {
    const refill = (Math.max(0, now - this.#at) * this.#perSecond) / 1000;
    this.#level = Math.min(this.#perSecond, this.#level + refill);
    this.#at = now;
    return this.#level > 0 ? 0 : Math.ceil(((1 - this.#level) * 1000) / this.#perSecond);
  }

  take(amount: number): void {
    this.#level -= amount;
  }
}

/** Decides which requests go wrong, and how. The same rules, seed and requests give the same faults. */
export class Faults {
  readonly #now: () => number;
  #rules: ActiveRule[] = [];
  #random: () => number = seededRandom(1);
  readonly #spread: () => number = seededRandom(2);
  #units: Bucket | undefined;
  #requests: Bucket | undefined;

  /** `now` counts milliseconds from any beginning. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Puts rules in the place of those before. */
  setRules(rules: readonly FaultRule[], seed = 1): void {
    this.#rules = rules.map((rule) => ({ rule, seen: 0, struck: 0 }));
    this.#random = seededRandom(seed);
  }

  /** Limits what requests to items may take from now on; an empty limit is none. */
  setThrottle({ requestUnitsPerSecond, requestsPerSecond }: Throttle): void {
    const bucket = (perSecond: number | undefined): Bucket | undefined =>
      perSecond === undefined ? undefined : new Bucket(perSecond, this.#now());
    this.#units = bucket(requestUnitsPerSecond);
    this.#requests = bucket(requestsPerSecond);
  }

  /** Tells how often each rule has struck. */
  strikes(): { readonly rule: FaultRule; readonly seen: number; readonly struck: number }[] {
    return this.#rules.map((rule) => ({ ...rule }));
  }

  /** Draws what happens to a request. Throws the 429 of a throttle that is exceeded. */
  draw(request: GatewayRequest): FaultAction[] {
    const kind = requestKind(request);
    if (request.segments[4] === "docs") {
      const now = this.#now();
      const wait = Math.max(this.#units?.wait(now) ?? 0, this.#requests?.wait(now) ?? 0);
      // Requests that are refused together must not all come back together, or only one of them would get through.
      if (wait > 0) throw throttled(wait + Math.floor(this.#spread() * retrySpread));
      this.#requests?.take(1);
    }
    return this.#rules.flatMap((active) => {
      const { rule } = active;
      const [, database, , container, , item] = request.segments;
      const matches =
        (rule.requests?.includes(kind) ?? true) &&
        (rule.database === undefined || rule.database === database) &&
        (rule.container === undefined || rule.container === container) &&
        (rule.item === undefined || rule.item === item);
      if (!matches) return [];
      active.seen += 1;
      if (active.seen <= (rule.skip ?? 0)) return [];
      if (rule.count !== undefined && active.struck >= rule.count) return [];
      if (rule.probability !== undefined && this.#random() >= rule.probability) return [];
      active.struck += 1;
      return [rule.action];
    });
  }

  /** Takes the charge of an answer out of the budget. */
  charge(requestUnits: number): void {
    this.#units?.take(requestUnits);
  }
}

function requireNumber(value: JsonValue | undefined, name: string, max: number): number {
  if (typeof value !== "number" || !(value >= 0) || value > max) {
    throw badRequest(`'${name}' is not a number from 0 to ${max}.`);
  }
  return value;
}

function optionalNumber<Name extends string>(
  source: JsonObject,
  name: Name,
  max: number,
): Partial<Record<Name, number>> {
  if (source[name] === undefined) return {};
  return { [name]: requireNumber(source[name], name, max) } as Record<Name, number>;
}

function optionalText<Name extends string>(
  source: JsonObject,
  name: Name,
): Partial<Record<Name, string>> {
  const value = source[name];
  if (value === undefined) return {};
  if (typeof value !== "string") throw badRequest(`'${name}' is not a text.`);
  return { [name]: value } as Record<Name, string>;
}

const delayMax = 600_000;

function parseAction(value: JsonValue | undefined): FaultAction {
  if (!isJsonObject(value)) throw badRequest("A rule has no action.");
  const afterEffect = value["afterEffect"] === true;
  switch (value["kind"]) {
    case "fail": {
      const status = requireNumber(value["status"], "status", 599);
      if (status < 400) throw badRequest("'status' is not that of an error.");
      return {
        kind: "fail",
        status,
        afterEffect,
        ...optionalNumber(value, "substatus", 99_999),
        ...optionalNumber(value, "retryAfterMilliseconds", delayMax),
      };
    }
    case "reset":
      return { kind: "reset", afterEffect };
    case "delay":
      return {
        kind: "delay",
        milliseconds: requireNumber(value["milliseconds"], "milliseconds", delayMax),
      };
    case "split":
      return { kind: "split" };
    case "emptyPage":
      return { kind: "emptyPage" };
    default:
      throw badRequest(
        "The kind of an action is none of 'fail', 'reset', 'delay', 'split' and 'emptyPage'.",
      );
  }
}

/** Reads a rule as the admin route takes it. */
export function parseFaultRule(value: JsonValue): FaultRule {
  if (!isJsonObject(value)) throw badRequest("A rule is not an object.");
  const requests = value["requests"];
  const isKindList =
    Array.isArray(requests) &&
    requests.every((kind) => typeof kind === "string" && kinds.has(kind));
  if (requests !== undefined && !isKindList) {
    throw badRequest(`'requests' is not a list of some of: ${[...kinds].join(", ")}.`);
  }
  return {
    action: parseAction(value["action"]),
    ...(isKindList ? { requests: requests as RequestKind[] } : {}),
    ...optionalText(value, "database"),
    ...optionalText(value, "container"),
    ...optionalText(value, "item"),
    ...optionalNumber(value, "skip", Number.MAX_SAFE_INTEGER),
    ...optionalNumber(value, "count", Number.MAX_SAFE_INTEGER),
    ...optionalNumber(value, "probability", 1),
  };
}

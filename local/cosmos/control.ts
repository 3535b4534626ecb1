import type { Account } from "./account.ts";
import { Faults, parseFaultRule, type FaultRule, type Throttle } from "./faults.ts";
import { badRequest, GatewayError } from "./gatewayError.ts";
import { header, parseObjectBody, type Answer, type GatewayRequest } from "./gatewayRequest.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import type { PartitionKeyRange } from "./partitionKeyRanges.ts";

/** The clock of a server, which a test may set forward to let items expire. */
export class AdjustableClock {
  #skew = 0;

  /** Milliseconds since 1970, and the skew. */
  readonly now = (): number => Date.now() + this.#skew;

  advance(seconds: number): void {
    this.#skew += seconds * 1000;
  }
}

/**
 * Makes a running server do what the service does at its own time: split and merge partitions, throttle, fail.
 *
 * The admin routes call it, and so can tests that run the server in their own process.
 */
export class CosmosControl {
  readonly faults: Faults;
  readonly #account: Account;
  readonly #clock: AdjustableClock;

  constructor(account: Account, clock: AdjustableClock, faults: Faults) {
    this.#account = account;
    this.#clock = clock;
    this.faults = faults;
  }

  /** Puts fault rules in the place of those before. The seed makes rules with a probability repeatable. */
  setFaults(rules: readonly FaultRule[], seed?: number): void {
    this.faults.setRules(rules, seed);
  }

  /** Limits what requests to items may take; an empty limit ends it. */
  setThrottle(throttle: Throttle): void {
    this.faults.setThrottle(throttle);
  }

  /** Sets the server's clock forward. Tokens are still judged by the real time. */
  advanceClock(seconds: number): void {
    this.#clock.advance(seconds);
  }

  /** The physical partitions of a container. */
  ranges(database: string, container: string): readonly PartitionKeyRange[] {
    return this.#account.container(database, container).container.ranges.all();
  }

  /** Splits a physical partition, the first one if none is named, at `epk` or in its middle. Returns all of them. */
  split(
    database: string,
    container: string,
    rangeId?: string,
    epk?: string,
  ): readonly PartitionKeyRange[] {
    const target = this.#account.container(database, container).container;
    const id = rangeId ?? target.ranges.all()[0]?.id ?? "0";
    target.split(id, epk);
    return target.ranges.all();
  }

  /** Merges two neighbouring physical partitions. Returns all of them. */
  merge(
    database: string,
    container: string,
    leftId: string,
    rightId: string,
  ): readonly PartitionKeyRange[] {
    const target = this.#account.container(database, container).container;
    target.merge(leftId, rightId);
    return target.ranges.all();
  }
}

function answer(value: JsonValue): Answer {
  return { status: 200, headers: {}, body: JSON.stringify(value) };
}

function requireText(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== "string") throw badRequest(`'${name}' is not a text.`);
  return value;
}

function optionalText(body: JsonObject, name: string): string | undefined {
  return body[name] === undefined ? undefined : requireText(body, name);
}

function rangesAnswer(ranges: readonly PartitionKeyRange[]): Answer {
  return answer({
    ranges: ranges.map(({ id, epkMin, epkMax, parents }) => ({
      id,
      epkMin,
      epkMax,
      parents: [...parents],
    })),
  });
}

function optionalRate(body: JsonObject, name: keyof Throttle): Throttle {
  const value = body[name];
  if (value === undefined || value === null) return {};
  if (typeof value !== "number" || !(value > 0)) {
    throw badRequest(`'${name}' is not a positive number.`);
  }
  return { [name]: value };
}

/**
 * Serves the admin routes, `POST /_admin/{faults,throttle,split,merge,clock}` and `GET /_admin/faults`.
 *
 * They carry no signature. A web page cannot reach them by accident: the body has to be declared as JSON, which a
 * browser does not send across origins without asking, and the server does not answer such a question.
 */
export function serveAdmin(control: CosmosControl, request: GatewayRequest): Answer {
  const action = request.segments[1];
  if (request.method === "GET" && action === "faults") {
    return answer({
      rules: control.faults.strikes().map(({ rule, seen, struck }) => ({
        rule: JSON.parse(JSON.stringify(rule)) as JsonObject,
        seen,
        struck,
      })),
    });
  }
  if (request.method !== "POST") throw new GatewayError(405, "The admin routes take POST.");
  if (!/^application\/json\b/u.test(header(request, "content-type") ?? "")) {
    throw badRequest("The admin routes take a body of the type 'application/json'.");
  }
  const body = parseObjectBody(request);
  switch (action) {
    case "faults": {
      const rules = body["rules"];
      const seed = body["seed"];
      if (!Array.isArray(rules)) throw badRequest("'rules' is not an array.");
      control.setFaults(rules.map(parseFaultRule), typeof seed === "number" ? seed : undefined);
      return answer({ rules: rules.length });
    }
    case "throttle":
      control.setThrottle({
        ...optionalRate(body, "requestUnitsPerSecond"),
        ...optionalRate(body, "requestsPerSecond"),
      });
      return answer({});
    case "split": {
      const [range, epk] = [optionalText(body, "range"), optionalText(body, "epk")];
      const [database, container] = [requireText(body, "database"), requireText(body, "container")];
      return rangesAnswer(control.split(database, container, range, epk));
    }
    case "merge": {
      const [left, right] = Array.isArray(body["ranges"]) ? body["ranges"] : [];
      if (typeof left !== "string" || typeof right !== "string") {
        throw badRequest("'ranges' is not a list of two range ids.");
      }
      const [database, container] = [requireText(body, "database"), requireText(body, "container")];
      return rangesAnswer(control.merge(database, container, left, right));
    }
    case "clock": {
      const seconds = body["advanceSeconds"];
      if (typeof seconds !== "number" || !(seconds >= 0)) {
        throw badRequest("'advanceSeconds' is not a number from 0 on.");
      }
      control.advanceClock(seconds);
      return answer({});
    }
    default:
      throw new GatewayError(404, "There is no such admin route.");
  }
}

/** Tells whether a request is for the admin routes. */
export function isAdminRequest(request: GatewayRequest): boolean {
  return request.segments[0] === "_admin";
}

import { randomUUID } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { setTimeout } from "node:timers/promises";

import type { Account } from "./account.ts";
import { requireAuthorized, type AuthorizationKeys } from "./authorization.ts";
import type { Container } from "./container.ts";
import { isAdminRequest, serveAdmin, type CosmosControl } from "./control.ts";
import { serveDocument, serveDocuments, servePartitionKeyDelete } from "./documentRoutes.ts";
import type { FaultAction } from "./faults.ts";
import { badRequest, GatewayError, requestTooLarge } from "./gatewayError.ts";
import { header, parseSegments, type Answer, type GatewayRequest } from "./gatewayRequest.ts";
import { refusalCharge } from "./requestCharge.ts";
import {
  readAccount,
  serveContainer,
  serveContainers,
  serveDatabase,
  serveDatabases,
  serveEmptyFeed,
  serveOffers,
  servePartitionKeyRanges,
} from "./resourceRoutes.ts";

/** What the gateway works with. */
export interface GatewayOptions {
  readonly account: Account;
  readonly control: CosmosControl;
  /** Whether the admin routes are served. */
  readonly hasAdmin: boolean;
  readonly keys: AuthorizationKeys;
  /** Where clients are told to send their requests. */
  readonly endpoint: () => string;
  /** The real time, which signatures are judged by. */
  readonly now: () => number;
}

/** What a route gives: the answer, and the container that it is about. */
interface Routed {
  readonly answer: Answer;
  readonly container: Container | undefined;
}

const bodyBytesMax = 4 * 1024 * 1024;
const gatewayVersion = "2.0.0";

/** Reads the body, up to the largest that any request may have. */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const buffer = chunk as Buffer;
    bytes += buffer.length;
    if (bytes > bodyBytesMax) throw requestTooLarge();
    chunks.push(buffer);
  }
  return Buffer.concat(chunks, bytes);
}

/** Finds the route of a request and runs it. */
function route(options: GatewayOptions, request: GatewayRequest): Routed {
  const { account } = options;
  const [root, first, kind, second, part, third, ...rest] = request.segments;
  const plain = (answer: Answer): Routed => ({ answer, container: undefined });
  if (root === undefined && request.method === "GET") return plain(readAccount(options.endpoint()));
  if (root === "offers" && kind === undefined) return plain(serveOffers(account, request, first));
  if (root === "dbs") {
    if (first === undefined) return plain(serveDatabases(account, request));
    if (kind === undefined) return plain(serveDatabase(account, request, first));
    if (kind === "colls") {
      if (second === undefined) return plain(serveContainers(account, request, first));
      if (part === undefined) {
        const answer = serveContainer(account, request, first, second);
        const entry = account.database(first).containers.get(second);
        return { answer, container: entry?.container };
      }
      if (rest.length === 0)
        return routeInContainer(account, request, [first, second, part], third);
    }
  }
  throw badRequest("Request url is invalid.");
}

function routeInContainer(
  account: Account,
  request: GatewayRequest,
  [database, id, part]: readonly [string, string, string],
  item: string | undefined,
): Routed {
  const { container } = account.container(database, id);
  if (part === "docs") {
    const answer =
      item === undefined
        ? serveDocuments(container, request)
        : serveDocument(container, request, item);
    return { answer, container };
  }
  if (part === "operations" && item === "partitionkeydelete") {
    return { answer: servePartitionKeyDelete(container, request), container };
  }
  if (item !== undefined) throw badRequest("Request url is invalid.");
  if (part === "pkranges") {
    return { answer: servePartitionKeyRanges(account, request, database, id), container };
  }
  return { answer: serveEmptyFeed(account, request, database, id, part), container };
}

/** The error of an unexpected kind is the server's own; its text helps whoever develops against it. */
function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new GatewayError(500, `The server failed: ${message}`);
}

function errorAnswer(error: GatewayError, activityId: string): Answer {
  const { additionalErrorInfo, retryAfterMilliseconds } = error;
  const text = {
    code: error.code,
    // A faulty query text is told with places and codes, as a JSON text of its own.
    message: `Message: ${error.message.startsWith("{") ? error.message : JSON.stringify({ Errors: [error.message] })}\r\nActivityId: ${activityId}`,
  };
  const body =
    additionalErrorInfo === undefined
      ? text
      : { ...text, additionalErrorInfo: JSON.stringify(additionalErrorInfo) };
  return {
    status: error.status,
    headers: {
      "x-ms-request-charge": String(refusalCharge(error.status)),
      ...(error.substatus === 0 ? {} : { "x-ms-substatus": String(error.substatus) }),
      ...(retryAfterMilliseconds === undefined
        ? {}
        : { "x-ms-retry-after-ms": String(retryAfterMilliseconds) }),
    },
    body: JSON.stringify(body),
  };
}

/** The headers that tell where in the log of a container an answer stands. */
function containerHeaders(
  container: Container,
  request: GatewayRequest,
  answer: Answer,
): Record<string, string> {
  const lsn = String(container.lsn);
  const rangeId =
    answer.headers["x-ms-documentdb-partitionkeyrangeid"] ?? container.ranges.all()[0]?.id ?? "0";
  return {
    "x-ms-session-token": `${rangeId}:-1#${lsn}`,
    "x-ms-documentdb-partitionkeyrangeid": rangeId,
    lsn,
    "x-ms-cosmos-llsn": lsn,
    "x-ms-item-lsn": lsn,
    "x-ms-global-committed-lsn": lsn,
    "x-ms-content-path": container.identity.rid,
    "x-ms-alt-content-path": encodeURI(request.segments.slice(0, 4).join("/")),
  };
}

function send(
  response: ServerResponse,
  answer: Answer,
  headers: Readonly<Record<string, string>>,
): void {
  const body = answer.body === undefined ? undefined : Buffer.from(answer.body, "utf8");
  response.writeHead(answer.status, {
    "content-type": "application/json",
    "x-ms-schemaversion": "1.21",
    "x-ms-serviceversion": `version=${gatewayVersion}`,
    "x-ms-gatewayversion": `version=${gatewayVersion}`,
    "x-ms-cosmos-max-content-length": "2097152",
    ...headers,
    ...answer.headers,
    ...(answer.status === 304 || answer.status === 204
      ? {}
      : { "content-length": body?.length ?? 0 }),
  });
  response.end(body);
}

/** The connection of a request is to end without an answer. */
class ConnectionReset extends Error {}

function requireAuthorization(options: GatewayOptions, request: GatewayRequest): void {
  requireAuthorized(
    {
      method: request.method,
      segments: request.segments,
      date: header(request, "x-ms-date") ?? header(request, "date"),
      authorization: header(request, "authorization"),
    },
    options.keys,
    options.now(),
  );
}

/** Does to a request what a fault does before (or, if so asked, after) it has taken effect. */
function strike(action: FaultAction, isAfterEffect: boolean): void {
  if (action.kind !== "fail" && action.kind !== "reset") return;
  if ((action.afterEffect ?? false) !== isAfterEffect) return;
  if (action.kind === "reset") throw new ConnectionReset();
  const { status, substatus, retryAfterMilliseconds } = action;
  throw new GatewayError(status, "This failure was asked for.", {
    ...(substatus === undefined ? {} : { substatus }),
    ...(retryAfterMilliseconds === undefined ? {} : { retryAfterMilliseconds }),
  });
}

function splitNamedRange(control: CosmosControl, request: GatewayRequest): void {
  const [, database, , container] = request.segments;
  if (database === undefined || container === undefined) return;
  control.split(database, container, header(request, "x-ms-documentdb-partitionkeyrangeid"));
}

async function serveWithFaults(options: GatewayOptions, request: GatewayRequest): Promise<Routed> {
  const { control } = options;
  const actions = control.faults.draw(request);
  for (const action of actions) {
    if (action.kind === "delay") await setTimeout(action.milliseconds);
    if (action.kind === "split") splitNamedRange(control, request);
  }
  for (const action of actions) strike(action, false);
  const wantsEmptyPage = actions.some((action) => action.kind === "emptyPage");
  const routed = route(options, { ...request, wantsEmptyPage });
  for (const action of actions) strike(action, true);
  control.faults.charge(Number(routed.answer.headers["x-ms-request-charge"] ?? 0));
  return routed;
}

/**
 * Makes the listener that serves the gateway protocol.
 *
 * A request is read whole and then served in one go, so that requests take effect one after another.
 */
export function createGateway(options: GatewayOptions): RequestListener {
  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const activityId = randomUUID();
    const startedAt = performance.now();
    const headers = { "x-ms-activity-id": activityId };
    try {
      const request: GatewayRequest = {
        method: message.method ?? "GET",
        segments: parseSegments(message.url ?? "/"),
        headers: message.headers,
        body: await readBody(message),
        wantsEmptyPage: false,
      };
      if (options.hasAdmin && isAdminRequest(request)) {
        send(response, serveAdmin(options.control, request), headers);
        return;
      }
      requireAuthorization(options, request);
      const { answer, container } = await serveWithFaults(options, request);
      send(response, answer, {
        ...headers,
        ...(container === undefined ? {} : containerHeaders(container, request, answer)),
        "x-ms-request-duration-ms": (performance.now() - startedAt).toFixed(3),
      });
    } catch (error) {
      if (response.headersSent || response.destroyed || error instanceof ConnectionReset) {
        response.destroy();
        return;
      }
      // The rest of a body that was not read would be taken for the next request.
      if (!message.complete) response.shouldKeepAlive = false;
      send(response, errorAnswer(asGatewayError(error), activityId), headers);
    }
  };
  return (message, response) => {
    void serve(message, response);
  };
}

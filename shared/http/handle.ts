import { randomUUID } from "node:crypto";
import type { HttpHandler, HttpResponseInit, InvocationContext } from "@azure/functions";
import type { Admission, Admitted } from "../admission/admission.ts";
import {
  requirePartition,
  type KnownPartitions,
  type PartitionUse,
} from "../admission/requirePartition.ts";
import { readAuditHeaders } from "../audit/auditHeaders.ts";
import type { Caller } from "../auth/caller.ts";
import { Problem } from "../problem/problem.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { Tenant } from "../tenancy/tenant.ts";
import type { RequestLength, TenantBudgets } from "../tenancy/tenantBudgets.ts";
import type { DataAction, TenantScope } from "../tenancy/tenantScope.ts";
import type { Answer } from "./answer.ts";
import type { CrossOrigin } from "./crossOrigin.ts";
import { readRequest, type DicomwebRequest } from "./dicomwebRequest.ts";
import { encodeResponse } from "./encodeResponse.ts";
import { bugAnswer, problemAnswer } from "./problemResponse.ts";
import type { TrustedForwarding } from "./publicAddress.ts";
import { reportError } from "./reportError.ts";
import { RequestAccount } from "./requestAccount.ts";
import { whenSent, type Exchange, type WireExchanges } from "./wire.ts";

/** What is known of a request and its answer when it is recorded; of one that was refused early, less. */
export interface Access {
  /** The function's name, which says what was done. */
  readonly name: string;
  /** The data action that it takes. */
  readonly action: DataAction;
  readonly exchange: Exchange | undefined;
  readonly account: RequestAccount;
  readonly request?: DicomwebRequest;
  readonly caller?: Caller;
  readonly admitted?: Admitted;
  readonly status: number;
}

/** Keeps, of every access, who did what; apart from telemetry. */
export interface AuditTrail {
  /** Resolves when the access is on record. Throws `unavailable` when it cannot be. */
  record(access: Access): Promise<void>;
}

/** What a handler needs from the composition root. */
export interface HandlerSurroundings {
  readonly exchanges: WireExchanges;
  /** Where callers find the service, when the request does not tell; without a slash at the end. */
  readonly publicBaseURL: string | undefined;
  /** Which proxies are believed when they tell otherwise. */
  readonly forwarding: TrustedForwarding;
  /** How many bytes the body of a request may hold. */
  readonly bodyBytesMax: number;
  readonly admission: Admission;
  readonly partitions: KnownPartitions;
  readonly crossOrigin: CrossOrigin;
  readonly budgets: TenantBudgets;
  readonly audit: AuditTrail;
  readonly telemetry: Telemetry;
}

/** One transaction: the data action that it takes, and what it does. */
export interface Transaction {
  readonly permission: DataAction;
  /** What it has to do with data partitions; works in the one that the path names when absent. */
  readonly partitionUse?: PartitionUse;
  /** `long` when it reads what its caller sends, or waits for news; `short` when absent. */
  readonly length?: RequestLength;
  run(request: DicomwebRequest, scope: TenantScope): Promise<Answer>;
}

const versionHeaders: Readonly<Record<string, string>> = {
  "api-supported-versions": "1.0-prerelease, 1, 2",
};

/**
 * Makes the handler of an HTTP-triggered function, by the name of which its accesses are recorded.
 *
 * In order: what came over the wire, who calls, what they are let in to, their tenant's budget, the data action, the
 * transaction, and the record of it. It always answers, whatever the transaction throws: under the real host a handler
 * that throws while it streams leaves its client waiting for minutes.
 */
export function handle(
  name: string,
  surroundings: () => HandlerSurroundings,
  transaction: Transaction,
): HttpHandler {
  return async (request, context) => {
    const known: { -readonly [K in "request" | "caller" | "admitted"]?: Access[K] } = {};
    const { permission: action } = transaction;
    let leave: (() => void) | undefined;
    return await answering(surroundings, context, {
      name,
      headers: versionHeaders,
      run: async ({ admission, partitions, budgets, ...place }, exchange, account) => {
        const read = readRequest(request, exchange, place, (error) => {
          reportError(error, context);
        });
        known.request = read;
        const caller = await admission.identify(read);
        known.caller = caller;
        account.identify(caller);
        readAuditHeaders(exchange?.request.headersDistinct ?? {});
        const admitted = await admission.admit(caller, read);
        known.admitted = admitted;
        const { tenant, scope } = admitted;
        const pass = await budgets.enter(tenant, transaction.length ?? "short", read.signal);
        whenSent(exchange, () => {
          pass.settle(account.meter.requestCharge);
        });
        ({ leave } = pass);
        scope.require(action);
        const { partitionUse = "named" } = transaction;
        await requirePartition(partitions, admitted, read.partition, partitionUse);
        return await transaction.run(located(read, tenant), scope);
      },
      record: async ({ audit }, exchange, account, { status }) => {
        try {
          await audit.record({ name, action, exchange, account, ...known, status });
        } finally {
          leave?.();
        }
      },
      admitted: () => known.admitted,
    });
  };
}

/** The request, with URLs that begin as its tenant's callers know them. */
function located(request: DicomwebRequest, { publicBaseURL }: Tenant): DicomwebRequest {
  return publicBaseURL === undefined
    ? request
    : { ...request, serviceURL: request.serviceURLAt(publicBaseURL) };
}

/** Makes the handler of a function that has no tenant and no version: health, and what nothing else answers. */
export function handleAnonymously(
  surroundings: () => HandlerSurroundings,
  run: (method: string, path: string) => Promise<Answer>,
): HttpHandler {
  return async (request, context) =>
    await answering(surroundings, context, {
      name: context.functionName,
      headers: {},
      run: async ({ crossOrigin }, exchange) => {
        const method = request.method.toUpperCase();
        const preflight =
          method === "OPTIONS" ? await crossOrigin.preflight(exchange?.request) : undefined;
        const target = exchange?.request.url ?? new URL(request.url).pathname;
        return preflight ?? (await run(method, target.split("?", 1)[0] ?? "/"));
      },
      record: async () => {
        await Promise.resolve();
      },
      admitted: () => undefined,
    });
}

/** Makes the handler of a function that tells anybody of a version of the service, whoever's tenant they are of. */
export function handlePublicly(
  surroundings: () => HandlerSurroundings,
  run: (request: DicomwebRequest) => Promise<Answer>,
): HttpHandler {
  return async (request, context) =>
    await answering(surroundings, context, {
      name: context.functionName,
      headers: versionHeaders,
      run: async ({ crossOrigin, ...place }, exchange) => {
        const read = readRequest(request, exchange, place, (error) => {
          reportError(error, context);
        });
        const preflight =
          read.method === "OPTIONS" ? await crossOrigin.preflight(exchange?.request) : undefined;
        return preflight ?? (await run(read));
      },
      record: async () => {
        await Promise.resolve();
      },
      admitted: () => undefined,
    });
}

/** The parts in which handlers differ. */
interface Handling {
  /** By which telemetry tells of the request. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  run(
    surroundings: HandlerSurroundings,
    exchange: Exchange | undefined,
    account: RequestAccount,
  ): Promise<Answer>;
  /** Puts the answer on record. What it throws takes the place of the answer. */
  record(
    surroundings: HandlerSurroundings,
    exchange: Exchange | undefined,
    account: RequestAccount,
    answer: Answer,
  ): Promise<void>;
  /** Whose answer it is, as far as it is known. */
  admitted(): Admitted | undefined;
}

async function answering(
  surroundings: () => HandlerSurroundings,
  context: InvocationContext,
  handling: Handling,
): Promise<HttpResponseInit> {
  let known: HandlerSurroundings;
  try {
    known = surroundings();
  } catch (error) {
    return encodeResponse(answerTo(error, context), handling.headers, undefined, context);
  }
  const exchange = known.exchanges.of(context.invocationId);
  const { telemetry, crossOrigin } = known;
  const account = new RequestAccount(exchange, telemetry.clock, randomUUID);
  let answer: Answer;
  try {
    answer = await account.run(async () => await handling.run(known, exchange, account));
  } catch (error) {
    answer = answerTo(error, context);
  }
  try {
    const recorded = answer;
    await account.run(async () => {
      await handling.record(known, exchange, account, recorded);
    });
  } catch (error) {
    telemetry.measure("strata.audit.failures", 1, (line) => {
      context.log(line);
    });
    // What is not on record is not answered. A refusal stays one: it tells nothing.
    if (answer.status < 400) {
      await discard(answer);
      answer = answerTo(error, context);
    } else {
      reportError(error, context);
    }
  }
  const { tenant, scope } = handling.admitted() ?? {};
  const corsHeaders = await crossOrigin.headersOf(exchange?.request, tenant);
  const outcome = {
    functionName: handling.name,
    method: exchange?.request.method ?? "",
    status: answer.status,
    tenant: tenant?.name,
  };
  telemetry.answered(account.facts({ ...outcome, isCut: false }), (line) => {
    context.log(line);
  });
  whenSent(exchange, () => {
    const isCut = exchange !== undefined && !exchange.response.writableFinished;
    telemetry.ended(account.facts({ ...outcome, isCut }));
  });
  return encodeResponse(
    account.answer(answer),
    { ...handling.headers, ...corsHeaders, ...account.headers(scope?.isRestricted !== true) },
    exchange,
    context,
  );
}

function answerTo(error: unknown, context: InvocationContext): Answer {
  if (!(error instanceof Problem) || error.kind === "unavailable") {
    reportError(error, context);
  }
  return error instanceof Problem ? problemAnswer(error) : bugAnswer();
}

/** Closes what the body of an answer that nobody gets is read from. */
async function discard({ body }: Answer): Promise<void> {
  if (typeof body !== "object" || !(Symbol.asyncIterator in body)) {
    return;
  }
  const chunks = body[Symbol.asyncIterator]();
  try {
    // A generator closes what it has opened only once it has begun.
    await chunks.next();
    await chunks.return?.();
  } catch {
    // It ended by itself, and nobody is waiting for what it says.
  }
}

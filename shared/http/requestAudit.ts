import {
  auditedAccess,
  failedAuthentication,
  outcomeOf,
  restrictedFunction,
} from "../audit/auditedAccess.ts";
import type { AuditEvent, AuditObject, AuditUser } from "../audit/auditEvent.ts";
import { readAuditHeaders } from "../audit/auditHeaders.ts";
import type { AuditLog, NewAuditEvent } from "../audit/auditLog.ts";
import { Problem } from "../problem/problem.ts";
import { defaultPartition, platformTenant } from "../tenancy/tenantScope.ts";
import { TokenBucket } from "../tenancy/tokenBucket.ts";
import { clientAddress } from "./clientAddress.ts";
import type { Access, AuditTrail } from "./handle.ts";

const uidPattern = /^[0-9.]{1,64}$/;

/** How many refusals of callers that nobody knows, or of one tenant over its budget, are recorded in each second. */
const refusalsPerSecond = 5;
/** And how many seconds' worth of them at once. */
const refusalsBurstSeconds = 20;
const sampledTenantsMax = 1_000;
/** A query in a URL and one in a form are at most this long together; of one that was refused for its length the rest is left out. */
const queryLengthMax = 80 * 1024;

/** Refusals that cost nothing but their record, of which only so many are recorded. */
interface Sample {
  readonly bucket: TokenBucket;
  /** How many were not recorded since the last one that was. */
  leftOut: number;
}

/**
 * Puts each access on record in the audit of the caller's tenant; of callers that are not known, in the platform's.
 *
 * Of refusals that anybody can have as many of as they like, so many in a second are recorded, and how many were left out
 * in between: each record costs a write, of which there is to be no flood.
 */
export class RequestAudit implements AuditTrail {
  readonly #log: Pick<AuditLog, "record">;
  readonly #now: () => number;
  readonly #trustedProxies: number;
  /** By tenant; `undefined` stands for callers that nobody knows. */
  readonly #samples = new Map<string | undefined, Sample>();

  /**
   * `now` is in milliseconds and never goes back; `trustedProxies` says how many proxies of the operator's own stand between
   * the Functions host and its callers.
   */
  constructor(log: Pick<AuditLog, "record">, now: () => number, trustedProxies: number) {
    this.#log = log;
    this.#now = now;
    this.#trustedProxies = trustedProxies;
  }

  async record(access: Access): Promise<void> {
    const { caller, status } = access;
    if (caller !== undefined && status !== tooManyRequests) {
      await this.#log.record(eventOf(access, this.#trustedProxies));
      return;
    }
    const sample = this.#sampleOf(caller?.tenant);
    if (sample.bucket.secondsUntil(1, this.#now()) > 0) {
      sample.leftOut += 1;
      return;
    }
    sample.bucket.spend(1, this.#now());
    const { leftOut } = sample;
    sample.leftOut = 0;
    try {
      await this.#log.record({
        ...eventOf(access, this.#trustedProxies),
        ...(leftOut === 0 ? {} : { leftOut }),
      });
    } catch (error) {
      sample.leftOut += leftOut;
      throw error;
    }
  }

  #sampleOf(tenant: string | undefined): Sample {
    const known = this.#samples.get(tenant);
    if (known !== undefined) {
      return known;
    }
    if (this.#samples.size >= sampledTenantsMax) {
      this.#samples.clear();
    }
    const bucket = new TokenBucket(refusalsPerSecond, refusalsBurstSeconds, this.#now());
    const sample: Sample = { bucket, leftOut: 0 };
    this.#samples.set(tenant, sample);
    return sample;
  }
}

const tooManyRequests = 429;

function eventOf(access: Access, trustedProxies: number): NewAuditEvent {
  const { account, name, action, exchange, request, caller, admitted, status } = access;
  const target = {
    method: request?.method ?? exchange?.request.method ?? "",
    segments: request?.segments ?? [],
  };
  const known = caller === undefined ? failedAuthentication : auditedAccess(target);
  const address = clientAddress(exchange, trustedProxies);
  const partition = admitted?.scope.partition ?? request?.partition;
  return {
    tenant: caller?.tenant ?? platformTenant,
    ...(partition === undefined || partition === defaultPartition ? {} : { partition }),
    correlationId: account.correlationId,
    event: known.event,
    types: status === 403 ? [...known.types, restrictedFunction] : known.types,
    action: known.action,
    outcome: outcomeOf(status),
    status,
    name,
    dataAction: action,
    ...(caller === undefined ? {} : { user: userOf(caller) }),
    ...(address === undefined ? {} : { address }),
    object: objectOf(access, known.isQuery),
    ...addedBy(access),
  };
}

function userOf({ issuer, subject, clientId, tokenId }: NonNullable<Access["caller"]>): AuditUser {
  return {
    issuer,
    subject,
    ...(clientId === undefined ? {} : { clientId }),
    ...(tokenId === undefined ? {} : { tokenId }),
  };
}

/** What the access was about: what its path and query say, and what was noted while it was served. */
function objectOf({ account, request, exchange }: Access, isQuery: boolean): AuditObject {
  const { notes } = account;
  const { studyInstanceUID, seriesInstanceUID, sopInstanceUID } = pathUIDs(request?.segments ?? []);
  const query = [...(request?.query ?? []), ...notes.parameters];
  const studies = new Set([
    ...(studyInstanceUID === undefined ? [] : [studyInstanceUID]),
    // PS3.4 §C.2.2.2.2: a list of UIDs.
    ...(isQuery
      ? valuesOf(query, ["studyinstanceuid", "0020000d", "study"])
          .flatMap((list) => list.split(/[,\\]/))
          .filter((uid) => uidPattern.test(uid))
          .slice(0, valuesMax)
      : []),
    ...notes.studyInstanceUIDs,
  ]);
  const patients = new Set([
    ...(isQuery ? valuesOf(query, ["patientid", "00100020", "patient"]) : []),
    ...notes.patientIDs,
  ]);
  const target = exchange?.request.url;
  const form = new URLSearchParams(
    notes.parameters.map(([name, value]): [string, string] => [name, value]),
  ).toString();
  const isDicom = ["studies", "series", "instances"].includes(
    request?.segments[0]?.toLowerCase() ?? "",
  );
  return {
    studyInstanceUIDs: [...studies],
    ...(seriesInstanceUID === undefined ? {} : { seriesInstanceUID }),
    ...(sopInstanceUID === undefined ? {} : { sopInstanceUID }),
    patientIDs: [...patients],
    ...(notes.sopInstanceUIDs.length === 0 ? {} : { sopInstanceUIDs: notes.sopInstanceUIDs }),
    ...(notes.instanceCount > notes.sopInstanceUIDs.length
      ? { instanceCount: notes.instanceCount }
      : {}),
    ...(target === undefined || !(isQuery || request === undefined)
      ? {}
      : { query: withForm(target, form).slice(0, queryLengthMax) }),
    ...(isDicom || request === undefined || request.segments.length === 0
      ? {}
      : { resource: request.segments.map(encodeURIComponent).join("/") }),
  };
}

function withForm(target: string, form: string): string {
  return form === "" ? target : `${target}${target.includes("?") ? "&" : "?"}${form}`;
}

function pathUIDs(
  segments: readonly string[],
): Partial<Record<"studyInstanceUID" | "seriesInstanceUID" | "sopInstanceUID", string>> {
  const [studies, study, series, seriesUID, instances, instance] = segments;
  const names: Record<string, string> = {};
  const add = (name: string, literal: string, sent: string | undefined, uid?: string): void => {
    // A refused path may hold anything where a UID belongs.
    if (sent?.toLowerCase() === literal && uid !== undefined && uidPattern.test(uid)) {
      names[name] = uid;
    }
  };
  add("studyInstanceUID", "studies", studies, study);
  add("seriesInstanceUID", "series", series, seriesUID);
  add("sopInstanceUID", "instances", instances, instance);
  return names;
}

const valuesMax = 100;

function valuesOf(
  query: readonly (readonly [string, string])[],
  names: readonly string[],
): string[] {
  return query
    .filter(([name, value]) => names.includes(name.toLowerCase()) && value !== "")
    .map(([, value]) => value)
    .slice(0, valuesMax);
}

// Headers that were refused are refused as a whole: the event says so by its status.
function addedBy({ exchange }: Access): Pick<AuditEvent, "added"> {
  try {
    const added = readAuditHeaders(exchange?.request.headersDistinct ?? {});
    return Object.keys(added).length === 0 ? {} : { added };
  } catch (error) {
    if (error instanceof Problem) {
      return {};
    }
    throw error;
  }
}

import assert from "node:assert/strict";
import type { Container, JSONObject, SqlParameter } from "@azure/cosmos";
import { Problem } from "../problem/problem.ts";
import { isTransient, RetryBudget, statusOf, type RetryClock } from "../store/cosmosRetry.ts";
import { currentMeter, unmetered } from "../telemetry/meter.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import type { AuditEvent } from "./auditEvent.ts";
import type { AuditQuery } from "./auditQuery.ts";

/** What the audit needs from its surroundings besides the database. */
export interface AuditSurroundings extends RetryClock {
  /** The wall clock, in ISO 8601 with milliseconds and `Z`. */
  timestamp(): string;
  /** A name that sorts by time and never repeats (a ULID). */
  newVersion(): string;
}

/** An event as it is handed over: when it is recorded, and under which id, the audit says. */
export type NewAuditEvent = Omit<AuditEvent, "id" | "at">;

/** A page of a tenant's audit. */
export interface AuditPage {
  /** Newest first. */
  readonly events: readonly AuditEvent[];
  /** Of the page after this one; absent on the last. */
  readonly continuation: string | undefined;
}

/** An event as an item. All events of a tenant within an hour share one full partition key. */
interface AuditItem extends AuditEvent {
  readonly kind: "event";
  /** `2026-03-01T12`. */
  readonly hour: string;
  /** After how many seconds the database removes it. */
  readonly ttl: number;
}

interface Pending {
  readonly item: AuditItem;
  readonly bytes: number;
  /** Is told the event's share of the request charge. */
  readonly resolve: (requestCharge: number) => void;
  readonly reject: (error: unknown) => void;
}

interface WriteResult {
  /** What went wrong. */
  readonly failure: unknown;
  readonly requestCharge: number;
}

const forbidden = 403;
/** Whether there is an event now would be told too late, so that waiting longer would only hold requests up. */
const deadlineMilliseconds = 5_000;
/** A transactional batch holds 100 operations and 2 MB. */
const batchItemsMax = 100;
const batchBytesMax = 1_500_000;
/** What waits to be written while the database does not keep up, in bytes. What comes on top is refused at once. */
const pendingBytesMax = 32 * 1024 * 1024;

/**
 * The audit of all tenants, in the Cosmos container `audit`, apart from data and telemetry. It is only ever added to and
 * read.
 *
 * Events of one tenant that arrive while others are being written go together in the next batch: a request that comes
 * alone waits for one write and no longer, and many at once do not cost as many requests.
 */
export class AuditLog {
  readonly #container: Container;
  readonly #surroundings: AuditSurroundings;
  readonly #retentionSeconds: number;
  /** By partition: what is to be written after that which is being written. */
  readonly #pending = new Map<string, Pending[]>();
  #pendingBytes = 0;
  #mayBatch = true;

  /** Events are kept for `retentionDays`. */
  constructor(container: Container, surroundings: AuditSurroundings, retentionDays: number) {
    this.#container = container;
    this.#surroundings = surroundings;
    this.#retentionSeconds = retentionDays * 24 * 3600;
  }

  /**
   * Resolves when the event is durable. It takes no scope, because there may be none: of a caller that was not let in, and of
   * what the service does by itself. Whoever records says whose audit it is in.
   *
   * Throws `unavailable` when it does not become so within a few seconds.
   */
  async record(event: NewAuditEvent): Promise<void> {
    const at = this.#surroundings.timestamp();
    const item: AuditItem = {
      kind: "event",
      hour: at.slice(0, "2026-03-01T12".length),
      ttl: this.#retentionSeconds,
      id: this.#surroundings.newVersion(),
      at,
      ...event,
    };
    const end = currentMeter()?.begin("cosmos");
    let requestCharge = 0;
    try {
      requestCharge = await this.#enqueue(item);
    } finally {
      end?.(requestCharge);
    }
  }

  /** Resolves with the event's share of the request charge when it is durable. */
  async #enqueue(item: AuditItem): Promise<number> {
    return await new Promise<number>((resolve, reject) => {
      const key = `${item.tenant} ${item.hour}`;
      const bytes = Buffer.byteLength(JSON.stringify(item));
      if (this.#pendingBytes + bytes > pendingBytesMax) {
        reject(unavailable(undefined));
        return;
      }
      const entry = { item, bytes, resolve, reject };
      this.#pendingBytes += bytes;
      const waiting = this.#pending.get(key);
      if (waiting === undefined) {
        this.#pending.set(key, [entry]);
        void unmetered(async () => {
          await this.#writeAll(key);
        });
      } else {
        waiting.push(entry);
      }
    });
  }

  /** Writes what is pending under a key, batch by batch, until nothing is. Never rejects. */
  async #writeAll(key: string): Promise<void> {
    for (;;) {
      const waiting = this.#pending.get(key) ?? [];
      const batch = takeBatch(waiting);
      if (batch.length === 0) {
        this.#pending.delete(key);
        return;
      }
      try {
        const requestCharge = await this.#write(batch.map(({ item }) => item));
        for (const { resolve } of batch) {
          resolve(requestCharge / batch.length);
        }
      } catch (error) {
        // Those behind have waited as long as a request should. Whoever comes next tries again.
        batch.push(...waiting.splice(0));
        for (const { reject } of batch) {
          reject(error);
        }
      }
      this.#pendingBytes -= batch.reduce((sum, { bytes }) => sum + bytes, 0);
    }
  }

  /** Says how much was charged. */
  async #write(items: readonly AuditItem[]): Promise<number> {
    const budget = new RetryBudget(this.#surroundings, deadlineMilliseconds);
    for (;;) {
      const { failure, requestCharge } = await this.#tryWrite(items);
      if (failure === undefined) {
        return requestCharge;
      }
      if (!isTransient(failure)) {
        throw unavailable(failure);
      }
      await budget.pause(failure);
    }
  }

  async #tryWrite(items: readonly AuditItem[]): Promise<WriteResult> {
    if (items.length > 1 && this.#mayBatch) {
      const result = await this.#tryBatch(items);
      if (statusOf(result.failure) !== forbidden) {
        return result;
      }
      // A role that may create items and do nothing else with them may not be enough for a batch of them.
      this.#mayBatch = false;
    }
    const results = await Promise.all(items.map(async (item) => await this.#tryCreate(item)));
    return {
      failure: results.find(({ failure }) => failure !== undefined)?.failure,
      requestCharge: results.reduce((sum, { requestCharge }) => sum + requestCharge, 0),
    };
  }

  async #tryCreate(item: AuditItem): Promise<WriteResult> {
    try {
      const { requestCharge } = await this.#container.items.create<AuditItem>(item);
      return { failure: undefined, requestCharge };
    } catch (error) {
      return { failure: isThereAlready(error) ? undefined : error, requestCharge: 0 };
    }
  }

  async #tryBatch(items: readonly AuditItem[]): Promise<WriteResult> {
    const { tenant, hour } = items[0] ?? {};
    assert(tenant !== undefined && hour !== undefined, "A batch has an event.");
    const operations = items.map((item) => ({
      operationType: "Create" as const,
      resourceBody: item as unknown as JSONObject,
    }));
    try {
      const response = await this.#container.items.batch(operations, [tenant, hour], {
        contentResponseOnWriteEnabled: false,
      });
      const failed = response.result?.find(
        ({ statusCode }) => statusCode >= 400 && statusCode !== 424,
      );
      const requestCharge = Number(response.headers?.["x-ms-request-charge"] ?? 0);
      const code = failed?.statusCode ?? response.code ?? 500;
      const isThere = (code < 300 && code !== 207) || code === 409;
      const failure = isThere
        ? undefined
        : Object.assign(new Error("A batch was refused"), { code });
      return { failure, requestCharge };
    } catch (error) {
      return { failure: isThereAlready(error) ? undefined : error, requestCharge: 0 };
    }
  }

  /**
   * A page of the tenant's events, newest first.
   *
   * One query, on the tenant's prefix of the partition key. Throws `unavailable` when the database stays busy.
   */
  async query(scope: TenantScope, query: AuditQuery): Promise<AuditPage> {
    scope.require("tenant.admin");
    const { conditions, parameters } = conditionsOf(scope, query);
    const { resources } = await new RetryBudget(this.#surroundings).repeat(
      async () =>
        await this.#container.items
          .query<AuditItem>(
            {
              query:
                `SELECT * FROM c WHERE ${conditions.join(" AND ")}` +
                ` ORDER BY c.id DESC OFFSET 0 LIMIT ${query.limit + 1}`,
              parameters,
            },
            { partitionKey: [scope.tenant] },
          )
          .fetchAll(),
    );
    const events = resources.slice(0, query.limit).map((item) => eventOf(scope, item));
    return {
      events,
      continuation: resources.length > query.limit ? events.at(-1)?.id : undefined,
    };
  }
}

function takeBatch(waiting: Pending[]): Pending[] {
  let bytes = 0;
  let count = 0;
  for (const entry of waiting) {
    bytes += entry.bytes;
    if (count === batchItemsMax || (count > 0 && bytes > batchBytesMax)) {
      break;
    }
    count += 1;
  }
  return waiting.splice(0, count);
}

// Ids never repeat, and a batch is written as a whole: what is there was written by an attempt whose answer was lost.
function isThereAlready(error: unknown): boolean {
  return statusOf(error) === 409;
}

function unavailable(cause: unknown): Problem {
  return new Problem("unavailable", "The access cannot be put on record.", {
    cause,
    retryAfterSeconds: 2,
  });
}

function conditionsOf(
  scope: TenantScope,
  query: AuditQuery,
): { conditions: readonly string[]; parameters: SqlParameter[] } {
  const conditions = ["c.tenant = @tenant", 'c.kind = "event"'];
  const parameters: SqlParameter[] = [{ name: "@tenant", value: scope.tenant }];
  const add = (name: string, value: string | undefined, condition: string): void => {
    if (value !== undefined) {
      parameters.push({ name, value });
      conditions.push(condition);
    }
  };
  add("@from", query.from, "c.at >= @from");
  add("@to", query.to, "c.at < @to");
  add("@idsFrom", query.idsFrom, "c.id >= @idsFrom");
  add("@idsTo", query.idsTo, "c.id < @idsTo");
  add("@before", query.continuation, "c.id < @before");
  add("@patient", query.patientID, "ARRAY_CONTAINS(c.object.patientIDs, @patient)");
  add("@study", query.studyInstanceUID, "ARRAY_CONTAINS(c.object.studyInstanceUIDs, @study)");
  add("@user", query.subject, "c.user.subject = @user");
  add("@action", query.action, "c.action = @action");
  add("@correlation", query.correlationId, "c.correlationId = @correlation");
  return { conditions, parameters };
}

// An event is what was handed over: what the database adds to an item stays here.
function eventOf(scope: TenantScope, item: AuditItem): AuditEvent {
  assert(item.tenant === scope.tenant, "A row of another tenant.");
  return Object.fromEntries(
    Object.entries(item).filter(
      ([name]) => !name.startsWith("_") && !["kind", "hour", "ttl"].includes(name),
    ),
  ) as unknown as AuditEvent;
}

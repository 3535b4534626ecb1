import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Container } from "@azure/cosmos";
import { Problem } from "../problem/problem.ts";
import { RetryBudget, statusOf } from "../store/cosmosRetry.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import type { LogSurroundings } from "./feedLog.ts";

/** A continuation that is kept for a reader under a name. */
export interface FeedCursor {
  readonly name: string;
  readonly continuation: string;
  /** In ISO 8601 with milliseconds and `Z`. */
  readonly updatedAt: string;
  /** With quotation marks. Changes whenever the cursor is stored. */
  readonly entityTag: string;
}

/** Under which condition a cursor is stored or removed: none, that it is the one known, that it is there, that it is not. */
export type CursorCondition =
  | { readonly kind: "none" }
  | { readonly kind: "matches"; readonly entityTag: string }
  | { readonly kind: "exists" }
  | { readonly kind: "isAbsent" };

interface CursorItem {
  readonly id: string;
  readonly tenant: string;
  readonly kind: "cursor";
  readonly name: string;
  /** Of whose it is, see {@link ownerOf}; absent of cursors that every unrestricted caller of the tenant shares. */
  readonly owner?: string;
  readonly continuation: string;
  readonly updatedAt: string;
}

type StoredCursor = CursorItem & { readonly _etag: string };

const cursorsMax = 1_000;

/** The named cursors of the tenants, in the Cosmos container `control`: what lets a consumer keep nothing itself. */
export class FeedCursors {
  readonly #container: Container;
  readonly #surroundings: LogSurroundings;

  constructor(container: Container, surroundings: LogSurroundings) {
    this.#container = container;
    this.#surroundings = surroundings;
  }

  /** Checks the name of a cursor: 1 to 64 of `A-Z a-z 0-9 . _ -`. Throws a `malformed` problem. */
  static requireName(name: string): string {
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
      throw new Problem("malformed", "The name of a cursor is 1 to 64 of A-Z a-z 0-9 . _ -");
    }
    return name;
  }

  /** A cursor, or `undefined` when there is none of that name. */
  async get(scope: TenantScope, name: string): Promise<FeedCursor | undefined> {
    scope.require("feed");
    const { resource } = await this.#repeat(
      async () => await this.#container.item(idOf(scope, name), scope.tenant).read<StoredCursor>(),
    );
    return resource && cursorOf(scope, resource);
  }

  /** All cursors of the tenant, by name. */
  async list(scope: TenantScope): Promise<FeedCursor[]> {
    scope.require("feed");
    const { resources } = await this.#repeat(
      async () =>
        await this.#container.items
          .query<StoredCursor>(
            {
              query:
                'SELECT * FROM c WHERE c.tenant = @tenant AND c.kind = "cursor" ORDER BY c.name ASC',
              parameters: [{ name: "@tenant", value: scope.tenant }],
            },
            { partitionKey: scope.tenant },
          )
          .fetchAll(),
    );
    const owner = ownerOf(scope);
    return resources.filter((item) => item.owner === owner).map((item) => cursorOf(scope, item));
  }

  /**
   * Stores a cursor. Throws `preconditionFailed` when the condition does not hold, and `conflict` when the tenant has as
   * many cursors as it may have.
   */
  async put(
    scope: TenantScope,
    name: string,
    continuation: string,
    condition: CursorCondition,
  ): Promise<FeedCursor> {
    scope.require("feed");
    const owner = ownerOf(scope);
    const item: CursorItem = {
      id: idOf(scope, FeedCursors.requireName(name)),
      tenant: scope.tenant,
      kind: "cursor",
      name,
      ...(owner === undefined ? {} : { owner }),
      continuation,
      updatedAt: this.#surroundings.timestamp(),
    };
    const known = await this.get(scope, name);
    if (known === undefined) {
      if (condition.kind === "matches" || condition.kind === "exists") {
        throw preconditionFailed();
      }
      if ((await this.list(scope)).length >= cursorsMax) {
        throw new Problem("conflict", `A tenant has at most ${cursorsMax} cursors.`);
      }
    } else if (
      condition.kind === "isAbsent" ||
      (condition.kind === "matches" && condition.entityTag !== known.entityTag)
    ) {
      throw preconditionFailed();
    }
    // The write is repeated only where a lost answer cannot turn it into a refusal.
    const isConditional = condition.kind !== "none";
    const write = async (): Promise<{ resource?: unknown }> =>
      known === undefined && isConditional
        ? await this.#container.items.create<CursorItem>(item)
        : await this.#container.items.upsert(
            item,
            known === undefined || !isConditional
              ? {}
              : { accessCondition: { type: "IfMatch", condition: known.entityTag } },
          );
    try {
      const { resource } = await (isConditional ? write() : this.#repeat(write));
      assert(resource !== undefined, "A write answers with the item.");
      return cursorOf(scope, resource as StoredCursor);
    } catch (error) {
      throw asProblem(error);
    }
  }

  /** Removes a cursor. Throws `notFound` when there is none, and `preconditionFailed` as {@link put} does. */
  async remove(scope: TenantScope, name: string, condition: CursorCondition): Promise<void> {
    const known = await this.get(scope, name);
    if (known === undefined) {
      throw noCursor();
    }
    if (
      condition.kind === "isAbsent" ||
      (condition.kind === "matches" && condition.entityTag !== known.entityTag)
    ) {
      throw preconditionFailed();
    }
    try {
      await this.#container
        .item(idOf(scope, name), scope.tenant)
        .delete(
          condition.kind === "matches"
            ? { accessCondition: { type: "IfMatch", condition: known.entityTag } }
            : {},
        );
    } catch (error) {
      throw asProblem(error);
    }
  }

  async #repeat<T>(call: () => Promise<T>): Promise<T> {
    return await new RetryBudget(this.#surroundings).repeat(call);
  }
}

/** The answer about a cursor that is not there, or not this tenant's. */
export function noCursor(): Problem {
  return new Problem("notFound", "There is no such cursor.");
}

function preconditionFailed(): Problem {
  return new Problem("preconditionFailed", "The cursor is not the one that the condition names.");
}

function asProblem(error: unknown): unknown {
  switch (statusOf(error)) {
    case 409:
    case 412:
      return preconditionFailed();
    case 404:
      return noCursor();
    case 408:
    case 429:
    case 449:
    case 503:
      return new Problem("unavailable", "The store is busy or cannot be reached.", {
        cause: error,
        retryAfterSeconds: 2,
      });
    default:
      return error;
  }
}

// A restricted caller has cursors of its own, so that it can neither see nor move those of others.
function idOf(scope: TenantScope, name: string): string {
  const owner = ownerOf(scope);
  return owner === undefined ? `cursor:${name}` : `cursor:${owner}:${name}`;
}

/** What all callers of one restriction have in common; `undefined` for callers that have none. */
function ownerOf({ restriction, isRestricted }: TenantScope): string | undefined {
  const { partitions, patientID, studyInstanceUID } = restriction;
  return isRestricted
    ? createHash("sha256")
        .update(JSON.stringify([partitions?.toSorted(), patientID, studyInstanceUID]))
        .digest("base64url")
    : undefined;
}

function cursorOf(scope: TenantScope, item: StoredCursor): FeedCursor {
  assert(item.tenant === scope.tenant, "A row of another tenant.");
  assert(item.owner === ownerOf(scope), "A cursor of another restriction.");
  const { name, continuation, updatedAt, _etag: entityTag } = item;
  return { name, continuation, updatedAt, entityTag };
}

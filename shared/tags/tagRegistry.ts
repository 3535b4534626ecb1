import assert from "node:assert/strict";
import type { Container, OperationInput } from "@azure/cosmos";
import { formatTag, type Tag } from "../dicom/tag.ts";
import type { Operation } from "../operations/operation.ts";
import type { OperationSurroundings, Operations } from "../operations/operations.ts";
import { Problem } from "../problem/problem.ts";
import { createItem, replaceItem } from "../store/batchOperations.ts";
import { RetryBudget } from "../store/cosmosRetry.ts";
import { tryBatch } from "../store/tryBatch.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { pathOf, type ExtendedQueryTag } from "./extendedQueryTag.ts";
import { noTags, type TagList } from "./tagList.ts";
import { extendedQueryTagsMax, type RequestedTag } from "./tagRequest.ts";

/** How old a list may be that {@link TagRegistry.current} gives. */
export const listAgeMilliseconds = 2_000;

const rememberedTenantsMax = 1_000;
const itemId = "extendedQueryTags";

/** All extended query tags of a tenant: one item, so that what holds for them together can be kept true. */
interface TagListItem extends TagList {
  readonly id: typeof itemId;
  readonly tenant: string;
  readonly kind: "extendedQueryTags";
}

interface StoredList {
  readonly list: TagList;
  /** Absent when the tenant has no list yet. */
  readonly etag: string | undefined;
}

/** What a change of a list comes to: the list as it is to be, and what else is to happen in the same batch. */
interface ListChange {
  readonly list: TagList;
  readonly alongside?: readonly OperationInput[];
}

/** The extended query tags of the tenants, in the Cosmos container `control`. */
export class TagRegistry {
  readonly #container: Container;
  readonly #operations: Operations;
  readonly #surroundings: OperationSurroundings;
  readonly #remembered = new Map<
    string,
    { readonly at: number; readonly list: Promise<TagList> }
  >();

  constructor(container: Container, operations: Operations, surroundings: OperationSurroundings) {
    this.#container = container;
    this.#operations = operations;
    this.#surroundings = surroundings;
  }

  /** The tenant's list, at most {@link listAgeMilliseconds} old. */
  async current(scope: TenantScope): Promise<TagList> {
    const known = this.#remembered.get(scope.tenant);
    if (known !== undefined && this.#surroundings.now() - known.at < listAgeMilliseconds) {
      return await known.list;
    }
    return await this.latest(scope);
  }

  /** The tenant's list as it is now. */
  async latest(scope: TenantScope): Promise<TagList> {
    const at = this.#surroundings.now();
    const list = this.#read(scope).then((stored) => stored.list);
    this.#remember(scope, at, list);
    return await list;
  }

  /**
   * Registers tags, all or none, and begins the operation that indexes what is stored already.
   *
   * Throws `conflict` when one of them is registered, or another registration is still being indexed, whose operation is
   * then the problem's `operation`; and `malformed` when the tenant would have more tags than it may.
   */
  async add(scope: TenantScope, requested: readonly RequestedTag[]): Promise<Operation> {
    scope.require("manageExtendedQueryTags");
    const paths = requested.map((tag) => `extendedquerytags/${pathOf(tag)}`);
    const { operation, creation } = this.#operations.plan(scope, "reindex", paths);
    const registeredAt = this.#surroundings.timestamp();
    await this.#change(scope, (list) => {
      if (list.tags.some((tag) => tag.operation === operation.id)) {
        // An earlier attempt did succeed; only its answer was lost.
        return undefined;
      }
      requireRoom(list, requested);
      return {
        list: {
          registrations: list.registrations + requested.length,
          tags: [
            ...list.tags,
            ...requested.map((tag, index): ExtendedQueryTag => ({
              ...tag,
              status: "adding",
              isEnabled: true,
              registration: list.registrations + 1 + index,
              registeredAt,
              hasErrors: false,
              operation: operation.id,
            })),
          ],
        },
        alongside: [creation],
      };
    });
    return operation;
  }

  /** Allows searches to use a tag, or forbids it. Throws `notFound` when it is not registered. */
  async setEnabled(scope: TenantScope, tag: Tag, isEnabled: boolean): Promise<ExtendedQueryTag> {
    scope.require("manageExtendedQueryTags");
    const list = await this.#change(scope, (before) => {
      requireTag(before, tag);
      return changedTags(before, (one) => (one.tag === tag ? { ...one, isEnabled } : one));
    });
    return requireTag(list, tag);
  }

  /**
   * Begins the operation that removes a tag. Throws `notFound` when it is not registered, and `malformed` when it is being
   * indexed or removed.
   */
  async remove(scope: TenantScope, tag: Tag): Promise<void> {
    scope.require("manageExtendedQueryTags");
    const path = `extendedquerytags/${formatTag(tag)}`;
    const { operation, creation } = this.#operations.plan(scope, "removeExtendedQueryTag", [path]);
    await this.#change(scope, (list) => {
      const known = requireTag(list, tag);
      if (known.operation === operation.id) {
        return undefined;
      }
      if (known.operation !== undefined) {
        throw new Problem("malformed", "The extended query tag is being indexed or removed.");
      }
      const deleting = { ...known, status: "deleting", operation: operation.id } as const;
      const change = changedTags(list, (one) => (one === known ? deleting : one));
      return change && { ...change, alongside: [creation] };
    });
  }

  /** An operation has indexed its tags: searches may use them. */
  async finishAdding(scope: TenantScope, operationId: string): Promise<void> {
    await this.#change(scope, (list) =>
      changedTags(list, (tag) => {
        const { operation, ...rest } = tag;
        return operation === operationId ? { ...rest, status: "ready" } : tag;
      }),
    );
  }

  /** An operation has been given up: its tags stay what they are, and can be removed. */
  async release(scope: TenantScope, operationId: string): Promise<void> {
    await this.#change(scope, (list) =>
      changedTags(list, (tag) => {
        const { operation, ...rest } = tag;
        return operation === operationId ? rest : tag;
      }),
    );
  }

  /** An operation has removed everything that there was of its tags. */
  async finishRemoving(scope: TenantScope, operationId: string): Promise<void> {
    await this.#change(scope, (list) => {
      const tags = list.tags.filter(({ operation }) => operation !== operationId);
      return tags.length === list.tags.length ? undefined : { list: { ...list, tags } };
    });
  }

  /** Instances were found whose values cannot be indexed. The first time, searches are kept from using the tags. */
  async markErrors(scope: TenantScope, registrations: ReadonlySet<number>): Promise<void> {
    await this.#change(scope, (list) =>
      changedTags(list, (tag) =>
        registrations.has(tag.registration) && !tag.hasErrors
          ? { ...tag, hasErrors: true, isEnabled: false }
          : tag,
      ),
    );
  }

  /** Changes the list as `plan` says of what is there, again and again until nobody came in between. */
  async #change(
    scope: TenantScope,
    plan: (list: TagList) => ListChange | undefined,
  ): Promise<TagList> {
    const budget = new RetryBudget(this.#surroundings);
    for (;;) {
      const { list, etag } = await this.#read(scope);
      const change = plan(list);
      if (change === undefined) {
        return list;
      }
      const item: TagListItem = {
        ...change.list,
        id: itemId,
        tenant: scope.tenant,
        kind: "extendedQueryTags",
      };
      const failure = await tryBatch(this.#container, scope.tenant, [
        etag === undefined ? createItem(item) : replaceItem(item, etag),
        ...(change.alongside ?? []),
      ]);
      if (failure === undefined) {
        this.#remember(scope, this.#surroundings.now(), Promise.resolve(change.list));
        return change.list;
      }
      await budget.pause(failure);
    }
  }

  async #read(scope: TenantScope): Promise<StoredList> {
    const { resource } = await new RetryBudget(this.#surroundings).repeat(
      async () =>
        await this.#container
          .item(itemId, scope.tenant)
          .read<TagListItem & { readonly _etag: string }>(),
    );
    if (resource === undefined) {
      return { list: noTags, etag: undefined };
    }
    assert(resource.tenant === scope.tenant, "A list of the tenant.");
    const { registrations, tags, _etag: etag } = resource;
    return { list: { registrations, tags }, etag };
  }

  #remember(scope: TenantScope, at: number, list: Promise<TagList>): void {
    const remembered = { at, list };
    this.#remembered.delete(scope.tenant);
    this.#remembered.set(scope.tenant, remembered);
    if (this.#remembered.size > rememberedTenantsMax) {
      const [oldest] = this.#remembered.keys();
      assert(oldest !== undefined, "There is one.");
      this.#remembered.delete(oldest);
    }
    // What could not be read is nothing to remember. Who asked for it hears of it.
    list.catch(() => {
      if (this.#remembered.get(scope.tenant) === remembered) {
        this.#remembered.delete(scope.tenant);
      }
    });
  }
}

/** The tag among those of a list. Throws `notFound` when it is not registered. */
export function requireTag({ tags }: TagList, tag: Tag): ExtendedQueryTag {
  const known = tags.find((one) => one.tag === tag);
  if (known === undefined) {
    throw new Problem("notFound", "There is no such extended query tag.");
  }
  return known;
}

function requireRoom({ tags }: TagList, requested: readonly RequestedTag[]): void {
  for (const { tag } of requested) {
    if (tags.some((known) => known.tag === tag)) {
      throw new Problem("conflict", `The extended query tag ${formatTag(tag)} is registered.`);
    }
  }
  const busy = tags.find(({ status, operation }) => status === "adding" && operation !== undefined);
  if (busy?.operation !== undefined) {
    throw new Problem(
      "conflict",
      `The operation ${busy.operation} is still indexing extended query tags.`,
      { operation: busy.operation },
    );
  }
  if (tags.length + requested.length > extendedQueryTagsMax) {
    throw new Problem(
      "malformed",
      `A tenant has at most ${extendedQueryTagsMax} extended query tags.`,
    );
  }
}

/** The list with its tags changed; undefined when none is another. */
function changedTags(
  list: TagList,
  change: (tag: ExtendedQueryTag) => ExtendedQueryTag,
): ListChange | undefined {
  const tags = list.tags.map(change);
  return tags.every((tag, index) => tag === list.tags[index])
    ? undefined
    : { list: { ...list, tags } };
}

import type { DicomwebRequest } from "../shared/http/dicomwebRequest.ts";
import { jsonAnswer, readJson } from "../shared/http/jsonAnswers.ts";
import { problemAnswer } from "../shared/http/problemResponse.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { Problem } from "../shared/problem/problem.ts";
import { runtime } from "../shared/runtime.ts";
import type { ExtendedQueryTag } from "../shared/tags/extendedQueryTag.ts";
import { parsePaging } from "../shared/tags/paging.ts";
import { parseQueryStatus } from "../shared/tags/queryStatus.ts";
import { shownError, shownTag } from "../shared/tags/shownTag.ts";
import { parseTagPath } from "../shared/tags/tagPath.ts";
import { parseTagRequests } from "../shared/tags/tagRequest.ts";
import { requireTag } from "../shared/tags/tagRegistry.ts";
import type { TenantScope } from "../shared/tenancy/tenantScope.ts";

// Extended query tags, as in the Azure service: the attributes that a tenant searches by besides those that all do.
const collection = "extendedquerytags";
const one = `${collection}/{tag}`;
const bodyBytesMax = 64 * 1024;
const uncached = { "Cache-Control": "no-store" };

registerTransaction(
  { name: "addExtendedQueryTags", method: "POST", template: collection },
  runtime,
  {
    permission: "manageExtendedQueryTags",
    partitionUse: "none",
    run: async (request, scope) => {
      const requested = parseTagRequests(await readJson(request, bodyBytesMax));
      try {
        const { id } = await runtime().tags.registry.add(scope, requested);
        const href = operationURL(request, id);
        return jsonAnswer(202, { id, href }, { ...uncached, Location: href });
      } catch (error) {
        if (!(error instanceof Problem) || error.operation === undefined) {
          throw error;
        }
        const answer = problemAnswer(error);
        const Location = operationURL(request, error.operation);
        return { ...answer, headers: { ...answer.headers, Location } };
      }
    },
  },
);

registerTransaction(
  { name: "listExtendedQueryTags", method: "GET", template: collection },
  runtime,
  {
    permission: "read",
    partitionUse: "none",
    run: async (request, scope) => {
      const { limit, offset } = parsePaging(request.query);
      const { tags } = await runtime().tags.registry.latest(scope);
      const shown: object[] = [];
      for (const tag of tags.slice(offset, offset + limit)) {
        shown.push(await show(request, scope, tag));
      }
      return jsonAnswer(200, shown, uncached);
    },
  },
);

registerTransaction({ name: "readExtendedQueryTag", method: "GET", template: one }, runtime, {
  permission: "read",
  partitionUse: "none",
  run: async (request, scope) => {
    const path = pathOf(request);
    const tag = requireTag(await runtime().tags.registry.latest(scope), path);
    return jsonAnswer(200, await show(request, scope, tag), uncached);
  },
});

registerTransaction({ name: "changeExtendedQueryTag", method: "PATCH", template: one }, runtime, {
  permission: "manageExtendedQueryTags",
  partitionUse: "none",
  run: async (request, scope) => {
    const path = pathOf(request);
    const isEnabled = parseQueryStatus(await readJson(request, bodyBytesMax));
    const tag = await runtime().tags.registry.setEnabled(scope, path, isEnabled);
    return jsonAnswer(200, await show(request, scope, tag), uncached);
  },
});

registerTransaction({ name: "deleteExtendedQueryTag", method: "DELETE", template: one }, runtime, {
  permission: "manageExtendedQueryTags",
  partitionUse: "none",
  run: async (request, scope) => {
    await runtime().tags.registry.remove(scope, pathOf(request));
    return { status: 204 };
  },
});

registerTransaction(
  { name: "listExtendedQueryTagErrors", method: "GET", template: `${one}/errors` },
  runtime,
  {
    permission: "read",
    partitionUse: "none",
    run: async (request, scope) => {
      const path = pathOf(request);
      const { limit, offset } = parsePaging(request.query);
      const { tags, reach } = runtime();
      const tag = requireTag(await tags.registry.latest(scope), path);
      const listed = await tags.errors.list(scope, tag, limit, offset);
      // They name instances, of which a restricted caller hears only where it reaches them.
      const reached = await reach.reachable(scope, listed);
      return jsonAnswer(200, reached.map(shownError), uncached);
    },
  },
);

async function show(
  { serviceURL }: DicomwebRequest,
  scope: TenantScope,
  tag: ExtendedQueryTag,
): Promise<object> {
  // How many instances of others are faulty is not for a restricted caller to know.
  const isCounted = tag.hasErrors && !scope.isRestricted;
  const errors = isCounted ? await runtime().tags.errors.count(scope, tag) : 0;
  return shownTag(serviceURL, tag, errors);
}

function pathOf({ segments }: DicomwebRequest): number {
  return parseTagPath(segments[1] ?? "");
}

function operationURL({ serviceURL }: DicomwebRequest, id: string): string {
  return `${serviceURL}/operations/${id}`;
}

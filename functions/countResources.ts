import { parseSearchQuery } from "../shared/dicomweb/searchQuery.ts";
import { parseSearchTarget, searchTemplates } from "../shared/dicomweb/searchTemplate.ts";
import { jsonAnswer } from "../shared/http/jsonAnswers.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { runtime } from "../shared/runtime.ts";
import { searchableTags } from "../shared/tags/searchableTags.ts";

// How many a search finds, for the same parameters. The path is also that of a study, series or instance named `count`,
// which is no UID: the host asks this function first, because its name sorts before those that retrieve.
for (const resource of searchTemplates) {
  registerTransaction(
    {
      name: `count${resource.resource}`,
      method: "GET",
      template: `${resource.template}/count`,
    },
    runtime,
    {
      permission: "read",
      run: async ({ segments, query, version }, scope) => {
        const target = parseSearchTarget(resource, segments.slice(0, -1));
        const { matchKeys } = await searchableTags(runtime().tags.registry, scope, query.keys());
        const search = parseSearchQuery(target, query, version, matchKeys);
        return jsonAnswer(200, { count: await runtime().index.count(scope, search) });
      },
    },
  );
}

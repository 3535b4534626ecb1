import { parseAccept } from "../shared/dicomweb/mediaType.ts";
import { negotiateDicomJson } from "../shared/dicomweb/negotiation.ts";
import { parseResourcePath } from "../shared/dicomweb/resourcePath.ts";
import type { SearchLevel } from "../shared/dicomweb/searchAttributes.ts";
import { parseSearchQuery } from "../shared/dicomweb/searchQuery.ts";
import { dicomJsonAnswer } from "../shared/http/dicomwebAnswers.ts";
import { registerTransaction, type Route } from "../shared/http/registerHttp.ts";
import { runtime } from "../shared/runtime.ts";
import { searchResources } from "../shared/transactions/searchResources.ts";

// QIDO-RS, PS3.18 §10.6, Table 10.6.1-2.
const routes: readonly (Route & { readonly level: SearchLevel })[] = [
  { name: "searchStudies", method: "GET", template: "studies", level: "study" },
  { name: "searchSeries", method: "GET", template: "series", level: "series" },
  { name: "searchInstances", method: "GET", template: "instances", level: "instance" },
  { name: "searchStudySeries", method: "GET", template: "studies/{study}/series", level: "series" },
  {
    name: "searchStudyInstances",
    method: "GET",
    template: "studies/{study}/instances",
    level: "instance",
  },
  {
    name: "searchSeriesInstances",
    method: "GET",
    template: "studies/{study}/series/{series}/instances",
    level: "instance",
  },
];

for (const { level, ...route } of routes) {
  registerTransaction(route, runtime, {
    permission: "read",
    run: async (request, scope) => {
      const { segments, query, version, serviceURL } = request;
      const path = segments.length === 1 ? {} : parseResourcePath(segments);
      negotiateDicomJson(parseAccept(request.header("accept"), query.get("accept") ?? undefined));
      const search = parseSearchQuery({ level, ...path }, query, version);
      const { results, more } = await searchResources(runtime().index, scope, search, serviceURL);
      if (results.length === 0) {
        return { status: 204 };
      }
      // PS3.18 §10.6.3.1.
      const warning = '299 strata "There are additional results that can be requested"';
      return dicomJsonAnswer(200, results, more ? { Warning: warning } : {});
    },
  });
}

import { noteAccess } from "../shared/audit/accessNotes.ts";
import { negotiateDatasets } from "../shared/dicomweb/negotiation.ts";
import { parseSearchQuery } from "../shared/dicomweb/searchQuery.ts";
import {
  parseSearchTarget,
  searchTemplates,
  type SearchTemplate,
} from "../shared/dicomweb/searchTemplate.ts";
import { acceptOf } from "../shared/http/acceptOf.ts";
import type { Answer } from "../shared/http/answer.ts";
import { datasetsAnswer } from "../shared/http/dicomwebAnswers.ts";
import type { DicomwebRequest } from "../shared/http/dicomwebRequest.ts";
import { readForm } from "../shared/http/readForm.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { runtime } from "../shared/runtime.ts";
import { searchableTags } from "../shared/tags/searchableTags.ts";
import type { TenantScope } from "../shared/tenancy/tenantScope.ts";
import type { SearchParameters } from "../shared/transactions/searchContinuations.ts";
import { searchResources } from "../shared/transactions/searchResources.ts";

// QIDO-RS, PS3.18 §10.6, Table 10.6.1-2. The standard sends every query in the URL; one that is too long for that is sent as
// a form. The path of a form is also that of a study named `_search`, which is no UID: the host asks this function first,
// because its name sorts before those that store.
for (const resource of searchTemplates) {
  const { template } = resource;
  registerTransaction({ name: `search${resource.resource}`, method: "GET", template }, runtime, {
    permission: "read",
    run: async (request, scope) =>
      await search(request, scope, resource, request.segments, [...request.query]),
  });
  registerTransaction(
    {
      name: `search${resource.resource}ByForm`,
      method: "POST",
      template: `${template}/_search`,
    },
    runtime,
    {
      permission: "read",
      run: async (request, scope) => {
        const form = await readForm(request);
        noteAccess({ parameters: form });
        return await search(request, scope, resource, request.segments.slice(0, -1), [
          ...request.query,
          ...form,
        ]);
      },
    },
  );
}

async function search(
  request: DicomwebRequest,
  scope: TenantScope,
  resource: SearchTemplate,
  segments: readonly string[],
  given: SearchParameters,
): Promise<Answer> {
  const { version, serviceURL } = request;
  const target = parseSearchTarget(resource, segments);
  const representation = negotiateDatasets(acceptOf(request));
  const path = segments.join("/");
  const { continuations } = runtime();
  const { parameters, after } = continuations.open(scope, path, given);
  const { matchKeys, erroneousNames } = await searchableTags(
    runtime().tags.registry,
    scope,
    parameters.map(([name]) => name),
  );
  const query = parseSearchQuery(target, parameters, version, matchKeys, after);
  const { results, next } = await searchResources(runtime(), scope, query, serviceURL);
  const erroneous = erroneousNames(query.extendedFilters);
  // As in the Azure service: what has these attributes may be missing.
  const errorHeaders: Readonly<Record<string, string>> =
    erroneous.length === 0 ? {} : { "erroneous-dicom-attributes": erroneous.join(",") };
  if (results.length === 0) {
    return { status: 204, headers: errorHeaders };
  }
  const token = next && continuations.seal(scope, path, parameters, next);
  return datasetsAnswer(
    request,
    representation,
    { shape: "list", datasets: results },
    {
      headers: {
        ...errorHeaders,
        // PS3.18 §10.6.3.1.
        ...(next === undefined
          ? {}
          : { Warning: '299 strata "There are additional results that can be requested"' }),
        // RFC 8288.
        ...(token === undefined
          ? {}
          : { Link: `<${serviceURL}/${path}?continuation=${token}>; rel="next"` }),
      },
    },
  );
}

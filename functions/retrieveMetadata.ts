import { matchesIfNoneMatch } from "../shared/dicomweb/etag.ts";
import { parseMetadataFields } from "../shared/dicomweb/metadataFields.ts";
import { negotiateDatasets } from "../shared/dicomweb/negotiation.ts";
import { parseResourcePath } from "../shared/dicomweb/resourcePath.ts";
import { acceptOf } from "../shared/http/acceptOf.ts";
import { datasetsAnswer, datasetsEntityTag } from "../shared/http/dicomwebAnswers.ts";
import { registerTransaction, type Route } from "../shared/http/registerHttp.ts";
import { runtime } from "../shared/runtime.ts";
import { retrieveMetadata } from "../shared/transactions/retrieveMetadata.ts";

// WADO-RS, PS3.18 §10.4.1.1.2, Metadata resources.
const routes: readonly Route[] = [
  { name: "retrieveStudyMetadata", method: "GET", template: "studies/{study}/metadata" },
  {
    name: "retrieveSeriesMetadata",
    method: "GET",
    template: "studies/{study}/series/{series}/metadata",
  },
  {
    name: "retrieveInstanceMetadata",
    method: "GET",
    template: "studies/{study}/series/{series}/instances/{instance}/metadata",
  },
];

for (const route of routes) {
  registerTransaction(route, runtime, {
    permission: "read",
    run: async (request, scope) => {
      const target = parseResourcePath(request.segments);
      const representation = negotiateDatasets(acceptOf(request));
      const fields = parseMetadataFields(request.query);
      const ifNoneMatch = request.header("if-none-match");
      const entityTagOf = (version: string): string =>
        datasetsEntityTag(request, representation, version);
      const metadata = await retrieveMetadata(runtime(), scope, target, request.serviceURL, {
        fields,
        isKnown:
          ifNoneMatch.length === 0
            ? undefined
            : (version) => matchesIfNoneMatch(ifNoneMatch, entityTagOf(version)),
      });
      if (!metadata.isModified) {
        return { status: 304, headers: { Vary: "Accept, Accept-Encoding" } };
      }
      const { datasets, entityTag } = metadata;
      const shape = target.sopInstanceUID === undefined ? "list" : "listOfOne";
      return datasetsAnswer(
        request,
        representation,
        { shape, datasets },
        {
          headers: {
            ETag: `"${entityTagOf(entityTag)}"`,
            // Kept by the caller alone, and asked about each time: an instance can be replaced, and rights taken away.
            "Cache-Control": "private, no-cache",
          },
        },
      );
    },
  });
}

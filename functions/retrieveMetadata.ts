import { parseAccept } from "../shared/dicomweb/mediaType.ts";
import { negotiateDicomJson } from "../shared/dicomweb/negotiation.ts";
import { parseResourcePath } from "../shared/dicomweb/resourcePath.ts";
import { dicomJsonStream } from "../shared/http/dicomwebAnswers.ts";
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
      negotiateDicomJson(
        parseAccept(request.header("accept"), request.query.get("accept") ?? undefined),
      );
      const ifNoneMatch = request.header("if-none-match");
      const metadata = await retrieveMetadata(
        runtime(),
        scope,
        target,
        request.serviceURL,
        ifNoneMatch.length === 0 ? undefined : ifNoneMatch.join(", "),
      );
      return metadata.isModified
        ? dicomJsonStream(metadata.datasets, { ETag: `"${metadata.entityTag}"` })
        : { status: 304 };
    },
  });
}

import { parseFrameList } from "../shared/dicomweb/frameList.ts";
import { requireRendered } from "../shared/dicomweb/renderedMediaType.ts";
import { parseRenderingQuery } from "../shared/dicomweb/renderingQuery.ts";
import { parseResourcePath } from "../shared/dicomweb/resourcePath.ts";
import { acceptOf } from "../shared/http/acceptOf.ts";
import { conditionsOf } from "../shared/http/conditionsOf.ts";
import { registerTransaction, type Route } from "../shared/http/registerHttp.ts";
import { renderedAnswer } from "../shared/http/renderedAnswer.ts";
import { runtime } from "../shared/runtime.ts";
import { retrieveThumbnail } from "../shared/transactions/retrieveThumbnail.ts";

// WADO-RS, PS3.18 §10.4.1.1.6, Thumbnail resources.
const instance = "studies/{study}/series/{series}/instances/{instance}";
const routes: readonly Route[] = [
  { name: "retrieveStudyThumbnail", method: "GET", template: "studies/{study}/thumbnail" },
  {
    name: "retrieveSeriesThumbnail",
    method: "GET",
    template: "studies/{study}/series/{series}/thumbnail",
  },
  { name: "retrieveInstanceThumbnail", method: "GET", template: `${instance}/thumbnail` },
  {
    name: "retrieveFrameThumbnail",
    method: "GET",
    template: `${instance}/frames/{frame}/thumbnail`,
  },
];

for (const route of routes) {
  registerTransaction(route, runtime, {
    permission: "read",
    run: async (request, scope) => {
      const target = parseResourcePath(request.segments);
      const frames = request.segments[7];
      const frameNumbers = frames === undefined ? undefined : parseFrameList(frames);
      const query = parseRenderingQuery(request.query, true);
      const accept = acceptOf(request);
      requireRendered(accept, true);
      const conditions = conditionsOf(request);
      const asked = { target, frameNumbers, query, accept, conditions };
      const thumbnail = await retrieveThumbnail(runtime(), scope, asked, request.signal);
      return await renderedAnswer(thumbnail, request.serviceURL, query.hasUnknownAnnotations);
    },
  });
}

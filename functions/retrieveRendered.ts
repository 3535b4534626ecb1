import { parseFrameList } from "../shared/dicomweb/frameList.ts";
import { requireRendered } from "../shared/dicomweb/renderedMediaType.ts";
import { parseRenderingQuery } from "../shared/dicomweb/renderingQuery.ts";
import { parseResourcePath } from "../shared/dicomweb/resourcePath.ts";
import { acceptOf } from "../shared/http/acceptOf.ts";
import { conditionsOf } from "../shared/http/conditionsOf.ts";
import { registerTransaction, type Route } from "../shared/http/registerHttp.ts";
import { renderedAnswer } from "../shared/http/renderedAnswer.ts";
import { runtime } from "../shared/runtime.ts";
import { retrieveRendered } from "../shared/transactions/retrieveRendered.ts";
import { retrieveThumbnail } from "../shared/transactions/retrieveThumbnail.ts";

// WADO-RS, PS3.18 §10.4.1.1.5 and §10.4.1.1.6: pictures of what is stored, in full and as thumbnails.
const series = "studies/{study}/series/{series}";
const instance = `${series}/instances/{instance}`;
const routes: readonly (Route & { readonly isThumbnail: boolean })[] = [
  { name: "retrieveStudyRendered", template: "studies/{study}/rendered", isThumbnail: false },
  { name: "retrieveSeriesRendered", template: `${series}/rendered`, isThumbnail: false },
  { name: "retrieveInstanceRendered", template: `${instance}/rendered`, isThumbnail: false },
  {
    name: "retrieveFramesRendered",
    template: `${instance}/frames/{frames}/rendered`,
    isThumbnail: false,
  },
  { name: "retrieveStudyThumbnail", template: "studies/{study}/thumbnail", isThumbnail: true },
  { name: "retrieveSeriesThumbnail", template: `${series}/thumbnail`, isThumbnail: true },
  { name: "retrieveInstanceThumbnail", template: `${instance}/thumbnail`, isThumbnail: true },
  {
    name: "retrieveFrameThumbnail",
    template: `${instance}/frames/{frame}/thumbnail`,
    isThumbnail: true,
  },
].map((route) => ({ ...route, method: "GET" }));

for (const { isThumbnail, ...route } of routes) {
  const retrieve = isThumbnail ? retrieveThumbnail : retrieveRendered;
  registerTransaction(route, runtime, {
    permission: "read",
    run: async (request, scope) => {
      const target = parseResourcePath(request.segments);
      const frames = request.segments[7];
      const frameNumbers = frames === undefined ? undefined : parseFrameList(frames);
      const query = parseRenderingQuery(request.query, isThumbnail);
      const accept = acceptOf(request);
      requireRendered(accept, isThumbnail);
      const conditions = conditionsOf(request);
      const asked = { target, frameNumbers, query, accept, conditions };
      const picture = await retrieve(runtime(), scope, asked, request.signal);
      return await renderedAnswer(picture, request.serviceURL, query.hasUnknownAnnotations);
    },
  });
}

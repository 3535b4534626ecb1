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

// WADO-RS, PS3.18 §10.4.1.1.5, Rendered resources.
const instance = "studies/{study}/series/{series}/instances/{instance}";
const routes: readonly Route[] = [
  { name: "retrieveStudyRendered", method: "GET", template: "studies/{study}/rendered" },
  {
    name: "retrieveSeriesRendered",
    method: "GET",
    template: "studies/{study}/series/{series}/rendered",
  },
  { name: "retrieveInstanceRendered", method: "GET", template: `${instance}/rendered` },
  {
    name: "retrieveFramesRendered",
    method: "GET",
    template: `${instance}/frames/{frames}/rendered`,
  },
];

for (const route of routes) {
  registerTransaction(route, runtime, {
    permission: "read",
    run: async (request, scope) => {
      const target = parseResourcePath(request.segments);
      const frames = request.segments[7];
      const frameNumbers = frames === undefined ? undefined : parseFrameList(frames);
      const query = parseRenderingQuery(request.query, false);
      const accept = acceptOf(request);
      requireRendered(accept, false);
      const conditions = conditionsOf(request);
      const asked = { target, frameNumbers, query, accept, conditions };
      const rendered = await retrieveRendered(runtime(), scope, asked, request.signal);
      return await renderedAnswer(rendered, request.serviceURL, query.hasUnknownAnnotations);
    },
  });
}

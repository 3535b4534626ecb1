import { negotiateRetrieve, type RetrieveResource } from "../shared/dicomweb/negotiation.ts";
import { parseResourcePath } from "../shared/dicomweb/resourcePath.ts";
import { acceptOf } from "../shared/http/acceptOf.ts";
import { conditionsOf } from "../shared/http/conditionsOf.ts";
import { objectsAnswer } from "../shared/http/dicomwebAnswers.ts";
import { registerTransaction, type Route } from "../shared/http/registerHttp.ts";
import { runtime } from "../shared/runtime.ts";
import { retrieveInstances } from "../shared/transactions/retrieveInstances.ts";

// WADO-RS, PS3.18 §10.4, Study, Series and Instance resources.
const routes: readonly (Route & { readonly resource: RetrieveResource })[] = [
  { name: "retrieveStudy", method: "GET", template: "studies/{study}", resource: "study" },
  {
    name: "retrieveSeries",
    method: "GET",
    template: "studies/{study}/series/{series}",
    resource: "series",
  },
  {
    name: "retrieveInstance",
    method: "GET",
    template: "studies/{study}/series/{series}/instances/{instance}",
    resource: "instance",
  },
];

for (const { resource, ...route } of routes) {
  registerTransaction(route, runtime, {
    permission: "read",
    run: async (request, scope) => {
      const target = parseResourcePath(request.segments);
      const accept = acceptOf(request);
      const accepted = negotiateRetrieve(accept, resource);
      const { serviceURL, signal } = request;
      return await objectsAnswer(
        await retrieveInstances(runtime(), scope, target, accepted, signal, conditionsOf(request)),
        serviceURL,
      );
    },
  });
}

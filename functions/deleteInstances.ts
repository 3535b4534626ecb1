import { parseResourcePath } from "../shared/dicomweb/resourcePath.ts";
import { registerTransaction, type Route } from "../shared/http/registerHttp.ts";
import { runtime } from "../shared/runtime.ts";
import { deleteInstances } from "../shared/transactions/deleteInstances.ts";

// Not in PS3.18; as in the Azure service.
const routes: readonly Route[] = [
  { name: "deleteStudy", method: "DELETE", template: "studies/{study}" },
  { name: "deleteSeries", method: "DELETE", template: "studies/{study}/series/{series}" },
  {
    name: "deleteInstance",
    method: "DELETE",
    template: "studies/{study}/series/{series}/instances/{instance}",
  },
];

for (const route of routes) {
  registerTransaction(route, runtime, {
    permission: "delete",
    run: async (request, scope) => {
      await deleteInstances(runtime().index, scope, parseResourcePath(request.segments));
      return { status: 204 };
    },
  });
}

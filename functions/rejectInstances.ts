import { parseRejectReason } from "../shared/dicomweb/rejectReason.ts";
import { parseResourcePath } from "../shared/dicomweb/resourcePath.ts";
import { registerTransaction, type Route } from "../shared/http/registerHttp.ts";
import { runtime } from "../shared/runtime.ts";
import { deleteInstances } from "../shared/transactions/deleteInstances.ts";

// Not in PS3.18: the URL by which the viewer OHIF, and the archives it was made for, reject what should not be seen. Here
// that deletes it, and the reason is kept in both feeds.
const routes: readonly Route[] = [
  { name: "rejectStudy", method: "POST", template: "studies/{study}/reject/{code}" },
  {
    name: "rejectSeries",
    method: "POST",
    template: "studies/{study}/series/{series}/reject/{code}",
  },
  {
    name: "rejectInstance",
    method: "POST",
    template: "studies/{study}/series/{series}/instances/{instance}/reject/{code}",
  },
];

for (const route of routes) {
  registerTransaction(route, runtime, {
    permission: "delete",
    run: async (request, scope) => {
      const target = parseResourcePath(request.segments);
      const reason = parseRejectReason(request.segments.at(-1) ?? "");
      await deleteInstances(runtime().index, scope, target, reason);
      return { status: 204 };
    },
  });
}

import { negotiateRetrieve } from "../shared/dicomweb/negotiation.ts";
import { selectBytes } from "../shared/dicomweb/range.ts";
import { parseInstancePath } from "../shared/dicomweb/resourcePath.ts";
import { acceptOf } from "../shared/http/acceptOf.ts";
import { conditionsOf } from "../shared/http/conditionsOf.ts";
import { multipartAnswer, singlePartAnswer } from "../shared/http/dicomwebAnswers.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { Problem } from "../shared/problem/problem.ts";
import { runtime } from "../shared/runtime.ts";
import { retrieveBulkdata } from "../shared/transactions/retrieveBulkdata.ts";

// WADO-RS, PS3.18 §10.4.1.1.4, Bulkdata resources: what a BulkDataURI in metadata refers to.
registerTransaction(
  {
    name: "retrieveBulkdata",
    method: "GET",
    template: "studies/{study}/series/{series}/instances/{instance}/bulkdata/{*path}",
  },
  runtime,
  {
    permission: "read",
    run: async (request, scope) => {
      const uids = parseInstancePath(request.segments);
      const path = request.segments.slice(7).join("/").toUpperCase();
      const accept = acceptOf(request);
      const accepted = negotiateRetrieve(accept, "bulkdata");
      const { serviceURL, signal } = request;
      const value = await retrieveBulkdata(runtime(), scope, uids, path, signal);
      const form = accepted.find(({ mediaType }) => mediaType === "application/octet-stream")?.form;
      if (form === undefined) {
        throw new Problem("notAcceptable", "Bulk data is offered as application/octet-stream.");
      }
      if (form === "multipart") {
        const object = await value.open({ kind: "whole" });
        return multipartAnswer(object.mediaType, [object], serviceURL);
      }
      const selection = selectBytes(conditionsOf(request), value.entityTag, value.length);
      return singlePartAnswer(await value.open(selection), serviceURL);
    },
  },
);

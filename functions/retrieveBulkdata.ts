import { parseAccept } from "../shared/dicomweb/mediaType.ts";
import { negotiateRetrieve } from "../shared/dicomweb/negotiation.ts";
import { encodeContentRange, parseRange } from "../shared/dicomweb/range.ts";
import { parseInstancePath } from "../shared/dicomweb/resourcePath.ts";
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
      const accept = parseAccept(
        request.header("accept"),
        request.query.get("accept") ?? undefined,
      );
      const accepted = negotiateRetrieve(accept, "bulkdata");
      const { serviceURL, signal } = request;
      const value = await retrieveBulkdata(runtime(), scope, uids, path, signal);
      const form = accepted.find(({ mediaType }) => mediaType === "application/octet-stream")?.form;
      if (form === undefined) {
        throw new Problem("notAcceptable", "Bulk data is offered as application/octet-stream.");
      }
      if (form === "multipart") {
        const object = await value.open(0, value.length);
        return multipartAnswer(object.mediaType, [object], serviceURL);
      }
      const range = parseRange(request.header("range")[0], value.length);
      if (range.kind === "unsatisfiable") {
        throw new Problem("rangeNotSatisfiable", "The bulk data has no such bytes.", {
          contentRange: encodeContentRange(range, value.length),
        });
      }
      if (range.kind === "whole") {
        const whole = singlePartAnswer(await value.open(0, value.length), serviceURL);
        return { ...whole, headers: { ...whole.headers, "Accept-Ranges": "bytes" } };
      }
      const part = singlePartAnswer(await value.open(range.start, range.end), serviceURL);
      return {
        ...part,
        status: 206,
        headers: { ...part.headers, "Content-Range": encodeContentRange(range, value.length) },
      };
    },
  },
);

import { parseFrameList } from "../shared/dicomweb/frameList.ts";
import { negotiateRetrieve } from "../shared/dicomweb/negotiation.ts";
import { parseInstancePath } from "../shared/dicomweb/resourcePath.ts";
import { acceptOf } from "../shared/http/acceptOf.ts";
import { conditionsOf } from "../shared/http/conditionsOf.ts";
import { objectsAnswer } from "../shared/http/dicomwebAnswers.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { runtime } from "../shared/runtime.ts";
import { retrieveFrames } from "../shared/transactions/retrieveFrames.ts";

// WADO-RS, PS3.18 §10.4.1.1.3, Frame resources.
registerTransaction(
  {
    name: "retrieveFrames",
    method: "GET",
    template: "studies/{study}/series/{series}/instances/{instance}/frames/{frames}",
  },
  runtime,
  {
    permission: "read",
    run: async (request, scope) => {
      const uids = parseInstancePath(request.segments);
      const frameNumbers = parseFrameList(request.segments[7] ?? "");
      const accept = acceptOf(request);
      const accepted = negotiateRetrieve(accept, "frames", frameNumbers.length > 1);
      const { serviceURL, signal } = request;
      return await objectsAnswer(
        await retrieveFrames(
          runtime(),
          scope,
          uids,
          frameNumbers,
          accepted,
          signal,
          conditionsOf(request),
        ),
        serviceURL,
      );
    },
  },
);

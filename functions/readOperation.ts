import { jsonAnswer } from "../shared/http/jsonAnswers.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { isFinal, parseOperationId } from "../shared/operations/operation.ts";
import { shownOperation } from "../shared/operations/shownOperation.ts";
import { Problem } from "../shared/problem/problem.ts";
import { runtime } from "../shared/runtime.ts";

// What became of work that went on after its request was answered, as in the Azure service.
registerTransaction(
  { name: "readOperation", method: "GET", template: "operations/{operation}" },
  runtime,
  {
    permission: "read",
    partitionUse: "none",
    run: async ({ segments, serviceURL, version }, scope) => {
      const id = parseOperationId(segments[1] ?? "");
      if (id === undefined) {
        throw new Problem("malformed", "The id of an operation is 32 hexadecimal digits.");
      }
      const stored = await runtime().operations.get(scope, id);
      if (stored === undefined) {
        throw new Problem("notFound", "There is no such operation.");
      }
      const { operation } = stored;
      const body = shownOperation(serviceURL, version, operation);
      const uncached = { "Cache-Control": "no-store" };
      return isFinal(operation)
        ? jsonAnswer(200, body, uncached)
        : jsonAnswer(202, body, { ...uncached, Location: `${serviceURL}/operations/${id}` });
    },
  },
);

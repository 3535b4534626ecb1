import { parseAccept } from "../shared/dicomweb/mediaType.ts";
import { readMultipart } from "../shared/dicomweb/multipartReader.ts";
import { negotiateDicomJson } from "../shared/dicomweb/negotiation.ts";
import { parseResourcePath } from "../shared/dicomweb/resourcePath.ts";
import { isDicomPart, parseStoreContentType } from "../shared/dicomweb/storeRequest.ts";
import { encodeStoreResponse } from "../shared/dicomweb/storeResponse.ts";
import { dicomJsonAnswer } from "../shared/http/dicomwebAnswers.ts";
import type { DicomwebRequest } from "../shared/http/dicomwebRequest.ts";
import { registerTransaction, type Route } from "../shared/http/registerHttp.ts";
import { Problem } from "../shared/problem/problem.ts";
import { runtime } from "../shared/runtime.ts";
import { storeInstances, type StorePart } from "../shared/transactions/storeInstances.ts";

// STOW-RS, PS3.18 §10.5. PUT takes the place of an instance that is there, as in the Azure service.
const routes: readonly Route[] = [
  { name: "storeInstances", method: "POST", template: "studies" },
  { name: "storeInstancesOfStudy", method: "POST", template: "studies/{study}" },
  { name: "storeOrReplaceInstances", method: "PUT", template: "studies" },
  { name: "storeOrReplaceInstancesOfStudy", method: "PUT", template: "studies/{study}" },
];

for (const route of routes) {
  registerTransaction(route, runtime, {
    permission: "write",
    run: async (request, scope) => {
      negotiateDicomJson(
        parseAccept(request.header("accept"), request.query.get("accept") ?? undefined),
      );
      const studyInstanceUID =
        request.segments[1] === undefined
          ? undefined
          : parseResourcePath(request.segments).studyInstanceUID;
      const { version, serviceURL } = request;
      const outcomes = await storeInstances(runtime(), scope, {
        parts: partsOf(request),
        version,
        studyInstanceUID,
        mode: request.method === "PUT" ? "upsert" : "create",
        report: request.report,
      });
      const response = encodeStoreResponse(outcomes, {
        version,
        serviceURL,
        ...(studyInstanceUID === undefined ? {} : { studyInstanceUID }),
      });
      return response.dataset === undefined
        ? { status: response.status }
        : dicomJsonAnswer(response.status, response.dataset);
    },
  });
}

function partsOf(request: DicomwebRequest): AsyncIterable<StorePart> {
  // RFC 9110 §15.5.16. What is compressed would only look like a broken body.
  if (request.header("content-encoding").some((coding) => coding.trim() !== "identity")) {
    throw new Problem("unsupportedMediaType", "A body with a Content-Encoding is not supported.");
  }
  const format = parseStoreContentType(request.header("content-type")[0]);
  return format.form === "single"
    ? singlePart(request.body)
    : multipart(request.body, format.boundary);
}

async function* singlePart(body: AsyncIterable<Uint8Array>): AsyncGenerator<StorePart> {
  yield await Promise.resolve({ isDicom: true, body });
}

async function* multipart(
  body: AsyncIterable<Uint8Array>,
  boundary: string | undefined,
): AsyncGenerator<StorePart> {
  for await (const part of readMultipart(body, boundary === undefined ? {} : { boundary })) {
    yield { isDicom: isDicomPart(part.headers), body: part.body };
  }
}

import { readMultipart } from "../shared/dicomweb/multipartReader.ts";
import { negotiateDatasets } from "../shared/dicomweb/negotiation.ts";
import { parseResourcePath } from "../shared/dicomweb/resourcePath.ts";
import { isDicomPart, parseStoreContentType } from "../shared/dicomweb/storeRequest.ts";
import { encodeStoreResponse } from "../shared/dicomweb/storeResponse.ts";
import { parseStudyExpiry } from "../shared/dicomweb/studyExpiry.ts";
import { acceptOf } from "../shared/http/acceptOf.ts";
import { datasetsAnswer } from "../shared/http/dicomwebAnswers.ts";
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
    partitionUse: "made",
    length: "long",
    run: async (request, scope) => {
      const representation = negotiateDatasets(acceptOf(request));
      await runtime().quotas.requireRoom(scope);
      const studyInstanceUID =
        request.segments[1] === undefined
          ? undefined
          : parseResourcePath(request.segments).studyInstanceUID;
      const expiresIn = parseStudyExpiry((name) => request.header(name));
      const { version, serviceURL } = request;
      const outcomes = await storeInstances(runtime(), scope, {
        parts: partsOf(request),
        version,
        studyInstanceUID,
        mode: request.method === "PUT" ? "upsert" : "create",
        expiresAt: expiresIn === undefined ? undefined : runtime().milliseconds() + expiresIn,
        extendedTags: await runtime().tags.registry.current(scope),
        report: request.report,
      });
      const response = encodeStoreResponse(outcomes, {
        version,
        serviceURL,
        ...(studyInstanceUID === undefined ? {} : { studyInstanceUID }),
      });
      const { status, dataset, warning } = response;
      return dataset === undefined
        ? { status }
        : datasetsAnswer(
            request,
            representation,
            { shape: "one", datasets: [dataset] },
            {
              status,
              headers: warning === undefined ? {} : { Warning: warning },
            },
          );
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

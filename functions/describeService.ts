import { jsonAnswer } from "../shared/http/jsonAnswers.ts";
import { publishedRoutes, registerPublic } from "../shared/http/registerHttp.ts";
import { capabilitiesOfVersion } from "../shared/openapi/capabilities.ts";
import { openApiDocument } from "../shared/openapi/openApiDocument.ts";
import { writeYaml } from "../shared/openapi/writeYaml.ts";
import { runtime } from "../shared/runtime.ts";

// What this version of the service is, to anybody: PS3.18 §8.9, and OpenAPI as in the Azure service. Made of the routes as
// they are registered when it is asked for.
const uncached = { "Cache-Control": "no-cache" };

registerPublic(
  { name: "describeCapabilities", method: "OPTIONS", template: "" },
  runtime,
  async ({ version, serviceURL }) =>
    await Promise.resolve(
      jsonAnswer(200, capabilitiesOfVersion(publishedRoutes(), version, serviceURL), {
        ...uncached,
        Allow: "OPTIONS",
        // RFC 8631.
        Link: `<${serviceURL}/api.json>; rel="service-desc"; type="application/json"`,
      }),
    ),
);

registerPublic(
  { name: "describeAsJson", method: "GET", template: "api.json" },
  runtime,
  async ({ version, serviceURL }) =>
    await Promise.resolve(
      jsonAnswer(200, openApiDocument(publishedRoutes(), version, serviceURL), uncached),
    ),
);

registerPublic(
  { name: "describeAsYAML", method: "GET", template: "api.yaml" },
  runtime,
  async ({ version, serviceURL }) =>
    await Promise.resolve({
      status: 200,
      headers: { "Content-Type": "application/yaml", ...uncached },
      body: writeYaml(openApiDocument(publishedRoutes(), version, serviceURL)),
    }),
);

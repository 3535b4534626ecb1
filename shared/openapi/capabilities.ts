import type { ApiVersion } from "../dicomweb/storeResponse.ts";
import { describedRoutes, pathOf, type DescribedRoute } from "./openApiDocument.ts";

/** What a version of the service can do (PS3.18 §8.9), with where it is described in full. */
export function capabilitiesOfVersion(
  routes: readonly DescribedRoute[],
  version: ApiVersion,
  serviceURL: string,
): object {
  const byPath = Map.groupBy(describedRoutes(routes, version), ({ route }) => pathOf(route));
  return {
    version: version.slice(1),
    description: { json: `${serviceURL}/api.json`, yaml: `${serviceURL}/api.yaml` },
    resources: Array.from(byPath, ([path, members]) => ({
      path,
      methods: members.map(({ route: { method, name }, description: { summary } }) => ({
        method,
        name,
        summary,
      })),
    })),
  };
}

/** The versions of the service, and where each tells what it can do. Places are relative to the service's root. */
export function capabilitiesOfService(): object {
  return {
    versions: ["v1", "v2"].map((version) => ({
      name: version.slice(1),
      href: `/${version}`,
      description: `/${version}/api.json`,
    })),
  };
}

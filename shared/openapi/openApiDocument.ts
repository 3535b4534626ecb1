import type { ApiVersion } from "../dicomweb/storeResponse.ts";
import { answers } from "./answers.ts";
import type { OperationDescription } from "./operationDescription.ts";
import { operationDescriptions } from "./operationDescriptions.ts";
import { parameters, pathParameters } from "./parameters.ts";
import { requestBodies } from "./requestBodies.ts";
import { schemas } from "./schemas.ts";

/** A route, as far as callers have to know of it. */
export interface DescribedRoute {
  /** Of its function. */
  readonly name: string;
  readonly method: string;
  /** As it was registered: `v{version}/studies/{study}`, or a path that has no version. */
  readonly template: string;
  /** The data action that it takes; absent where anybody may ask. */
  readonly permission: string | undefined;
  /** Whether it is also there under the path of a data partition. */
  readonly isPartitioned: boolean;
}

const versionPrefix = "v{version}";

/** The path of a route below the version, as OpenAPI writes it: `/studies/{study}`. */
export function pathOf({ template }: Pick<DescribedRoute, "template">): string {
  const below = template.startsWith(versionPrefix)
    ? template.slice(versionPrefix.length)
    : `/${template}`;
  return below === "" ? "/" : below.replace("{*", "{");
}

/** The routes that a version of the API has and that are described, each with its description, by path and method. */
export function describedRoutes(
  routes: readonly DescribedRoute[],
  version: ApiVersion,
): readonly { readonly route: DescribedRoute; readonly description: OperationDescription }[] {
  return routes
    .flatMap((route) => {
      const description = operationDescriptions[route.name];
      return description === undefined || description.versions?.includes(version) === false
        ? []
        : [{ route, description }];
    })
    .toSorted((a, b) => (keyOf(a.route) < keyOf(b.route) ? -1 : 1));
}

function keyOf(route: DescribedRoute): string {
  return `${pathOf(route)} ${route.method}`;
}

/**
 * The OpenAPI 3.1 document of a version of the API: made of the routes as they are registered, so that it has what the
 * service has.
 *
 * `serviceURL` is where the version is, without a slash at its end.
 */
export function openApiDocument(
  routes: readonly DescribedRoute[],
  version: ApiVersion,
  serviceURL: string,
): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const { route, description } of describedRoutes(routes, version)) {
    const item = (paths[pathOf(route)] ??= {});
    item[route.method.toLowerCase()] = operationObject(route, description, serviceURL);
  }
  const partitioned = {
    url: `${serviceURL}/partitions/{partition}`,
    description: "One data partition of a tenant that has them.",
    variables: { partition: { default: "Microsoft.Default" } },
  };
  return {
    openapi: "3.1.1",
    info: {
      title: "Strata",
      summary: "DICOMweb: store, retrieve, search and follow medical images.",
      description:
        "The Studies service of DICOM PS3.18, with the extensions of the Azure DICOM service and some of its own.",
      version: version.slice(1),
    },
    servers: [{ url: serviceURL }, partitioned],
    tags: [...new Set(Object.values(operationDescriptions).map(({ section }) => section))].map(
      (name) => ({ name }),
    ),
    paths,
    components: {
      schemas,
      parameters,
      requestBodies,
      responses: {
        ...answers,
        problem: {
          description: "The request was not met.",
          content: {
            "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
          },
        },
      },
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description:
            "A token of an issuer that the tenant trusts. What it takes is listed as a data action with each operation.",
        },
      },
    },
  };
}

function operationObject(
  route: DescribedRoute,
  {
    section,
    summary,
    description,
    parameters: names = [],
    body,
    answers: byStatus,
  }: OperationDescription,
  serviceURL: string,
): object {
  const { name, template, permission, isPartitioned } = route;
  const hasVersion = template.startsWith(versionPrefix);
  return {
    operationId: name,
    tags: [section],
    summary,
    ...(description === undefined ? {} : { description }),
    parameters: [
      ...parametersOfPath(template),
      ...names.map((parameter) => ({ $ref: `#/components/parameters/${parameter}` })),
    ],
    ...(body === undefined ? {} : { requestBody: { $ref: `#/components/requestBodies/${body}` } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(byStatus).map(([status, answer]) => [
          status,
          { $ref: `#/components/responses/${answer}` },
        ]),
      ),
      default: { $ref: "#/components/responses/problem" },
    },
    security: permission === undefined ? [] : [{ bearer: [permission] }],
    ...(isPartitioned
      ? {}
      : { servers: [{ url: hasVersion ? serviceURL : serviceURL.replace(/\/[^/]+$/, "") }] }),
  };
}

function parametersOfPath(template: string): object[] {
  return Array.from(template.matchAll(/(?<!v)\{\*?(\w+)\}/g), ([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    ...pathParameters[name],
  }));
}

// The OpenAPI document as the service serves it, and every example in it as a request.
//
// Each operation is asked with the examples of its path, with each example of a parameter, in each media type that it
// offers, and with each example of a body; and what is answered has to be what the document says.
import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { parse } from "yaml";
import { makeInstance } from "../support/dicom/dicomFile.ts";
import { DicomwebService, multipartStoreType } from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";
import { encodeParts } from "../support/multipart.ts";
import { registerTags } from "../support/registerTags.ts";
import { send, type ReceivedAnswer, type SendOptions } from "../support/send.ts";
import { askPlatform, TestTenant } from "../support/testTenant.ts";

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly example?: unknown;
}

interface Media {
  readonly schema?: { readonly $ref?: string };
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly (Parameter | { readonly $ref: string })[];
  readonly requestBody?: { readonly $ref: string };
  readonly responses: Readonly<Record<string, { readonly $ref: string }>>;
  readonly servers?: readonly { readonly url: string }[];
}

interface Document {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly parameters: Readonly<Record<string, Parameter>>;
    readonly requestBodies: Readonly<
      Record<string, { readonly content: Readonly<Record<string, Media>> }>
    >;
    readonly responses: Readonly<
      Record<string, { readonly content?: Readonly<Record<string, Media>> }>
    >;
  };
}

const { baseUrl } = inject("runtime");
const service = new DicomwebService("v2");
const sample = makeInstance({
  studyInstanceUID: "2.25.281474976710657",
  seriesInstanceUID: "2.25.281474976710658",
  sopInstanceUID: "2.25.281474976710659",
  patientID: "SAMPLE-1",
  modality: "CT",
  elements: [
    ["00080020", "DA", "20260131"],
    ["00990010", "LO", "STRATA SAMPLE"],
    ["00991A01", "LO", "sample"],
  ],
});
const sampleTag = {
  path: "00991A01",
  vr: "LO",
  privateCreator: "STRATA SAMPLE",
  level: "Instance",
};

let operation: string;
let continuation: string;

beforeAll(async () => {
  await service.mustStore([sample.bytes]);
  operation = await registerTags(service, [sampleTag]);
  continuation = (
    (await service.get("feed?startFrom=now")).json() as { readonly continuation: string }
  ).continuation;
});

// The document is needed when the tests are listed, before anything else.
const document = (await send(`${baseUrl}/v2/api.json`)).json() as Document;

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, one]) => ({ path, method: method.toUpperCase(), one })),
);

/** What is answered where authentication is off: nobody administers the platform, and there are no data partitions. */
const refused: Readonly<Record<string, number>> = {
  listPartitions: 400,
  listTenants: 403,
  readTenant: 403,
  storeTenant: 403,
  amendTenant: 403,
  deleteTenant: 403,
  purgeTenant: 403,
  resumeTenant: 403,
  suspendTenant: 403,
};

/** What has to be there before an example, besides the sample. */
const preparations: Readonly<Record<string, () => Promise<void>>> = {
  readFeedCursor: storeCursor,
  deleteFeedCursor: storeCursor,
};

async function storeCursor(): Promise<void> {
  const answer = await service.request("feed/cursors/archive-1", {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ continuation }),
  });
  expect(answer.status).toBe(200);
}

/** What is to be undone after an example. */
const clearances: Readonly<Record<string, () => Promise<void>>> = {
  addExtendedQueryTags: async () => {
    await eventually(
      async () =>
        (await service.request("extendedquerytags/00991A02", { method: "DELETE" })).status,
      (status) => status === 204,
    );
  },
};

/** Bodies that the document has no example of: bytes, and what is different each time. */
function bodyOf(operationId: string, mediaType: string): SendOptions["body"] {
  if (operationId === "storeFeedCursor") {
    return JSON.stringify({ continuation });
  }
  return mediaType.startsWith("multipart/")
    ? encodeParts([{ body: sample.bytes }])
    : mediaType === "application/dicom"
      ? sample.bytes
      : "{}";
}

interface Example {
  readonly label: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: SendOptions["body"];
}

function nameOf(reference: string): string {
  return reference.split("/").at(-1) ?? "";
}

function parametersOf({ parameters }: Operation): readonly Parameter[] {
  return parameters.flatMap((parameter) => {
    const found =
      "$ref" in parameter ? document.components.parameters[nameOf(parameter.$ref)] : parameter;
    return found === undefined ? [] : [found];
  });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function bodiesOf(one: Operation): readonly Omit<Example, "query">[] {
  if (one.requestBody === undefined) {
    return [{ label: "as it is", headers: {} }];
  }
  const { content } = document.components.requestBodies[nameOf(one.requestBody.$ref)] ?? {
    content: {},
  };
  return Object.entries(content).flatMap(([mediaType, { examples }]) => {
    const headers = {
      "Content-Type": mediaType.startsWith("multipart/") ? multipartStoreType : mediaType,
    };
    if (examples === undefined) {
      return [{ label: mediaType, headers, body: bodyOf(one.operationId, mediaType) }];
    }
    return Object.entries(examples).map(([name, { value }]) => ({
      label: name,
      headers,
      body:
        mediaType === "application/json"
          ? JSON.stringify(value)
          : new URLSearchParams(value as Record<string, string>).toString(),
    }));
  });
}

function examplesOf(one: Operation): readonly Example[] {
  const bodies = bodiesOf(one).map((body) => ({ ...body, query: new URLSearchParams() }));
  const [plain] = bodies;
  if (plain === undefined) {
    return [];
  }
  const byParameter = parametersOf(one)
    .filter((parameter) => parameter.in !== "path" && parameter.example !== undefined)
    .map((parameter): Example => {
      const { name, example } = parameter;
      const label = `${name}=${textOf(example)}`;
      if (parameter.in === "header") {
        return { ...plain, label, headers: { ...plain.headers, [name]: textOf(example) } };
      }
      const query = new URLSearchParams();
      for (const [key, value] of typeof example === "object" && example !== null
        ? Object.entries(example)
        : [[name, example] as const]) {
        query.append(key, textOf(value));
      }
      return { ...plain, label, query };
    });
  const byMediaType = Object.values(one.responses)
    .flatMap(({ $ref }) => {
      const { content = {} } = document.components.responses[nameOf($ref)] ?? {};
      return nameOf($ref) === "problem" ? [] : Object.keys(content);
    })
    .map((mediaType): Example => ({
      ...plain,
      label: `Accept: ${mediaType}`,
      headers: { ...plain.headers, Accept: mediaType },
    }));
  return [...bodies, ...byParameter, ...byMediaType];
}

function urlOf(path: string, one: Operation): string {
  const server = one.servers?.[0]?.url ?? document.servers[0]?.url ?? "";
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const parameter = parametersOf(one).find((known) => known.in === "path" && known.name === name);
    return encodeURIComponent(name === "operation" ? operation : textOf(parameter?.example));
  });
  return filled === "/" ? server : `${server}${filled}`;
}

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ $id: "document", components: document.components });

/** Expects an answer to be one that the document has for the operation. */
function expectDocumented(one: Operation, answer: ReceivedAnswer): void {
  const reference = one.responses[answer.status]?.$ref;
  if (reference === undefined) {
    throw new Error(`${one.operationId} does not document ${answer.status}: ${answer.text}`);
  }
  const { content } = document.components.responses[nameOf(reference)] ?? {};
  const type = answer.headers["content-type"]?.split(";")[0] ?? "";
  if (content === undefined) {
    return;
  }
  const media = Object.entries(content).find(([mediaType]) => mediaType.split(";")[0] === type);
  expect([one.operationId, type, media === undefined]).toEqual([one.operationId, type, false]);
  const schema = media?.[1].schema?.$ref;
  if (schema !== undefined && type.endsWith("json")) {
    const isValid = ajv.validate({ $ref: `document${schema}` }, answer.json());
    expect([one.operationId, ajv.errorsText(), isValid]).toEqual([
      one.operationId,
      "No errors",
      true,
    ]);
  }
}

test("the document is served as JSON and as YAML, and says where it was asked for", async () => {
  const yaml = await send(`${baseUrl}/v2/api.yaml`);
  expect([yaml.status, yaml.headers["content-type"]]).toEqual([200, "application/yaml"]);
  expect(parse(yaml.text)).toEqual(document);
  expect(document.servers[0]?.url).toBe(`${baseUrl}/v2`);
  const v1 = (await send(`${baseUrl}/v1/api.json`)).json() as Document;
  expect(v1.servers[0]?.url).toBe(`${baseUrl}/v1`);
  expect(Object.keys(v1.paths)).not.toContain("/feed");
  expect((await send(`${baseUrl}/v3/api.json`)).status).toBe(404);
});

test("OPTIONS of the service lists its versions, and of a version what it can do", async () => {
  const root = await send(`${baseUrl}/`, { method: "OPTIONS" });
  expect(root.status).toBe(200);
  const { versions } = root.json() as { versions: { href: string; description: string }[] };
  expect(versions.map(({ href }) => href)).toEqual(["/v1", "/v2"]);
  for (const { href, description } of versions) {
    const answer = await send(`${baseUrl}${href}`, { method: "OPTIONS" });
    expect([answer.status, answer.headers["api-supported-versions"]]).toEqual([
      200,
      "1.0-prerelease, 1, 2",
    ]);
    expect(answer.headers["link"]).toContain(`<${baseUrl}${description}>; rel="service-desc"`);
    const { resources } = answer.json() as { resources: { path: string }[] };
    expect(resources.map(({ path }) => path)).toContain("/studies/{study}");
  }
  expect((await send(`${baseUrl}/v9`, { method: "OPTIONS" })).status).toBe(404);
});

// What deletes the sample or what belongs to it comes last.
const inOrder = operations.toSorted(
  (a, b) =>
    Number(/^(delete|reject)/.test(a.one.operationId)) -
    Number(/^(delete|reject)/.test(b.one.operationId)),
);

describe("every example", () => {
  test.each(inOrder)(
    "of $one.operationId is answered as the document says",
    async ({ path, method, one }) => {
      for (const { label, query, headers, body } of examplesOf(one)) {
        if (/^(delete|reject)/.test(one.operationId)) {
          await service.store([sample.bytes]);
        }
        await preparations[one.operationId]?.();
        const search = query.size === 0 ? "" : `?${query.toString()}`;
        const answer = await send(`${urlOf(path, one)}${search}`, {
          method,
          headers,
          ...(body === undefined ? {} : { body }),
        });
        // The sample is an image: it is no document, video or text, as which other instances are rendered.
        const isOfOthers =
          one.operationId === "retrieveInstanceRendered" &&
          /^Accept: (?:text|video|application)\//.test(label);
        const expected = isOfOthers ? 406 : refused[one.operationId];
        if (expected !== undefined) {
          expect([label, answer.status]).toEqual([label, expected]);
          continue;
        }
        const isRepeated =
          one.operationId === "deleteExtendedQueryTag" ||
          one.operationId === "addExtendedQueryTags";
        try {
          expectDocumented(one, answer);
        } catch (error) {
          throw new Error(`${method} ${path} ${label}: ${String(error)}`, { cause: error });
        }
        await clearances[one.operationId]?.();
        if (isRepeated) {
          break;
        }
      }
    },
  );
});

test("what administers the platform is answered as the document says", async () => {
  const tenant = await TestTenant.register();
  let confirmation: unknown;
  const ask = async (operationId: string, body?: object): Promise<void> => {
    const found = operations.find(({ one }) => one.operationId === operationId);
    expect([operationId, found === undefined]).toEqual([operationId, false]);
    if (found !== undefined) {
      const path = found.path.slice(1).replace("{tenant}", tenant.name);
      const answer = await askPlatform(found.method, path, body);
      expectDocumented(found.one, answer);
      confirmation = (answer.json() as { readonly confirmation?: unknown }).confirmation;
    }
  };
  await ask("listTenants");
  await ask("readTenant");
  await ask("readTenantUsage");
  await ask("amendTenant", { displayName: "Another" });
  const settings = (await askPlatform("GET", `tenants/${tenant.name}`)).json() as {
    readonly issuers: readonly object[];
  };
  await ask("storeTenant", { issuers: settings.issuers });
  await ask("suspendTenant");
  await ask("resumeTenant");
  await ask("deleteTenant");
  expect(confirmation).toEqual(expect.any(String));
  await ask("purgeTenant", { confirmation });
});

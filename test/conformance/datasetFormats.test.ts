// PS3.18 §8.7.3.2: data sets as JSON or XML, whole or in parts; RFC 9110 §8.4: compressed or not.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { beforeAll, describe, expect, test } from "vitest";
import { hasCurl } from "../support/curl.ts";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import {
  dicomJson,
  DicomwebService,
  instancePath,
  multipartStoreType,
  sorted,
  type JsonDataset,
} from "../support/dicomwebService.ts";
import { decodeParts, encodeParts } from "../support/multipart.ts";
import type { ReceivedAnswer } from "../support/send.ts";

const service = new DicomwebService();
const xml = "application/dicom+xml";
const xmlParts = 'multipart/related; type="application/dicom+xml"';
const study = makeUID();
const patientName = 'Müller^Zoë & <Co> "x"=王^小东';
const instances = Array.from({ length: 3 }, (_, index) =>
  makeInstance({
    studyInstanceUID: study,
    seriesInstanceUID: `${study}.${index % 2}`,
    patientName,
    textEncoding: "utf8",
    elements: [
      ["00080005", "CS", "ISO_IR 192"],
      ["00081140", "SQ", undefined, { items: [[["00081150", "UI", "1.2.3"]], []] }],
      ["00090010", "LO", "STRATA TEST"],
      ["00091001", "DS", "1.5"],
      ["00104000", "LT", "long text ".repeat(100)],
    ],
  }),
);
const [first] = instances as [(typeof instances)[number]];

beforeAll(async () => {
  await service.mustStore(instances.map(({ bytes }) => bytes));
});

interface XMLAttribute {
  readonly tag: string;
  readonly vr: string;
  readonly keyword?: string;
  readonly privateCreator?: string;
  readonly [child: string]: unknown;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "",
  parseTagValue: false,
  isArray: (name) => ["DicomAttribute", "Value", "Item", "PersonName"].includes(name),
});

/** The attributes of a document by their tags, as a parser that is not ours reads them. */
function readDocument(text: string): ReadonlyMap<string, XMLAttribute> {
  expect(XMLValidator.validate(text)).toBe(true);
  const { NativeDicomModel: root } = parser.parse(text) as {
    NativeDicomModel: { xmlns: string; DicomAttribute: XMLAttribute[] };
  };
  expect(root.xmlns).toBe("http://dicom.nema.org/PS3.19/models/NativeDICOM");
  return new Map(root.DicomAttribute.map((attribute) => [attribute.tag, attribute]));
}

function valueOf(document: ReadonlyMap<string, XMLAttribute>, tag: string): unknown {
  const [value] = (document.get(tag)?.["Value"] ?? []) as { "#text": string }[];
  return value?.["#text"];
}

function documentsOf(answer: ReceivedAnswer): ReadonlyMap<string, XMLAttribute>[] {
  expect(answer.headers["content-type"]).toMatch(
    /^multipart\/related; type="application\/dicom\+xml"; boundary=\S+$/,
  );
  return decodeParts(answer.body, answer.headers["content-type"]).map(({ headers, body }) => {
    expect(headers.get("content-type")).toBe(xml);
    return readDocument(body.toString("utf8"));
  });
}

describe("XML", () => {
  test("metadata of an instance is one document, with every kind of value", async () => {
    const answer = await service.get(`${instancePath(first)}/metadata`, xml);
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, xml]);
    const document = readDocument(answer.text);
    expect(valueOf(document, "00080018")).toBe(first.sopInstanceUID);
    expect(document.get("00100010")).toMatchObject({
      vr: "PN",
      keyword: "PatientName",
      PersonName: [
        {
          number: "1",
          Alphabetic: { FamilyName: "Müller", GivenName: 'Zoë & <Co> "x"' },
          Ideographic: { FamilyName: "王", GivenName: "小东" },
        },
      ],
    });
    const items = document.get("00081140")?.["Item"] as readonly object[];
    expect(items).toHaveLength(2);
    expect(document.get("00090001")).toMatchObject({ vr: "DS", privateCreator: "STRATA TEST" });
    expect(document.get("7FE00010")).toMatchObject({
      BulkData: { uri: service.url(`${instancePath(first)}/bulkdata/7FE00010`) },
    });
    expect(valueOf(document, "00083002")).toBe("1.2.840.10008.1.2.1");
  });

  test("metadata of an instance comes in parts when it is asked for so", async () => {
    const [document, ...others] = documentsOf(
      await service.get(`${instancePath(first)}/metadata`, xmlParts),
    );
    expect(document && valueOf(document, "00080018")).toBe(first.sopInstanceUID);
    expect(others).toEqual([]);
  });

  test.each([xml, xmlParts])(
    "metadata of a study with Accept %s is a part for each instance",
    async (accept) => {
      const documents = documentsOf(await service.get(`studies/${study}/metadata`, accept));
      expect(sorted(documents.map((document) => valueOf(document, "00080018")))).toEqual(
        sorted(instances.map(({ sopInstanceUID }) => sopInstanceUID)),
      );
    },
  );

  test("results of a search are a part each, with what they have as JSON", async () => {
    const path = `studies/${study}/instances`;
    const results = (await service.get(path, dicomJson)).json() as JsonDataset[];
    const documents = documentsOf(await service.get(path, xmlParts));
    expect(documents.map((document) => [...document.keys()])).toEqual(
      results.map((result) => Object.keys(result).toSorted()),
    );
    expect(documents.map((document) => valueOf(document, "00081190"))).toEqual(
      results.map((result) => result["00081190"]?.Value?.[0]),
    );
    expect((await service.get("studies?StudyInstanceUID=1.2.3.4.5", xml)).status).toBe(204);
  });

  test("a Store response is one document", async () => {
    const answer = await service.request("studies", {
      method: "POST",
      headers: { Accept: xml, "Content-Type": multipartStoreType },
      body: encodeParts([{ body: first.bytes }]),
    });
    expect([answer.status, answer.headers["content-type"]]).toEqual([409, xml]);
    const failed = readDocument(answer.text).get("00081198");
    expect(JSON.stringify(failed)).toContain("45070");
  });

  test("the accept parameter asks for it as the header does", async () => {
    const path = `${instancePath(first)}/metadata?ACCEPT=application/dicom%2Bxml`;
    expect((await service.get(path, dicomJson)).headers["content-type"]).toBe(xml);
  });

  test("what cannot be had is 406 with a list of what can", async () => {
    const answer = await service.get(`studies/${study}/metadata`, "image/png");
    expect(answer.status).toBe(406);
    for (const offer of [dicomJson, xml, "multipart/related"]) {
      expect(answer.text).toContain(offer);
    }
  });
});

describe("content codings", () => {
  const path = `studies/${study}/metadata`;
  async function get(
    encoding: string | undefined,
    headers: Readonly<Record<string, string>> = {},
    at: string = path,
  ): Promise<ReceivedAnswer> {
    return await service.request(at, {
      headers: {
        Accept: dicomJson,
        ...(encoding === undefined ? {} : { "Accept-Encoding": encoding }),
        ...headers,
      },
    });
  }

  test.each([
    ["gzip", "gzip", gunzipSync],
    ["br;q=0.9, gzip;q=0.1", "br", brotliDecompressSync],
  ] as const)("Accept-Encoding: %s is answered with %s", async (encoding, coding, expand) => {
    const plain = await get(undefined);
    expect(plain.headers["content-encoding"]).toBeUndefined();
    for (const at of [path, `studies/${study}/instances`]) {
      const packed = await get(encoding, {}, at);
      expect(packed.headers["content-encoding"]).toBe(coding);
      expect(packed.headers["vary"]).toMatch(/Accept, Accept-Encoding/);
      const expanded = expand(packed.body).toString();
      expect(expanded).toBe((await get(undefined, {}, at)).text);
      expect(packed.body.length).toBeLessThan(expanded.length / 2);
    }
    const parts = await get(encoding, { Accept: xmlParts });
    expect(expand(parts.body).toString()).toContain("<NativeDicomModel");
  });

  test("each representation has an entity tag of its own, and each is answered 304 by its own", async () => {
    const kinds = [
      { Accept: dicomJson },
      { Accept: dicomJson, "Accept-Encoding": "gzip" },
      { Accept: dicomJson, "Accept-Encoding": "br" },
      { Accept: xml },
      { Accept: xml, "Accept-Encoding": "gzip" },
    ];
    const tags: string[] = [];
    for (const kind of kinds) {
      const { etag = "" } = (await get(undefined, kind)).headers;
      tags.push(etag);
      const same = await get(undefined, { ...kind, "If-None-Match": etag });
      expect([same.status, same.body.length]).toEqual([304, 0]);
    }
    expect(new Set(tags).size).toBe(kinds.length);
    const other = await get(undefined, { ...kinds[0], "If-None-Match": tags[1] ?? "" });
    expect(other.status).toBe(200);
  });

  test("a client that leaves in the middle of a compressed answer does no harm", async () => {
    const text = (): string => randomBytes(4_000).toString("base64");
    const one = makeInstance();
    const large = Array.from({ length: 120 }, () =>
      makeInstance({
        studyInstanceUID: one.studyInstanceUID,
        elements: [["00104000", "LT", text()]],
      }),
    );
    await service.mustStore(large.map(({ bytes }) => bytes));
    const url = service.url(`studies/${one.studyInstanceUID}/metadata`);
    for (const [accept, coding] of [
      [dicomJson, "gzip"],
      [dicomJson, "br"],
      [dicomJson, "identity"],
      [xml, "br"],
    ] as const) {
      const controller = new AbortController();
      const answer = await fetch(url, {
        headers: { Accept: accept, "Accept-Encoding": coding },
        signal: controller.signal,
      });
      const read = await answer.body?.getReader().read();
      expect(read?.done).toBe(false);
      controller.abort();
    }
    expect(await service.metadata(`studies/${one.studyInstanceUID}`)).toHaveLength(120);
  });

  test("pixels and short answers are not compressed", async () => {
    const all = { "Accept-Encoding": "gzip, br" };
    const frame = await get(
      undefined,
      { ...all, Accept: "*/*" },
      `${instancePath(first)}/frames/1`,
    );
    const instance = await get(undefined, { ...all, Accept: "*/*" }, instancePath(first));
    const short = await get(undefined, all, `studies?StudyInstanceUID=${study}&limit=1`);
    for (const answer of [frame, instance, short]) {
      expect([answer.status, answer.headers["content-encoding"]]).toEqual([200, undefined]);
    }
  });
});

test.skipIf(!hasCurl)("the program curl reads what is compressed, as JSON and XML", async () => {
  const url = service.url(`${instancePath(first)}/metadata`);
  const read = async (...options: string[]): Promise<string> =>
    (await promisify(execFile)("curl", ["--silent", "--fail", "--compressed", ...options, url]))
      .stdout;
  expect(await read()).toBe((await service.get(`${instancePath(first)}/metadata`)).text);
  expect(readDocument(await read("--header", `Accept: ${xml}`)).has("00100010")).toBe(true);
});

describe("fields of metadata", () => {
  const identifiers = ["00080016", "00080018", "0020000D", "0020000E"];
  test.each([
    ["includefield=PatientName,00081140", [...identifiers, "00081140", "00100010"]],
    ["includefield=AvailableTransferSyntaxUID", [...identifiers, "00083002"]],
  ])("?%s answers with %j alone", async (query, expected) => {
    const answer = await service.get(`studies/${study}/metadata?${query}`, dicomJson);
    for (const dataset of answer.json() as JsonDataset[]) {
      expect(Object.keys(dataset).toSorted()).toEqual(expected.toSorted());
    }
  });

  test("excludefield leaves out what it names, in XML too", async () => {
    const path = `${instancePath(first)}/metadata`;
    const [whole] = (await service.get(path, dicomJson)).json() as JsonDataset[];
    const without = `${path}?excludefield=ReferencedImageSequence,PixelData`;
    const [rest] = (await service.get(without, dicomJson)).json() as JsonDataset[];
    const left = Object.keys(whole ?? {}).filter((tag) => tag !== "00081140" && tag !== "7FE00010");
    expect(Object.keys(rest ?? {})).toEqual(left);
    expect(readDocument((await service.get(without, xml)).text).has("7FE00010")).toBe(false);
  });

  test("a field that is none is 400 and names the parameter", async () => {
    const answer = await service.get(`studies/${study}/metadata?includefield=Nonsense`, dicomJson);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("includefield");
    expect(answer.text).not.toContain("Nonsense");
  });
});

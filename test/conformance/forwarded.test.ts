// The forwarded headers of the Azure DICOM service: URLs that work from outside, and lead nobody elsewhere.
import { beforeAll, describe, expect, test } from "vitest";
import { makeInstance } from "../support/dicom/dicomFile.ts";
import {
  dicomJson,
  DicomwebService,
  instancePath,
  multipartStoreType,
  type JsonDataset,
} from "../support/dicomwebService.ts";
import { decodeParts, encodeParts } from "../support/multipart.ts";
import { TestTenant } from "../support/testTenant.ts";

const service = new DicomwebService();
const instance = makeInstance({ elements: [["00104000", "UT", "x".repeat(20_000)]] });
const study = `studies/${instance.studyInstanceUID}`;

type Headers = Readonly<Record<string, string>>;

beforeAll(async () => {
  await service.mustStore([instance.bytes]);
});

/** All the URLs of answers to a caller behind a proxy that sends these headers. */
const answers: Readonly<Record<string, (headers: Headers) => Promise<readonly string[]>>> = {
  "BulkDataURI in metadata": async (headers) => {
    const { text } = await service.request(`${study}/metadata`, {
      headers: { Accept: dicomJson, ...headers },
    });
    return Array.from(text.matchAll(/"BulkDataURI":"([^"]+)"/g), ([, url = ""]) => url);
  },
  "RetrieveURL of a search": async (headers) => {
    const { text } = await service.request(
      `studies?StudyInstanceUID=${instance.studyInstanceUID}`,
      {
        headers: { Accept: dicomJson, ...headers },
      },
    );
    return Array.from(
      text.matchAll(/"00081190":\{"vr":"UR","Value":\["([^"]+)"/g),
      ([, url = ""]) => url,
    );
  },
  "RetrieveURL of a store": async (headers) => {
    const other = makeInstance({ studyInstanceUID: instance.studyInstanceUID });
    const { text } = await service.request(study, {
      method: "POST",
      headers: { Accept: dicomJson, "Content-Type": multipartStoreType, ...headers },
      body: encodeParts([{ body: other.bytes }]),
    });
    return Array.from(
      text.matchAll(/"00081190":\{"vr":"UR","Value":\["([^"]+)"/g),
      ([, url = ""]) => url,
    );
  },
  "Content-Location of a single part": async (headers) => {
    const answer = await service.request(instancePath(instance), {
      headers: { Accept: "application/dicom; transfer-syntax=*", ...headers },
    });
    return [answer.headers["content-location"] ?? ""];
  },
  "Content-Location of parts": async (headers) => {
    const answer = await service.request(instancePath(instance), { headers });
    return decodeParts(answer.body, answer.headers["content-type"]).map(
      (part) => part.headers.get("content-location") ?? "",
    );
  },
  "Link of the feed": async (headers) => {
    const answer = await service.request(`feed?study=${instance.studyInstanceUID}&mode=latest`, {
      headers,
    });
    return [/<([^>]+)>/.exec(String(answer.headers["link"]))?.[1] ?? ""];
  },
};

describe.each(Object.entries(answers))("%s", (_, urlsOf) => {
  test.each([
    [{}, service.baseUrl],
    [{ "X-Forwarded-Host": "imaging.example.org" }, "http://imaging.example.org"],
    [
      { "X-Forwarded-Host": "imaging.example.org", "X-Forwarded-Proto": "https" },
      "https://imaging.example.org",
    ],
    [{ "X-Forwarded-Prefix": "/hospital/dicom" }, `${service.baseUrl}/hospital/dicom`],
    [
      {
        "X-Forwarded-Host": "viewer.example.org:8443",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/pacs",
      },
      "https://viewer.example.org:8443/pacs",
    ],
    [{ "X-Forwarded-Host": "evil.example" }, service.baseUrl],
    [{ "X-Forwarded-Prefix": "/evil" }, service.baseUrl],
    [{ "X-Forwarded-Proto": "https" }, service.baseUrl],
    [{ Forwarded: "host=evil.example" }, service.baseUrl],
  ] as [Headers, string][])("with %j it begins with %s", async (headers, base) => {
    const urls = await urlsOf(headers);
    expect(urls.length).toBeGreaterThan(0);
    for (const url of urls) {
      expect(url.startsWith(`${base}/v2/`), url).toBe(true);
    }
  });
});

test("a tenant that has a URL of its own has it in its answers, whatever an untrusted proxy says", async () => {
  const tenant = await TestTenant.register({
    publicBaseURL: "https://pacs.hospital.example/dicom",
  });
  const own = tenant.service();
  const { bytes, studyInstanceUID } = makeInstance();
  await own.mustStore([bytes]);
  const path = `studies?StudyInstanceUID=${studyInstanceUID}`;
  for (const [headers, base] of [
    [{}, "https://pacs.hospital.example/dicom"],
    [{ "X-Forwarded-Host": "evil.example" }, "https://pacs.hospital.example/dicom"],
  ] as const) {
    const [study] = (await own.request(path, { headers })).json() as JsonDataset[];
    expect(study?.["00081190"]?.Value).toEqual([`${base}/v2/studies/${studyInstanceUID}`]);
  }
});

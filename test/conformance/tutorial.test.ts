import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { curl, hasCurl, type CurlAnswer, type CurlCall } from "../support/curl.ts";
import { firstValues, sorted, type JsonDataset } from "../support/dicomwebService.ts";
import { decodeParts } from "../support/multipart.ts";
import { makeSamples } from "../support/samples.ts";

// The calls of the cURL tutorial of the Azure DICOM service, in its order and with its headers. They are the only tests
// with the UIDs of the samples.
const study = "1.2.826.0.1.3680043.8.498.13230779778012324449356534479549187420";
const series1 = "1.2.826.0.1.3680043.8.498.45787841905473114233124723359129632652";
const series2 = "1.2.826.0.1.3680043.8.498.77033797676425927098669402985243398207";
const greenSquare = "1.2.826.0.1.3680043.8.498.12714725698140337137334606354172323212";
const redTriangle = "1.2.826.0.1.3680043.8.498.47359123102728459884412887463296905395";
const blueCircle = "1.2.826.0.1.3680043.8.498.13273713909719068980354078852867170114";

const how = hasCurl ? "the program curl" : "the bytes that curl would send (it is not on the PATH)";
const acceptJson = "Accept: application/dicom+json";
const multipartType = 'Content-Type: multipart/related; type="application/dicom"';
const acceptMultipart = 'Accept: multipart/related; type="application/dicom"; transfer-syntax=*';
const folder = mkdtempSync(join(tmpdir(), "strata-tutorial-"));
const samples = makeSamples();

function file(name: string): string {
  return join(folder, `${name}.dcm`);
}

function bytes(name: string): Uint8Array {
  return samples.get(`${name}.dcm`) ?? new Uint8Array();
}

/** The pixels of a sample: the last element, 500 × 500 pixels of three bytes. */
function pixels(name: string): Buffer {
  return Buffer.from(bytes(name)).subarray(-500 * 500 * 3);
}

beforeAll(() => {
  for (const [name, content] of samples) {
    writeFileSync(join(folder, name), content);
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe.each(["v1", "v2"])("the cURL tutorial under /%s", (version) => {
  const base = `${inject("runtime").baseUrl}/${version}`;

  async function get(path: string, ...headers: string[]): Promise<CurlAnswer> {
    return await curl({ method: "GET", url: `${base}/${path}`, headers });
  }

  async function post(path: string, options: Partial<CurlCall>): Promise<CurlAnswer> {
    return await curl({ method: "POST", url: `${base}/${path}`, headers: [], ...options });
  }

  async function remove(path: string): Promise<CurlAnswer> {
    return await curl({ method: "DELETE", url: `${base}/${path}`, headers: [] });
  }

  function sortedBodies(answer: CurlAnswer): string[] {
    return decodeParts(answer.body, answer.contentType)
      .map(({ body }) => body.toString("base64"))
      .toSorted();
  }

  function sortedSamples(...names: string[]): string[] {
    return names.map((name) => Buffer.from(bytes(name)).toString("base64")).toSorted();
  }

  beforeEach(async () => {
    await remove(`studies/${study}`);
  });

  test(`stores, retrieves, searches and deletes the three shapes, with ${how}`, async () => {
    // Store with --form, to the study's URL with --form, and as a single part with --data-binary.
    const first = await post("studies", {
      headers: [acceptJson, multipartType],
      form: file("red-triangle"),
    });
    expect([first.status, first.contentType]).toEqual([200, "application/dicom+json"]);
    const second = await post(`studies/${study}`, {
      headers: [acceptJson, multipartType],
      form: file("blue-circle"),
    });
    expect(second.status).toBe(200);
    expect(JSON.parse(second.body.toString())).toMatchObject({
      "00081190": { vr: "UR", Value: [`${base}/studies/${study}`] },
      "00081199": {
        vr: "SQ",
        Value: [
          {
            "00081155": { vr: "UI", Value: [blueCircle] },
            "00081190": {
              vr: "UR",
              Value: [`${base}/studies/${study}/series/${series2}/instances/${blueCircle}`],
            },
          },
        ],
      },
    });
    const third = await post("studies", {
      headers: [acceptJson, "Content-Type: application/dicom"],
      data: file("green-square"),
    });
    expect(third.status).toBe(200);

    // Retrieve study, series and instance, and the metadata of each.
    const wholeStudy = await get(`studies/${study}`, acceptMultipart);
    expect(wholeStudy.status).toBe(200);
    expect(sortedBodies(wholeStudy)).toEqual(
      sortedSamples("red-triangle", "green-square", "blue-circle"),
    );
    const wholeSeries = await get(`studies/${study}/series/${series1}`, acceptMultipart);
    expect(sortedBodies(wholeSeries)).toEqual(sortedSamples("red-triangle", "green-square"));
    const instances = [
      [series1, redTriangle, "red-triangle"],
      [series1, greenSquare, "green-square"],
      [series2, blueCircle, "blue-circle"],
    ] as const;
    for (const [series, instance, name] of instances) {
      const path = `studies/${study}/series/${series}/instances/${instance}`;
      const answer = await get(path, "Accept: application/dicom; transfer-syntax=*");
      expect([answer.status, answer.contentType]).toEqual([
        200,
        "application/dicom; transfer-syntax=1.2.840.10008.1.2.1",
      ]);
      expect(answer.body.equals(bytes(name))).toBe(true);
    }
    for (const [path, sops] of [
      [`studies/${study}`, [greenSquare, redTriangle, blueCircle]],
      [`studies/${study}/series/${series1}`, [greenSquare, redTriangle]],
      [`studies/${study}/series/${series2}/instances/${blueCircle}`, [blueCircle]],
    ] as const) {
      const answer = await get(`${path}/metadata`, acceptJson);
      expect(answer.status).toBe(200);
      const metadata = JSON.parse(answer.body.toString()) as JsonDataset[];
      expect(sorted(firstValues(metadata, "00080018"))).toEqual(sorted(sops));
    }

    // Retrieve a frame: the syntax given, any, and the default.
    for (const transferSyntax of [
      "; transfer-syntax=1.2.840.10008.1.2.1",
      "; transfer-syntax=*",
      "",
    ]) {
      const answer = await get(
        `studies/${study}/series/${series1}/instances/${redTriangle}/frames/1`,
        `Accept: multipart/related; type="application/octet-stream"${transferSyntax}`,
      );
      expect(answer.status).toBe(200);
      const [frame, ...others] = decodeParts(answer.body, answer.contentType);
      expect(others).toEqual([]);
      expect(frame?.headers.get("content-type")).toBe(
        "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1",
      );
      expect(frame?.body.equals(pixels("red-triangle"))).toBe(true);
    }

    // Search, at all six resources.
    const searches = [
      [`studies?StudyInstanceUID=${study}`, "0020000D", [study]],
      [`series?SeriesInstanceUID=${series1}`, "0020000E", [series1]],
      [`studies/${study}/series?SeriesInstanceUID=${series1}`, "0020000E", [series1]],
      [`instances?SOPInstanceUID=${greenSquare}`, "00080018", [greenSquare]],
      [`studies/${study}/instances?SOPInstanceUID=${greenSquare}`, "00080018", [greenSquare]],
      [
        `studies/${study}/series/${series1}/instances?SOPInstanceUID=${greenSquare}`,
        "00080018",
        [greenSquare],
      ],
    ] as const;
    for (const [path, tag, uids] of searches) {
      const answer = await get(path, acceptJson);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(firstValues(JSON.parse(answer.body.toString()) as JsonDataset[], tag)).toEqual(uids);
    }

    // Delete an instance, a series and the study.
    const instancePath = `studies/${study}/series/${series1}/instances/${greenSquare}`;
    expect((await remove(instancePath)).status).toBe(204);
    expect((await get(instancePath, "Accept: application/dicom; transfer-syntax=*")).status).toBe(
      404,
    );
    expect((await remove(`studies/${study}/series/${series1}`)).status).toBe(204);
    expect((await get(`studies/${study}/series/${series1}`, acceptMultipart)).status).toBe(404);
    expect((await remove(`studies/${study}`)).status).toBe(204);
    expect((await get(`studies/${study}`, acceptMultipart)).status).toBe(404);
    expect((await get(`studies?StudyInstanceUID=${study}`, acceptJson)).status).toBe(204);
    expect((await remove(`studies/${study}`)).status).toBe(404);
  });
});

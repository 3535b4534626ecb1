// The npm package dicomweb-client, which OHIF and other viewers use, against the service.
import { api } from "dicomweb-client";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { makeInstance, makeUID, syntaxes } from "../support/dicom/dicomFile.ts";
import { firstValues, nameOf, type JsonDataset } from "../support/dicomwebService.ts";
import { XmlHttpRequest } from "../support/xmlHttpRequest.ts";

interface UIDs {
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID?: string;
  readonly sopInstanceUID?: string;
}

/** What is used of the package; its own declarations need a browser's. */
interface Client {
  storeInstances(options: { datasets: ArrayBuffer[]; studyInstanceUID?: string }): Promise<string>;
  searchForStudies(options: { queryParams: object }): Promise<JsonDataset[]>;
  searchForSeries(options: Partial<UIDs> & { queryParams?: object }): Promise<JsonDataset[]>;
  searchForInstances(options: Partial<UIDs> & { queryParams?: object }): Promise<JsonDataset[]>;
  retrieveStudy(options: UIDs): Promise<ArrayBuffer[]>;
  retrieveSeries(options: UIDs): Promise<ArrayBuffer[]>;
  retrieveInstance(options: UIDs): Promise<ArrayBuffer>;
  retrieveStudyMetadata(options: UIDs): Promise<JsonDataset[]>;
  retrieveSeriesMetadata(options: UIDs): Promise<JsonDataset[]>;
  retrieveInstanceMetadata(options: UIDs): Promise<JsonDataset[]>;
  retrieveInstanceFrames(
    options: UIDs & { frameNumbers: number[]; mediaTypes?: object[] },
  ): Promise<ArrayBuffer[]>;
  retrieveBulkData(options: { BulkDataURI: string }): Promise<ArrayBuffer[]>;
}

const { DICOMwebClient } = api as unknown as {
  DICOMwebClient: new (options: { url: string; singlepart?: string; verbose: boolean }) => Client;
};

const scope = globalThis as { XMLHttpRequest?: unknown };
beforeAll(() => {
  scope.XMLHttpRequest = XmlHttpRequest;
});
afterAll(() => {
  delete scope.XMLHttpRequest;
});

function copy(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

function hex(bytes: ArrayBuffer | Uint8Array): string {
  return Buffer.from(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)).toString("hex");
}

test.each(["v1", "v2"])(
  "dicomweb-client stores a study and reads back everything of it, under /%s",
  async (version) => {
    const url = `${inject("runtime").baseUrl}/${version}`;
    const client = new DICOMwebClient({ url, verbose: false });
    const studyInstanceUID = makeUID();
    const seriesInstanceUID = makeUID();
    const native = makeInstance({
      studyInstanceUID,
      seriesInstanceUID,
      rows: 33,
      columns: 40,
      frames: 3,
    });
    const jpeg = makeInstance({
      studyInstanceUID,
      transferSyntaxUID: syntaxes.jpegBaseline,
      rows: 20,
      columns: 20,
      frames: 2,
    });
    const stored = await client.storeInstances({
      datasets: [copy(native.bytes), copy(jpeg.bytes)],
      studyInstanceUID,
    });
    expect(stored).toContain(native.sopInstanceUID);
    expect(stored).toContain(jpeg.sopInstanceUID);

    const studies = await client.searchForStudies({
      queryParams: { StudyInstanceUID: studyInstanceUID, limit: 10, includefield: "00081030" },
    });
    expect(firstValues(studies, "00201208")).toEqual([2]);
    expect(firstValues(await client.searchForSeries({ studyInstanceUID }), "00201209")).toEqual([
      1, 1,
    ]);
    const instances = await client.searchForInstances({ studyInstanceUID, seriesInstanceUID });
    expect(firstValues(instances, "00080018")).toEqual([native.sopInstanceUID]);
    const none = await client.searchForStudies({ queryParams: { StudyInstanceUID: makeUID() } });
    expect(none).toEqual([]);

    const whole = await client.retrieveStudy({ studyInstanceUID });
    expect(whole.map(hex).toSorted()).toEqual(
      [native, jpeg].map(({ bytes }) => hex(bytes)).toSorted(),
    );
    const series = await client.retrieveSeries({ studyInstanceUID, seriesInstanceUID });
    expect(series.map(hex)).toEqual([hex(native.bytes)]);
    expect(hex(await client.retrieveInstance(nameOf(jpeg)))).toBe(hex(jpeg.bytes));

    expect(await client.retrieveStudyMetadata({ studyInstanceUID })).toHaveLength(2);
    expect(
      await client.retrieveSeriesMetadata({ studyInstanceUID, seriesInstanceUID }),
    ).toHaveLength(1);
    const [metadata = {}] = await client.retrieveInstanceMetadata(nameOf(native));
    expect(metadata["00080018"]?.Value).toEqual([native.sopInstanceUID]);

    const frames = await client.retrieveInstanceFrames({ ...nameOf(native), frameNumbers: [3, 1] });
    expect(frames.map(hex)).toEqual(
      [2, 0].map((index) => hex(native.frames[index] ?? new Uint8Array())),
    );
    const codestreams = await client.retrieveInstanceFrames({
      ...nameOf(jpeg),
      frameNumbers: [2],
      mediaTypes: [{ mediaType: "image/jpeg", transferSyntaxUID: syntaxes.jpegBaseline }],
    });
    expect(codestreams.map(hex)).toEqual([hex(jpeg.frames[1] ?? new Uint8Array())]);
    // As the slide viewers ask: whatever it is stored in.
    const mixed = await client.retrieveInstanceFrames({
      ...nameOf(jpeg),
      frameNumbers: [1, 2],
      mediaTypes: [
        { mediaType: "image/jp2", transferSyntaxUID: "1.2.840.10008.1.2.4.90" },
        { mediaType: "image/jpeg", transferSyntaxUID: syntaxes.jpegBaseline },
        { mediaType: "application/octet-stream", transferSyntaxUID: "1.2.840.10008.1.2.1" },
      ],
    });
    expect(mixed.map(hex)).toEqual(jpeg.frames.map(hex));

    const uri = metadata["7FE00010"]?.BulkDataURI ?? "";
    const [multipart] = await client.retrieveBulkData({ BulkDataURI: uri });
    expect(hex(multipart ?? new ArrayBuffer())).toBe(native.frames.map(hex).join(""));
    const single = new DICOMwebClient({ url, singlepart: "bulkdata", verbose: false });
    const [body] = await single.retrieveBulkData({ BulkDataURI: uri });
    expect(hex(body ?? new ArrayBuffer())).toBe(native.frames.map(hex).join(""));
  },
);

import { describe, expect, test } from "vitest";
import { isUID } from "../../../../shared/dicom/uid.ts";
import {
  framePixels,
  makeInstance,
  makeLargeInstance,
  makeUID,
} from "../../../support/dicom/dicomFile.ts";
import { readPart10 } from "../../../support/dicom/readPart10.ts";

describe("the file generator", () => {
  test("makes UIDs that are valid, distinct and of one length", () => {
    const uids = Array.from({ length: 100 }, makeUID);
    expect(uids.every(isUID)).toBe(true);
    expect(new Set(uids).size).toBe(100);
    expect(new Set(uids.map((uid) => uid.length))).toEqual(new Set([41]));
  });

  test("streams the very bytes that it makes in memory", () => {
    const uids = {
      studyInstanceUID: makeUID(),
      seriesInstanceUID: makeUID(),
      sopInstanceUID: makeUID(),
    };
    const large = makeLargeInstance({ ...uids, bytes: 3_000_000 });
    const streamed = Buffer.concat([...large.chunks()]);
    expect(streamed.length).toBe(large.totalBytes);
    expect(streamed.equals(makeInstance({ ...uids, bytes: 3_000_000 }).bytes)).toBe(true);
  });

  test("makes about as many bytes of pixels as asked for, in frames that differ", async () => {
    const made = makeInstance({ bytes: 2_000_000 });
    expect(Math.abs(made.bytes.length - 2_000_000)).toBeLessThan(5_000);
    expect(made.frameCount).toBe(4);
    expect(Buffer.from(framePixels(made, 0)).equals(framePixels(made, 1))).toBe(false);
    const { pixelData } = await readPart10(made.bytes);
    const location = pixelData?.frames.locate(3);
    const start = location?.offset ?? 0;
    const frame = made.bytes.subarray(start, start + (location?.length ?? 0));
    expect(Buffer.from(frame).equals(framePixels(made, 3))).toBe(true);
  });

  test("elements replace the usual ones, and `-` removes them", async () => {
    const made = makeInstance({
      elements: [
        ["00100010", "PN", "Other^Artificial"],
        ["00100020", "-"],
        ["00081010", "SH", "STATION"],
      ],
    });
    const { dataset } = await readPart10(made.bytes);
    expect(dataset.get(0x00100020)).toBeUndefined();
    expect(Buffer.from(dataset.get(0x00100010)?.bytes ?? []).toString()).toBe("Other^Artificial");
    expect(dataset.get(0x00081010)?.vr).toBe("SH");
  });
});

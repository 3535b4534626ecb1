import { decodeText } from "../dicom/characterSets.ts";
import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import { itemsOf } from "./attributes.ts";
import type { ImageMetadata } from "./describeImage.ts";

/** Each long text is a request to the content store: of a report with more of them, the others stay where they are. */
const longTextsMax = 50;
const longTextBytesMax = 256 * 1024;

/**
 * Puts the long texts of a structured report (Text Value (0040,A160) of more than 16 KiB), which are kept as bulk data, back
 * into its content tree, in place: up to 50 of them, of up to 256 KiB each.
 */
export async function readLongTexts({ dataset, readBulkdata }: ImageMetadata): Promise<void> {
  const characterSets = (dataset["00080005"]?.Value ?? []).map((value) =>
    typeof value === "string" ? value : "",
  );
  let left = longTextsMax;
  const visit = async (parent: DicomJsonDataset): Promise<void> => {
    for (const item of itemsOf(parent, "0040A730")) {
      const path = item["0040A160"]?.BulkDataURI;
      if (path !== undefined && left > 0) {
        left -= 1;
        const bytes = await readBulkdata(path, longTextBytesMax);
        if (bytes !== undefined) {
          const [text = ""] = decodeText(bytes, characterSets, "UT");
          item["0040A160"] = { vr: "UT", Value: [text.trimEnd()] };
        }
      }
      await visit(item);
    }
  };
  await visit(dataset);
}

import { randomBytes } from "node:crypto";
import type { DicomJsonDataset } from "../../shared/dicom/dicomJson.ts";
import { extractSearchAttributes } from "../../shared/dicomweb/searchAttributes.ts";
import type { InstanceUIDs, NewInstance } from "../../shared/store/instanceIndex.ts";
import { encodeMetadata } from "../../shared/store/metadataCodec.ts";

/** An instance for the index alone: it refers to content that does not exist. `attributes` are added to its UIDs. */
export function indexedInstance(
  uids: InstanceUIDs,
  attributes: DicomJsonDataset = {},
  sha256 = "00",
): NewInstance {
  const dataset: DicomJsonDataset = {
    "00080018": { vr: "UI", Value: [uids.sopInstanceUID] },
    "0020000D": { vr: "UI", Value: [uids.studyInstanceUID] },
    "0020000E": { vr: "UI", Value: [uids.seriesInstanceUID] },
    ...attributes,
  };
  return {
    ...uids,
    sopClassUID: "1.2.840.10008.5.1.4.1.1.7",
    transferSyntaxUID: "1.2.840.10008.1.2.1",
    datasetOffset: 300,
    content: { name: `00/${randomBytes(16).toString("hex")}`, length: 1, sha256 },
    frames: undefined,
    metadata: encodeMetadata({ dataset: JSON.stringify(dataset), bulkdata: new Map() }),
    attributes: extractSearchAttributes(dataset),
  };
}

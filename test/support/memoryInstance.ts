import { stringifyDicomJson, toDicomJson } from "../../shared/dicom/dicomJson.ts";
import type { InstanceContent } from "../../shared/store/instanceContent.ts";
import type { InstanceIndex, InstanceWithMetadata } from "../../shared/store/instanceIndex.ts";
import { encodeMetadata } from "../../shared/store/metadataCodec.ts";
import { readPart10 } from "./dicom/readPart10.ts";

/** One instance, stored in memory: what a retrieval reads of it, and nothing else. */
export interface MemoryInstance {
  readonly record: InstanceWithMetadata;
  readonly index: InstanceIndex;
  readonly content: InstanceContent;
}

/** Stores a Part 10 file in memory as the service would, cut into chunks of `chunkBytes` when it is read. */
export async function memoryInstance(
  bytes: Uint8Array,
  chunkBytes: number = 64 * 1024,
): Promise<MemoryInstance> {
  const read = await readPart10(bytes);
  const { dataset, bulkdata } = toDicomJson(read);
  const uid = (tag: string): string => {
    const value = dataset[tag]?.Value?.[0];
    return typeof value === "string" ? value : "";
  };
  const { pixelData } = read;
  const record: InstanceWithMetadata = {
    studyInstanceUID: uid("0020000D"),
    seriesInstanceUID: uid("0020000E"),
    sopInstanceUID: uid("00080018"),
    sopClassUID: uid("00080016"),
    transferSyntaxUID: read.transferSyntax.uid,
    datasetOffset: read.datasetOffset,
    revision: 1,
    content: { name: "content", length: bytes.length, sha256: "" },
    frames:
      pixelData === undefined
        ? undefined
        : {
            count: pixelData.frames.count,
            vr: pixelData.vr,
            inline: pixelData.frames.toInline(),
          },
    version: "1",
    metadata: encodeMetadata({ dataset: stringifyDicomJson(dataset), bulkdata }),
  } as InstanceWithMetadata;
  const cut = (range?: { readonly offset: number; readonly length: number }): Uint8Array =>
    range === undefined ? bytes : bytes.subarray(range.offset, range.offset + range.length);
  return {
    record,
    index: { get: async () => await Promise.resolve(record) } as unknown as InstanceIndex,
    content: {
      getBytes: async (_scope: unknown, _name: string, range?: never) =>
        await Promise.resolve(Buffer.from(cut(range))),
      get: async (_scope: unknown, _name: string, range?: never) =>
        await Promise.resolve(
          (async function* chunks() {
            const wanted = cut(range);
            for (let at = 0; at < wanted.length; at += chunkBytes) {
              yield await Promise.resolve(wanted.subarray(at, at + chunkBytes));
            }
          })(),
        ),
    } as unknown as InstanceContent,
  };
}

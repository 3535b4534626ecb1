import { parseRenderingQuery } from "../../../shared/dicomweb/renderingQuery.ts";
import { stripItemHeaders } from "../../../shared/dicom/frameIndex.ts";
import { swapped } from "../../../shared/dicom/nativePixels.ts";
import { toDicomJson } from "../../../shared/dicom/dicomJson.ts";
import { lookupVR } from "../../../shared/dicom/valueRepresentation.ts";
import { describeFrame } from "../../../shared/pixels/frameDescription.ts";
import { Problem } from "../../../shared/problem/problem.ts";
import { annotationText } from "../../../shared/rendering/annotationText.ts";
import { numberOf } from "../../../shared/rendering/attributes.ts";
import { describeImage } from "../../../shared/rendering/describeImage.ts";
import { makePicture } from "../../../shared/rendering/makePicture.ts";
import type { PictureEncoding, PictureSource } from "../../../shared/rendering/pictureTask.ts";
import { readPart10 } from "../dicom/readPart10.ts";

/** How a file is to be rendered. */
export interface RenderFileOptions {
  /** From 1. */
  readonly frameNumber?: number;
  /** The query of the request. */
  readonly query?: string;
  readonly mediaType?: PictureEncoding["mediaType"];
}

/** Renders a frame of a Part 10 file that is not deflated, with the product's pipeline and without its stores and threads. */
export async function renderFile(
  file: Uint8Array,
  { frameNumber = 1, query = "", mediaType = "image/png" }: RenderFileOptions = {},
): Promise<Uint8Array> {
  const instance = await readPart10(file);
  const { pixelData, transferSyntax } = instance;
  const location = pixelData?.frames.locate(frameNumber - 1);
  if (pixelData === undefined || location === undefined) {
    throw new Problem("notFound", "The file has no such frame.");
  }
  const { dataset, bulkdata } = toDicomJson(instance);
  const asked = parseRenderingQuery(new URLSearchParams(query), false);
  const span = file.subarray(location.offset, location.offset + location.length);
  let data: Uint8Array = span;
  if (location.fragments > 1) {
    const pieces: Uint8Array[] = [];
    for await (const piece of stripItemHeaders(chunked(span))) {
      pieces.push(piece);
    }
    data = Buffer.concat(pieces);
  } else if (transferSyntax.isBigEndian) {
    data = swapped(span, lookupVR(pixelData.vr)?.unitBytes ?? 1);
  }
  const presentation = await describeImage(
    {
      dataset,
      readBulkdata: async (path) => {
        const { offset = 0, length = 0, vr = "OB", isBigEndian = false } = bulkdata.get(path) ?? {};
        const bytes = file.subarray(offset, offset + length);
        const value = isBigEndian ? swapped(bytes, lookupVR(vr)?.unitBytes ?? 1) : bytes;
        return await Promise.resolve(value);
      },
    },
    frameNumber,
    {
      withOverlays: asked.annotations.includes("overlay"),
      withICCProfile: asked.iccProfile !== undefined,
    },
  );
  const options = {
    window: asked.window,
    viewport: asked.viewport,
    mayEnlarge: true,
    annotation: annotationText(dataset, {
      patient: asked.annotations.includes("patient"),
      technique: asked.annotations.includes("technique"),
    }),
  };
  const source: PictureSource =
    pixelData.vr === "OF" || pixelData.vr === "OD"
      ? {
          kind: "floats",
          frame: {
            rows: numberOf(dataset, "00280010") ?? 0,
            columns: numberOf(dataset, "00280011") ?? 0,
            bitsAllocated: pixelData.vr === "OF" ? 32 : 64,
            data,
          },
          presentation,
          options,
        }
      : {
          kind: "frame",
          codestream: data,
          description: describeFrame((tag) => dataset[tag]?.Value?.[0], transferSyntax.uid),
          presentation,
          options,
        };
  return await makePicture({
    source,
    encoding: {
      mediaType,
      quality: asked.quality ?? 100,
      iccProfile:
        asked.iccProfile === "yes"
          ? "image"
          : asked.iccProfile === "no"
            ? "none"
            : (asked.iccProfile ?? "none"),
      gifFrame: { isFirst: true, isLast: true, milliseconds: 100 },
    },
  });
}

async function* chunked(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(bytes);
}

import type { FrameLocation } from "../dicom/frameIndex.ts";
import { swapped } from "../dicom/nativePixels.ts";
import { transferSyntaxOf } from "../dicom/transferSyntax.ts";
import { lookupVR } from "../dicom/valueRepresentation.ts";
import type { RenderingQuery } from "../dicomweb/renderingQuery.ts";
import { describeFrame, frameBytesMax } from "../pixels/frameDescription.ts";
import type { PixelWorkers } from "../pixels/pixelWorkers.ts";
import { Problem } from "../problem/problem.ts";
import { annotationText } from "../rendering/annotationText.ts";
import { numberOf } from "../rendering/attributes.ts";
import { describeImage } from "../rendering/describeImage.ts";
import type { GifFrameOptions } from "../rendering/encodeGifFrame.ts";
import type { PictureEncoding, PictureSource } from "../rendering/pictureTask.ts";
import type { FloatFrame, RenderingOptions } from "../rendering/renderImage.ts";
import type { InstanceContent } from "../store/instanceContent.ts";
import type { FramesReference, InstanceWithMetadata } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import type { InstanceMetadata } from "./instanceMetadata.ts";
import { locateFrames, readFrames } from "./storedFrames.ts";
import type { Stores } from "./storeInstances.ts";

/** What pictures are made with. */
export interface RenderingStores extends Stores {
  /** Pictures are made away from the thread that answers requests. */
  readonly pixels: Pick<PixelWorkers, "run">;
}

/** An instance with frames that pictures are made of. */
export interface ImageInstance {
  readonly record: InstanceWithMetadata;
  readonly frames: FramesReference;
  readonly metadata: InstanceMetadata;
}

/** How a picture is encoded, beside what the query says of it. */
export interface EncodingWish {
  /** One of those that images are rendered as. */
  readonly mediaType: string;
  readonly qualityDefault: number;
  readonly gifFrame: GifFrameOptions;
}

/** How a picture is wanted. */
export interface PictureWish extends EncodingWish {
  readonly query: RenderingQuery;
  /** Whether a small image grows to fill the viewport. */
  readonly mayEnlarge: boolean;
}

/**
 * Makes a picture of one frame of an instance, counted from 1. Reads the bytes of that frame alone, and of the header what
 * it takes to show it.
 *
 * Throws `notFound` when there is no such frame, and `notAcceptable` when it cannot be rendered.
 */
export async function pictureOfFrame(
  { content, pixels }: RenderingStores,
  scope: TenantScope,
  image: ImageInstance,
  frameNumber: number,
  wish: PictureWish,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { record, frames, metadata } = image;
  const { query, mayEnlarge } = wish;
  const encoding = encodingOf(query, wish);
  const [location] = await locateFrames(content, scope, record, frames, [frameNumber]);
  const { dataset } = metadata;
  // Before anything is read: a header that promises too much costs nothing.
  const shape = isFloat(frames)
    ? floatShape(frames, (tag) => numberOf(dataset, tag))
    : describeFrame((tag) => dataset[tag]?.Value?.[0], record.transferSyntaxUID);
  if (location === undefined || location.length > frameBytesMax) {
    throw new Problem(
      "notAcceptable",
      `A frame of more than ${frameBytesMax} bytes is not rendered.`,
    );
  }
  const presentation = await describeImage(metadata, frameNumber, {
    withOverlays: query.annotations.includes("overlay"),
    withICCProfile: encoding.iccProfile !== "none",
  });
  const options: RenderingOptions = {
    window: query.window,
    viewport: query.viewport,
    mayEnlarge,
    annotation: annotationText(dataset, {
      patient: query.annotations.includes("patient"),
      technique: query.annotations.includes("technique"),
    }),
  };
  const data = await littleEndianFrame(content, scope, image, location, signal);
  const source: PictureSource =
    "transferSyntaxUID" in shape
      ? { kind: "frame", codestream: data, description: shape, presentation, options }
      : { kind: "floats", frame: { ...shape, data }, presentation, options };
  return await pixels.run("picture", { source, encoding }, signal);
}

/** The bytes of a frame as they are stored, or what little endian makes of them. */
async function littleEndianFrame(
  content: InstanceContent,
  scope: TenantScope,
  { record, frames }: ImageInstance,
  location: FrameLocation,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const body of readFrames({ content, scope, record, frames, signal }, [location])) {
    for await (const chunk of body) {
      chunks.push(chunk);
    }
  }
  const bytes = Buffer.concat(chunks);
  const { isBigEndian } = transferSyntaxOf(record.transferSyntaxUID);
  return isBigEndian ? swapped(bytes, lookupVR(frames.vr)?.unitBytes ?? 1) : bytes;
}

/** The encoding that a query and the media type that was negotiated ask for. */
export function encodingOf(
  { quality, iccProfile }: RenderingQuery,
  { mediaType, qualityDefault, gifFrame }: EncodingWish,
): PictureEncoding {
  return {
    mediaType: mediaType as PictureEncoding["mediaType"],
    quality: quality ?? qualityDefault,
    iccProfile:
      iccProfile === "yes" ? "image" : iccProfile === "no" ? "none" : (iccProfile ?? "none"),
    gifFrame,
  };
}

function isFloat({ vr }: FramesReference): boolean {
  return vr === "OF" || vr === "OD";
}

/** What describes a frame of Float and Double Float Pixel Data (PS3.3 §C.7.6.24). */
function floatShape(
  { vr }: FramesReference,
  numberAt: (tag: string) => number | undefined,
): Omit<FloatFrame, "data"> {
  const rows = numberAt("00280010") ?? 0;
  const columns = numberAt("00280011") ?? 0;
  const bitsAllocated = vr === "OF" ? 32 : 64;
  if (rows < 1 || columns < 1 || (rows * columns * bitsAllocated) / 8 > frameBytesMax) {
    throw new Problem(
      "notAcceptable",
      `Rows (0028,0010) and Columns (0028,0011) make no frame of up to ${frameBytesMax} bytes.`,
    );
  }
  return { rows, columns, bitsAllocated };
}

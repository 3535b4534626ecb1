import { decodeFrame } from "../pixels/decodeFrame.ts";
import type { FrameDescription } from "../pixels/frameDescription.ts";
import { transferSyntaxOf } from "../dicom/transferSyntax.ts";
import { Problem } from "../problem/problem.ts";
import { drawIcon } from "./drawIcon.ts";
import { encodeGifFrame } from "./encodeGifFrame.ts";
import { encodeJpeg } from "./encodeJpeg.ts";
import { encodePng } from "./encodePng.ts";
import { embedIccProfile } from "./embedIccProfile.ts";
import type { StoredWords } from "./drawOverlays.ts";
import type { PictureEncoding, PictureSource, PictureTask } from "./pictureTask.ts";
import { toColor, type Raster } from "./raster.ts";
import { renderImage } from "./renderImage.ts";
import { colorSpaces } from "./colorSpaces.ts";
import { convertColors } from "./convertColors.ts";
import { makeIccProfile } from "./makeIccProfile.ts";
import { parseIccProfile } from "./parseIccProfile.ts";

/**
 * Makes a picture: decodes the frame, renders it, and encodes what comes out. All of it is work for the processor alone, to
 * be done in a worker.
 *
 * Throws Problem `notAcceptable` when the frame cannot be decoded, rendered, or converted to the color space that is asked for, and `malformed` when the
 * region that is wanted lies outside the image.
 */
export async function makePicture(task: PictureTask): Promise<Uint8Array> {
  const { source, encoding } = task;
  const rendered = await rasterOf(source);
  const { raster, profile } = withProfile(rendered, source, encoding);
  switch (encoding.mediaType) {
    case "image/png":
      return encodePng(raster, profile);
    case "image/gif":
      return encodeGifFrame(raster, encoding.gifFrame);
    case "image/jpeg": {
      const jpeg = await encodeJpeg(raster, encoding.quality);
      return profile === undefined ? jpeg : embedIccProfile(jpeg, profile);
    }
  }
}

async function rasterOf(source: PictureSource): Promise<Raster> {
  switch (source.kind) {
    case "icon":
      return drawIcon(source.icon, source.width, source.height);
    case "floats":
      return renderImage({ floats: source.frame }, source.presentation, source.options);
    case "frame": {
      const { codestream, description, presentation, options } = source;
      const integers = await decodeFrame(codestream, description);
      const stored = storedWords(codestream, description);
      return renderImage({ integers, stored }, presentation, options);
    }
  }
}

/** Native pixels as they are; undefined for what was encoded, and for pixels of several samples. */
function storedWords(
  data: Uint8Array,
  { transferSyntaxUID, columns, bitsAllocated, samplesPerPixel }: FrameDescription,
): StoredWords | undefined {
  const { isEncapsulated } = transferSyntaxOf(transferSyntaxUID);
  return isEncapsulated || samplesPerPixel !== 1 || bitsAllocated === 1
    ? undefined
    : { columns, bitsAllocated, data };
}

/** The raster in the color space that is asked for, and the profile to go with it. */
function withProfile(
  rendered: Raster,
  source: PictureSource,
  { mediaType, iccProfile }: PictureEncoding,
): { readonly raster: Raster; readonly profile: Uint8Array | undefined } {
  if (iccProfile === "none" || source.kind === "icon" || mediaType === "image/gif") {
    return { raster: rendered, profile: undefined };
  }
  const own = source.presentation.iccProfile;
  if (iccProfile === "image") {
    return { raster: toColor(rendered), profile: own ?? makeIccProfile(colorSpaces.srgb) };
  }
  // An image that does not say what its colors are is taken to be sRGB.
  const colors = parseIccProfile(own ?? makeIccProfile(colorSpaces.srgb));
  if (colors === undefined) {
    throw new Problem(
      "notAcceptable",
      "The ICC profile of the image is damaged, or not one of curves and a matrix, and is not converted: ask with iccprofile=yes.",
    );
  }
  const space = colorSpaces[iccProfile];
  const isAsItIs = own === undefined && iccProfile === "srgb";
  return {
    raster: isAsItIs ? toColor(rendered) : convertColors(rendered, colors, space),
    profile: makeIccProfile(space),
  };
}

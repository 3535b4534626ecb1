import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import type { AcceptEntry } from "../dicomweb/mediaType.ts";
import {
  acceptedRendered,
  imageMediaTypes,
  notRenderedAs,
  type RenderedRepresentation,
} from "../dicomweb/renderedMediaType.ts";
import { Problem } from "../problem/problem.ts";
import { numberOf } from "../rendering/attributes.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { instanceMetadata } from "./instanceMetadata.ts";
import { pictureOfFrame, type ImageInstance, type RenderingStores } from "./pictureOfFrame.ts";
import { answerMade, once, type Rendered, type RenderedRequest } from "./rendered.ts";
import { renderedDocument } from "./renderedDocument.ts";
import { isImage, representativeInstance } from "./representativeInstance.ts";
import { locateFrames } from "./storedFrames.ts";
import { instancePath } from "./retrieveInstances.ts";

/** An animation shows at most this many frames; of more, every second, third and so on, for so much longer. */
const animationFramesMax = 500;
/** How long a frame is shown when the header does not say. */
const frameMillisecondsDefault = 100;
/** For JPEG, as in the Azure DICOM service. */
const qualityDefault = 100;

/**
 * Retrieves a rendered resource (PS3.18 §10.4.1.1.5): of a study or series the image that represents it, of an instance its
 * first frame, or the frames that are named.
 *
 * | instance | answer |
 * | --- | --- |
 * | image | JPEG, PNG or GIF; as GIF all frames of an instance, or those named, as an animation |
 * | video | the video itself, with ranges |
 * | encapsulated PDF | the document, with ranges |
 * | structured report | HTML or plain text |
 *
 * Several frames as anything but GIF are parts. Only one frame is in memory at a time.
 *
 * Throws `notFound` when there is no such instance or frame, or nothing of it can be shown; `notAcceptable` when the request
 * takes nothing that the instance is offered as, or a frame cannot be rendered; and `malformed` for several frames in a
 * single part, and for a region outside the image.
 */
export async function retrieveRendered(
  stores: RenderingStores,
  scope: TenantScope,
  request: RenderedRequest,
  signal: AbortSignal,
): Promise<Rendered> {
  const { target, frameNumbers } = request;
  const { record, frameNumber } = await representativeInstance(stores.index, scope, target);
  const metadata = await instanceMetadata(stores.content, scope, record, signal);
  const { frames } = record;
  if (frames !== undefined && isImage(record)) {
    const isInstance = target.sopInstanceUID !== undefined;
    const image = { record, frames, metadata };
    const wanted = frameNumbers ?? [isInstance ? 1 : frameNumber];
    return await renderedFrames(stores, scope, image, wanted, request, signal);
  }
  const document =
    frameNumbers === undefined
      ? await renderedDocument(stores, scope, record, metadata, request, signal)
      : undefined;
  if (document === undefined) {
    throw new Problem(
      "notFound",
      "The instance has no pixel data that hold a whole frame, and nothing else to be shown.",
    );
  }
  return document;
}

async function renderedFrames(
  stores: RenderingStores,
  scope: TenantScope,
  image: ImageInstance,
  frameNumbers: readonly number[],
  request: RenderedRequest,
  signal: AbortSignal,
): Promise<Rendered> {
  const { record, frames, metadata } = image;
  const representation = chooseForm(request.accept, frameNumbers.length > 1);
  const isAnimation = representation.mediaType === "image/gif" && representation.form === "single";
  const isWhole = request.frameNumbers === undefined && request.target.sopInstanceUID !== undefined;
  const shown = isAnimation && isWhole ? evenly(frames.count) : frameNumbers;
  // All of them before the first is sent, so that a frame that is not there is a problem.
  await locateFrames(stores.content, scope, record, frames, shown);
  const stride = isAnimation && isWhole ? frames.count / shown.length : 1;
  const milliseconds = frameMilliseconds(metadata.dataset) * stride;
  const { query } = request;
  const picture = async (position: number): Promise<Uint8Array> =>
    await pictureOfFrame(
      stores,
      scope,
      image,
      shown[position] ?? 0,
      {
        query,
        mediaType: representation.mediaType,
        qualityDefault,
        mayEnlarge: true,
        gifFrame: {
          isFirst: !isAnimation || position === 0,
          isLast: !isAnimation || position === shown.length - 1,
          milliseconds,
        },
      },
      signal,
    );
  const path = instancePath(record);
  if (shown.length === 1 || isAnimation) {
    const location =
      request.frameNumbers === undefined
        ? `${path}/rendered`
        : `${path}/frames/${shown.join(",")}/rendered`;
    const subject = { record, location, representation, distinction: shown };
    return await answerMade(request, subject, async () => {
      const first = await picture(0);
      return {
        length: shown.length === 1 ? first.length : undefined,
        body: (async function* all() {
          yield first;
          for (let position = 1; position < shown.length; position += 1) {
            yield await picture(position);
          }
        })(),
      };
    });
  }
  return {
    ...representation,
    objects: (async function* each() {
      for (const [position, frameNumber] of shown.entries()) {
        const bytes = await picture(position);
        yield {
          mediaType: representation.mediaType,
          transferSyntaxUID: undefined,
          location: `${path}/frames/${frameNumber}/rendered`,
          length: bytes.length,
          body: once(bytes),
        };
      }
    })(),
  };
}

/** In which of the ways that are taken images are sent; several need parts, unless they are one animation. */
function chooseForm(accept: readonly AcceptEntry[], isSeveral: boolean): RenderedRepresentation {
  const accepted = acceptedRendered(accept, imageMediaTypes);
  // Whoever takes any kind of image does not ask for an animation.
  const takesGIF = accept.some(({ type }) => type === "image/gif");
  const chosen = isSeveral
    ? accepted.find(
        ({ form, mediaType }) => form === "multipart" || (takesGIF && mediaType === "image/gif"),
      )
    : accepted[0];
  if (chosen !== undefined) {
    return chosen;
  }
  if (accepted.length === 0) {
    throw notRenderedAs(imageMediaTypes);
  }
  throw new Problem(
    "malformed",
    "Several frames need an Accept header of multipart/related, or of image/gif for an animation.",
  );
}

/** The frames of an animation, from the first on, at most {@link animationFramesMax} of them. */
function evenly(count: number): number[] {
  const shown = Math.min(count, animationFramesMax);
  return Array.from({ length: shown }, (_, index) => Math.floor((index * count) / shown) + 1);
}

/** Frame Time, or what the rates say (PS3.3 §C.7.6.5). */
function frameMilliseconds(dataset: DicomJsonDataset): number {
  const rate = numberOf(dataset, "00082144") ?? numberOf(dataset, "00180040");
  const stated = numberOf(dataset, "00181063") ?? (rate === undefined ? 0 : 1000 / rate);
  return stated > 0 && Number.isFinite(stated) ? stated : frameMillisecondsDefault;
}

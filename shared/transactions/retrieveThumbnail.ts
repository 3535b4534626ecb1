import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import { transferSyntaxOf } from "../dicom/transferSyntax.ts";
import { acceptedRendered, imageMediaTypes, notRenderedAs } from "../dicomweb/renderedMediaType.ts";
import { Problem } from "../problem/problem.ts";
import { textOf } from "../rendering/attributes.ts";
import type { IconKind } from "../rendering/drawIcon.ts";
import { isStructuredReport } from "../rendering/structuredReport.ts";
import type { InstanceWithMetadata } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { instanceMetadata } from "./instanceMetadata.ts";
import { encodingOf, pictureOfFrame, type RenderingStores } from "./pictureOfFrame.ts";
import { answerMade, once, type Rendered, type RenderedRequest } from "./rendered.ts";
import { isImage, representativeInstance } from "./representativeInstance.ts";
import { instancePath } from "./retrieveInstances.ts";

/** Into this a thumbnail fits when no viewport is asked for; an image that is smaller stays so. */
const thumbnailSide = 256;
const qualityDefault = 85;
/** A thumbnail is one picture, whatever its media type. */
const wholeGIF = { isFirst: true, isLast: true, milliseconds: 0 };

/**
 * Retrieves a thumbnail (PS3.18 §10.4.1.1.6) of a study, series, instance or frame: the image that represents it, small,
 * without annotations; or a sign for what has no image.
 *
 * Throws `notFound` when there is no such instance or frame, `notAcceptable` when the request takes no image or the frame
 * cannot be rendered, and `malformed` when more than one frame is named.
 */
export async function retrieveThumbnail(
  stores: RenderingStores,
  scope: TenantScope,
  request: RenderedRequest,
  signal: AbortSignal,
): Promise<Rendered> {
  const { target, frameNumbers, query, accept } = request;
  if (frameNumbers !== undefined && frameNumbers.length > 1) {
    throw new Problem("malformed", "A thumbnail is of one frame.");
  }
  const [representation] = acceptedRendered(accept, imageMediaTypes);
  if (representation === undefined) {
    throw notRenderedAs(imageMediaTypes);
  }
  const represented = await representativeInstance(stores.index, scope, target);
  const { record } = represented;
  const { frames } = record;
  const { mediaType } = representation;
  const path = instancePath(record);
  if (frames !== undefined && isImage(record)) {
    const frameNumber = frameNumbers?.[0] ?? represented.frameNumber;
    const location = `${path}/frames/${frameNumber}/thumbnail`;
    const subject = { record, location, representation, distinction: frameNumber };
    return await answerMade(request, subject, async () => {
      const metadata = await instanceMetadata(stores.content, scope, record, signal);
      const viewport = query.viewport ?? {
        width: thumbnailSide,
        height: thumbnailSide,
        region: undefined,
      };
      const wish = {
        query: { ...query, viewport },
        mediaType,
        qualityDefault,
        mayEnlarge: query.viewport !== undefined,
        gifFrame: wholeGIF,
      };
      const image = { record, frames, metadata };
      const bytes = await pictureOfFrame(stores, scope, image, frameNumber, wish, signal);
      return { length: bytes.length, body: once(bytes) };
    });
  }
  if (frameNumbers !== undefined) {
    throw new Problem("notFound", "The instance has no frames.");
  }
  const subject = { record, location: `${path}/thumbnail`, representation, distinction: "icon" };
  return await answerMade(request, subject, async () => {
    const { dataset } = await instanceMetadata(stores.content, scope, record, signal);
    const { width, height } = query.viewport ?? { width: thumbnailSide, height: thumbnailSide };
    // A sign is square, and not worth more than this.
    const side = Math.min(width, height, 1024);
    const source = {
      kind: "icon",
      icon: iconOf(record, dataset),
      width: side,
      height: side,
    } as const;
    const encoding = encodingOf(query, { mediaType, qualityDefault, gifFrame: wholeGIF });
    const bytes = await stores.pixels.run("picture", { source, encoding }, signal);
    return { length: bytes.length, body: once(bytes) };
  });
}

/** Which sign stands for an instance without an image, by its SOP class (PS3.4 §B.5). */
function iconOf(record: InstanceWithMetadata, dataset: DicomJsonDataset): IconKind {
  const [, storage = ""] = /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.(.*)$/.exec(record.sopClassUID) ?? [];
  if (transferSyntaxOf(record.transferSyntaxUID).isVideo) {
    return "video";
  }
  if (storage === "88.59") {
    return "keyObject";
  }
  if (storage.startsWith("9.")) {
    return "waveform";
  }
  if (storage.startsWith("11.")) {
    return "presentation";
  }
  if (storage.startsWith("481.")) {
    return "radiotherapy";
  }
  if (storage.startsWith("88.") || isStructuredReport(dataset)) {
    return "report";
  }
  return textOf(dataset, "00420012")?.toLowerCase() === "application/pdf" ? "document" : "other";
}

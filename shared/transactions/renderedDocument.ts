import { stripItemHeaders } from "../dicom/frameIndex.ts";
import { transferSyntaxOf } from "../dicom/transferSyntax.ts";
import { textMediaTypes, acceptedRendered } from "../dicomweb/renderedMediaType.ts";
import { numberOf, textOf } from "../rendering/attributes.ts";
import { readLongTexts } from "../rendering/readLongTexts.ts";
import { isStructuredReport, reportAsHTML, reportAsText } from "../rendering/structuredReport.ts";
import type { FramesReference, InstanceWithMetadata } from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { byteSource, type ByteSource } from "./byteSource.ts";
import type { InstanceMetadata } from "./instanceMetadata.ts";
import { openContent } from "./openContent.ts";
import { answerStored, once, type Rendered, type RenderedRequest } from "./rendered.ts";
import { locateFrames } from "./storedFrames.ts";
import { instancePath } from "./retrieveInstances.ts";
import type { Stores } from "./storeInstances.ts";

/**
 * Renders what is no image but can be shown as it is: a video, an encapsulated PDF, a structured report (PS3.18 §8.7.4).
 * Undefined for anything else.
 */
export async function renderedDocument(
  { content }: Stores,
  scope: TenantScope,
  record: InstanceWithMetadata,
  metadata: InstanceMetadata,
  request: RenderedRequest,
  signal: AbortSignal,
): Promise<Rendered | undefined> {
  const subject = { record, location: `${instancePath(record)}/rendered` };
  const { frames } = record;
  if (frames !== undefined && transferSyntaxOf(record.transferSyntaxUID).isVideo) {
    const offered = videoMediaTypes(record.transferSyntaxUID);
    const video = await openVideo(content, scope, record, frames, signal);
    return await answerStored(request, { ...subject, offered }, video.length, video.open);
  }
  const { dataset } = metadata;
  const document = encapsulatedPDF(metadata);
  if (document !== undefined) {
    const offered = ["application/pdf"];
    return await answerStored(request, { ...subject, offered }, document.length, document.open);
  }
  if (isStructuredReport(dataset)) {
    const [chosen] = acceptedRendered(request.accept, textMediaTypes);
    await readLongTexts(metadata);
    const report =
      chosen?.mediaType === "text/plain" ? reportAsText(dataset) : reportAsHTML(dataset);
    const bytes = Buffer.from(report, "utf8");
    const offered = textMediaTypes;
    return await answerStored(
      request,
      { ...subject, offered },
      bytes.length,
      async (start, end) => await Promise.resolve(once(bytes.subarray(start, end))),
    );
  }
  return undefined;
}

/** Bytes of known length, to be opened in part. */
interface StoredBytes {
  readonly length: number;
  readonly open: (start: number, end: number) => Promise<AsyncIterable<Uint8Array>>;
}

const encapsulatedDocument = "00420011";

function encapsulatedPDF({
  dataset,
  bulkdataLength,
  openBulkdata,
}: InstanceMetadata): StoredBytes | undefined {
  const element = dataset[encapsulatedDocument];
  if (textOf(dataset, "00420012")?.toLowerCase() !== "application/pdf" || element === undefined) {
    return undefined;
  }
  // A document of less than a kilobyte stands in the metadata itself.
  const inline = Buffer.from(element.InlineBinary ?? "", "base64");
  const stored = bulkdataLength(encapsulatedDocument) ?? inline.length;
  // Encapsulated Document Length tells the document from the byte that pads it (PS3.3 §C.24.2).
  const length = numberOf(dataset, "00420015") === stored - 1 ? stored - 1 : stored;
  return {
    length,
    open: async (start, end) =>
      element.BulkDataURI === undefined
        ? await Promise.resolve(once(inline.subarray(start, end)))
        : await openBulkdata(encapsulatedDocument, start, end),
  };
}

/** PS3.18 Table 8.7.3-5, the default first. */
function videoMediaTypes(transferSyntaxUID: string): readonly string[] {
  if (/\.4\.10[01](?:\.1)?$/.test(transferSyntaxUID)) {
    return ["video/mpeg", "video/mpeg2"];
  }
  return /\.4\.10[78]$/.test(transferSyntaxUID) ? ["video/mp4", "video/h265"] : ["video/mp4"];
}

/** What stands before each fragment (PS3.5 §A.4). */
const itemHeaderBytes = 8;

/** A video is one frame: its fragments put together are its file. */
async function openVideo(
  content: Stores["content"],
  scope: TenantScope,
  record: InstanceWithMetadata,
  frames: FramesReference,
  signal: AbortSignal,
): Promise<StoredBytes> {
  const [location] = await locateFrames(content, scope, record, frames, [1]);
  const { offset = 0, length: stored = 0, fragments = 1 } = location ?? {};
  if (fragments === 1) {
    return {
      length: stored,
      open: async (start, end) =>
        closing(
          await openContent(content, scope, record, offset + start, offset + end, signal),
          end - start,
        ),
    };
  }
  return {
    length: stored - fragments * itemHeaderBytes,
    // Only the headers say where fragments begin, so that they are read from the first.
    open: async (start, end) => {
      const bytes = await openContent(content, scope, record, offset, offset + stored, signal);
      const video = byteSource(stripItemHeaders(closing(bytes, stored)));
      await video.skip(start);
      return closing(video, end - start);
    },
  };
}

async function* closing(
  bytes: ByteSource,
  length: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* bytes.take(length);
  } finally {
    await bytes.close();
  }
}

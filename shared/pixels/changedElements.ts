import { encodeTextElement, encodeUnsignedShort } from "../dicom/encodeElement.ts";
import type { Tag } from "../dicom/tag.ts";
import type { EncodedAttributes } from "./imageAttributes.ts";

const tags = {
  photometricInterpretation: 0x00280004,
  planarConfiguration: 0x00280006,
  bitsAllocated: 0x00280100,
  bitsStored: 0x00280101,
  highBit: 0x00280102,
  lossyImageCompression: 0x00282110,
  lossyImageCompressionRatio: 0x00282112,
  lossyImageCompressionMethod: 0x00282114,
  extendedOffsetTable: 0x7fe00001,
  extendedOffsetTableLengths: 0x7fe00002,
} as const;

/**
 * The elements of a data set that change with the encoding of its pixels, as they are to be written in Explicit VR Little
 * Endian; undefined for those that are to be left out.
 *
 * A lossy target adds its method and `lossyRatio` to those that the data set has of earlier compressions, in their order
 * (PS3.3 §C.7.6.1.1.5). The offset tables of the stored encoding go.
 */
export function changedElements(
  image: EncodedAttributes,
  existing: (tag: string) => readonly string[],
  lossyRatio: number | undefined,
): Map<Tag, Uint8Array | undefined> {
  const elements = new Map<Tag, Uint8Array | undefined>([
    [
      tags.photometricInterpretation,
      encodeTextElement(tags.photometricInterpretation, "CS", image.photometricInterpretation),
    ],
    [tags.bitsAllocated, encodeUnsignedShort(tags.bitsAllocated, image.bitsAllocated)],
    [tags.bitsStored, encodeUnsignedShort(tags.bitsStored, image.bitsStored)],
    [tags.highBit, encodeUnsignedShort(tags.highBit, image.highBit)],
    [tags.extendedOffsetTable, undefined],
    [tags.extendedOffsetTableLengths, undefined],
  ]);
  if (image.samplesPerPixel > 1) {
    const planar = encodeUnsignedShort(tags.planarConfiguration, image.planarConfiguration);
    elements.set(tags.planarConfiguration, planar);
  }
  if (image.lossyMethod !== undefined && lossyRatio !== undefined) {
    const texts: readonly (readonly [Tag, string, readonly string[]])[] = [
      [tags.lossyImageCompression, "CS", ["01"]],
      [tags.lossyImageCompressionRatio, "DS", [...existing("00282112"), lossyRatio.toFixed(2)]],
      [tags.lossyImageCompressionMethod, "CS", [...existing("00282114"), image.lossyMethod]],
    ];
    for (const [tag, vr, values] of texts) {
      elements.set(tag, encodeTextElement(tag, vr, ...values));
    }
  }
  return elements;
}

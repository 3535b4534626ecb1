/**
 * A frame as samples: what a decoder gives, an encoder takes, and a picture is made of.
 *
 * `data` has `rows × columns × samplesPerPixel` samples of `bitsAllocated` bits, little endian, row by row, the samples
 * of a pixel side by side, without padding. The attributes say what they are in PS3.3 §C.7.6.3, and they describe these
 * samples: what a codestream had of its own (a colour transform, planes, another sign) is undone.
 */
export interface DecodedFrame {
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  /** 1-bit pixels are given as 8-bit ones with `bitsStored` 1. */
  readonly bitsAllocated: 8 | 16 | 32;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly pixelRepresentation: 0 | 1;
  /** Never subsampled and never of a codestream's own: YBR_FULL_422, YBR_RCT and YBR_ICT come out as YBR_FULL or RGB. */
  readonly photometricInterpretation: string;
  readonly planarConfiguration: 0;
  readonly data: Uint8Array<ArrayBuffer>;
}

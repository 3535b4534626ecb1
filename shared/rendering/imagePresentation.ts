/** A table that maps stored values to others (PS3.3 §C.11.1.1, §C.11.2.1.1, §C.7.6.3.1.5). */
export interface LookupTable {
  /** The first stored value that is mapped. Lower ones map as it does, those above the last as the last. */
  readonly firstMapped: number;
  readonly entries: Uint16Array;
  /** Bits of an entry that count: 8 to 16. */
  readonly bits: number;
}

/** The three functions that a window can be (PS3.3 §C.11.2.1.2, §C.11.2.1.3). */
export type WindowFunction = "LINEAR" | "LINEAR_EXACT" | "SIGMOID";

/** A window: which values are shown from black to white. */
export interface Window {
  readonly center: number;
  /** At least 1 for LINEAR, more than 0 for the others. */
  readonly width: number;
  readonly function: WindowFunction;
}

/** From stored values to the units that a window is in (PS3.3 §C.11.1). */
export type ModalityTransform =
  | { readonly kind: "rescale"; readonly slope: number; readonly intercept: number }
  | { readonly kind: "table"; readonly table: LookupTable };

/** From those units to what is shown (PS3.3 §C.11.2). */
export type VoiTransform =
  | { readonly kind: "window"; readonly window: Window }
  | { readonly kind: "table"; readonly table: LookupTable };

/** A plane of single bits over the image (PS3.3 §C.9.2). */
export interface Overlay {
  readonly rows: number;
  readonly columns: number;
  /** Of its top left pixel in the image, from 0; may lie outside. */
  readonly top: number;
  readonly left: number;
  readonly bits:
    | {
        readonly kind: "data";
        /** Row by row without padding, the first in the lowest bit of a byte. */
        readonly bytes: Uint8Array;
        /** Where the plane of this frame begins. */
        readonly firstBit: number;
      }
    /** One of the bits of Pixel Data that hold no sample (retired). */
    | { readonly kind: "embedded"; readonly bitPosition: number };
}

/** How one frame is to be shown: what its header says, ready to be applied and to be sent to a worker. */
export interface ImagePresentation {
  readonly modality: ModalityTransform | undefined;
  /** Undefined: the least and the greatest value that occur become black and white. */
  readonly voi: VoiTransform | undefined;
  /** White stands for the least value: MONOCHROME1, or Presentation LUT Shape INVERSE (PS3.3 §C.11.6). */
  readonly isInverse: boolean;
  /** Stored values that are no part of the image (PS3.3 §C.7.5.1.1.2); both ends included. */
  readonly padding: { readonly low: number; readonly high: number } | undefined;
  readonly palette:
    | { readonly red: LookupTable; readonly green: LookupTable; readonly blue: LookupTable }
    | undefined;
  readonly overlays: readonly Overlay[];
  /** Height of a pixel divided by its width. */
  readonly pixelAspect: number;
  /** ICC Profile (0028,2000) of the image, for color. */
  readonly iccProfile: Uint8Array | undefined;
}

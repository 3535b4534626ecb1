import { readFile } from "node:fs/promises";
import loadOpenJPH, { type OpenJPH } from "@cornerstonejs/codec-openjph/wasmjs";
import { undecodable } from "./codestreamFailure.ts";
import type { SampleLayout } from "./sampleLayout.ts";

/** How to encode High-Throughput JPEG 2000. */
export interface Htj2kParameters {
  /** The reversible colour transform. */
  readonly hasColorTransform: boolean;
  /** Resolution first, with the lengths of tile-parts, as the transfer syntax with RPCL options asks for (PS3.5 §A.4.12). */
  readonly isRPCL: boolean;
}

// The numbers of ISO/IEC 15444-1 Table A.16.
const progressionOrders = { rpcl: 2, lrcp: 0 } as const;
/** Linear memory never shrinks, so that a module that has grown beyond this is given up once its frame is done. */
const retainedBytesMax = 192 * 1024 * 1024;

/**
 * An encoder of High-Throughput JPEG 2000 (ISO/IEC 15444-15), lossless, by OpenJPH. It leaves out the colour transform when it
 * is told to and writes what the RPCL options ask for; for decoding, the build in `CodecModule` tells damage, this one
 * does not.
 *
 * Loaded when it is first needed. A call that fails throws Problem `notAcceptable`, and the next one gets fresh memory.
 */
export class Htj2kModule {
  readonly #file: string;
  #loaded: OpenJPH | undefined;

  /** `file` is where the WebAssembly module is. */
  constructor(file: string) {
    this.#file = file;
  }

  async encode(
    layout: SampleLayout,
    samples: Uint8Array,
    { hasColorTransform, isRPCL }: Htj2kParameters,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#run((openJPH) => {
      const encoder = new openJPH.HTJ2KEncoder();
      const frame = {
        width: layout.columns,
        height: layout.rows,
        bitsPerSample: layout.bitsStored,
        componentCount: layout.samplesPerPixel,
        isSigned: layout.isSigned,
        isUsingColorTransform: hasColorTransform,
      };
      encoder.getDecodedBuffer(frame).set(samples);
      encoder.setQuality(true, 0);
      encoder.setDecompositions(decompositionsOf(layout));
      encoder.setProgressionOrder(isRPCL ? progressionOrders.rpcl : progressionOrders.lrcp);
      encoder.setTLMMarker(isRPCL);
      encoder.encode();
      const codestream = encoder.getEncodedBuffer().slice() as Uint8Array<ArrayBuffer>;
      encoder.delete();
      return codestream;
    });
  }

  async #run(
    call: (openJPH: OpenJPH) => Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const openJPH =
      this.#loaded ??
      (await loadOpenJPH({
        wasmBinary: await readFile(this.#file),
        print: () => undefined,
        printErr: () => undefined,
      }));
    // Given up unless the call comes back: what failed may have left anything behind.
    this.#loaded = undefined;
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = call(openJPH);
    } catch (cause) {
      throw undecodable("its codec refuses it", cause);
    }
    if (openJPH.HEAPU8.buffer.byteLength <= retainedBytesMax) {
      this.#loaded = openJPH;
    }
    return bytes;
  }
}

// So many that the smallest resolution fits into 64 by 64 pixels, which is what makes a preview of the first bytes
// (PS3.5 §A.4.12); at least one, at most what 65,535 pixels take.
function decompositionsOf({ rows, columns }: SampleLayout): number {
  const factor = Math.max(rows, columns) / 64;
  return Math.max(1, Math.min(10, Math.ceil(Math.log2(Math.max(factor, 1)))));
}

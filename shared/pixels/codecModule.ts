import { readFile } from "node:fs/promises";
import { Problem } from "../problem/problem.ts";
import { undecodable } from "./codestreamFailure.ts";
import { sampleBytes, type SampleLayout } from "./sampleLayout.ts";

/** The codecs of the module, as its functions are called. For RLE there is an encoder only. */
export type CodecName = "Rle" | "Jpeg" | "JpegLs" | "Jpeg2000" | "HtJpeg2000" | "JpegXl";

/** How to encode; what a codec does not know it passes over. */
export interface EncoderParameters {
  /** Lossless unless it says so. */
  readonly isLossy?: boolean;
  /** JPEG: 1 to 100. */
  readonly quality?: number;
  /** JPEG: one pair of chrominance samples for two luminance samples. */
  readonly isSubsampled?: boolean;
  /** JPEG 2000: the reversible colour transform. */
  readonly hasColorTransform?: boolean;
}

/** A call into the module: addresses and numbers go in, addresses and numbers come out. */
type ModuleFunction = (...values: number[]) => number;

// Some codecs fill in for what is missing and only mention it. Pixels that nobody has taken are no answer.
const isDamage = (text: string): boolean =>
  /premature end of data segment|bad Huffman code|terminated early|Error decoding a codeblock/.test(
    text,
  );

interface CodecInstance {
  readonly memory: WebAssembly.Memory;
  readonly call: (name: string, ...values: number[]) => number;
}

/** Linear memory above this ends the call: a codestream that asks for more is hostile or beyond this service. */
const memoryBytesMax = 1280 * 1024 * 1024;
/**
 * Linear memory never shrinks, so that a module that has grown beyond this is given up once its frame is done. It begins
 * with 256 MiB, of which the system gives only what is touched.
 */
const retainedBytesMax = 384 * 1024 * 1024;

// The module's order of photometric interpretations. It is told no more than that there are colours: what they mean is
// decided outside, where the attributes of the image are known.
const photometricIndexes = { monochrome: 1, rgb: 3, ybrFull: 4 } as const;

/**
 * The codecs of `dcmjs-native-codecs.wasm`: libjpeg in 8, 12 and 16 bits, CharLS, OpenJPEG, OpenJPH, libjxl and RLE.
 *
 * The module is compiled once and loaded when it is first needed. A call that fails in whatever way throws Problem
 * `notAcceptable`, and the next call gets fresh memory: nothing of a damaged codestream survives it.
 */
export class CodecModule {
  readonly #file: string;
  #compiled: Promise<WebAssembly.Module> | undefined;
  #instance: CodecInstance | undefined;

  /** `file` is where the WebAssembly module is. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Samples in `layout`, interleaved unless the codestream has them in planes and the codec leaves that. */
  async decode(
    codec: CodecName,
    layout: SampleLayout,
    codestream: Uint8Array,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#withContext(layout, false, ({ memory, call }, context) => {
      call("SetEncodedBufferSize", context, codestream.length);
      bytesAt(memory, call("GetEncodedBuffer", context), codestream.length).set(codestream);
      const parameters = call("CreateDecoderParameters");
      call("SetConvertColorspaceToRgb", parameters, 0);
      call(`Decode${codec}`, context, parameters);
      call("ReleaseDecoderParameters", parameters);
      const length = call("GetDecodedBufferSize", context);
      if (length !== sampleBytes(layout)) {
        throw undecodable("it does not have the size that its attributes say");
      }
      return bytesAt(memory, call("GetDecodedBuffer", context), length).slice();
    });
  }

  /** The codestream of `samples`, which are in `layout`. */
  async encode(
    codec: CodecName,
    layout: SampleLayout,
    samples: Uint8Array,
    {
      isLossy = false,
      quality = 90,
      isSubsampled = false,
      hasColorTransform = false,
    }: EncoderParameters = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#withContext(layout, !hasColorTransform, ({ memory, call }, context) => {
      call("SetDecodedBufferSize", context, samples.length);
      bytesAt(memory, call("GetDecodedBuffer", context), samples.length).set(samples);
      const parameters = call("CreateEncoderParameters");
      call("SetLossy", parameters, isLossy ? 1 : 0);
      call("SetQuality", parameters, quality);
      call("SetSmoothingFactor", parameters, 0);
      call("SetSampleFactor", parameters, isSubsampled ? 1 : 0);
      // JPEG lossless: first-order prediction, as the transfer syntax 1.2.840.10008.1.2.4.70 asks for.
      call("SetPredictor", parameters, 1);
      call("SetPointTransform", parameters, 0);
      call("SetAllowMct", parameters, hasColorTransform ? 1 : 0);
      call(`Encode${codec}`, context, parameters);
      call("ReleaseEncoderParameters", parameters);
      const length = call("GetEncodedBufferSize", context);
      return bytesAt(memory, call("GetEncodedBuffer", context), length).slice();
    });
  }

  async #withContext(
    layout: SampleLayout,
    isYBR: boolean,
    run: (instance: CodecInstance, context: number) => Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    this.#compiled ??= compile(this.#file);
    const compiled = await this.#compiled;
    this.#instance ??= await instantiate(compiled);
    const instance = this.#instance;
    const { call, memory } = instance;
    // Given up unless the call comes back: what failed may have left anything behind.
    this.#instance = undefined;
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      const context = call("CreateCodecsContext");
      call("SetColumns", context, layout.columns);
      call("SetRows", context, layout.rows);
      call("SetBitsAllocated", context, layout.bitsAllocated);
      call("SetBitsStored", context, layout.bitsStored);
      call("SetSamplesPerPixel", context, layout.samplesPerPixel);
      call("SetPixelRepresentation", context, layout.isSigned ? 1 : 0);
      call("SetPlanarConfiguration", context, 0);
      const { monochrome, rgb, ybrFull } = photometricIndexes;
      const photometric = layout.samplesPerPixel === 1 ? monochrome : isYBR ? ybrFull : rgb;
      call("SetPhotometricInterpretation", context, photometric);
      bytes = run(instance, context);
      call("ReleaseCodecsContext", context);
    } catch (error) {
      throw error instanceof Problem ? error : undecodable("its codec refuses it", error);
    }
    if (memory.buffer.byteLength <= retainedBytesMax) {
      this.#instance = instance;
    }
    return bytes;
  }
}

function bytesAt(
  memory: WebAssembly.Memory,
  address: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  // A view made now: the memory moves when it grows.
  return new Uint8Array(memory.buffer, address >>> 0, length);
}

async function compile(file: string): Promise<WebAssembly.Module> {
  return await WebAssembly.compile(await readFile(file));
}

async function instantiate(compiled: WebAssembly.Module): Promise<CodecInstance> {
  let memory: WebAssembly.Memory | undefined;
  const textAt = (address: number, length: number): string =>
    memory === undefined
      ? ""
      : Buffer.from(memory.buffer, address >>> 0, length).toString("latin1");
  const listen = (text: string): void => {
    if (isDamage(text)) {
      throw undecodable("it is damaged or cut off", new Error(text));
    }
  };
  const zeroAt = (...addresses: number[]): number => {
    if (memory !== undefined) {
      const view = new DataView(memory.buffer);
      for (const address of addresses) {
        view.setUint32(address, 0, true);
      }
    }
    return 0;
  };
  const { exports } = await WebAssembly.instantiate(compiled, {
    env: {
      onCodecsException: (address: number, length: number): never => {
        throw undecodable("its codec refuses it", new Error(textAt(address, length)));
      },
      onCodecsInfo: (address: number, length: number) => {
        listen(textAt(address, length));
      },
      onCodecsTrace: () => undefined,
      emscripten_notify_memory_growth: () => {
        if (memory !== undefined && memory.buffer.byteLength > memoryBytesMax) {
          throw undecodable("decoding it takes too much memory");
        }
      },
    },
    // The module asks the system for nothing but a stream to complain to.
    wasi_snapshot_preview1: {
      proc_exit: (): never => {
        throw undecodable("its codec gave up");
      },
      clock_time_get: (_clock: number, _precision: bigint, address: number) =>
        zeroAt(address, address + 4),
      fd_write: (_file: number, vectors: number, count: number, written: number): number => {
        const view = memory && new DataView(memory.buffer);
        let bytes = 0;
        for (let at = vectors; view !== undefined && at < vectors + count * 8; at += 8) {
          const length = view.getUint32(at + 4, true);
          listen(textAt(view.getUint32(at, true), length));
          bytes += length;
        }
        view?.setUint32(written, bytes, true);
        return 0;
      },
      fd_close: () => 0,
      fd_seek: () => 0,
      environ_sizes_get: (count: number, size: number) => zeroAt(count, size),
      environ_get: () => 0,
    },
  });
  const functions = exports as Readonly<Record<string, ModuleFunction | undefined>>;
  const call = (name: string, ...values: number[]): number => {
    const called = functions[name];
    if (called === undefined) {
      throw new TypeError(`The codec module has no function ${name}.`);
    }
    return called(...values);
  };
  memory = exports["memory"] as WebAssembly.Memory;
  call("_initialize");
  return { memory, call };
}

declare module "@cornerstonejs/codec-openjph/wasmjs" {
  interface FrameInfo {
    readonly width: number;
    readonly height: number;
    readonly bitsPerSample: number;
    readonly componentCount: number;
    readonly isSigned: boolean;
    readonly isUsingColorTransform: boolean;
  }
  interface HTJ2KEncoder {
    getDecodedBuffer(frame: FrameInfo): Uint8Array;
    getEncodedBuffer(): Uint8Array;
    setQuality(isLossless: boolean, quantizationStep: number): void;
    setProgressionOrder(order: number): void;
    setTLMMarker(isWritten: boolean): void;
    setDecompositions(count: number): void;
    encode(): void;
    delete(): void;
  }
  export interface OpenJPH {
    readonly HTJ2KEncoder: new () => HTJ2KEncoder;
    readonly HEAPU8: Uint8Array;
  }
  const load: (options: {
    readonly wasmBinary: Uint8Array;
    readonly print: () => void;
    readonly printErr: () => void;
  }) => Promise<OpenJPH>;
  // The package is a CommonJS module whose one export is the function.
  export default load;
}

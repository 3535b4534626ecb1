/** What a codec has to be told of the samples that it is to read or write. They are interleaved and little endian. */
export interface SampleLayout {
  readonly rows: number;
  readonly columns: number;
  readonly samplesPerPixel: number;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly isSigned: boolean;
}

/** The bytes of all samples. */
export function sampleBytes(layout: SampleLayout): number {
  const { rows, columns, samplesPerPixel, bitsAllocated } = layout;
  return rows * columns * samplesPerPixel * Math.ceil(bitsAllocated / 8);
}

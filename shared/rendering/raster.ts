/** A picture ready to be encoded: samples of 8 bits, row by row from the top left, those of a pixel together. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  /** 1: gray, 0 is black. 3: red, green and blue. */
  readonly channels: 1 | 3;
  /** `width * height * channels` bytes. */
  readonly data: Uint8Array;
}

/** The raster with three channels; itself when it has them. */
export function toColor(raster: Raster): Raster {
  if (raster.channels === 3) {
    return raster;
  }
  const { width, height } = raster;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < raster.data.length; from += 1, to += 3) {
    const gray = raster.data[from] ?? 0;
    data[to] = gray;
    data[to + 1] = gray;
    data[to + 2] = gray;
  }
  return { width, height, channels: 3, data };
}

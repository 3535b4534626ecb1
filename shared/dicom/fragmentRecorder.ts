import type { FragmentList } from "./pixelData.ts";

function grown<T extends Float64Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Notes the fragments of encapsulated pixel data while they go by: 20 bytes for each, in arrays that double when full. */
export class FragmentRecorder implements FragmentList {
  count = 0;
  offsets: Float64Array = new Float64Array(16);
  lengths: Float64Array = new Float64Array(16);
  starts: Uint32Array = new Uint32Array(16);

  /** One more fragment, whose bytes begin at `offset`. */
  add(offset: number, length: number): void {
    if (this.count === this.offsets.length) {
      const size = this.count * 2;
      this.offsets = grown(this.offsets, new Float64Array(size));
      this.lengths = grown(this.lengths, new Float64Array(size));
      this.starts = grown(this.starts, new Uint32Array(size));
    }
    this.offsets[this.count] = offset;
    this.lengths[this.count] = length;
    this.count += 1;
  }

  /** The first four bytes of the fragment added last, big endian. */
  noteStart(start: number): void {
    this.starts[this.count - 1] = start;
  }
}

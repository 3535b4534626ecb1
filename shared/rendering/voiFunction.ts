import type { VoiTransform, LookupTable, Window } from "./imagePresentation.ts";

/** The function that turns a value into a gray from 0 to 255, not rounded (PS3.3 §C.11.2.1). */
export function voiFunction(voi: VoiTransform): (value: number) => number {
  return voi.kind === "window" ? windowFunction(voi.window) : tableFunction(voi.table);
}

function windowFunction({ center, width, function: shape }: Window): (value: number) => number {
  if (shape === "SIGMOID") {
    return (value) => 255 / (1 + Math.exp((-4 * (value - center)) / width));
  }
  // PS3.3 §C.11.2.1.2.1: LINEAR is meant for integers, and half a step off on either side.
  const middle = shape === "LINEAR" ? center - 0.5 : center;
  const range = shape === "LINEAR" ? Math.max(width - 1, 0) : width;
  return (value) => {
    if (value <= middle - range / 2) {
      return 0;
    }
    return value > middle + range / 2 ? 255 : ((value - middle) / range + 0.5) * 255;
  };
}

function tableFunction(table: LookupTable): (value: number) => number {
  const most = 2 ** table.bits - 1;
  return (value) => Math.min((lookUp(table, Math.round(value)) / most) * 255, 255);
}

/** The entry of a table for a stored value (PS3.3 §C.11.1.1): beyond either end, that of the end. */
export function lookUp({ firstMapped, entries }: LookupTable, value: number): number {
  const index = Math.min(Math.max(value - firstMapped, 0), entries.length - 1);
  return entries[index] ?? 0;
}

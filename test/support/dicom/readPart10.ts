import {
  Part10Reader,
  type Part10Instance,
  type Part10ReaderLimits,
} from "../../../shared/dicom/part10Reader.ts";
import { Problem } from "../../../shared/problem/problem.ts";

/** Reads a whole file with the product's reader, written to it in chunks of `chunkBytes`. */
export async function readPart10(
  bytes: Uint8Array,
  chunkBytes: number = bytes.length,
  limits: Partial<Part10ReaderLimits> = {},
): Promise<Part10Instance> {
  const reader = new Part10Reader(limits);
  try {
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      await reader.write(bytes.subarray(at, at + chunkBytes));
    }
    return await reader.end();
  } finally {
    reader.close();
  }
}

/** The Problem that reading ends with; undefined when it succeeds. Anything else that is thrown stays thrown. */
export async function problemOf(reading: Promise<Part10Instance>): Promise<Problem | undefined> {
  try {
    await reading;
    return undefined;
  } catch (error) {
    if (error instanceof Problem) {
      return error;
    }
    throw error;
  }
}

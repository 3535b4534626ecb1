import { makeInstance, makeUID, type InstanceOptions } from "../../test/support/dicom/dicomFile.ts";

/** The UIDs of a file. */
export interface FileUIDs {
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID: string;
  readonly sopInstanceUID: string;
}

/** A file that can be had under other UIDs at the cost of copying it. */
export interface Template extends FileUIDs {
  readonly bytes: Uint8Array;
  /** A copy under a new SOP Instance UID, and under these others. */
  copy(uids?: Partial<FileUIDs>): FileUIDs & { readonly bytes: Uint8Array };
}

/** Half a megabyte of pixels, which is what a slice of a CT has. */
const sliceBytes: number = 512 * 1024;

/** Makes a file to take copies of. All UIDs that are made are of the same length. */
export function makeTemplate(options: InstanceOptions = { bytes: sliceBytes }): Template {
  const original = makeInstance(options);
  const bytes = Buffer.from(original.bytes);
  const places = (uid: string): number[] => {
    const found: number[] = [];
    for (let at = bytes.indexOf(uid); at !== -1; at = bytes.indexOf(uid, at + 1)) {
      found.push(at);
    }
    return found;
  };
  const levels = ["studyInstanceUID", "seriesInstanceUID", "sopInstanceUID"] as const;
  const offsets = new Map(levels.map((level) => [level, places(original[level])]));
  return {
    ...original,
    copy: (uids = {}) => {
      const named: FileUIDs = {
        studyInstanceUID: uids.studyInstanceUID ?? original.studyInstanceUID,
        seriesInstanceUID: uids.seriesInstanceUID ?? original.seriesInstanceUID,
        sopInstanceUID: uids.sopInstanceUID ?? makeUID(),
      };
      const copied = Buffer.from(bytes);
      for (const [level, found] of offsets) {
        for (const offset of found) {
          copied.write(named[level], offset, "latin1");
        }
      }
      return { ...named, bytes: copied };
    },
  };
}

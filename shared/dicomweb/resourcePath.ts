import {
  parseSeriesInstanceUID,
  parseSOPInstanceUID,
  parseStudyInstanceUID,
} from "../dicom/uid.ts";
import { Problem } from "../problem/problem.ts";

/** The study, series or instance that a path names. */
export interface ResourcePath {
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID?: string;
  readonly sopInstanceUID?: string;
}

/** An instance that a path names. */
export type InstancePath = Required<ResourcePath>;

/**
 * Reads `studies/{study}[/series/{series}[/instances/{instance}]]` from the front of a path's segments (PS3.18 §10.1).
 *
 * What follows is not looked at. Throws `malformed` naming the UID that is not one.
 */
export function parseResourcePath(segments: readonly string[]): ResourcePath {
  const [, study = "", series, seriesUID, instances, instanceUID] = segments;
  const studyInstanceUID = parseStudyInstanceUID(study);
  // Without a UID after it, the word names all series of the study, which are searched.
  if (series?.toLowerCase() !== "series" || seriesUID === undefined) {
    return { studyInstanceUID };
  }
  const seriesInstanceUID = parseSeriesInstanceUID(seriesUID);
  if (instances?.toLowerCase() !== "instances" || instanceUID === undefined) {
    return { studyInstanceUID, seriesInstanceUID };
  }
  return { studyInstanceUID, seriesInstanceUID, sopInstanceUID: parseSOPInstanceUID(instanceUID) };
}

/** Like {@link parseResourcePath}, for a path that has to name an instance. */
export function parseInstancePath(segments: readonly string[]): InstancePath {
  const { studyInstanceUID, seriesInstanceUID, sopInstanceUID } = parseResourcePath(segments);
  if (seriesInstanceUID === undefined || sopInstanceUID === undefined) {
    throw new Problem("notFound", "The path names no instance.");
  }
  return { studyInstanceUID, seriesInstanceUID, sopInstanceUID };
}

import { parseResourcePath } from "./resourcePath.ts";
import type { SearchLevel } from "./searchAttributes.ts";
import type { SearchTarget } from "./searchQuery.ts";

/** One of the resources that are searched. */
export interface SearchTemplate {
  /** Its name inside the names of functions. */
  readonly resource: string;
  /** Its path, with parameters in braces. */
  readonly template: string;
  /** The level of the results. */
  readonly level: SearchLevel;
}

/** The resources of PS3.18 Table 10.6.1-2. */
export const searchTemplates: readonly SearchTemplate[] = [
  { resource: "Studies", template: "studies", level: "study" },
  { resource: "Series", template: "series", level: "series" },
  { resource: "Instances", template: "instances", level: "instance" },
  { resource: "StudySeries", template: "studies/{study}/series", level: "series" },
  { resource: "StudyInstances", template: "studies/{study}/instances", level: "instance" },
  {
    resource: "SeriesInstances",
    template: "studies/{study}/series/{series}/instances",
    level: "instance",
  },
];

/**
 * Reads what is searched from the segments of a path that matches the template, and of nothing after it. Throws `malformed`
 * naming the UID that is not one.
 */
export function parseSearchTarget(
  { level }: SearchTemplate,
  segments: readonly string[],
): SearchTarget {
  return segments.length === 1 ? { level } : { level, ...parseResourcePath(segments) };
}

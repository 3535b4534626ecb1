import { administrationDescriptions } from "./descriptions/administration.ts";
import { extendedQueryTagDescriptions } from "./descriptions/extendedQueryTags.ts";
import { feedDescriptions } from "./descriptions/feeds.ts";
import { searchDescriptions } from "./descriptions/searches.ts";
import { serviceDescriptions } from "./descriptions/service.ts";
import { studyDescriptions } from "./descriptions/studies.ts";
import type { OperationDescription } from "./operationDescription.ts";

/** The descriptions of all routes, by the names of their functions. */
export const operationDescriptions: Readonly<Record<string, OperationDescription>> = {
  ...studyDescriptions,
  ...searchDescriptions,
  ...feedDescriptions,
  ...extendedQueryTagDescriptions,
  ...administrationDescriptions,
  ...serviceDescriptions,
};

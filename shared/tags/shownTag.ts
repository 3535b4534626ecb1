import { pathOf, type ExtendedQueryTag } from "./extendedQueryTag.ts";
import type { TagError } from "./tagErrors.ts";

/**
 * An extended query tag as the Azure service shows it, with URLs below `serviceURL`. `errorCount` is how many of its
 * errors the caller may see.
 */
export function shownTag(
  serviceURL: string,
  extended: ExtendedQueryTag,
  errorCount: number,
): object {
  const { vr, privateCreator, level, status, isEnabled, operation } = extended;
  const path = pathOf(extended);
  return {
    path,
    vr,
    ...(privateCreator === undefined ? {} : { privateCreator }),
    level,
    status,
    queryStatus: isEnabled ? "enabled" : "disabled",
    ...(errorCount === 0
      ? {}
      : {
          errors: {
            count: errorCount,
            href: `${serviceURL}/extendedquerytags/${path}/errors`,
          },
        }),
    ...(operation === undefined || status !== "adding"
      ? {}
      : { operation: { id: operation, href: `${serviceURL}/operations/${operation}` } }),
  };
}

/** An error of an extended query tag as the Azure service shows it. */
export function shownError(error: TagError): object {
  const { partition, study, series, sop, createdTime, message } = error;
  return {
    partitionName: partition,
    studyInstanceUid: study,
    seriesInstanceUid: series,
    sopInstanceUid: sop,
    createdTime,
    errorMessage: message,
  };
}

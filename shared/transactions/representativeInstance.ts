import { transferSyntaxOf } from "../dicom/transferSyntax.ts";
import type {
  InstanceIndex,
  InstanceRecord,
  InstanceWithMetadata,
  Target,
} from "../store/instanceIndex.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import { noInstance } from "./retrieveInstances.ts";

// Images, but of something else than a person would look for: segmentations, parametric maps, dose.
const secondarySOPClasses: ReadonlySet<string> = new Set([
  "1.2.840.10008.5.1.4.1.1.66.4",
  "1.2.840.10008.5.1.4.1.1.66.7",
  "1.2.840.10008.5.1.4.1.1.30",
  "1.2.840.10008.5.1.4.1.1.481.2",
]);

/** An instance, and the frame of it that stands for the whole. */
export interface RepresentativeInstance {
  readonly record: InstanceWithMetadata;
  /** From 1; 0 for an instance without frames. */
  readonly frameNumber: number;
}

/**
 * The instance that stands for a study or series: in the series with most images the one in the middle, by the order in
 * which they were stored, and of that the frame in the middle. Where there is no image, the first instance. An instance
 * stands for itself.
 *
 * One query and one point read, for an instance the point read alone; of more than a page of instances, which is a
 * thousand, the first page is looked at. Throws `notFound` when nothing is there.
 */
export async function representativeInstance(
  index: InstanceIndex,
  scope: TenantScope,
  target: Target,
): Promise<RepresentativeInstance> {
  const { studyInstanceUID, seriesInstanceUID, sopInstanceUID } = target;
  const uids =
    seriesInstanceUID !== undefined && sopInstanceUID !== undefined
      ? { studyInstanceUID, seriesInstanceUID, sopInstanceUID }
      : chooseInstance(await firstPage(index, scope, target));
  const record = uids && (await index.get(scope, uids));
  if (record === undefined) {
    throw noInstance();
  }
  return { record, frameNumber: Math.ceil((record.frames?.count ?? 0) / 2) };
}

async function firstPage(
  index: InstanceIndex,
  scope: TenantScope,
  target: Target,
): Promise<readonly InstanceRecord[]> {
  const contents = await index.query(scope, target);
  for await (const page of contents?.pages ?? []) {
    return page;
  }
  return [];
}

function chooseInstance(records: readonly InstanceRecord[]): InstanceRecord | undefined {
  const images = records.filter(isImage);
  const primary = images.filter(({ sopClassUID }) => !secondarySOPClasses.has(sopClassUID));
  const bySeries = Map.groupBy(
    primary.length > 0 ? primary : images,
    ({ seriesInstanceUID }) => seriesInstanceUID,
  );
  let largest: readonly InstanceRecord[] = [];
  for (const series of bySeries.values()) {
    largest = series.length > largest.length ? series : largest;
  }
  return largest[Math.floor((largest.length - 1) / 2)] ?? records[0];
}

/** Whether an instance has frames that are pictures, which those of a video are not. */
export function isImage({ frames, transferSyntaxUID }: InstanceRecord): boolean {
  return frames !== undefined && frames.count > 0 && !transferSyntaxOf(transferSyntaxUID).isVideo;
}

import type { Container } from "@azure/cosmos";
import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";
import type { RetryBudget } from "./cosmosRetry.ts";
import type { NewInstance } from "./instanceIndex.ts";
import { assertRow } from "./rowGuard.ts";
import { studyItemId, type StudyItem } from "./studyItems.ts";

/** What a study is known by in all of a tenant. */
interface StudyName {
  readonly partition: string;
  readonly study: string;
}

/** How many studies are looked up at a time. */
const lookupsAtOnce = 8;

/**
 * Tells which studies a restricted caller reaches. Of one who is not restricted it says yes, and asks nobody.
 *
 * Whose a study is, the study's own item says, which changes in the batch of every store that changes it. The copies that
 * its instances have may be a moment older.
 */
export class StudyReach {
  readonly #container: Container;
  readonly #newBudget: () => RetryBudget;

  constructor(container: Container, newBudget: () => RetryBudget) {
    this.#container = container;
    this.#newBudget = newBudget;
  }

  /** Whether the caller may know of a study of its data partition. One point read where that depends on the patient. */
  async reaches(scope: TenantScope, study: string): Promise<boolean> {
    return await this.#reaches(scope, { partition: scope.partition, study });
  }

  /** Those of `items` that the caller may know of, whatever their data partitions, in their order. */
  async reachable<T extends StudyName>(
    scope: TenantScope,
    items: readonly T[],
  ): Promise<readonly T[]> {
    if (!scope.isRestricted) {
      return items;
    }
    const isReached = new Map<string, boolean>();
    const studies = new Map(items.map((item) => [keyOf(item), item])).entries();
    await Promise.all(
      Array.from({ length: lookupsAtOnce }, async () => {
        for (const [key, study] of studies) {
          isReached.set(key, await this.#reaches(scope, study));
        }
      }),
    );
    return items.filter((item) => isReached.get(keyOf(item)) === true);
  }

  async #reaches(scope: TenantScope, { partition, study }: StudyName): Promise<boolean> {
    const { partitions, patientID, studyInstanceUID } = scope.restriction;
    if (
      partitions?.includes(partition) === false ||
      (studyInstanceUID !== undefined && study !== studyInstanceUID)
    ) {
      return false;
    }
    return (
      patientID === undefined || patientID === (await this.#patientOf(scope, partition, study))
    );
  }

  async #patientOf(
    scope: TenantScope,
    partition: string,
    study: string,
  ): Promise<string | undefined> {
    const key = [scope.tenant, partition, study];
    const { resource } = await this.#newBudget().repeat(
      async () => await this.#container.item(studyItemId, key).read<StudyItem>(),
    );
    if (resource === undefined) {
      return undefined;
    }
    // The data partition is not always that of the scope: the feeds are of all of a tenant's.
    assertRow({ tenant: scope.tenant, partition }, study, resource);
    return patientIDOf(resource.attributes.study);
  }
}

/**
 * Whether a caller may put an instance, given the item of its study, if there is one. Who is restricted to a patient puts
 * instances of that patient alone, and into no study of another: the instance would make it the patient's.
 */
export function mayPut(
  { restriction: { patientID, studyInstanceUID } }: TenantScope,
  instance: NewInstance,
  study: StudyItem | undefined,
): boolean {
  return (
    (studyInstanceUID === undefined || instance.studyInstanceUID === studyInstanceUID) &&
    (patientID === undefined ||
      (patientIDOf(instance.attributes.study.attributes) === patientID &&
        (study === undefined || patientIDOf(study.attributes.study) === patientID)))
  );
}

/** PatientID of a study's attributes, as it stands in its instances. */
export function patientIDOf(attributes: DicomJsonDataset): string | undefined {
  const value = attributes["00100020"]?.Value?.[0];
  return typeof value === "string" ? value : undefined;
}

function keyOf({ partition, study }: StudyName): string {
  return `${partition}/${study}`;
}

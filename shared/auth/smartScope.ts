import type { DataAction } from "../tenancy/tenantScope.ts";

/** What a scope of SMART App Launch grants here. */
export interface SmartGrant {
  /** Whether it is for the one patient of the token only. */
  readonly isOfPatient: boolean;
  readonly actions: readonly DataAction[];
}

// An action is granted by the letters that cover all that it does: `read` searches and reads, `write` creates and
// replaces.
const lettersOf: readonly (readonly [DataAction, RegExp])[] = [
  ["read", /(?=.*r)(?=.*s)/],
  ["write", /(?=.*c)(?=.*u)/],
  ["delete", /d/],
];

/**
 * Reads a scope of SMART App Launch 2 (`user/ImagingStudy.cruds`) or 1 (`user/ImagingStudy.read`) on imaging studies or on
 * everything; `undefined` for any other text.
 *
 * A scope that its own query narrows (`?modality=CT`) grants nothing, because it would have to be narrowed here too.
 */
export function parseSmartScope(scope: string): SmartGrant | undefined {
  const [, context, interactions = ""] =
    /^(patient|user|system)\/(?:ImagingStudy|\*)\.([^?]+)$/.exec(scope) ?? [];
  if (context === undefined) {
    return undefined;
  }
  const letters = lettersIn(interactions);
  return letters === undefined
    ? undefined
    : {
        isOfPatient: context === "patient",
        actions: lettersOf.filter(([, needed]) => needed.test(letters)).map(([action]) => action),
      };
}

function lettersIn(interactions: string): string | undefined {
  switch (interactions) {
    case "read":
      return "rs";
    case "write":
      return "cud";
    case "*":
      return "cruds";
    default:
      // The letters have an order, and each is there once.
      return /^(?=.)c?r?u?d?s?$/.test(interactions) ? interactions : undefined;
  }
}

import { badRequest } from "./gatewayError.ts";
import type { JsonObject } from "./json.ts";
import { evaluatePredicate } from "./sql/evaluate.ts";
import { parseCondition } from "./sql/parse.ts";
import { SqlError } from "./sql/sqlError.ts";

/** Tells whether an item meets the condition of a patch, a text of the form `from c where c.count < 3`. */
export function evaluatePatchCondition(condition: string, document: JsonObject): boolean {
  try {
    return evaluatePredicate(parseCondition(condition), [], document);
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    throw badRequest(error.serviceMessage);
  }
}

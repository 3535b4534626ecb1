import type { ApiVersion } from "../dicomweb/storeResponse.ts";
import type { AnswerName } from "./answers.ts";
import type { ParameterName } from "./parameters.ts";
import type { BodyName } from "./requestBodies.ts";

/** Under which heading an operation is listed. */
export type Section =
  | "Store"
  | "Retrieve"
  | "Search"
  | "Delete"
  | "Feeds"
  | "Extended query tags"
  | "Operations"
  | "Administration"
  | "Service";

/** What a caller has to know of a route that its registration does not tell. */
export interface OperationDescription {
  readonly section: Section;
  /** A phrase without a full stop. */
  readonly summary: string;
  /** Sentences, with the clause of the standard where there is one. */
  readonly description?: string;
  /** Of the query and the header; those of the path follow from the route. */
  readonly parameters?: readonly ParameterName[];
  readonly body?: BodyName;
  /** By status. Problems need not be listed: any other answer is one. */
  readonly answers: Readonly<Record<number, AnswerName>>;
  /** The versions of the API that have it; all when absent. */
  readonly versions?: readonly ApiVersion[];
}

import type { ProblemKind } from "../problem/problem.ts";
import type { PixelOperations } from "./pixelOperations.ts";

/** What is posted to a worker. */
export interface WorkerTask {
  readonly operation: keyof PixelOperations;
  readonly input: unknown;
}

/** What a worker posts back, once for each task: what came out, what the caller did wrong, or what went wrong here. */
export type WorkerAnswer =
  | { readonly output: unknown }
  | { readonly problem: { readonly kind: ProblemKind; readonly detail: string } }
  | { readonly failure: string };

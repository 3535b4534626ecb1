import type { InvocationContext } from "@azure/functions";
import { Problem } from "../problem/problem.ts";

/** Logs an error, without its text: what the service did not expect as an error, the cause of a problem as a warning. */
export function reportError(error: unknown, context: InvocationContext): void {
  if (error instanceof Problem) {
    context.warn(`${error.kind}: ${describeSafely(error.cause)}`);
  } else {
    context.error(`unexpected: ${describeSafely(error)}`);
  }
}

/** Name, code and place of an error. Not its message: that may quote what a patient's file holds. */
export function describeSafely(error: unknown): string {
  if (!(error instanceof Error)) {
    return typeof error;
  }
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  const frames = (error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 8);
  const facts = [code, statusCode].filter(
    (fact) => typeof fact === "string" || typeof fact === "number",
  );
  return [error.name, ...facts, ...frames.map((frame) => frame.trim())].join(" ");
}

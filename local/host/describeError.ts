/** A readable text for anything thrown, causes included. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const text = error.stack ?? error.message;
  return error.cause === undefined ? text : `${text}\n  caused by ${describeError(error.cause)}`;
}

/** Says, in one sentence for the person at the keyboard, why the local runtime cannot start or go on. */
export class RuntimeError extends Error {
  override readonly name: string = "RuntimeError";
}

/** Says, in one sentence for the person at the keyboard, why the host cannot start or go on. */
export class HostError extends Error {
  override readonly name: string = "HostError";
}

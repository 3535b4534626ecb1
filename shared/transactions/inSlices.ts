import { setImmediate as otherTurns } from "node:timers/promises";

/**
 * Does work that comes in steps, and lets everything else that waits have its turn between them.
 *
 * There is one thread: a file with half a million elements takes seconds, in which nobody else would be answered. Work
 * that has but one step, as that on every ordinary file, is done at once.
 */
export async function inSlices<T>(steps: Generator<unknown, T, undefined>): Promise<T> {
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) {
      return step.value;
    }
    await otherTurns();
  }
}

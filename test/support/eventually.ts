const patienceMilliseconds = 45_000;

/**
 * Reads until what is read is as `isSo` says, and resolves with it. Rejects with what was read last when that does not
 * happen for far longer than it takes on a busy machine.
 */
export async function eventually<T>(
  read: () => Promise<T>,
  isSo: (value: T) => boolean,
): Promise<T> {
  const deadline = performance.now() + patienceMilliseconds;
  for (;;) {
    const value = await read();
    if (isSo(value)) {
      return value;
    }
    if (performance.now() > deadline) {
      throw new Error(
        `it did not come to pass; last was ${JSON.stringify(value)?.slice(0, 2_000)}`,
      );
    }
    await new Promise((resume) => {
      setTimeout(resume, 100);
    });
  }
}

/** The longest time that a timer of Node can wait. */
const timerMsMax = 2 ** 31 - 1;

/** Waits for `milliseconds`, or less when `signal` is aborted meanwhile. Never rejects. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!signal.aborted) {
    const left = end - performance.now();
    if (left <= 0) {
      return;
    }
    await new Promise<void>((done) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        done();
      };
      const timer = setTimeout(finish, Math.min(left, timerMsMax));
      signal.addEventListener("abort", finish);
    });
  }
}

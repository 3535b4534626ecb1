/**
 * Opens items a few ahead of the reader, in order, so that the next one is under way while this one is sent.
 *
 * At most `ahead` items are open beyond the one that the reader has. What was opened and is not wanted any more, because
 * the reader stopped, is awaited and dropped, so that no failure goes unheard and nothing is left running.
 */
export async function* readAhead<T, R>(
  items: AsyncIterable<T>,
  ahead: number,
  open: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const opened: Promise<R>[] = [];
  const iterator = items[Symbol.asyncIterator]();
  let exhausted = false;
  try {
    for (;;) {
      while (!exhausted && opened.length <= ahead) {
        const next = await iterator.next();
        if (next.done === true) {
          exhausted = true;
        } else {
          const opening = open(next.value);
          // Heard when its turn comes; until then it must not count as unhandled.
          opening.catch(() => undefined);
          opened.push(opening);
        }
      }
      const first = opened.shift();
      if (first === undefined) {
        return;
      }
      yield await first;
    }
  } finally {
    await Promise.allSettled(opened);
    await iterator.return?.();
  }
}

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** A folder that this process alone may use until it releases it or ends, in whatever way it ends. */
export interface FolderLock {
  release(): void;
}

/**
 * Locks `folder` for this process, or answers undefined when somebody else has it after `waitMs`.
 *
 * SQLite's exclusive lock is one of the operating system, so it ends with the process that holds it, also when that is
 * killed, and needs no guess whether a process id in a file is still that of the holder.
 */
export async function lockFolder(folder: string, waitMs = 0): Promise<FolderLock | undefined> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const database = new DatabaseSync(join(folder, ".lock"));
    try {
      database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
      return {
        release: (): void => {
          database.close();
        },
      };
    } catch (error) {
      database.close();
      if (!(error instanceof Error) || !/locked|busy/iu.test(error.message)) {
        throw error;
      }
    }
    if (performance.now() >= deadline) {
      return undefined;
    }
    await new Promise((done) => {
      setTimeout(done, 50);
    });
  }
}

import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DamagedJournal, Journal, type JournalEntry } from "../../../local/azurite/journal.ts";

let folder: string;
let snapshot: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "strata-journal-"));
  snapshot = join(folder, "db.json");
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const put = (number: number): JournalEntry => ({
  collection: "c",
  put: { $loki: number, name: `é\n${String(number)}` },
});

test("entries are read back in order, over several files, by a journal that was opened later", () => {
  const first = new Journal(snapshot);
  first.append(put(1));
  first.rotate();
  first.append(put(2));
  const second = new Journal(snapshot);
  second.append({ collection: "c", remove: 1 });
  expect([...new Journal(snapshot).read()]).toEqual([
    put(1),
    put(2),
    { collection: "c", remove: 1 },
  ]);
});

test("files before the one named are forgotten", () => {
  const journal = new Journal(snapshot);
  journal.append(put(1));
  const next = journal.rotate();
  journal.append(put(2));
  journal.forget(next);
  expect([...journal.read()]).toEqual([put(2)]);
  expect(readdirSync(folder)).toHaveLength(1);
});

test("a last line that was cut off is left out, and what comes after goes to another file", () => {
  const journal = new Journal(snapshot);
  journal.append(put(1));
  appendFileSync(join(folder, readdirSync(folder)[0] ?? ""), '{"collection":"c","pu');
  const later = new Journal(snapshot);
  later.append(put(2));
  expect([...later.read()]).toEqual([put(1), put(2)]);
});

test.each(["nonsense\n", '{"collection":1,"remove":1}\n', '{"collection":"c"}\n', "null\n"])(
  "%j in the middle is damage",
  (line) => {
    writeFileSync(`${snapshot}.journal.1`, line);
    expect(() => [...new Journal(snapshot).read()]).toThrow(DamagedJournal);
  },
);

test("the size counts what was written since the last rotation", () => {
  const journal = new Journal(snapshot);
  expect(journal.bytes).toBe(0);
  journal.append(put(1));
  expect(journal.bytes).toBe(Buffer.byteLength(`${JSON.stringify(put(1))}\n`));
  journal.rotate();
  expect(journal.bytes).toBe(0);
});

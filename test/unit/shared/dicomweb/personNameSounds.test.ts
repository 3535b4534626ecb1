import { expect, test } from "vitest";
import { personNameSounds } from "../../../../shared/dicomweb/personNameSounds.ts";

function soundAlike(one: string, other: string): boolean {
  const known = personNameSounds(one).flat();
  return personNameSounds(other).every((sounds) => sounds.some((sound) => known.includes(sound)));
}

test.each([
  ["Meier^Hans", "Mayer"],
  ["Schmidt", "Schmitt"],
  ["Schmidt", "Smith"],
  ["Müller", "Mueller"],
  ["Catherine", "Kathryn"],
  ["O'Neil", "ONeal"],
  ["Meier-Schulze^Anna", "Maier"],
  ["王^小东", "小东"],
  ["Иванов", "иванов"],
])("%s sounds like %s", (one, other) => {
  expect(soundAlike(one, other)).toBe(true);
});

test.each([
  ["Meier", "Schmidt"],
  ["王", "李"],
  ["Meier^Hans", "Mayer^Otto"],
])("%s does not sound like %s", (one, other) => {
  expect(soundAlike(one, other)).toBe(false);
});

test("a name of nothing has no sounds, and one of a thousand words those of the first sixteen", () => {
  expect(personNameSounds(" ^=-")).toEqual([]);
  expect(personNameSounds("ab ".repeat(1_000))).toHaveLength(16);
  expect(personNameSounds("x".repeat(100_000)).flat().join("").length).toBeLessThan(200);
});

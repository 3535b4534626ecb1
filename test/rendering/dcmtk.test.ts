// What is rendered, against dcmj2pnm of dcmtk (Debian's package `dcmtk`), which has no code in common with the service.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { decodePng, type Picture } from "../support/pictures/decodePng.ts";
import { renderFile } from "../support/pictures/renderFile.ts";
import { sampleImages } from "../support/pictures/sampleImages.ts";

// Where it is not installed, what it would show is not known.
const isInstalled = spawnSync("dcmj2pnm", ["--version"]).status === 0;

const folder = mkdtempSync(join(tmpdir(), "strata-rendering-"));
const samples = await sampleImages();

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Reads a binary PGM or PPM of 8 bits. */
function decodePnm(bytes: Buffer): Picture {
  const header = /^P([56])\s+(?:#[^\n]*\n)?(\d+)\s+(\d+)\s+255\s/.exec(
    bytes.toString("latin1", 0, 200),
  );
  if (header === null) {
    throw new Error("not a PGM or PPM of 8 bits");
  }
  const [all, kind, width, height] = header;
  const channels = kind === "5" ? 1 : 3;
  return {
    width: Number(width),
    height: Number(height),
    channels,
    data: bytes.subarray(all.length),
  };
}

// dcmj2pnm rounds down where the service rounds to the nearest, and YBR with fewer digits.
test.skipIf(!isInstalled).each([
  ["signed, window", ["+Wi", "1"], 1],
  ["rescaled 12 bit", ["+Wi", "1"], 1],
  ["junk in high bits", ["+Wi", "1"], 1],
  ["big endian", ["+Wi", "1"], 1],
  ["RLE", ["+Wi", "1"], 1],
  ["JPEG lossless", ["+Wi", "1"], 1],
  ["bone, linear", ["+Ww", "400", "1800"], 1],
  ["sigmoid", ["+Ww", "0", "600", "+Wfs"], 1],
  ["no window", ["+Wm"], 1],
  ["MONOCHROME1", ["+Wi", "1"], 1],
  ["VOI LUT", ["+Wl", "1"], 1],
  ["modality LUT", ["+Wm"], 1],
  ["palette", [], 0],
  ["RGB", [], 0],
  ["RGB in planes", [], 0],
  ["RGB of 48 bits", [], 0],
  ["RGB in RLE", [], 0],
  ["YBR_FULL", [], 2],
  ["YBR_FULL_422", [], 2],
  ["JPEG baseline", [], 1],
])("%s looks as dcmj2pnm %j shows it, within %i of 255", async (label, options, tolerance) => {
  const sample = samples.find((candidate) => candidate.label === label);
  const file = sample?.file ?? new Uint8Array(0);
  const ours = decodePng(await renderFile(file, sample?.query ? { query: sample.query } : {}));
  const [input, output] = [join(folder, "image.dcm"), join(folder, "image.pnm")];
  writeFileSync(input, file);
  const made = spawnSync("dcmj2pnm", [...options, "+op", input, output], { encoding: "utf8" });
  expect([made.status, made.stderr]).toEqual([0, ""]);
  const theirs = decodePnm(readFileSync(output));
  expect([ours.width, ours.height, ours.channels]).toEqual([
    theirs.width,
    theirs.height,
    theirs.channels,
  ]);
  const worst = ours.data.reduce(
    (most, pixel, at) => Math.max(most, Math.abs(pixel - (theirs.data[at] ?? 999))),
    0,
  );
  expect(worst).toBeLessThanOrEqual(tolerance);
});

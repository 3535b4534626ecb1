import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CodecModule } from "./codecModule.ts";
import { Htj2kModule } from "./htj2kModule.ts";

let codecs: CodecModule | undefined;
let htj2k: Htj2kModule | undefined;

/** JPEG, JPEG-LS, JPEG 2000, JPEG XL and RLE: one for the thread, made when it is first asked for. */
export function codecModule(): CodecModule {
  codecs ??= new CodecModule(
    deployedFile("dcmjs-native-codecs.wasm") ??
      fileURLToPath(import.meta.resolve("dcmjs-codecs/build/dcmjs-native-codecs.wasm")),
  );
  return codecs;
}

/** High-Throughput JPEG 2000: one for the thread, made when it is first asked for. */
export function htj2kModule(): Htj2kModule {
  htj2k ??= new Htj2kModule(
    deployedFile("openjphjs.wasm") ??
      fileURLToPath(import.meta.resolve("@cornerstonejs/codec-openjph/wasm")),
  );
  return htj2k;
}

// A build puts the modules beside the bundle; sources find them in their packages.
function deployedFile(name: string): string | undefined {
  const file = join(import.meta.dirname, name);
  return existsSync(file) ? file : undefined;
}

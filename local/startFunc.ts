import { runCommandLine } from "./runCommandLine.ts";
import { isOnPath } from "./startRuntime.ts";

// `npm run start:func`: as `npm start`, with the host of Azure Functions Core Tools in place of the local one.
if (isOnPath("func", process.env)) {
  await runCommandLine({ usesCoreTools: true });
} else {
  console.error("Azure Functions Core Tools (func) is not on the PATH; npm start needs none.");
  process.exitCode = 1;
}

import { runCommandLine } from "./runCommandLine.ts";

// `npm start`: the whole service on this machine.
await runCommandLine({});

import { runCommandLine } from "./runCommandLine.ts";

// `npm run dev`: as `npm start`, and every change of a source builds the app and starts the host anew.
await runCommandLine({ isWatching: true });

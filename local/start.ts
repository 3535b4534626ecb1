import { runCommandLine } from "./runCommandLine.ts";

// `npm start`: the whole service on this machine, to everybody on it; `npm start -- --auth`: to those with a token.
const [argument, ...more] = process.argv.slice(2);
if ((argument ?? "--auth") !== "--auth" || more.length > 0) {
  console.error("The only argument there is is --auth.");
  process.exitCode = 1;
} else {
  await runCommandLine({ isAuthenticating: argument === "--auth" });
}

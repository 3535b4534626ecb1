import type { Socket } from "node:net";

// Preloaded into every child process. Its standard input is a pipe from the supervisor that closes when the supervisor
// ends in whatever way, also by kill -9: then the child ends as on SIGTERM, and by force if that takes too long.

const graceMs = 2_500;

const input = process.stdin as Socket;
input.resume();
for (const event of ["end", "error"]) {
  input.once(event, () => {
    setTimeout(() => process.exit(1), graceMs).unref();
    process.kill(process.pid, "SIGTERM");
  });
}
// Listening must not keep a program going that has nothing left to do.
input.unref();

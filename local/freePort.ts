import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below the ports that operating systems hand out to clients: a server that restarts finds its port free, and a client
// that keeps trying to reach it cannot be given that very port for its own end.
const portMin = 15_000;
const portMax = 32_000;

/** A port of 127.0.0.1 that nobody listens on now. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(portMin, portMax);
    if (await isPortFree(port)) {
      return port;
    }
  }
}

/** Whether a server could listen on this port of 127.0.0.1 now. */
export async function isPortFree(port: number): Promise<boolean> {
  return await new Promise<boolean>((done) => {
    const server = createServer();
    server.once("error", () => {
      done(false);
    });
    server.listen(port, "127.0.0.1", () => {
      server.close(() => {
        done(true);
      });
    });
  });
}

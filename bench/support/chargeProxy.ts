import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** A database in front of which request units are counted. */
export interface ChargeProxy {
  readonly endpoint: string;
  /** The request units of all answers so far. */
  charge(): number;
  close(): Promise<void>;
}

/** Passes requests on to the database at `target`, and adds up what it charges for them. */
export async function startChargeProxy(target: string): Promise<ChargeProxy> {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(target);
  let charge = 0;
  const server = createServer({ keepAliveTimeout: 120_000 }, (incoming, outgoing) => {
    const passed = request(
      {
        agent,
        hostname,
        port,
        method: incoming.method,
        path: incoming.url,
        headers: incoming.headers,
      },
      (answer) => {
        charge += Number(answer.headers["x-ms-request-charge"] ?? 0);
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(outgoing);
      },
    );
    passed.on("error", () => {
      outgoing.destroy();
    });
    outgoing.on("close", () => {
      passed.destroy();
    });
    incoming.pipe(passed);
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  return {
    endpoint: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`,
    charge: () => charge,
    close: async () => {
      await new Promise<void>((done) => {
        server.close(() => {
          done();
        });
        server.closeAllConnections();
        agent.destroy();
      });
    },
  };
}

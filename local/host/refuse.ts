import type { ServerResponse } from "node:http";

/** Ends a request with a status and an empty body, as the host does for all that no function answers. */
export function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-length": "0" });
  response.end();
}

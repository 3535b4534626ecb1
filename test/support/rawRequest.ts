import { connect, type Socket } from "node:net";

/** A connection on which a test writes what it likes. */
export interface RawConnection {
  readonly socket: Socket;
  /** What has been received until now. */
  received(): string;
  /** Resolves with all that was received once the other side has closed, or has sent an answer with its body. */
  answered(): Promise<string>;
}

/** Opens a connection to a local service and writes `text` to it. */
export async function openRaw(baseUrl: string, text: string | Uint8Array): Promise<RawConnection> {
  const { hostname, port } = new URL(baseUrl);
  const socket = connect(Number(port), hostname);
  let received = "";
  let onChange = (): void => undefined;
  let isClosed = false;
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
    onChange();
  });
  socket.on("error", () => {
    // The other side may close before it has read everything.
  });
  socket.on("close", () => {
    isClosed = true;
    onChange();
  });
  await new Promise<void>((resolve) => {
    socket.once("connect", resolve);
    socket.once("close", () => {
      resolve();
    });
  });
  socket.write(text);
  return {
    socket,
    received: () => received,
    answered: async () => {
      while (!isClosed && !isWhole(received)) {
        await new Promise<void>((resolve) => {
          onChange = resolve;
        });
      }
      return received;
    },
  };
}

/** Whether a text is an answer with as much of a body as its Content-Length says. */
function isWhole(text: string): boolean {
  const headerEnd = text.indexOf("\r\n\r\n");
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  return headerEnd !== -1 && length !== undefined && text.length >= headerEnd + 4 + Number(length);
}

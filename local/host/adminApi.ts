import type { IncomingMessage, ServerResponse } from "node:http";
import { refuse } from "./refuse.ts";

/** What the host knows of one function, for `GET /admin/functions`. */
export interface FunctionStatus {
  readonly name: string;
  readonly type: string;
  readonly isDisabled: boolean;
  /** Why the host does not run it; absent when it does. */
  readonly error?: string;
  readonly methods?: readonly string[];
  /** The template with the prefix, of HTTP functions. */
  readonly route?: string;
}

/** What the administrative requests are answered from. */
export interface AdminState {
  functions(): readonly FunctionStatus[];
  /** Fires a function that is not an HTTP function; resolves to false when there is none of that name. */
  fire(name: string, input: string): Promise<boolean>;
}

const inputBytesMax = 1024 * 1024;

/**
 * Answers `/admin/host/ping`, `/admin/host/status`, `/admin/functions` and `POST /admin/functions/{name}`; everything
 * else below `/admin` and `/runtime` is a 404.
 */
export async function answerAdminRequest(
  admin: AdminState,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const [, area = "", kind = "", name = "", ...more] = path.replace(/\/$/u, "").split("/");
  const key = `${area}/${kind}`.toLowerCase();
  const isRead = request.method === "GET";
  if (key === "admin/host" && more.length === 0 && name.toLowerCase() === "ping") {
    response.writeHead(200, { "content-length": "0" }).end();
  } else if (
    key === "admin/host" &&
    more.length === 0 &&
    name.toLowerCase() === "status" &&
    isRead
  ) {
    const uptime = Math.round(process.uptime() * 1_000);
    const errors = admin
      .functions()
      .flatMap(({ name: failed, error }) => (error === undefined ? [] : [`${failed}: ${error}`]));
    writeJson(response, {
      id: "local",
      state: "Running",
      version: "4",
      processUptime: uptime,
      errors,
    });
  } else if (key === "admin/functions" && name === "" && isRead) {
    writeJson(response, admin.functions());
  } else if (
    key === "admin/functions" &&
    name !== "" &&
    more.length === 0 &&
    request.method === "POST"
  ) {
    const input = await readInput(request);
    if (input === undefined) {
      refuse(response, 400);
    } else {
      refuse(response, (await admin.fire(name, input)) ? 202 : 404);
    }
  } else {
    refuse(response, 404);
  }
}

function writeJson(response: ServerResponse, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(200, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

/** The `input` of the body, or undefined when the body is not an object with at most that. */
async function readInput(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    total += (chunk as Buffer).length;
    if (total > inputBytesMax) {
      return undefined;
    }
    chunks.push(chunk as Buffer);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (text.trim() === "") {
    return "";
  }
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || typeof value !== "object") {
      return undefined;
    }
    const input = (value as { input?: unknown }).input;
    return typeof input === "string" ? input : input === undefined ? "" : JSON.stringify(input);
  } catch {
    return undefined;
  }
}

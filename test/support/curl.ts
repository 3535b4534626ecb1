import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { send } from "./send.ts";

/** A call as the cURL tutorial writes it. */
export interface CurlCall {
  readonly method: "GET" | "POST" | "DELETE";
  readonly url: string;
  readonly headers: readonly string[];
  /** A file for `--form`. */
  readonly form?: string;
  /** A file for `--data-binary`. */
  readonly data?: string;
}

/** What came back. */
export interface CurlAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Whether the program curl is on the PATH. */
export const hasCurl: boolean = spawnSync("curl", ["--version"]).status === 0;

/** Makes a call with the program curl or, where there is none, sends the bytes that it would. */
export async function curl(call: CurlCall): Promise<CurlAnswer> {
  return hasCurl ? await callProgram(call) : await imitateProgram(call);
}

async function callProgram({ method, url, headers, form, data }: CurlCall): Promise<CurlAnswer> {
  // What is written after the body tells where the body ends.
  const { stdout } = await promisify(execFile)(
    "curl",
    [
      "--silent",
      "--show-error",
      "--location",
      "--request",
      method,
      url,
      ...headers.flatMap((header) => ["--header", header]),
      ...(form === undefined ? [] : ["--form", `file1=@${form};type=application/dicom`]),
      ...(data === undefined ? [] : ["--data-binary", `@${data}`]),
      "--write-out",
      "\n%{http_code} %{content_type}",
    ],
    { encoding: "buffer", maxBuffer: 64 * 1024 * 1024 },
  );
  const end = stdout.lastIndexOf("\n");
  const [, status = "", contentType = ""] =
    /^(\d+) (.*)$/.exec(stdout.toString("latin1", end + 1)) ?? [];
  return { status: Number(status), contentType, body: stdout.subarray(0, end) };
}

async function imitateProgram({ method, url, headers, form, data }: CurlCall): Promise<CurlAnswer> {
  const fields: Record<string, string> = { "User-Agent": "curl/8.0.0" };
  for (const header of headers) {
    const colon = header.indexOf(":");
    fields[header.slice(0, colon)] = header.slice(colon + 1).trim();
  }
  let body: Buffer | undefined;
  if (form !== undefined) {
    const boundary = `------------------------${randomBytes(8).toString("hex")}`;
    fields["Content-Type"] =
      `${fields["Content-Type"] ?? "multipart/form-data"}; boundary=${boundary}`;
    body = Buffer.concat([
      Buffer.from(
        `--${boundary}\r\nContent-Disposition: form-data; name="file1"; filename="${form.replace(/^.*[\\/]/, "")}"\r\n` +
          "Content-Type: application/dicom\r\n\r\n",
      ),
      readFileSync(form),
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
  } else if (data !== undefined) {
    body = readFileSync(data);
  }
  const answer = await send(url, {
    method,
    headers: fields,
    ...(body === undefined ? {} : { body }),
  });
  return {
    status: answer.status,
    contentType: answer.headers["content-type"] ?? "",
    body: answer.body,
  };
}

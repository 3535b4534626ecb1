import type { InstanceName } from "../support/dicomwebService.ts";
import { send, type ReceivedAnswer } from "../support/send.ts";
import type { Attack } from "./attacks.ts";

/** What an attack has besides its row. */
export interface AttackOptions {
  /** Of the service. */
  readonly baseUrl: string;
  /** Added to those that the row needs. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Added to the query of the row. */
  readonly query?: string;
}

/** Makes the request of a row about `name`; `instance` is the file that it sends, where it sends one. */
export async function sendAttack(
  { method, target, sends, sendsForm }: Attack,
  name: InstanceName,
  instance: Uint8Array,
  { baseUrl, headers = {}, query }: AttackOptions,
): Promise<ReceivedAnswer> {
  const path = target(name);
  const suffix = query === undefined ? "" : `${path.includes("?") ? "&" : "?"}${query}`;
  const form = sendsForm?.(name);
  const body =
    sends === undefined ? form : typeof sends === "object" ? JSON.stringify(sends) : instance;
  const type =
    form !== undefined
      ? "application/x-www-form-urlencoded"
      : typeof sends === "object"
        ? "application/json"
        : "application/dicom";
  return await send(`${baseUrl}/${path}${suffix}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { "Content-Type": type }) },
    ...(body === undefined ? {} : { body }),
  });
}

/** All of an answer but what differs between any two, with the UIDs replaced by their names. */
export function comparable(
  answer: ReceivedAnswer,
  name: InstanceName,
  sent: InstanceName,
): { readonly status: number; readonly headers: object; readonly body: string } {
  const replaced = Object.entries({ ...name }).reduce(
    (text, [key, uid]) => text.replaceAll(String(uid), key),
    answer.text.replaceAll(sent.sopInstanceUID, "sent").replaceAll(sent.seriesInstanceUID, "sent"),
  );
  const {
    date: _,
    "x-ms-invocation-id": __,
    "x-correlation-id": ___,
    "server-timing": ____,
    ...headers
  } = answer.headers;
  return { status: answer.status, headers, body: replaced };
}

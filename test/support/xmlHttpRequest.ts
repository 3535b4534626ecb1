import { send, type ReceivedAnswer } from "./send.ts";

type Listener = (() => void) | null;

/**
 * As much of a browser's XMLHttpRequest as clients made for browsers use, over a plain HTTP request.
 *
 * Like a browser it sends `Accept: *\/*` when nothing else was set, and joins headers that are set twice.
 */
export class XmlHttpRequest {
  readyState = 0;
  status = 0;
  responseType = "";
  response: unknown = null;
  withCredentials = false;
  onreadystatechange: Listener = null;
  onloadstart: Listener = null;
  onloadend: Listener = null;
  onprogress: Listener = null;
  onerror: Listener = null;
  readonly #headers = new Map<string, string>();
  #method = "GET";
  #url = "";
  #answer: ReceivedAnswer | undefined;

  open(method: string, url: string): void {
    this.#method = method.toUpperCase();
    this.#url = url;
    this.readyState = 1;
  }

  setRequestHeader(name: string, value: string): void {
    const key = name.toLowerCase();
    const before = this.#headers.get(key);
    this.#headers.set(key, before === undefined ? value : `${before}, ${value}`);
  }

  getResponseHeader(name: string): string | null {
    const value = this.#answer?.headers[name.toLowerCase()];
    return value === undefined ? null : String(value);
  }

  getAllResponseHeaders(): string {
    return Object.entries(this.#answer?.headers ?? {})
      .map(([name, value]) => `${name}: ${String(value)}\r\n`)
      .join("");
  }

  send(data?: ArrayBuffer | Uint8Array | string): void {
    if (!this.#headers.has("accept")) {
      this.#headers.set("accept", "*/*");
    }
    this.onloadstart?.();
    const body = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
    void send(this.#url, {
      method: this.#method,
      headers: Object.fromEntries(this.#headers),
      ...(body === undefined ? {} : { body }),
    }).then(
      (answer) => {
        this.#answer = answer;
        this.status = answer.status;
        this.response = this.#read(answer);
        this.#end();
      },
      () => {
        this.onerror?.();
        this.#end();
      },
    );
  }

  #end(): void {
    this.readyState = 4;
    this.onreadystatechange?.();
    this.onloadend?.();
  }

  #read({ body, text }: ReceivedAnswer): unknown {
    if (this.responseType === "arraybuffer") {
      return Uint8Array.from(body).buffer;
    }
    if (this.responseType === "json") {
      // A browser answers null for what is no JSON.
      try {
        return JSON.parse(text) as unknown;
      } catch {
        return null;
      }
    }
    return text;
  }
}

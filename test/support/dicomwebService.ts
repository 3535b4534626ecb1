import { inject } from "vitest";
import { encodeParts, testBoundary, type PartToSend } from "./multipart.ts";
import { send, type ReceivedAnswer, type SendOptions } from "./send.ts";

/** A DICOM JSON element, as far as tests look at it. */
export interface JsonElement {
  readonly vr: string;
  readonly Value?: readonly unknown[];
  readonly BulkDataURI?: string;
  readonly InlineBinary?: string;
}

/** A DICOM JSON data set. */
export type JsonDataset = Readonly<Record<string, JsonElement>>;

/** What names an instance. */
export interface InstanceName {
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID: string;
  readonly sopInstanceUID: string;
}

export const dicomJson = "application/dicom+json";
export const anyDicomMultipart = 'multipart/related; type="application/dicom"; transfer-syntax=*';
export const multipartStoreType: string = `multipart/related; type="application/dicom"; boundary=${testBoundary}`;

/** The identifiers of an instance alone, to make another one with some of them. */
export function nameOf({
  studyInstanceUID,
  seriesInstanceUID,
  sopInstanceUID,
}: InstanceName): InstanceName {
  return { studyInstanceUID, seriesInstanceUID, sopInstanceUID };
}

/** The path of an instance below the version. */
export function instancePath(name: InstanceName): string {
  return `studies/${name.studyInstanceUID}/series/${name.seriesInstanceUID}/instances/${name.sopInstanceUID}`;
}

/** The calls that tests make again and again, on the runtime of the run or on another one. */
export class DicomwebService {
  readonly baseUrl: string;
  readonly version: "v1" | "v2";
  /** Sent with every request, where it does not say otherwise itself. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    version: "v1" | "v2" = "v2",
    baseUrl: string = inject("runtime").baseUrl,
    headers: Readonly<Record<string, string>> = {},
  ) {
    this.baseUrl = baseUrl;
    this.version = version;
    this.headers = headers;
  }

  /** The URL of a path below the version. */
  url(path: string): string {
    return `${this.baseUrl}/${this.version}/${path}`;
  }

  async request(path: string, options: SendOptions = {}): Promise<ReceivedAnswer> {
    return await send(this.url(path), {
      ...options,
      headers: { ...this.headers, ...options.headers },
    });
  }

  async get(path: string, accept?: string): Promise<ReceivedAnswer> {
    return await this.request(path, { headers: accept === undefined ? {} : { Accept: accept } });
  }

  /** Stores files as one multipart request. */
  async store(
    files: readonly Uint8Array[],
    options: { readonly study?: string; readonly method?: "POST" | "PUT" } = {},
  ): Promise<ReceivedAnswer> {
    return await this.storeParts(
      files.map((body) => ({ body })),
      options,
    );
  }

  async storeParts(
    parts: readonly PartToSend[],
    { study, method = "POST" }: { readonly study?: string; readonly method?: "POST" | "PUT" } = {},
  ): Promise<ReceivedAnswer> {
    return await this.request(study === undefined ? "studies" : `studies/${study}`, {
      method,
      headers: { Accept: dicomJson, "Content-Type": multipartStoreType },
      body: encodeParts(parts),
    });
  }

  /** Stores files and throws unless all of them were. */
  async mustStore(files: readonly Uint8Array[]): Promise<void> {
    const answer = await this.store(files);
    if (answer.status !== 200 && !(answer.status === 202 && !answer.text.includes("00081198"))) {
      throw new Error(`not stored: ${answer.status} ${answer.text}`);
    }
  }

  /** The results of a search; none when the answer is 204. Throws for any other status than 200 and 204. */
  async search(path: string): Promise<readonly JsonDataset[]> {
    const answer = await this.get(path, dicomJson);
    if (answer.status === 204) {
      return [];
    }
    if (answer.status !== 200) {
      throw new Error(`search ${path}: ${answer.status} ${answer.text}`);
    }
    return answer.json() as JsonDataset[];
  }

  /** The metadata under a path. Throws for any other status than 200. */
  async metadata(path: string): Promise<readonly JsonDataset[]> {
    const answer = await this.get(`${path}/metadata`, dicomJson);
    if (answer.status !== 200) {
      throw new Error(`metadata ${path}: ${answer.status} ${answer.text}`);
    }
    return answer.json() as JsonDataset[];
  }
}

/** The values of one attribute of each result, the first of it. */
export function firstValues(results: readonly JsonDataset[], tag: string): unknown[] {
  return results.map((result) => result[tag]?.Value?.[0]);
}

/** Values as text, in order, to compare what may come in any. */
export function sorted(values: Iterable<unknown>): string[] {
  return [...values].map(String).toSorted();
}

/** The failure reasons of a Store response, in its order. */
export function failureReasons(answer: ReceivedAnswer): unknown[] {
  return itemsOf(answer, "00081198").map((item) => item["00081197"]?.Value?.[0]);
}

/** The items of a sequence of a Store response. */
export function itemsOf(answer: ReceivedAnswer, tag: string): readonly JsonDataset[] {
  const dataset = answer.json() as JsonDataset;
  return (dataset[tag]?.Value ?? []) as readonly JsonDataset[];
}

/** The kind of the problem that an answer is. Throws when it is none as RFC 9457 has it. */
export function problemKind(answer: ReceivedAnswer): string {
  if (answer.headers["content-type"] !== "application/problem+json") {
    throw new Error(`${answer.status} without a problem: ${answer.text.slice(0, 200)}`);
  }
  const { type, status, detail } = answer.json() as Record<string, unknown>;
  if (status !== answer.status || typeof detail !== "string" || typeof type !== "string") {
    throw new Error(`not a whole problem: ${answer.text}`);
  }
  return type.replace("urn:strata:problem:", "");
}

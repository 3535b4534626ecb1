/** One value on its way between host and worker: exactly one of the fields is set. */
export interface TypedData {
  readonly string?: string;
  readonly json?: string;
  readonly bytes?: Uint8Array;
  readonly int?: number;
  readonly double?: number;
  readonly http?: HttpData;
}

/** A value that may be absent, as the host sends the entries of header, query and parameter maps. */
export interface NullableString {
  readonly value: string;
}

/** The HTTP half of `TypedData`: a request on the way in, a response on the way out. */
export interface HttpData {
  readonly method?: string;
  readonly url?: string;
  readonly nullableHeaders?: Readonly<Record<string, NullableString>>;
  readonly nullableParams?: Readonly<Record<string, NullableString>>;
  readonly nullableQuery?: Readonly<Record<string, NullableString>>;
  readonly body?: TypedData | null;
  readonly statusCode?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly HttpCookie[];
}

/** A response cookie as the library hands it over; `sameSite` is the name or the number of the enum. */
export interface HttpCookie {
  readonly name?: string;
  readonly value?: string;
  readonly domain?: NullableString;
  readonly path?: NullableString;
  readonly expires?: { readonly value?: { readonly seconds?: number } };
  readonly maxAge?: { readonly value?: number };
  readonly secure?: { readonly value?: boolean };
  readonly httpOnly?: { readonly value?: boolean };
  readonly sameSite?: string | number;
}

/** A binding as the app registered it: `type` and `direction`, and the options of that type. */
export interface Binding {
  readonly type: string;
  readonly direction: "in" | "out";
  readonly [option: string]: unknown;
}

/** How often and how far apart an invocation that failed is tried again; -1 means forever. */
export interface RetryOptions {
  readonly strategy?: string;
  readonly retryStrategy?: string;
  readonly maxRetryCount: number;
  readonly delayInterval?: DurationSeconds;
  readonly minimumInterval?: DurationSeconds;
  readonly maximumInterval?: DurationSeconds;
}

/** A duration as the library sends it. */
export interface DurationSeconds {
  readonly seconds?: number;
}

/** What an app tells the worker of one function. */
export interface FunctionMetadata {
  readonly name: string;
  readonly functionId?: string;
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly retryOptions?: RetryOptions;
}

/** The function of the app. */
export type FunctionCallback = (...inputs: unknown[]) => unknown;

/** How many tries went before this one. */
export interface RetryContext {
  readonly retryCount: number;
  readonly maxRetryCount: number;
}

/** One call of a function, as the host asks the worker for it. */
export interface InvocationRequest {
  readonly invocationId: string;
  readonly functionId: string;
  readonly inputData: readonly { readonly name: string; readonly data: TypedData }[];
  readonly triggerMetadata: Readonly<Record<string, TypedData>>;
  readonly traceContext: {
    readonly traceParent: string;
    readonly traceState: string;
    readonly attributes: Readonly<Record<string, string>>;
  };
  readonly retryContext?: RetryContext;
}

/** What the worker answers to an `InvocationRequest`. */
export interface InvocationResponse {
  readonly invocationId?: string;
  readonly outputData?: readonly { readonly name?: string; readonly data?: TypedData }[];
  readonly returnValue?: TypedData | null;
}

/** Severity of a log line. */
export type LogLevel =
  "trace" | "debug" | "information" | "warning" | "error" | "critical" | "none";

/** Receives every line that the host, the library and the app log. */
export type Log = (level: LogLevel, category: string, message: string) => void;

/** The state that an invocation is in; the library warns about logging after the end. */
export interface CoreInvocationContext {
  readonly invocationId: string;
  readonly request: InvocationRequest;
  readonly metadata: FunctionMetadata;
  state: "preInvocationHooks" | "invocation" | "postInvocationHooks" | undefined;
  log(level: LogLevel, category: string, message: string): void;
}

/** The library's half of one invocation. */
export interface InvocationModel {
  getArguments(): Promise<{ readonly context: unknown; readonly inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>;
}

/** The library's half of the worker. */
export interface ProgrammingModel {
  readonly name: string;
  readonly version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel;
  getCapabilities(defaults: Record<string, string>): Promise<Record<string, string>>;
}

/** The statuses that the gateway answers errors with, and the `code` that each one carries in its body. */
const codes: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  408: "RequestTimeout",
  409: "Conflict",
  410: "Gone",
  412: "PreconditionFailed",
  413: "RequestEntityTooLarge",
  429: "TooManyRequests",
  449: "RetryWith",
  500: "InternalServerError",
  503: "ServiceUnavailable",
};

/** What an error answer may carry beside its status and message. */
export interface GatewayErrorOptions {
  readonly substatus?: number;
  /** Becomes `additionalErrorInfo`, which the SDK reads the query plan from (first chance 400/1004). */
  readonly additionalErrorInfo?: object;
  readonly retryAfterMilliseconds?: number;
}

/** An answer other than success: the request is refused, and nothing of it took effect. */
export class GatewayError extends Error {
  readonly status: number;
  readonly substatus: number;
  readonly additionalErrorInfo: object | undefined;
  readonly retryAfterMilliseconds: number | undefined;

  constructor(status: number, message: string, options: GatewayErrorOptions = {}) {
    super(message);
    this.name = "GatewayError";
    this.status = status;
    this.substatus = options.substatus ?? 0;
    this.additionalErrorInfo = options.additionalErrorInfo;
    this.retryAfterMilliseconds = options.retryAfterMilliseconds;
  }

  /** The word for the status, as the body's `code` has it. */
  get code(): string {
    return codes[this.status] ?? "Unknown";
  }
}

/** The request does not say what to do in a way that the service accepts. */
export function badRequest(message: string, substatus = 0): GatewayError {
  return new GatewayError(400, message, { substatus });
}

/** The database or container that the path names does not exist. */
export function ownerNotFound(): GatewayError {
  return new GatewayError(
    404,
    "Resource Not Found. Learn more: https://aka.ms/cosmosdb-tsg-not-found",
    { substatus: 1003 },
  );
}

/** The item does not exist, has expired, or lies under another partition key. */
export function itemNotFound(): GatewayError {
  return new GatewayError(404, "Entity with the specified id does not exist in the system.");
}

/** The id or a unique key is taken; the service has one text for both. */
export function itemConflict(): GatewayError {
  return new GatewayError(409, "Entity with the specified id already exists in the system.");
}

/** The entity tag is not the one that the request requires. */
export function preconditionFailed(substatus = 0): GatewayError {
  return new GatewayError(
    412,
    substatus === 1110
      ? "The condition of the patch is not met by the item."
      : "One of the specified pre-condition is not met.",
    { substatus },
  );
}

/** The partition key range does not exist any more (1002), or does not hold all of what is asked for. */
export function rangeGone(substatus = 1002): GatewayError {
  return new GatewayError(
    410,
    "The requested resource is no longer available at the server: the partition key range was split, merged or moved.",
    { substatus },
  );
}

/** The document, or the body of the request, is larger than the service takes. */
export function requestTooLarge(): GatewayError {
  return new GatewayError(413, "Request size is too large");
}

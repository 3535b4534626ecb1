import type { IncomingMessage } from "node:http";
import type { Tenant } from "../tenancy/tenant.ts";
import type { Tenants } from "../tenancy/tenants.ts";
import type { Answer } from "./answer.ts";

const allowedMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const allowedHeaders =
  "authorization, accept, accept-encoding, content-type, range, if-match, if-none-match, if-range, prefer, traceparent, x-correlation-id, x-requested-with";
const exposedHeaders =
  "Content-Type, Content-Length, Content-Location, Content-Range, Accept-Ranges, ETag, Last-Modified, Link, Location, Warning, WWW-Authenticate, Retry-After, Server-Timing, X-Correlation-Id, x-ms-request-charge, erroneous-dicom-attributes";
/** What a caller adds to the audit has a name of the caller's own. */
const auditHeader = /^x-ms-azuredicom-audit-[\w-]{1,64}$/i;
const loopbackOrigin = /^https?:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/;
/** Without it a viewer would ask before each of a thousand frames. Browsers keep it for two hours at most. */
const maxAgeSeconds = 86_400;

/**
 * Says which scripts in a browser may read an answer (Fetch Standard, CORS protocol).
 *
 * Each tenant lists its origins. Before the tenant is known, as in a preflight, which carries no token, the tenant of the
 * host that was called decides, or else whether any tenant lists the origin: a preflight reads nothing, and the answer
 * that it leads to is decided by the caller's own tenant. Tokens travel in a header of their own and not as a browser's
 * credentials, so credentials are never allowed.
 */
export class CrossOrigin {
  readonly #tenants: Pick<Tenants, "list">;
  readonly #allowsLoopback: boolean;

  /** `allowsLoopback` lets pages on this machine read too, whatever their port: without authentication, for development. */
  constructor(tenants: Pick<Tenants, "list">, allowsLoopback: boolean) {
    this.#tenants = tenants;
    this.#allowsLoopback = allowsLoopback;
  }

  /** The answer to a preflight, or `undefined` when `request` is none or its origin is not allowed. */
  async preflight(request: IncomingMessage | undefined): Promise<Answer | undefined> {
    if (
      request?.headers.origin === undefined ||
      request.headers["access-control-request-method"] === undefined ||
      !(await this.#allows(request, undefined))
    ) {
      return undefined;
    }
    return {
      status: 204,
      headers: {
        "Access-Control-Allow-Methods": allowedMethods,
        "Access-Control-Allow-Headers": [
          allowedHeaders,
          ...auditHeadersIn(request.headers["access-control-request-headers"] ?? ""),
        ].join(", "),
        "Access-Control-Max-Age": String(maxAgeSeconds),
      },
    };
  }

  /**
   * The headers by which a browser lets a script read the answer, errors included.
   *
   * `tenant` is the caller's, when it is known. Never throws: where the tenants cannot be told, no origin is allowed.
   */
  async headersOf(
    request: IncomingMessage | undefined,
    tenant: Tenant | undefined,
  ): Promise<Readonly<Record<string, string>>> {
    const origin = request?.headers.origin;
    if (request === undefined || origin === undefined) {
      return { Vary: "Origin" };
    }
    let isAllowed = false;
    try {
      isAllowed = await this.#allows(request, tenant);
    } catch {
      // The answer itself says that the registry is down.
    }
    return isAllowed
      ? {
          Vary: "Origin",
          "Access-Control-Allow-Origin": origin,
          "Access-Control-Expose-Headers": exposedHeaders,
        }
      : { Vary: "Origin" };
  }

  async #allows(request: IncomingMessage, tenant: Tenant | undefined): Promise<boolean> {
    const { origin = "", host, "x-forwarded-host": forwardedHost } = request.headers;
    if (this.#allowsLoopback && loopbackOrigin.test(origin)) {
      return true;
    }
    // The Functions host hands on what was called as a forwarded host. A browser lets no script set either.
    const candidates =
      tenant === undefined ? await this.#tenantsAt(String(forwardedHost ?? host)) : [tenant];
    return candidates.some(
      ({ corsOrigins }) => corsOrigins.includes(origin) || corsOrigins.includes("*"),
    );
  }

  async #tenantsAt(host: string): Promise<readonly Tenant[]> {
    // Suspended ones too: their pages are to be told so, and not of a fault of the network.
    const tenants = await this.#tenants.list();
    const ofHost = tenants.filter(
      ({ publicBaseURL }) => publicBaseURL !== undefined && new URL(publicBaseURL).host === host,
    );
    return ofHost.length > 0 ? ofHost : tenants;
  }
}

/** Of the names that a preflight asks for, those of headers for the audit. They cannot be listed beforehand. */
function auditHeadersIn(requested: string): readonly string[] {
  return requested
    .split(",")
    .map((name) => name.trim())
    .filter((name) => auditHeader.test(name));
}

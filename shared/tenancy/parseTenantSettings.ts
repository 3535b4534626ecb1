import { Problem } from "../problem/problem.ts";
import {
  issuerAlgorithms,
  type TenantIssuer,
  type TenantQuotas,
  type TenantSettings,
  type TokenSubjects,
} from "./tenant.ts";
import { dataActions, type DataAction } from "./tenantScope.ts";

const displayNameLengthMax = 200;
const issuersMax = 20;
const audiencesMax = 20;
const rolesMax = 100;
const corsOriginsMax = 50;
const textLengthMax = 512;
/** A hundred years. */
const retentionDaysMax = 36_500;

/**
 * Checks what a request says about a tenant. Members that are absent get their defaults: no issuer, no data partitions,
 * no foreign origin, no quota, no retention.
 *
 * Throws a `malformed` problem that names the member which is unknown or not as it has to be.
 */
export function parseTenantSettings(json: unknown): TenantSettings {
  const settings = objectAt("The body", json, [
    "displayName",
    "issuers",
    "partitionsEnabled",
    "corsOrigins",
    "publicBaseURL",
    "quotas",
    "retentionDays",
  ]);
  return {
    ...optional("displayName", settings["displayName"], (name, value) =>
      textAt(name, value, displayNameLengthMax),
    ),
    issuers: arrayAt("issuers", settings["issuers"] ?? [], issuersMax).map((issuer, i) =>
      parseIssuer(`issuers[${i}]`, issuer),
    ),
    partitionsEnabled: booleanAt("partitionsEnabled", settings["partitionsEnabled"] ?? false),
    corsOrigins: arrayAt("corsOrigins", settings["corsOrigins"] ?? [], corsOriginsMax).map(
      (origin, i) => originAt(`corsOrigins[${i}]`, origin),
    ),
    ...optional("publicBaseURL", settings["publicBaseURL"], baseURLAt),
    quotas: parseQuotas(settings["quotas"] ?? {}),
    ...optional("retentionDays", settings["retentionDays"], (name, value) =>
      integerAt(name, value, 1, retentionDaysMax),
    ),
  };
}

function parseQuotas(json: unknown): TenantQuotas {
  const quotas = objectAt("quotas", json, [
    "storedBytes",
    "storedInstances",
    "requestsPerSecond",
    "requestChargePerSecond",
  ]);
  const amount = (name: string, value: unknown): number =>
    integerAt(`quotas.${name}`, value, 0, Number.MAX_SAFE_INTEGER);
  // A rate of nothing would be a suspension that nobody sees.
  const rate = (name: string, value: unknown): number => {
    if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
      throw malformed(`quotas.${name}`, "a number above 0");
    }
    return value;
  };
  return {
    ...optional("storedBytes", quotas["storedBytes"], amount),
    ...optional("storedInstances", quotas["storedInstances"], amount),
    ...optional("requestsPerSecond", quotas["requestsPerSecond"], rate),
    ...optional("requestChargePerSecond", quotas["requestChargePerSecond"], rate),
  };
}

function parseIssuer(at: string, json: unknown): TenantIssuer {
  const issuer = objectAt(at, json, [
    "issuer",
    "jwksUri",
    "audiences",
    "algorithms",
    "subjects",
    "rolesClaim",
    "roles",
    "scopesAllowed",
    "partitionsClaim",
    "patientClaim",
    "studyClaim",
  ]);
  const text = (name: string, value: unknown): string =>
    textAt(`${at}.${name}`, value, textLengthMax);
  const audiences = arrayAt(`${at}.audiences`, issuer["audiences"], audiencesMax).map(
    (audience, i) => textAt(`${at}.audiences[${i}]`, audience, textLengthMax),
  );
  // Without an audience, a token that was meant for any other service would do.
  if (audiences.length === 0) {
    throw malformed(`${at}.audiences`, "a list of at least one text");
  }
  requireDirectory(at, issuer);
  return {
    issuer: text("issuer", issuer["issuer"]),
    jwksUri: httpsURLAt(`${at}.jwksUri`, issuer["jwksUri"]),
    audiences,
    ...optional("algorithms", issuer["algorithms"], (name, value) => {
      const algorithms = arrayAt(`${at}.${name}`, value, issuerAlgorithms.length);
      // None at all would lock everybody out.
      if (algorithms.length === 0) {
        throw malformed(`${at}.${name}`, "a list of at least one algorithm");
      }
      return algorithms.map((algorithm, i) =>
        oneOf(`${at}.${name}[${i}]`, algorithm, issuerAlgorithms),
      );
    }),
    ...optional("subjects", issuer["subjects"], (name, value): TokenSubjects => {
      const subjects = objectAt(`${at}.${name}`, value, ["claim", "value"]);
      return {
        claim: text(`${name}.claim`, subjects["claim"]),
        value: text(`${name}.value`, subjects["value"]),
      };
    }),
    ...optional("rolesClaim", issuer["rolesClaim"], text),
    ...optional("roles", issuer["roles"], (name, value) => parseRoles(`${at}.${name}`, value)),
    ...optional("scopesAllowed", issuer["scopesAllowed"], (name, value) =>
      booleanAt(`${at}.${name}`, value),
    ),
    ...optional("partitionsClaim", issuer["partitionsClaim"], text),
    ...optional("patientClaim", issuer["patientClaim"], text),
    ...optional("studyClaim", issuer["studyClaim"], text),
  };
}

/** Of an issuer that serves many directories, one has to be named, by the claim that no directory can make up. */
function requireDirectory(at: string, issuer: Readonly<Record<string, unknown>>): void {
  const { claim } = (issuer["subjects"] ?? {}) as { claim?: unknown };
  if (String(issuer["issuer"]).includes("{tenantid}") && claim !== "tid") {
    throw malformed(`${at}.subjects.claim`, '"tid", because the issuer serves many directories');
  }
}

function parseRoles(at: string, json: unknown): Record<string, readonly DataAction[]> {
  const roles = Object.entries(objectAt(at, json, undefined));
  if (roles.length > rolesMax) {
    throw malformed(at, `an object of at most ${rolesMax} roles`);
  }
  // Who administers the platform comes from the platform's own issuer, never from that of a tenant.
  const grantable = dataActions.filter((action) => action !== "platform.admin");
  return Object.fromEntries(
    roles.map(([role, actions]) => [
      textAt(`${at}: the name of a role`, role, textLengthMax),
      arrayAt(`${at}["${role}"]`, actions, grantable.length).map((action, i) =>
        oneOf(`${at}["${role}"][${i}]`, action, grantable),
      ),
    ]),
  );
}

/** A member for a spread: absent when its value is, and when that is `null`. */
function optional<K extends string, T>(
  name: K,
  value: unknown,
  parse: (name: K, value: unknown) => T,
): Partial<Record<K, T>> {
  return value === undefined || value === null
    ? {}
    : ({ [name]: parse(name, value) } as Partial<Record<K, T>>);
}

function objectAt(
  at: string,
  value: unknown,
  members: readonly string[] | undefined,
): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed(at, "an object");
  }
  const unknown = Object.keys(value).find((name) => members?.includes(name) === false);
  if (unknown !== undefined) {
    throw new Problem(
      "malformed",
      `${at} has a member "${unknown.slice(0, 64)}" that is not known.`,
    );
  }
  return value as Readonly<Record<string, unknown>>;
}

function arrayAt(at: string, value: unknown, lengthMax: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > lengthMax) {
    throw malformed(at, `a list of at most ${lengthMax}`);
  }
  return value as readonly unknown[];
}

function textAt(at: string, value: unknown, lengthMax: number): string {
  if (typeof value !== "string" || value.trim() === "" || value.length > lengthMax) {
    throw malformed(at, `a text of 1 to ${lengthMax} characters`);
  }
  return value;
}

function booleanAt(at: string, value: unknown): boolean {
  if (typeof value !== "boolean") {
    throw malformed(at, "true or false");
  }
  return value;
}

function integerAt(at: string, value: unknown, least: number, most: number): number {
  if (!Number.isSafeInteger(value) || Number(value) < least || Number(value) > most) {
    throw malformed(at, `a whole number from ${least} to ${most}`);
  }
  return Number(value);
}

function oneOf<T extends string>(at: string, value: unknown, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) {
    throw malformed(at, `one of ${choices.join(", ")}`);
  }
  return choice;
}

// The embedded runtime's own issuer has no certificate; nobody but this machine can be reached so.
const isLoopback = ({ protocol, hostname }: URL): boolean =>
  protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname);

function urlAt(at: string, value: unknown, expected: string): URL {
  const text = textAt(at, value, textLengthMax);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "https:" && !isLoopback(url)) || url.username !== "") {
    throw malformed(at, expected);
  }
  return url;
}

function httpsURLAt(at: string, value: unknown): string {
  return urlAt(at, value, "an https URL").href;
}

function baseURLAt(at: string, value: unknown): string {
  const expected = "an https URL without query or fragment";
  const { origin, pathname, search, hash } = urlAt(at, value, expected);
  if (search !== "" || hash !== "") {
    throw malformed(at, expected);
  }
  return `${origin}${pathname}`.replace(/\/+$/, "");
}

// RFC 6454 §6.2: what a browser sends, so that comparing texts is right.
function originAt(at: string, value: unknown): string {
  const text = textAt(at, value, textLengthMax);
  const isOrigin =
    text === "*" ||
    (!text.includes("*") &&
      URL.canParse(text) &&
      /^https?:$/.test(new URL(text).protocol) &&
      new URL(text).origin === text);
  if (!isOrigin) {
    throw malformed(at, 'an origin as browsers send it, or "*"');
  }
  return text;
}

function malformed(at: string, expected: string): Problem {
  return new Problem("malformed", `${at} has to be ${expected}.`);
}

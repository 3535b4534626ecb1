/** What proxies in front of the service are believed when they say where its callers find it. */
export interface TrustedForwarding {
  /** In lower case, with a port where it is not the usual one: `imaging.example.org:8443`. */
  readonly hosts: readonly string[];
  /** Each begins with a slash and has none at its end: `/pacs`. */
  readonly prefixes: readonly string[];
}

/**
 * The URL under which the caller of a request finds the service, without a slash at its end.
 *
 * `own` is what the service knows of itself. `X-Forwarded-Host` replaces its host, and `X-Forwarded-Proto` then its scheme;
 * `X-Forwarded-Prefix` replaces its path. Each counts only with a value that the settings list: anybody can send these
 * headers, and a URL that the service gives out leads people, and their tokens, to where it points. Of several values the
 * first counts, which is that of the proxy next to the caller. Other values are as if they were not there.
 */
export function publicAddress(
  own: string,
  header: (name: string) => readonly string[],
  trusted: TrustedForwarding,
): string {
  const first = (name: string): string =>
    header(name).join(",").split(",", 1)[0]?.trim().toLowerCase() ?? "";
  const known = new URL(own);
  let origin = known.origin;
  let path = known.pathname.replace(/\/+$/, "");
  const host = first("x-forwarded-host");
  if (trusted.hosts.includes(host)) {
    const scheme = first("x-forwarded-proto");
    origin = `${/^https?$/.test(scheme) ? `${scheme}:` : known.protocol}//${host}`;
  }
  const [prefix = ""] = header("x-forwarded-prefix").join(",").split(",", 1);
  if (trusted.prefixes.includes(prefix.trim().replace(/\/+$/, ""))) {
    path = prefix.trim().replace(/\/+$/, "");
  }
  return `${origin}${path}`;
}

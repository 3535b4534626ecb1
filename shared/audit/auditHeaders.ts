import { Problem } from "../problem/problem.ts";

const prefix = "x-ms-azuredicom-audit-";
/** How many headers of this kind a request may have. */
const auditHeadersMax = 10;
/** How long the value of one may be, in characters. */
const auditHeaderLengthMax = 2048;

/**
 * Reads what a caller wants to have in the audit besides what is there anyway: the headers that begin with
 * `X-MS-AZUREDICOM-AUDIT-`, by the rest of their names.
 *
 * `headers` are all of the request, by lower-case name. Throws `malformed` when there are more than 10, one is sent twice,
 * has no name, or is longer than 2048 characters.
 */
export function readAuditHeaders(
  headers: Readonly<Record<string, readonly string[] | undefined>>,
): Readonly<Record<string, string>> {
  const names = Object.keys(headers).filter((name) => name.startsWith(prefix));
  if (names.length > auditHeadersMax) {
    throw new Problem(
      "malformed",
      `A request has at most ${auditHeadersMax} headers that begin with X-MS-AZUREDICOM-AUDIT-.`,
    );
  }
  return Object.fromEntries(
    names.map((name) => {
      const values = headers[name] ?? [];
      const [value = ""] = values;
      if (values.length !== 1 || name.length === prefix.length) {
        throw new Problem(
          "malformed",
          "A header that begins with X-MS-AZUREDICOM-AUDIT- has a name and is sent once.",
        );
      }
      if (value.length > auditHeaderLengthMax) {
        throw new Problem(
          "malformed",
          `A header that begins with X-MS-AZUREDICOM-AUDIT- holds at most ${auditHeaderLengthMax} characters.`,
        );
      }
      return [name.slice(prefix.length), value];
    }),
  );
}

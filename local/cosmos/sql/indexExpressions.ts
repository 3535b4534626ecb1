/**
 * The SQL of the type and the value of one path of a document, to query and to index it by.
 *
 * Type first, value second: an equality fixes both, a range runs within one type, and ORDER BY on the path follows the
 * index because types order before values. SQLite uses an index only where the text of a query's expression is the
 * index's own, so both come from here.
 *
 * `rank` is null where the path leads nowhere, else the place of the type in the order of the service (1 null,
 * 2 boolean, 3 number, 4 string, 5 array, 6 object); `value` is what SQLite makes of it: 0 and 1 for booleans,
 * the JSON text for arrays and objects.
 */
export interface PathSql {
  readonly rank: string;
  readonly value: string;
  /** The JSON path as an SQL literal. */
  readonly path: string;
}

/** The SQL of a path below `document`, a column or a `json_each` value; `undefined` when no JSON path spells it. */
export function pathSql(
  document: string,
  names: readonly (string | number)[],
): PathSql | undefined {
  const path = jsonPath(names);
  if (path === undefined) return undefined;
  return {
    rank: rankOfType(`json_type(${document}, ${path})`),
    value: `json_extract(${document}, ${path})`,
    path,
  };
}

/** The rank of what `json_type` or the `type` column of `json_each` gives. */
export function rankOfType(type: string): string {
  return `CASE ${type} WHEN 'null' THEN 1 WHEN 'true' THEN 2 WHEN 'false' THEN 2 WHEN 'integer' THEN 3 WHEN 'real' THEN 3 WHEN 'text' THEN 4 WHEN 'array' THEN 5 WHEN 'object' THEN 6 END`;
}

/** The path as an SQL string literal, every name quoted so that there is one spelling. */
export function jsonPath(names: readonly (string | number)[]): string | undefined {
  let path = "$";
  for (const name of names) {
    if (typeof name === "number") {
      if (!Number.isInteger(name) || name < 0) return undefined;
      path += `[${name}]`;
    } else {
      // A JSON path knows no escapes within quotes, and a stored name may be escaped where this one is not.
      // eslint-disable-next-line no-control-regex -- The control characters are what is looked for.
      if (name === "" || /["\\\u0000-\u001f]/.test(name)) return undefined;
      path += `."${name}"`;
    }
  }
  return `'${path.replaceAll("'", "''")}'`;
}

import type { SqlParameter, SqlQuerySpec } from "@azure/cosmos";
import { normaliseMatchValue } from "../dicomweb/matchValue.ts";
import type { MatchCondition } from "../dicomweb/matchCondition.ts";
import { wordsRegExp } from "../dicomweb/matchCondition.ts";
import type { Moment, MomentFilter } from "../dicomweb/matchMoment.ts";
import type { SearchFilter } from "../dicomweb/matchParameter.ts";
import type { MatchKey } from "../dicomweb/searchAttributes.ts";
import type { SearchPosition } from "../dicomweb/searchOrder.ts";
import type { SearchQuery } from "../dicomweb/searchQuery.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";

type AddParameter = (value: SqlParameter["value"]) => string;

// More than these, and the list goes as one array.
const inListMax = 50;

/**
 * Writes a search as one query on the items of its level, in the order that it asks for, or newest first.
 *
 * It asks for one row more than the limit, which tells whether there are more without counting them. All that comes from
 * the caller is a parameter. The values that rows are ordered by are called `k0`, `k1` and so on.
 */
export function searchSql(scope: TenantScope, query: SearchQuery): SqlQuerySpec {
  const { parameters, add } = newParameters();
  const conditions = searchConditions(scope, query, add);
  const paths = query.order.map(({ matchKey }) => pathOf(matchKey, matchKey.keys[0]));
  if (query.after !== undefined) {
    const [path] = paths;
    const value = query.after.values[0] ?? null;
    if (path !== undefined && value !== null && directionOf(query, 0) === "ASC") {
      // Says nothing new, but an index can be read from there on and not from its beginning.
      conditions.push(`${path} >= ${add(value)}`);
    }
    conditions.push(`(${afterSql(query, paths, query.after, add)})`);
  }
  const keys = paths.map((path, at) => `, ${path} AS k${at}`).join("");
  // PS3.18 has no order; where attributes are the same, and without any, the time of storing decides. The kind is the same
  // in all rows: it stands first because it does in the indexes, which would else be read through items of other kinds.
  const order = [
    `c.kind ${directionOf(query, 0)}`,
    ...paths.map((path, at) => `${path} ${directionOf(query, at)}`),
    `c["order"] ${directionOf(query, 0)}`,
  ];
  const hasMetadata = query.target.level === "instance" && query.furtherTags.length > 0;
  return {
    query:
      "SELECT c.id, c.tenant, c.partition, c.study, c.kind, c.series, c.sop, c.attributes, c.modalities," +
      ` c.seriesCount, c.instanceCount, c["order"]${keys}${hasMetadata ? ", c.metadata, c.content" : ""}` +
      ` FROM c WHERE ${conditions.join(" AND ")}` +
      ` ORDER BY ${order.join(", ")} OFFSET ${query.offset} LIMIT ${query.limit + 1}`,
    parameters,
  };
}

/**
 * Writes a query that counts what a search finds, whatever its limit and offset.
 *
 * It has the conditions of the search, the tenant's among them, and no rows that could be checked: asking for the tenants
 * of what was counted would make the database read every item, where the count alone comes from its index.
 */
export function countSql(scope: TenantScope, query: SearchQuery): SqlQuerySpec {
  const { parameters, add } = newParameters();
  const conditions = searchConditions(scope, query, add);
  return {
    query: `SELECT VALUE COUNT(1) FROM c WHERE ${conditions.join(" AND ")}`,
    parameters,
  };
}

function newParameters(): { parameters: SqlParameter[]; add: AddParameter } {
  const parameters: SqlParameter[] = [];
  return {
    parameters,
    add: (value) => {
      const name = `@p${parameters.length}`;
      parameters.push({ name, value });
      return name;
    },
  };
}

function searchConditions(scope: TenantScope, query: SearchQuery, add: AddParameter): string[] {
  const { level, studyInstanceUID: study, seriesInstanceUID: series } = query.target;
  return [
    `c.tenant = ${add(scope.tenant)}`,
    `c.partition = ${add(scope.partition)}`,
    `c.kind = ${add(level)}`,
    ...(level === "instance" ? ['c.state = "current"'] : []),
    ...(study === undefined ? [] : [`c.study = ${add(study)}`]),
    ...(series === undefined ? [] : [`c.series = ${add(series)}`]),
    ...query.filters.map((filter) => filterSql(filter, add)),
    ...query.moments.map((moment) => momentSql(moment, add)),
    ...restrictionConditions(scope, add),
  ];
}

/** What keeps a restricted caller's search to what it may find. */
function restrictionConditions({ restriction }: TenantScope, add: AddParameter): string[] {
  const { patientID, studyInstanceUID: study } = restriction;
  return [
    ...(study === undefined ? [] : [`c.study = ${add(study)}`]),
    ...(patientID === undefined
      ? []
      : [
          // The first is indexed, and leaves out what differs by more than case.
          `c.q.study["00100020"] = ${add(normaliseMatchValue("LO", patientID) ?? "")}`,
          `c.attributes.study["00100020"]["Value"][0] = ${add(patientID)}`,
        ]),
  ];
}

// The keys are our own: tags in hexadecimal, and names of component groups.
function pathOf({ level }: MatchKey, key: string): string {
  return `c.q.${level}["${key}"]`;
}

function directionOf({ order }: SearchQuery, at: number): "ASC" | "DESC" {
  return order[at]?.isDescending === false ? "ASC" : "DESC";
}

/**
 * What comes after a position. An item without a value comes first where values ascend, and last where they descend, as
 * the order of a composite index has it.
 */
function afterSql(
  query: SearchQuery,
  paths: readonly string[],
  { values, order }: SearchPosition,
  add: AddParameter,
  at = 0,
): string {
  const path = paths[at];
  if (path === undefined) {
    return `c["order"] ${directionOf(query, 0) === "ASC" ? ">" : "<"} ${add(order)}`;
  }
  const value = values[at] ?? null;
  const rest = afterSql(query, paths, { values, order }, add, at + 1);
  const isAscending = directionOf(query, at) === "ASC";
  if (value === null) {
    const alike = `(NOT IS_DEFINED(${path}) AND ${rest})`;
    return isAscending ? `(IS_DEFINED(${path}) OR ${alike})` : alike;
  }
  const name = add(value);
  const alike = `(${path} = ${name} AND ${rest})`;
  return isAscending
    ? `(${path} > ${name} OR ${alike})`
    : `(${path} < ${name} OR NOT IS_DEFINED(${path}) OR ${alike})`;
}

function filterSql({ matchKey, keys, condition }: SearchFilter, add: AddParameter): string {
  const alternatives = keys.map((key) =>
    conditionSql(pathOf(matchKey, key), matchKey.isMultiValued, condition, add),
  );
  return `(${alternatives.join(condition.kind === "empty" ? " AND " : " OR ")})`;
}

/** The date is held to its range by a condition of its own: what is left are the first and the last day. */
function momentSql({ date, time, from, to }: MomentFilter, add: AddParameter): string {
  const day = pathOf(date.matchKey, date.keys[0]);
  const clock = pathOf(time.matchKey, time.keys[0]);
  const bound = (moment: Moment | undefined, beyond: ">" | "<"): string[] =>
    moment === undefined
      ? []
      : [`(${day} ${beyond} ${add(moment.date)} OR ${clock} ${beyond}= ${add(moment.time)})`];
  return [...bound(from, ">"), ...bound(to, "<")].join(" AND ");
}

function conditionSql(
  path: string,
  isArray: boolean,
  condition: MatchCondition,
  add: AddParameter,
): string {
  switch (condition.kind) {
    case "anyOf":
      return `(${condition.conditions.map((one) => conditionSql(path, isArray, one, add)).join(" OR ")})`;
    case "empty":
      return isArray
        ? `(NOT IS_DEFINED(${path}) OR ARRAY_LENGTH(${path}) = 0)`
        : `NOT IS_DEFINED(${path})`;
    case "sounds":
      return condition.words.map((sounds) => containsSql(path, sounds, add)).join(" AND ");
    case "oneOf":
      return isArray
        ? containsSql(path, condition.values, add)
        : oneOfSql(path, condition.values, add);
    default:
      return isArray
        ? `EXISTS(SELECT VALUE v FROM v IN ${path} WHERE ${valueSql("v", condition, add)})`
        : valueSql(path, condition, add);
  }
}

function containsSql(
  path: string,
  values: readonly SqlParameter["value"][],
  add: AddParameter,
): string {
  return `(${values.map((value) => `ARRAY_CONTAINS(${path}, ${add(value)})`).join(" OR ")})`;
}

function oneOfSql(
  path: string,
  values: readonly SqlParameter["value"][],
  add: AddParameter,
): string {
  if (values.length > inListMax) {
    return `ARRAY_CONTAINS(${add([...values])}, ${path})`;
  }
  return values.length === 1
    ? `${path} = ${add(values[0] ?? null)}`
    : `${path} IN (${values.map((value) => add(value)).join(", ")})`;
}

function valueSql(
  path: string,
  condition: Extract<MatchCondition, { kind: "range" | "pattern" | "words" }>,
  add: AddParameter,
): string {
  switch (condition.kind) {
    case "range":
      return [
        ...(condition.from === undefined ? [] : [`${path} >= ${add(condition.from)}`]),
        ...(condition.to === undefined ? [] : [`${path} <= ${add(condition.to)}`]),
      ].join(" AND ");
    case "pattern":
      return patternSql(path, condition.pattern, add);
    case "words":
      return `RegexMatch(${path}, ${add(wordsRegExp(condition.words))})`;
  }
}

function patternSql(path: string, pattern: string, add: AddParameter): string {
  const [, opening = "", text = "", closing = ""] = /^(\*?)([^*?]*)(\*?)$/.exec(pattern) ?? [];
  if (opening + text + closing === pattern) {
    // The two common forms are served from the index; LIKE is what remains.
    if (opening === "" && closing !== "") {
      return `STARTSWITH(${path}, ${add(text)})`;
    }
    if (opening !== "" && closing !== "") {
      return `CONTAINS(${path}, ${add(text)})`;
    }
  }
  const like = pattern.replaceAll(/[%_[\]^!*?]/g, (character) =>
    character === "*" ? "%" : character === "?" ? "_" : `!${character}`,
  );
  return `${path} LIKE ${add(like)} ESCAPE "!"`;
}

import type { SqlParameter, SqlQuerySpec } from "@azure/cosmos";
import { searchAttributeTags } from "../dicomweb/searchAttributes.ts";
import {
  wordsRegExp,
  type MatchCondition,
  type SearchFilter,
  type SearchQuery,
} from "../dicomweb/searchQuery.ts";
import type { TenantScope } from "../tenancy/tenantScope.ts";

/** A search as Cosmos DB understands it. */
export interface SearchSql {
  readonly spec: SqlQuerySpec;
  /** The study whose partition is searched, when the path names one. */
  readonly study: string | undefined;
}

// More than these, and the list goes as one array.
const inListMax = 50;

/**
 * Writes a search as one query on the items of its level, newest first.
 *
 * It asks for one row more than the limit, which tells whether there are more without counting them. All that comes from
 * the caller is a parameter.
 */
export function searchSql(scope: TenantScope, query: SearchQuery): SearchSql {
  const parameters: SqlParameter[] = [];
  const parameter = (value: SqlParameter["value"]): string => {
    const name = `@p${parameters.length}`;
    parameters.push({ name, value });
    return name;
  };
  const { level, studyInstanceUID: study, seriesInstanceUID: series } = query.target;
  const conditions = [
    `c.tenant = ${parameter(scope.tenant)}`,
    `c.partition = ${parameter(scope.partition)}`,
    `c.kind = ${parameter(level)}`,
    ...(level === "instance" ? ['c.state = "current"'] : []),
    ...(study === undefined ? [] : [`c.study = ${parameter(study)}`]),
    ...(series === undefined ? [] : [`c.series = ${parameter(series)}`]),
    ...query.filters.map((filter) => filterSql(filter, parameter)),
  ];
  return {
    spec: {
      query:
        "SELECT c.id, c.tenant, c.partition, c.study, c.kind, c.series, c.sop, c.attributes, c.modalities," +
        ` c.seriesCount, c.instanceCount${needsMetadata(query) ? ", c.metadata, c.content" : ""}` +
        ` FROM c WHERE ${conditions.join(" AND ")}` +
        ` ORDER BY c["order"] DESC OFFSET ${query.offset} LIMIT ${query.limit + 1}`,
      parameters,
    },
    study,
  };
}

/** Whether the answer has attributes of instances that only their metadata has. */
function needsMetadata({ target, includeField }: SearchQuery): boolean {
  return (
    target.level === "instance" &&
    includeField !== "all" &&
    includeField.some((tag) =>
      Object.values(searchAttributeTags).every((tags) => !tags.includes(tag)),
    )
  );
}

function filterSql(
  { matchKey, keys, condition }: SearchFilter,
  parameter: (value: SqlParameter["value"]) => string,
): string {
  const alternatives = keys.map((key) => {
    // The keys are our own: tags in hexadecimal, and names of component groups.
    const path = `c.q.${matchKey.level}["${key}"]`;
    return matchKey.isMultiValued
      ? arraySql(path, condition, parameter)
      : conditionSql(path, condition, parameter);
  });
  return `(${alternatives.join(" OR ")})`;
}

function arraySql(
  path: string,
  condition: MatchCondition,
  parameter: (value: SqlParameter["value"]) => string,
): string {
  return condition.kind === "oneOf"
    ? `(${condition.values.map((value) => `ARRAY_CONTAINS(${path}, ${parameter(value)})`).join(" OR ")})`
    : `EXISTS(SELECT VALUE v FROM v IN ${path} WHERE ${conditionSql("v", condition, parameter)})`;
}

function conditionSql(
  path: string,
  condition: MatchCondition,
  parameter: (value: SqlParameter["value"]) => string,
): string {
  switch (condition.kind) {
    case "oneOf": {
      const { values } = condition;
      if (values.length > inListMax) {
        return `ARRAY_CONTAINS(${parameter([...values])}, ${path})`;
      }
      return values.length === 1
        ? `${path} = ${parameter(values[0])}`
        : `${path} IN (${values.map((value) => parameter(value)).join(", ")})`;
    }
    case "range":
      return [
        ...(condition.from === undefined ? [] : [`${path} >= ${parameter(condition.from)}`]),
        ...(condition.to === undefined ? [] : [`${path} <= ${parameter(condition.to)}`]),
      ].join(" AND ");
    case "pattern":
      return patternSql(path, condition.pattern, parameter);
    case "words":
      return `RegexMatch(${path}, ${parameter(wordsRegExp(condition.words))})`;
  }
}

function patternSql(
  path: string,
  pattern: string,
  parameter: (value: SqlParameter["value"]) => string,
): string {
  const [, opening = "", text = "", closing = ""] = /^(\*?)([^*?]*)(\*?)$/.exec(pattern) ?? [];
  if (opening + text + closing === pattern) {
    // The two common forms are served from the index; LIKE is what remains.
    if (opening === "" && closing !== "") {
      return `STARTSWITH(${path}, ${parameter(text)})`;
    }
    if (opening !== "" && closing !== "") {
      return `CONTAINS(${path}, ${parameter(text)})`;
    }
  }
  const like = pattern.replaceAll(/[%_[\]^!*?]/g, (character) =>
    character === "*" ? "%" : character === "?" ? "_" : `!${character}`,
  );
  return `${path} LIKE ${parameter(like)} ESCAPE "!"`;
}

import { searchTemplates } from "../../dicomweb/searchTemplate.ts";
import type { OperationDescription } from "../operationDescription.ts";
import type { ParameterName } from "../parameters.ts";

const matching: readonly ParameterName[] = [
  "fuzzyMatching",
  "phonetic",
  "emptyValueMatching",
  "multipleValueMatching",
];
const paging: readonly ParameterName[] = ["includeField", "limit", "offset", "continuation"];

/** What is searched, in words, and the level of the attributes that the path leaves to search by. */
const searches: Readonly<
  Record<string, { readonly words: string; readonly level: "study" | "series" | "instance" }>
> = {
  Studies: { words: "studies", level: "study" },
  Series: { words: "series", level: "study" },
  Instances: { words: "instances", level: "study" },
  StudySeries: { words: "series of a study", level: "series" },
  StudyInstances: { words: "instances of a study", level: "series" },
  SeriesInstances: { words: "instances of a series", level: "instance" },
};
const ordering = {
  study: "orderStudies",
  series: "orderSeries",
  instance: "orderInstances",
} as const;

function descriptionsOf(resource: string): [string, OperationDescription][] {
  const { words: searched, level } = searches[resource] ?? { words: resource, level: "study" };
  const found = { 200: "searchResults", 204: "noResults" } as const;
  return [
    [
      `search${resource}`,
      {
        section: "Search",
        summary: `Search for ${searched}`,
        description: "PS3.18 §10.6.",
        parameters: [
          "accept",
          "charset",
          `${level}Attributes`,
          ...matching,
          ...paging,
          ordering[level],
        ],
        answers: found,
      },
    ],
    [
      `search${resource}ByForm`,
      {
        section: "Search",
        summary: `Search for ${searched} with a query too long for a URL`,
        description: "As the search by GET, with its parameters in the body.",
        parameters: ["accept"],
        body: "searchForm",
        answers: found,
      },
    ],
    [
      `count${resource}`,
      {
        section: "Search",
        summary: `Count ${searched}`,
        description: "How many a search with the same parameters finds on all its pages.",
        parameters: [`${level}Attributes`, ...matching],
        answers: { 200: "count" },
      },
    ],
  ];
}

/** The searches of every resource that there is. */
export const searchDescriptions: Readonly<Record<string, OperationDescription>> =
  Object.fromEntries(searchTemplates.flatMap(({ resource }) => descriptionsOf(resource)));

import type { OperationDescription } from "../operationDescription.ts";

const section = "Extended query tags";
const azure = "As in the Azure DICOM service.";

/** The operations on extended query tags, and on the operations that they begin. */
export const extendedQueryTagDescriptions: Readonly<Record<string, OperationDescription>> = {
  addExtendedQueryTags: {
    section,
    summary: "Search by further attributes",
    description: `${azure} What is stored from now on can be searched for at once, what is stored already once the operation has ended.`,
    body: "extendedQueryTags",
    answers: { 202: "operationReference" },
  },
  listExtendedQueryTags: {
    section,
    summary: "List the extended query tags",
    description: azure,
    parameters: ["limit", "offset"],
    answers: { 200: "extendedQueryTags" },
  },
  readExtendedQueryTag: {
    section,
    summary: "Read an extended query tag",
    description: azure,
    answers: { 200: "extendedQueryTag" },
  },
  changeExtendedQueryTag: {
    section,
    summary: "Allow or forbid searches to use an extended query tag",
    description: azure,
    body: "queryStatus",
    answers: { 200: "extendedQueryTag" },
  },
  deleteExtendedQueryTag: {
    section,
    summary: "Delete an extended query tag",
    description: `${azure} Its status is deleting until its values are gone from the index.`,
    answers: { 204: "noContent" },
  },
  listExtendedQueryTagErrors: {
    section,
    summary: "List the errors of an extended query tag",
    description: azure,
    parameters: ["limit", "offset"],
    answers: { 200: "extendedQueryTagErrors" },
  },
  readOperation: {
    section: "Operations",
    summary: "Read how far an operation is",
    description: `${azure} Version 1 calls success completed, version 2 succeeded.`,
    answers: { 200: "operation", 202: "operationUnderWay" },
  },
};

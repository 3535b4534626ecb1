import type { OperationDescription } from "../operationDescription.ts";

const section = "Service";

/** What the service tells of itself, to anybody. */
export const serviceDescriptions: Readonly<Record<string, OperationDescription>> = {
  checkHealth: {
    section,
    summary: "Ask whether the service works",
    description: "As in the Azure DICOM service.",
    answers: { 200: "health", 503: "health" },
  },
  describeCapabilities: {
    section,
    summary: "Retrieve the capabilities of this version",
    description: "PS3.18 §8.9, as JSON, with the places of this document.",
    answers: { 200: "capabilities" },
  },
  describeAsJson: {
    section,
    summary: "Retrieve this document",
    answers: { 200: "openAPI" },
  },
  describeAsYAML: {
    section,
    summary: "Retrieve this document as YAML",
    answers: { 200: "openAPIText" },
  },
};

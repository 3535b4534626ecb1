import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import type { AnnotationText } from "./annotate.ts";
import { displayText, textOf } from "./attributes.ts";

/** What can be burned into a picture on request: of the patient, and of how it was made. */
export interface AnnotationChoice {
  readonly patient: boolean;
  readonly technique: boolean;
}

// Attribute, what stands before its value and what after.
const patientAttributes: readonly (readonly [tag: string, before: string, after: string])[] = [
  ["00100010", "", ""],
  ["00100020", "ID ", ""],
  ["00100030", "born ", ""],
  ["00100040", "sex ", ""],
  ["00080020", "study ", ""],
];
const techniqueAttributes: readonly (readonly [tag: string, before: string, after: string])[] = [
  ["00080060", "", ""],
  ["0008103E", "", ""],
  ["00180060", "", " kV"],
  ["00181151", "", " mA"],
  ["00181150", "", " ms"],
  ["00181152", "", " mAs"],
  ["00180080", "TR ", " ms"],
  ["00180081", "TE ", " ms"],
  ["00180082", "TI ", " ms"],
  ["00180050", "slice ", " mm"],
  ["00201041", "at ", " mm"],
];

/** A line that is longer than this does not get better. */
const lineCharactersMax = 200;

/**
 * The lines that annotations say (PS3.18 §8.3.5.1.1): with `patient` Patient's Name, Patient ID, birth date, sex and study
 * date, with `technique` modality, series and exposure or sequence parameters, as far as the data set has them.
 *
 * Of a name the alphabetic group is written, its components separated by spaces.
 */
export function annotationText(
  dataset: DicomJsonDataset,
  choice: AnnotationChoice,
): AnnotationText | undefined {
  const top = choice.patient ? linesOf(dataset, patientAttributes) : [];
  const bottom = choice.technique ? linesOf(dataset, techniqueAttributes) : [];
  return top.length + bottom.length === 0 ? undefined : { top, bottom };
}

function linesOf(
  dataset: DicomJsonDataset,
  attributes: readonly (readonly [tag: string, before: string, after: string])[],
): string[] {
  return attributes.flatMap(([tag, before, after]) => {
    const text = tag === "00100010" ? nameOf(dataset) : textOf(dataset, tag);
    return text === undefined || text.trim() === ""
      ? []
      : [`${before}${text.trim()}${after}`.slice(0, lineCharactersMax)];
  });
}

function nameOf(dataset: DicomJsonDataset): string | undefined {
  return displayText(dataset["00100010"]?.Value?.[0])
    ?.split("^")
    .filter((component) => component !== "")
    .join(" ");
}

import type { DicomJsonDataset, DicomJsonElement } from "../dicom/dicomJson.ts";

/** The numbers of an attribute; none when it is absent or holds none. */
export function numbersOf(dataset: DicomJsonDataset, tag: string): number[] {
  return (dataset[tag]?.Value ?? []).filter((value) => typeof value === "number");
}

/** The first number of an attribute that is finite. */
export function numberOf(dataset: DicomJsonDataset, tag: string): number | undefined {
  const [first] = numbersOf(dataset, tag);
  return first !== undefined && Number.isFinite(first) ? first : undefined;
}

/** The first text of an attribute, of a person name its alphabetic group. */
export function textOf(dataset: DicomJsonDataset, tag: string): string | undefined {
  return displayText(dataset[tag]?.Value?.[0]);
}

/** A value as a reader would like it; undefined for an empty one and for an item of a sequence. */
export function displayText(
  value: NonNullable<DicomJsonElement["Value"]>[number] | undefined,
): string | undefined {
  if (value === null || value === undefined) {
    return undefined;
  }
  if (typeof value !== "object") {
    return String(value);
  }
  const { Alphabetic: alphabetic, Ideographic: ideographic } = value;
  const name = alphabetic ?? ideographic;
  return typeof name === "string" ? name : undefined;
}

/** The items of a sequence. */
export function itemsOf(dataset: DicomJsonDataset, tag: string): DicomJsonDataset[] {
  return (dataset[tag]?.Value ?? []).filter(
    (value): value is DicomJsonDataset => typeof value === "object" && value !== null,
  );
}

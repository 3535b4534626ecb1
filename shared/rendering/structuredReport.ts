import type { DicomJsonDataset, DicomJsonElement } from "../dicom/dicomJson.ts";
import { displayText, itemsOf, numbersOf, textOf } from "./attributes.ts";

/** One line of a report, and how deep it stands. */
interface ReportLine {
  readonly depth: number;
  /** What the item is about: the meaning of its concept name. */
  readonly name: string | undefined;
  readonly value: string | undefined;
}

/** A report that goes on for longer is cut off; a person would not read it either. */
const reportLinesMax = 20_000;
/** Deeper items stand as deep as this. */
const headingDepthMax = 5;

/** Whether an instance is a structured report: it has a content tree (PS3.3 §C.17.3). */
export function isStructuredReport(dataset: DicomJsonDataset): boolean {
  return textOf(dataset, "0040A040") === "CONTAINER" && dataset["0040A730"] !== undefined;
}

/**
 * The report as an HTML page: safe, because every character that means something to HTML is escaped, and there is neither
 * script nor style nor a reference to anything outside.
 */
export function reportAsHTML(dataset: DicomJsonDataset): string {
  const title = escapeHTML(titleOf(dataset));
  const header = headerOf(dataset)
    .map(([name, value]) => `<dt>${escapeHTML(name)}</dt><dd>${escapeHTML(value)}</dd>`)
    .join("");
  const body = linesOf(dataset).map(({ depth, name, value }) => {
    const level = Math.min(depth, headingDepthMax) + 1;
    if (value === undefined) {
      return `<h${level}>${escapeHTML(name ?? "")}</h${level}>`;
    }
    const text = escapeHTML(value).replaceAll("\n", "<br>");
    return name === undefined
      ? `<p>${text}</p>`
      : `<p><strong>${escapeHTML(name)}:</strong> ${text}</p>`;
  });
  return (
    `<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>\n` +
    `<body>\n<h1>${title}</h1>\n<dl>${header}</dl>\n${body.join("\n")}\n</body></html>\n`
  );
}

/** The report as plain text, indented by depth. */
export function reportAsText(dataset: DicomJsonDataset): string {
  const header = headerOf(dataset).map(([name, value]) => `${name}: ${oneLine(value)}`);
  const body = linesOf(dataset).map(({ depth, name, value }) => {
    const indent = "  ".repeat(depth - 1);
    const text = value?.replaceAll("\n", `\n${indent}  `);
    return `${indent}${[name, text].filter((part) => part !== undefined).join(": ")}`;
  });
  return `${[oneLine(titleOf(dataset)), ...header, "", ...body].join("\n")}\n`;
}

function escapeHTML(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

function titleOf(dataset: DicomJsonDataset): string {
  return meaningOf(dataset, "0040A043") ?? "Structured report";
}

function headerOf(dataset: DicomJsonDataset): (readonly [name: string, value: string])[] {
  const attributes = [
    ["Patient", "00100010"],
    ["Patient ID", "00100020"],
    ["Study date", "00080020"],
    ["Study", "00081030"],
    ["Completion", "0040A491"],
    ["Verification", "0040A493"],
  ] as const;
  return attributes.flatMap(([name, tag]) => {
    const value = textOf(dataset, tag);
    return value === undefined ? [] : [[name, value] as const];
  });
}

/** The content tree in reading order: each item before what it contains. */
function linesOf(dataset: DicomJsonDataset): ReportLine[] {
  const lines: ReportLine[] = [];
  const visit = (parent: DicomJsonDataset, depth: number): void => {
    for (const item of itemsOf(parent, "0040A730")) {
      if (lines.length >= reportLinesMax) {
        return;
      }
      const name = meaningOf(item, "0040A043");
      const value = valueOf(item);
      if (name !== undefined || value !== undefined) {
        lines.push({ depth, name, value });
      }
      visit(item, depth + 1);
    }
  };
  visit(dataset, 1);
  return lines;
}

/** The value of a content item as text (PS3.3 §C.17.3.2); undefined for a container. */
function valueOf(item: DicomJsonDataset): string | undefined {
  switch (textOf(item, "0040A040")) {
    case "TEXT":
      return longTextOf(item["0040A160"]);
    case "NUM": {
      const [measured] = itemsOf(item, "0040A300");
      const value = measured === undefined ? undefined : textOf(measured, "0040A30A");
      const unit = measured === undefined ? undefined : itemsOf(measured, "004008EA")[0];
      const unitText = unit === undefined ? undefined : textOf(unit, "00080100");
      // UCUM's "1" is the unit of what has none.
      return value === undefined || unitText === undefined || unitText === "1"
        ? (value ?? "no value")
        : `${value} ${unitText}`;
    }
    case "CODE":
      return meaningOf(item, "0040A168") ?? "";
    case "DATETIME":
      return textOf(item, "0040A120") ?? "";
    case "DATE":
      return textOf(item, "0040A121") ?? "";
    case "TIME":
      return textOf(item, "0040A122") ?? "";
    case "PNAME":
      return textOf(item, "0040A123") ?? "";
    case "UIDREF":
      return textOf(item, "0040A124") ?? "";
    case "IMAGE":
    case "COMPOSITE":
    case "WAVEFORM": {
      const [reference] = itemsOf(item, "00081199");
      return (reference === undefined ? undefined : textOf(reference, "00081155")) ?? "";
    }
    case "SCOORD":
    case "SCOORD3D":
      return `${textOf(item, "00700023") ?? ""} ${numbersOf(item, "00700022").join(", ")}`.trim();
    case "TCOORD":
      return textOf(item, "0040A130") ?? "";
    default:
      return undefined;
  }
}

function longTextOf(element: DicomJsonElement | undefined): string {
  return element?.BulkDataURI === undefined
    ? (displayText(element?.Value?.[0]) ?? "").replaceAll("\r\n", "\n")
    : "(long text, kept as bulk data)";
}

/** Code Meaning of the code in a sequence (PS3.3 §8.8). */
function meaningOf(item: DicomJsonDataset, tag: string): string | undefined {
  const [code] = itemsOf(item, tag);
  return code === undefined ? undefined : (textOf(code, "00080104") ?? textOf(code, "00080100"));
}

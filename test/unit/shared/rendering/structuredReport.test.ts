import { describe, expect, test } from "vitest";
import type { DicomJsonDataset } from "../../../../shared/dicom/dicomJson.ts";
import {
  isStructuredReport,
  reportAsHTML,
  reportAsText,
} from "../../../../shared/rendering/structuredReport.ts";

const text = (vr: string, ...values: string[]): DicomJsonDataset[string] => ({ vr, Value: values });
const sequence = (...items: DicomJsonDataset[]): DicomJsonDataset[string] => ({
  vr: "SQ",
  Value: items,
});
const code = (meaning: string): DicomJsonDataset[string] =>
  sequence({ "00080100": text("SH", "1"), "00080104": text("LO", meaning) });

function item(type: string, name: string, others: DicomJsonDataset = {}): DicomJsonDataset {
  return { "0040A040": text("CS", type), "0040A043": code(name), ...others };
}

const measured = (value: number, unit: string): DicomJsonDataset => ({
  "0040A300": sequence({
    "0040A30A": { vr: "DS", Value: [value] },
    "004008EA": sequence({ "00080100": text("SH", unit) }),
  }),
});

const report: DicomJsonDataset = {
  "00100010": { vr: "PN", Value: [{ Alphabetic: "Doe^<b>Jo</b>" }] },
  "0040A040": text("CS", "CONTAINER"),
  "0040A043": code('Report & "more"'),
  "0040A730": sequence(
    item("CONTAINER", "Findings", {
      "0040A730": sequence(
        item("TEXT", "Finding", { "0040A160": text("UT", "line one\r\n<script>x()</script>") }),
        item("NUM", "Length", measured(12.5, "mm")),
        item("NUM", "Count", measured(3, "1")),
        item("NUM", "Nothing"),
        item("CODE", "Side", { "0040A168": code("left") }),
        item("PNAME", "Observer", { "0040A123": { vr: "PN", Value: [{ Alphabetic: "A^B" }] } }),
        item("DATETIME", "When", { "0040A120": text("DT", "20240229101112") }),
        item("IMAGE", "Source", {
          "00081199": sequence({ "00081155": text("UI", "1.2.3") }),
        }),
        item("SCOORD", "Where", {
          "00700023": text("CS", "POINT"),
          "00700022": { vr: "FL", Value: [1, 2.5] },
        }),
      ),
    }),
    item("DATE", "Day", { "0040A121": text("DA", "20240301") }),
  ),
};

describe("as text", () => {
  test("the tree is told in its order, indented", () => {
    expect(reportAsText(report)).toBe(
      [
        'Report & "more"',
        "Patient: Doe^<b>Jo</b>",
        "",
        "Findings",
        "  Finding: line one",
        "    <script>x()</script>",
        "  Length: 12.5 mm",
        "  Count: 3",
        "  Nothing: no value",
        "  Side: left",
        "  Observer: A^B",
        "  When: 20240229101112",
        "  Source: 1.2.3",
        "  Where: POINT 1, 2.5",
        "Day: 20240301",
        "",
      ].join("\n"),
    );
  });
});

describe("as HTML", () => {
  const page = reportAsHTML(report);

  test("containers are headings, and the rest is paragraphs", () => {
    expect(page).toContain("<h2>Findings</h2>");
    expect(page).toContain("<p><strong>Length:</strong> 12.5 mm</p>");
    expect(page).toContain("line one<br>");
  });

  test("nothing of the report is markup", () => {
    expect(page).toContain("&lt;script&gt;x()&lt;/script&gt;");
    expect(page).toContain("Doe^&lt;b&gt;Jo&lt;/b&gt;");
    expect(page).toContain("<title>Report &amp; &quot;more&quot;</title>");
    const tags = new Set([...page.matchAll(/<\/?([a-z0-9]+)/gi)].map(([, name]) => name));
    const known = "html head meta title body h1 h2 dl dt dd p strong br".split(" ");
    expect([...tags].filter((tag) => !known.includes(tag ?? ""))).toEqual([]);
    expect(page).not.toMatch(/<[^>]+\son\w+=|href|src=|style/i);
  });
});

test("a tree that is deep is told to its end, in headings that exist", () => {
  let deep = item("TEXT", "Bottom", { "0040A160": text("UT", "reached") });
  for (let level = 0; level < 60; level += 1) {
    deep = item("CONTAINER", `Level ${level}`, { "0040A730": sequence(deep) });
  }
  const page = reportAsHTML({ ...report, "0040A730": sequence(deep) });
  expect(page).toContain("reached");
  expect(page).not.toMatch(/<h[7-9]|<h\d\d/);
});

test("only what has a content tree is a report", () => {
  expect(isStructuredReport(report)).toBe(true);
  expect(isStructuredReport({})).toBe(false);
  expect(isStructuredReport({ "0040A040": text("CS", "CONTAINER") })).toBe(false);
});

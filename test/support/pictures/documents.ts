import { encodePart10, makeUID, type TestElement } from "../dicom/dicomFile.ts";
import type { InstanceName } from "../dicomwebService.ts";

/** A file without pixels, and what names it. */
export interface Document extends InstanceName {
  readonly bytes: Uint8Array;
}

/** A file that is no image: the identifiers that every file has, and these elements. */
export function makeDocument(
  sopClassUID: string,
  elements: readonly TestElement[],
  transferSyntaxUID = "1.2.840.10008.1.2.1",
  studyInstanceUID: string = makeUID(),
): Document {
  const name = {
    studyInstanceUID,
    seriesInstanceUID: makeUID(),
    sopInstanceUID: makeUID(),
  };
  const all: TestElement[] = [
    ["00080005", "CS", "ISO_IR 192"],
    ["00080016", "UI", sopClassUID],
    ["00080018", "UI", name.sopInstanceUID],
    ["00080060", "CS", "OT"],
    ["00100010", "PN", "Test^Artificial"],
    ["00100020", "LO", "TEST-1"],
    ["0020000D", "UI", name.studyInstanceUID],
    ["0020000E", "UI", name.seriesInstanceUID],
    ...elements,
  ];
  const sorted = all.toSorted(([left], [right]) => (left < right ? -1 : 1));
  return { ...name, bytes: encodePart10({ elements: sorted, transferSyntaxUID }) };
}

/** A document of odd length, so that it is padded. */
export const pdf: Uint8Array = Buffer.from(
  `%PDF-1.4\n${"% an artificial document\n".repeat(100)}%%EOF`,
  "latin1",
);

/** An Encapsulated PDF (PS3.3 §A.45.1). */
export function makePDF(studyInstanceUID?: string, document: Uint8Array = pdf): Document {
  return makeDocument(
    "1.2.840.10008.5.1.4.1.1.104.1",
    [
      ["00420010", "ST", "Artificial document"],
      ["00420011", "OB", document],
      ["00420012", "LO", "application/pdf"],
      ["00420015", "UL", document.length],
    ],
    undefined,
    studyInstanceUID,
  );
}

/** A Basic Text SR that says something hostile (PS3.3 §A.35.1). */
export function makeReport(
  studyInstanceUID?: string,
  finding = "none <script>alert(1)</script>",
): Document {
  const code = (meaning: string): TestElement[] => [
    ["00080100", "SH", "1"],
    ["00080102", "SH", "99TEST"],
    ["00080104", "LO", meaning],
  ];
  const sequence = (tag: string, ...items: (readonly TestElement[])[]): TestElement => [
    tag,
    "SQ",
    undefined,
    { items },
  ];
  return makeDocument(
    "1.2.840.10008.5.1.4.1.1.88.11",
    [
      ["0040A040", "CS", "CONTAINER"],
      sequence("0040A043", code("Artificial report")),
      ["0040A491", "CS", "COMPLETE"],
      ["0040A493", "CS", "UNVERIFIED"],
      sequence("0040A730", [
        ["0040A010", "CS", "CONTAINS"],
        ["0040A040", "CS", "TEXT"],
        sequence("0040A043", code("Finding")),
        ["0040A160", "UT", finding],
      ]),
    ],
    undefined,
    studyInstanceUID,
  );
}

/** The bytes of a made-up video. */
export const video: Uint8Array = Uint8Array.from({ length: 1000 }, (_, at) => (at * 7) % 256);

/** A video in fragments of at most `fragmentBytes`. */
export function makeVideo(transferSyntaxUID: string, fragmentBytes: number): Document {
  const fragments = Array.from({ length: Math.ceil(video.length / fragmentBytes) }, (_, index) =>
    video.subarray(index * fragmentBytes, (index + 1) * fragmentBytes),
  );
  return makeDocument(
    "1.2.840.10008.5.1.4.1.1.77.1.1.1",
    [
      ["00280002", "US", 3],
      ["00280004", "CS", "YBR_PARTIAL_420"],
      ["00280008", "IS", "50"],
      ["00280010", "US", 64],
      ["00280011", "US", 64],
      ["00280100", "US", 8],
      ["00280101", "US", 8],
      ["00280102", "US", 7],
      ["00280103", "US", 0],
      ["7FE00010", "OB", undefined, { fragments: [new Uint8Array(0), ...fragments] }],
    ],
    transferSyntaxUID,
  );
}

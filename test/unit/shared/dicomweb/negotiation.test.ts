import { describe, expect, test } from "vitest";
import { parseAccept } from "../../../../shared/dicomweb/mediaType.ts";
import {
  chooseRepresentation,
  negotiateDatasets,
  negotiateRetrieve,
  type RetrieveResource,
} from "../../../../shared/dicomweb/negotiation.ts";

const explicitLE = "1.2.840.10008.1.2.1";
const implicitLE = "1.2.840.10008.1.2";
const jpegLossless = "1.2.840.10008.1.2.4.70";
const jpegBaseline = "1.2.840.10008.1.2.4.50";
const jpeg2000Lossless = "1.2.840.10008.1.2.4.90";
const jpeg2000 = "1.2.840.10008.1.2.4.91";

function accept(header: string | undefined) {
  return parseAccept(header === undefined ? [] : [header]);
}

/** Each representation as `form mediaType transferSyntax`. */
function show(header: string | undefined, resource: RetrieveResource, isSeveral = false): string[] {
  return negotiateRetrieve(accept(header), resource, isSeveral).map(
    ({ form, mediaType, transferSyntax }) => `${form} ${mediaType} ${transferSyntax ?? "default"}`,
  );
}

describe("data sets", () => {
  const json = "single application/dicom+json";
  const xml = "single application/dicom+xml";
  const xmlParts = "multipart application/dicom+xml";

  test.each([
    [undefined, json],
    ["", json],
    ["application/dicom+json", json],
    ["Application/DICOM+JSON", json],
    ["application/json", json],
    ["application/*", json],
    ["*/*", json],
    ["image/png, application/json;q=0.1", json],
    ["application/dicom+json; charset=utf-8", json],
    [
      'application/dicom+json, multipart/related; type="application/octet-stream"; transfer-syntax="*"',
      json,
    ],
    ["text/html, */*;q=0.8", json],
    ["application/json;q=0, application/dicom+json", json],
    ["application/*;q=0, application/json", json],
    ["application/dicom+xml", xml],
    ["application/DICOM+XML; charset=UTF-8", xml],
    ['multipart/related; type="application/dicom+xml"', xmlParts],
    ["multipart/related; type=application/dicom+xml", xmlParts],
    ["application/dicom+xml, application/dicom+json", json],
    ["application/dicom+xml, application/dicom+json;q=0.9", xml],
    ["application/dicom+xml;q=0.1, */*;q=0.2", json],
    ["application/dicom+json;q=0, */*", xml],
    ['application/dicom+xml;q=0.5, multipart/related; type="application/dicom+xml"', xmlParts],
  ])("Accept: %s is answered with %s", (header, expected) => {
    const { form, mediaType } = negotiateDatasets(accept(header));
    expect(`${form} ${mediaType}`).toBe(expected);
  });

  test.each([
    "application/dicom",
    "application/xml",
    'multipart/related; type="application/dicom"',
    "multipart/related",
    "text/*",
    "rubbish",
    "application/dicom+json;q=0",
    "application/*;q=0, */*",
    "*/*;q=0",
  ])("nothing is to be had for Accept: %s", (header) => {
    expect(() => negotiateDatasets(accept(header))).toThrow(
      expect.objectContaining({
        kind: "notAcceptable",
        detail:
          "Nothing in the Accept header can be provided. What can be: application/dicom+json, application/dicom+xml," +
          ' multipart/related; type="application/dicom+xml".',
      }),
    );
  });
});

describe("retrieve", () => {
  const dicomParts = 'multipart/related; type="application/dicom"';
  const octetParts = 'multipart/related; type="application/octet-stream"';
  const jp2Parts = 'multipart/related; type="image/jp2"';

  test.each([
    ["study", undefined, ["multipart application/dicom *"]],
    ["study", "*/*", ["multipart application/dicom *"]],
    ["study", dicomParts, ["multipart application/dicom default"]],
    ["study", `${dicomParts}; transfer-syntax=*`, ["multipart application/dicom *"]],
    [
      "study",
      `${dicomParts}; transfer-syntax=${explicitLE}`,
      [`multipart application/dicom ${explicitLE}`],
    ],
    [
      "study",
      'multipart/related; type="application/dicom; transfer-syntax=*"',
      ["multipart application/dicom *"],
    ],
    ["study", "multipart/related; type=application/dicom", ["multipart application/dicom default"]],
    ["series", "*/*", ["multipart application/dicom *"]],
    ["series", `application/dicom, ${dicomParts}`, ["multipart application/dicom default"]],
    ["instance", undefined, ["multipart application/dicom *"]],
    ["instance", "*/*", ["multipart application/dicom *"]],
    ["instance", "application/dicom", ["single application/dicom default"]],
    ["instance", "application/*", ["single application/dicom default"]],
    ["instance", "application/dicom; transfer-syntax=*", ["single application/dicom *"]],
    ["instance", dicomParts, ["multipart application/dicom default"]],
    [
      "instance",
      `application/dicom;q=0.5, ${dicomParts}; transfer-syntax=${jpeg2000Lossless}`,
      [`multipart application/dicom ${jpeg2000Lossless}`, "single application/dicom default"],
    ],
    ["frames", undefined, ["multipart application/octet-stream *"]],
    ["frames", "*/*", ["multipart application/octet-stream *"]],
    ["frames", octetParts, ["multipart application/octet-stream default"]],
    ["frames", `${octetParts}; transfer-syntax="*"`, ["multipart application/octet-stream *"]],
    [
      "frames",
      "multipart/related; type=application/octet-stream; transfer-syntax=*",
      ["multipart application/octet-stream *"],
    ],
    ["frames", "application/octet-stream", ["single application/octet-stream default"]],
    ["frames", jp2Parts, ["multipart image/jp2 default"]],
    ["frames", "image/jp2", ["single image/jp2 default"]],
    ["frames", `${jp2Parts}; transfer-syntax=*`, ["multipart image/jp2 *"]],
    [
      "frames",
      "video/*",
      [
        "single video/mpeg2 default",
        "single video/mpeg default",
        "single video/mp4 default",
        "single video/h265 default",
      ],
    ],
    [
      "frames",
      `multipart/related; type="image/jpeg"; transfer-syntax=${jpegBaseline}, ${octetParts}; transfer-syntax=*`,
      [`multipart image/jpeg ${jpegBaseline}`, "multipart application/octet-stream *"],
    ],
    ["bulkdata", undefined, ["single application/octet-stream *"]],
    ["bulkdata", "*/*", ["single application/octet-stream *"]],
    ["bulkdata", octetParts, ["multipart application/octet-stream default"]],
    ["bulkdata", "application/octet-stream", ["single application/octet-stream default"]],
  ] satisfies [RetrieveResource, string | undefined, string[]][])(
    "%s with Accept: %s",
    (resource, header, expected) => {
      expect(show(header, resource)).toEqual(expected);
    },
  );

  test.each([
    ["study", "application/dicom"],
    ["series", "application/dicom; transfer-syntax=*"],
    ["study", "multipart/related"],
    ["study", 'multipart/related; type="application/octet-stream"'],
    ["study", 'multipart/related; type="application/dicom+json"'],
    ["study", "application/dicom+json"],
    ["study", `${dicomParts}; transfer-syntax=1.2.3`],
    ["study", `${dicomParts};q=0`],
    ["instance", "application/octet-stream"],
    ["instance", "image/jp2"],
    ["instance", "image/*"],
    ["instance", "rubbish"],
    ["frames", "application/dicom"],
    ["frames", "image/png"],
    ["frames", "multipart/related"],
    ["frames", `${octetParts}; transfer-syntax="${explicitLE},${implicitLE}"`],
    ["bulkdata", "application/json"],
  ] satisfies [RetrieveResource, string][])("%s cannot be had as %s", (resource, header) => {
    expect(() => negotiateRetrieve(accept(header), resource)).toThrow(
      expect.objectContaining({ kind: "notAcceptable" }),
    );
  });

  test("the refusal says what could be had", () => {
    expect(() => negotiateRetrieve(accept("image/png"), "instance")).toThrow(
      'What can be: multipart/related; type="application/dicom", application/dicom.',
    );
    expect(() => negotiateRetrieve(accept("image/gif"), "frames")).toThrow(
      /What can be: multipart\/related; type="application\/octet-stream", application\/octet-stream, .*image\/jpeg, image\/dicom-rle, image\/jls, image\/jp2, /,
    );
  });

  test("several frames do not fit a single part, unless a multipart entry is there too", () => {
    expect(() => negotiateRetrieve(accept("application/octet-stream"), "frames", true)).toThrow(
      expect.objectContaining({ kind: "malformed" }),
    );
    expect(show(`application/octet-stream, ${octetParts};q=0.1`, "frames", true)).toEqual([
      "multipart application/octet-stream default",
    ]);
  });
});

describe("the choice", () => {
  function choose(
    header: string,
    stored: string,
    convertibleTo: string[] = [],
  ): string | undefined {
    const accepted = negotiateRetrieve(accept(header), "frames");
    const chosen = chooseRepresentation(accepted, stored, convertibleTo);
    return chosen && `${chosen.representation.mediaType} ${chosen.transferSyntaxUID}`;
  }
  const octets = "application/octet-stream";

  test.each([
    [
      "as stored, whatever that is",
      `${octets};transfer-syntax=*`,
      jpegBaseline,
      [],
      `${octets} ${jpegBaseline}`,
    ],
    [
      "as stored, when that is named",
      `${octets};transfer-syntax=${jpegBaseline}`,
      jpegBaseline,
      [],
      `${octets} ${jpegBaseline}`,
    ],
    ["the default, as stored", octets, explicitLE, [], `${octets} ${explicitLE}`],
    ["the default, converted", octets, implicitLE, [explicitLE], `${octets} ${explicitLE}`],
    ["the default, which cannot be made", octets, jpegBaseline, [], `${octets} ${jpegBaseline}`],
    [
      "the lossless default of a codestream's type, converted",
      "image/jpeg",
      implicitLE,
      [jpegBaseline, jpegLossless, explicitLE],
      `image/jpeg ${jpegLossless}`,
    ],
    [
      "another syntax of a codestream's type, when its default cannot be made",
      "image/jpeg",
      implicitLE,
      [jpegBaseline, explicitLE],
      `image/jpeg ${jpegBaseline}`,
    ],
    [
      "the syntax that is named with a codestream's type",
      `image/jpeg;transfer-syntax=${jpegBaseline}`,
      implicitLE,
      [jpegBaseline, jpegLossless],
      `image/jpeg ${jpegBaseline}`,
    ],
    [
      "a codestream's type as stored, which it is not",
      "image/jpeg;transfer-syntax=*",
      implicitLE,
      [jpegBaseline, jpegLossless],
      undefined,
    ],
    [
      "a syntax of another type than the one that is named",
      `image/jls;transfer-syntax=${jpegLossless}`,
      implicitLE,
      [jpegLossless],
      undefined,
    ],
    [
      "a named syntax, converted",
      `${octets};transfer-syntax=${explicitLE}`,
      implicitLE,
      [explicitLE],
      `${octets} ${explicitLE}`,
    ],
    [
      "a named syntax that cannot be made",
      `${octets};transfer-syntax=${explicitLE}`,
      jpegBaseline,
      [],
      undefined,
    ],
    [
      "no conversion when an equal entry needs none",
      `${octets};transfer-syntax=${explicitLE}, ${octets};transfer-syntax=*`,
      implicitLE,
      [explicitLE],
      `${octets} ${implicitLE}`,
    ],
    [
      "a conversion when it is wanted more",
      `${octets};transfer-syntax=${explicitLE}, ${octets};transfer-syntax=*;q=0.5`,
      implicitLE,
      [explicitLE],
      `${octets} ${explicitLE}`,
    ],
    [
      "the codestream's own type",
      "image/jp2",
      jpeg2000Lossless,
      [],
      `image/jp2 ${jpeg2000Lossless}`,
    ],
    ["the codestream's own type, lossy", "image/jp2", jpeg2000, [], `image/jp2 ${jpeg2000}`],
    [
      "a codestream type with another syntax",
      `image/jp2;transfer-syntax=${jpeg2000Lossless}`,
      jpeg2000,
      [],
      undefined,
    ],
    ["a codestream type of something else", "image/jp2", jpegBaseline, [explicitLE], undefined],
    ["any image", "image/*", jpegBaseline, [], `image/jpeg ${jpegBaseline}`],
    ["any image of what is none", "image/*", explicitLE, [], undefined],
    ["the next entry", "image/jp2, image/jpeg", jpegBaseline, [], `image/jpeg ${jpegBaseline}`],
    [
      "the less wanted entry rather than a default that cannot be made",
      `${octets}, image/jpeg;q=0.1`,
      jpegBaseline,
      [],
      `image/jpeg ${jpegBaseline}`,
    ],
  ] satisfies [string, string, string, string[], string | undefined][])(
    "is %s",
    (_, header, stored, convertibleTo, expected) => {
      expect(choose(header, stored, convertibleTo)).toBe(expected);
    },
  );
});

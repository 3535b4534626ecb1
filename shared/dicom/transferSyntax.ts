/** How a data set is encoded, as far as reading it and cutting it into frames depends on it (PS3.5 §10). */
export interface TransferSyntax {
  readonly uid: string;
  /** The name in PS3.6 Table A-1; the UID itself for one that is not known. */
  readonly name: string;
  readonly isImplicitVR: boolean;
  readonly isBigEndian: boolean;
  /** The data set after the File Meta Information is one raw DEFLATE stream (PS3.5 §A.5). */
  readonly isDeflated: boolean;
  /** Pixel Data is a sequence of fragments (PS3.5 §A.4). */
  readonly isEncapsulated: boolean;
  /** The codestream is a video: its frames cannot be cut out of it. */
  readonly isVideo: boolean;
  readonly isKnown: boolean;
}

/** The UIDs of the transfer syntaxes that the code itself refers to. */
export const transferSyntaxUIDs = {
  implicitVRLittleEndian: "1.2.840.10008.1.2",
  explicitVRLittleEndian: "1.2.840.10008.1.2.1",
  encapsulatedUncompressedExplicitVRLittleEndian: "1.2.840.10008.1.2.1.98",
  deflatedExplicitVRLittleEndian: "1.2.840.10008.1.2.1.99",
  explicitVRBigEndian: "1.2.840.10008.1.2.2",
  rleLossless: "1.2.840.10008.1.2.5",
} as const;

type Trait = "implicit" | "bigEndian" | "deflated" | "encapsulated" | "video";

function syntax(uid: string, name: string, isKnown: boolean, ...traits: Trait[]): TransferSyntax {
  return {
    uid,
    name,
    isImplicitVR: traits.includes("implicit"),
    isBigEndian: traits.includes("bigEndian"),
    isDeflated: traits.includes("deflated"),
    isEncapsulated: traits.includes("encapsulated") || traits.includes("video"),
    isVideo: traits.includes("video"),
    isKnown,
  };
}

// PS3.6 Table A-1, retired ones included: archives are full of them.
const compressed: readonly (readonly [suffix: string, name: string])[] = [
  ["4.50", "JPEG Baseline (Process 1)"],
  ["4.51", "JPEG Extended (Process 2 & 4)"],
  ["4.52", "JPEG Extended (Process 3 & 5)"],
  ["4.53", "JPEG Spectral Selection, Non-Hierarchical (Process 6 & 8)"],
  ["4.54", "JPEG Spectral Selection, Non-Hierarchical (Process 7 & 9)"],
  ["4.55", "JPEG Full Progression, Non-Hierarchical (Process 10 & 12)"],
  ["4.56", "JPEG Full Progression, Non-Hierarchical (Process 11 & 13)"],
  ["4.57", "JPEG Lossless, Non-Hierarchical (Process 14)"],
  ["4.58", "JPEG Lossless, Non-Hierarchical (Process 15)"],
  ["4.59", "JPEG Extended, Hierarchical (Process 16 & 18)"],
  ["4.60", "JPEG Extended, Hierarchical (Process 17 & 19)"],
  ["4.61", "JPEG Spectral Selection, Hierarchical (Process 20 & 22)"],
  ["4.62", "JPEG Spectral Selection, Hierarchical (Process 21 & 23)"],
  ["4.63", "JPEG Full Progression, Hierarchical (Process 24 & 26)"],
  ["4.64", "JPEG Full Progression, Hierarchical (Process 25 & 27)"],
  ["4.65", "JPEG Lossless, Hierarchical (Process 28)"],
  ["4.66", "JPEG Lossless, Hierarchical (Process 29)"],
  [
    "4.70",
    "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])",
  ],
  ["4.80", "JPEG-LS Lossless Image Compression"],
  ["4.81", "JPEG-LS Lossy (Near-Lossless) Image Compression"],
  ["4.90", "JPEG 2000 Image Compression (Lossless Only)"],
  ["4.91", "JPEG 2000 Image Compression"],
  ["4.92", "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)"],
  ["4.93", "JPEG 2000 Part 2 Multi-component Image Compression"],
  ["4.110", "JPEG XL Lossless"],
  ["4.111", "JPEG XL JPEG Recompression"],
  ["4.112", "JPEG XL"],
  ["4.201", "High-Throughput JPEG 2000 Image Compression (Lossless Only)"],
  ["4.202", "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)"],
  ["4.203", "High-Throughput JPEG 2000 Image Compression"],
  ["5", "RLE Lossless"],
  ["8.1", "Deflated Image Frame Compression"],
];

const videos: readonly (readonly [suffix: string, name: string])[] = [
  ["4.100", "MPEG2 Main Profile / Main Level"],
  ["4.100.1", "Fragmentable MPEG2 Main Profile / Main Level"],
  ["4.101", "MPEG2 Main Profile / High Level"],
  ["4.101.1", "Fragmentable MPEG2 Main Profile / High Level"],
  ["4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1"],
  ["4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1"],
  ["4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"],
  ["4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"],
  ["4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"],
  ["4.104.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"],
  ["4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"],
  ["4.105.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"],
  ["4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"],
  ["4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"],
  ["4.107", "HEVC/H.265 Main Profile / Level 5.1"],
  ["4.108", "HEVC/H.265 Main 10 Profile / Level 5.1"],
];

const root = "1.2.840.10008.1.2";

const known: ReadonlyMap<string, TransferSyntax> = new Map(
  [
    syntax(
      transferSyntaxUIDs.implicitVRLittleEndian,
      "Implicit VR Little Endian",
      true,
      "implicit",
    ),
    syntax(transferSyntaxUIDs.explicitVRLittleEndian, "Explicit VR Little Endian", true),
    syntax(
      transferSyntaxUIDs.encapsulatedUncompressedExplicitVRLittleEndian,
      "Encapsulated Uncompressed Explicit VR Little Endian",
      true,
      "encapsulated",
    ),
    syntax(
      transferSyntaxUIDs.deflatedExplicitVRLittleEndian,
      "Deflated Explicit VR Little Endian",
      true,
      "deflated",
    ),
    syntax(transferSyntaxUIDs.explicitVRBigEndian, "Explicit VR Big Endian", true, "bigEndian"),
    // JPIP: the pixels are elsewhere, the data set refers to them (PS3.5 §A.6, §A.7, §A.12, §A.13).
    syntax(`${root}.4.94`, "JPIP Referenced", true),
    syntax(`${root}.4.95`, "JPIP Referenced Deflate", true, "deflated"),
    syntax(`${root}.4.204`, "JPIP HTJ2K Referenced", true),
    syntax(`${root}.4.205`, "JPIP HTJ2K Referenced Deflate", true, "deflated"),
    // SMPTE ST 2110 is for real-time streams; a file that names it is read as its base encoding says.
    syntax(`${root}.7.1`, "SMPTE ST 2110-20 Uncompressed Progressive Active Video", true),
    syntax(`${root}.7.2`, "SMPTE ST 2110-20 Uncompressed Interlaced Active Video", true),
    syntax(`${root}.7.3`, "SMPTE ST 2110-30 PCM Digital Audio", true),
    ...compressed.map(([suffix, name]) => syntax(`${root}.${suffix}`, name, true, "encapsulated")),
    ...videos.map(([suffix, name]) => syntax(`${root}.${suffix}`, name, true, "video")),
  ].map((entry) => [entry.uid, entry]),
);

/**
 * What is known of the transfer syntax with this UID.
 *
 * For an unknown one `isKnown` is false and the rest is what PS3.5 §10 asks of every syntax but the default one:
 * explicit VR, little endian, with pixel data encapsulated, since a new syntax is always a new compression.
 */
export function transferSyntaxOf(uid: string): TransferSyntax {
  return known.get(uid) ?? syntax(uid, uid, false, "encapsulated");
}

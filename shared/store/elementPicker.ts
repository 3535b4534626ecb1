import type { DicomJsonDataset } from "../dicom/dicomJson.ts";
import { formatTag, type Tag } from "../dicom/tag.ts";
import type { FurtherElements } from "../dicomweb/searchResponse.ts";
import { Problem } from "../problem/problem.ts";
import { decodeDataset } from "./metadataCodec.ts";

/** How much text one answer takes out of metadata. A search is asked for a page of attributes, not for an archive. */
const charactersMax = 16 * 1024 * 1024;

/** What an item of the index says of an instance's metadata. */
interface MetadataItem {
  /** Base64 of the encoded metadata; absent when it stands beside the content. */
  readonly metadata?: string;
  readonly content: { readonly name: string };
}

/** Takes some elements out of the metadata of one instance after the other, for one answer. */
export class ElementPicker {
  readonly #keys: readonly string[];
  #charactersLeft = charactersMax;

  constructor(tags: readonly Tag[]) {
    this.#keys = tags.map(formatTag);
  }

  /** The elements, or where their metadata stands. Throws `tooLarge` when the answer would be more than 16 MiB. */
  pick({ metadata, content }: MetadataItem): FurtherElements {
    return metadata === undefined
      ? { beside: content.name }
      : { elements: this.pickEncoded(Buffer.from(metadata, "base64")) };
  }

  /** The elements of metadata as `encodeMetadata` made it. Throws as {@link pick} does. */
  pickEncoded(encoded: Uint8Array): DicomJsonDataset {
    const dataset = JSON.parse(decodeDataset(encoded)) as DicomJsonDataset;
    const picked: DicomJsonDataset = {};
    for (const key of this.#keys) {
      const element = dataset[key];
      if (element !== undefined) {
        this.#charactersLeft -= JSON.stringify(element).length;
        picked[key] = element;
      }
    }
    if (this.#charactersLeft < 0) {
      throw new Problem(
        "tooLarge",
        "What includefield names is too much for one answer: ask for fewer results or attributes.",
      );
    }
    return picked;
  }
}

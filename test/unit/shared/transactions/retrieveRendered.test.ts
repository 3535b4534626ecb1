import { beforeEach, describe, expect, test } from "vitest";
import { toDicomJson } from "../../../../shared/dicom/dicomJson.ts";
import { parseAccept } from "../../../../shared/dicomweb/mediaType.ts";
import { parseRenderingQuery } from "../../../../shared/dicomweb/renderingQuery.ts";
import { Problem } from "../../../../shared/problem/problem.ts";
import type { PictureTask } from "../../../../shared/rendering/pictureTask.ts";
import type { InstanceContent } from "../../../../shared/store/instanceContent.ts";
import type {
  InstanceIndex,
  InstanceWithMetadata,
} from "../../../../shared/store/instanceIndex.ts";
import { encodeMetadata } from "../../../../shared/store/metadataCodec.ts";
import { unauthenticatedScope } from "../../../../shared/tenancy/tenantScope.ts";
import type { RenderingStores } from "../../../../shared/transactions/pictureOfFrame.ts";
import type { Rendered, RenderedRequest } from "../../../../shared/transactions/rendered.ts";
import { retrieveRendered } from "../../../../shared/transactions/retrieveRendered.ts";
import { retrieveThumbnail } from "../../../../shared/transactions/retrieveThumbnail.ts";
import { makeInstance } from "../../../support/dicom/dicomFile.ts";
import { readPart10 } from "../../../support/dicom/readPart10.ts";

const file = makeInstance({ frames: 3 });
const instance = await readPart10(file.bytes);
const { dataset, bulkdata } = toDicomJson(instance);
const record: InstanceWithMetadata = {
  studyInstanceUID: "1",
  seriesInstanceUID: "1.1",
  sopInstanceUID: "1.1.1",
  sopClassUID: file.sopClassUID,
  transferSyntaxUID: file.transferSyntaxUID,
  datasetOffset: instance.datasetOffset,
  revision: 1,
  content: { name: "aa/1", length: file.bytes.length, sha256: "" },
  frames: {
    count: 3,
    vr: "OB",
    ...(instance.pixelData && { inline: instance.pixelData.frames.toInline() }),
  },
  version: "v1",
  metadata: encodeMetadata({ dataset: JSON.stringify(dataset), bulkdata }),
};

/** What was asked of the workers, and the frame that breaks them. */
const tasks: PictureTask[] = [];
let broken: number | undefined;

beforeEach(() => {
  tasks.length = 0;
  broken = undefined;
});

const stores = {
  index: { get: async () => await Promise.resolve(record) } as unknown as InstanceIndex,
  content: {
    get: async (_: unknown, __: unknown, range: { offset: number; length: number }) =>
      await Promise.resolve(
        (async function* bytes() {
          yield await Promise.resolve(
            file.bytes.subarray(range.offset, range.offset + range.length),
          );
        })(),
      ),
  } as unknown as InstanceContent,
  pixels: {
    run: async (_: string, task: PictureTask) => {
      tasks.push(task);
      return await (tasks.length === broken
        ? Promise.reject(new Problem("notAcceptable", "broken"))
        : Promise.resolve(Uint8Array.of(tasks.length)));
    },
  },
} as unknown as RenderingStores;

function requested(
  accept: string,
  changes: Partial<RenderedRequest> & { readonly text?: string } = {},
): RenderedRequest {
  return {
    target: record,
    frameNumbers: undefined,
    query: parseRenderingQuery(new URLSearchParams(changes.text ?? ""), false),
    accept: parseAccept([accept]),
    conditions: { ifNoneMatch: [], range: undefined, ifRange: undefined },
    ...changes,
  };
}

const { signal } = new AbortController();

async function rendered(request: RenderedRequest): Promise<Rendered> {
  return await retrieveRendered(stores, unauthenticatedScope(), request, signal);
}

async function thumbnail(request: RenderedRequest): Promise<Rendered> {
  return await retrieveThumbnail(stores, unauthenticatedScope(), request, signal);
}

async function bodies({ objects }: Rendered): Promise<number[][]> {
  const read: number[][] = [];
  for await (const { body } of objects) {
    const bytes: number[] = [];
    for await (const chunk of body) {
      bytes.push(...chunk);
    }
    read.push(bytes);
  }
  return read;
}

/** The frames that the workers got, by what they hold. */
function framesRendered(): number[] {
  return tasks.map(({ source }) =>
    source.kind === "frame"
      ? file.frames.findIndex((frame) => Buffer.from(frame).equals(source.codestream)) + 1
      : -1,
  );
}

describe("frames in parts", () => {
  const several = requested('multipart/related; type="image/png"', { frameNumbers: [3, 1] });

  test("are rendered one by one, as they are read", async () => {
    const { objects } = await rendered(several);
    const iterator = objects[Symbol.asyncIterator]();
    await iterator.next();
    expect(framesRendered()).toEqual([3]);
    await iterator.next();
    expect(framesRendered()).toEqual([3, 1]);
  });

  test("of which a later one is damaged end with an error, and not neatly", async () => {
    broken = 2;
    await expect(bodies(await rendered(several))).rejects.toThrow("broken");
  });
});

describe("a frame by itself", () => {
  test("that is damaged is a problem before anything is answered", async () => {
    broken = 1;
    await expect(rendered(requested("image/png"))).rejects.toThrow("broken");
  });

  test("is not made for whoever has it already", async () => {
    const first = await rendered(requested("image/png"));
    let entityTag: string | undefined;
    for await (const object of first.objects) {
      ({ entityTag } = object);
    }
    tasks.length = 0;
    const conditions = { ifNoneMatch: [`"${entityTag}"`], range: undefined, ifRange: undefined };
    const again = await rendered(requested("image/png", { conditions }));
    expect([await bodies(again), tasks]).toEqual([[[]], []]);
  });
});

describe("an animation", () => {
  test("has its header with the first frame and its trailer with the last", async () => {
    expect(await bodies(await rendered(requested("image/gif")))).toEqual([[1, 2, 3]]);
    expect(framesRendered()).toEqual([1, 2, 3]);
    expect(tasks.map(({ encoding: { gifFrame } }) => [gifFrame.isFirst, gifFrame.isLast])).toEqual([
      [true, false],
      [false, false],
      [false, true],
    ]);
  });

  test("in parts is no animation: each part is a GIF", async () => {
    const request = requested('multipart/related; type="image/gif"', { frameNumbers: [1, 2] });
    expect(await bodies(await rendered(request))).toEqual([[1], [2]]);
    expect(tasks.every(({ encoding: { gifFrame } }) => gifFrame.isFirst && gifFrame.isLast)).toBe(
      true,
    );
  });

  test("is not meant by whoever takes any image", async () => {
    const request = requested("image/*", { frameNumbers: [1, 2] });
    await expect(rendered(request)).rejects.toMatchObject({ kind: "malformed" });
  });
});

describe("the quality", () => {
  test("is 100 unless it is asked for, and less for thumbnails", async () => {
    await bodies(await rendered(requested("image/jpeg")));
    await bodies(await rendered(requested("image/jpeg", { text: "quality=33" })));
    await bodies(await thumbnail(requested("image/jpeg")));
    expect(tasks.map(({ encoding }) => encoding.quality)).toEqual([100, 33, 85]);
  });
});

describe("a thumbnail", () => {
  const optionsOf = ({ source }: PictureTask): unknown =>
    source.kind === "frame" ? source.options : source;

  test("is the frame in the middle, and does not grow unless a viewport is asked for", async () => {
    await bodies(await thumbnail(requested("image/jpeg")));
    await bodies(await thumbnail(requested("image/jpeg", { text: "viewport=500,400" })));
    expect(framesRendered()).toEqual([2, 2]);
    expect(tasks.map(optionsOf)).toMatchObject([
      { viewport: { width: 256, height: 256 }, mayEnlarge: false },
      { viewport: { width: 500, height: 400 }, mayEnlarge: true },
    ]);
  });

  test("is of one frame", async () => {
    await bodies(await thumbnail(requested("image/jpeg", { frameNumbers: [3] })));
    expect(framesRendered()).toEqual([3]);
    const two = thumbnail(requested("image/jpeg", { frameNumbers: [1, 2] }));
    await expect(two).rejects.toMatchObject({ kind: "malformed" });
  });
});

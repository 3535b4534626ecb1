import type { FrameLocation } from "../dicom/frameIndex.ts";
import { isIndifferent, type ChosenRepresentation } from "../dicomweb/negotiation.ts";
import { selectBytes, type Conditions } from "../dicomweb/range.ts";
import { Problem } from "../problem/problem.ts";
import { readAhead } from "./readAhead.ts";
import {
  instancePath,
  openSelection,
  type Retrieved,
  type RetrievedObject,
} from "./retrieveInstances.ts";
import { readFrames, type FrameSource } from "./storedFrames.ts";
import { collectFrame, transcodeFrame, type FrameConversion } from "./transcodeFrame.ts";

/** Frames that are to be converted, and what for. */
export interface FramesConversion {
  readonly source: FrameSource;
  readonly conversion: FrameConversion;
  readonly chosen: ChosenRepresentation;
  readonly frameNumbers: readonly number[];
  readonly locations: readonly FrameLocation[];
  readonly conditions: Conditions | undefined;
}

/** How many frames are converted ahead of the one that is being sent. */
const framesAhead = 2;

/**
 * Retrieves frames in another transfer syntax than the one that they are stored in: each is whole in memory, a few at a
 * time, so that ranges of one that is sent by itself can be had as well.
 *
 * Where no transfer syntax is named, a frame that cannot be decoded is sent as it is stored; else it throws
 * `notAcceptable`.
 */
export async function convertFrames(given: FramesConversion): Promise<Retrieved> {
  const { source, conversion, chosen, frameNumbers, locations, conditions } = given;
  const { mediaType, form } = chosen.representation;
  const convert = async (stored: Uint8Array, index: number): Promise<RetrievedObject> => {
    const [bytes, transferSyntaxUID] = await convertedOrStored(given, stored, index > 0);
    return {
      mediaType,
      transferSyntaxUID,
      location: `${instancePath(source.record)}/frames/${frameNumbers[index]}`,
      length: bytes.length,
      body: once(bytes),
    };
  };
  const collected = async function* collected(): AsyncGenerator<
    readonly [Uint8Array, number],
    void,
    undefined
  > {
    let index = 0;
    for await (const frame of readFrames(source, locations)) {
      yield [await collectFrame(frame), index];
      index += 1;
    }
  };
  if (form === "multipart" || conditions === undefined) {
    const objects = readAhead(
      collected(),
      framesAhead,
      async ([stored, index]) => await convert(stored, index),
    );
    return { form, mediaType, objects };
  }
  const tagOf = (syntax: string): string => `${source.record.version}.${frameNumbers[0]}.${syntax}`;
  // Whoever has the frame already is spared the conversion, and we are.
  const entityTag = tagOf(conversion.targetUID);
  const early = selectBytes(conditions, entityTag, undefined);
  if (early.kind === "notModified") {
    const object: RetrievedObject = {
      mediaType,
      transferSyntaxUID: conversion.targetUID,
      location: `${instancePath(source.record)}/frames/${frameNumbers[0]}`,
      length: undefined,
      entityTag,
      selection: early,
      body: once(new Uint8Array(0)),
    };
    return { form, mediaType, objects: once(object) };
  }
  for await (const [stored] of collected()) {
    const object = await convert(stored, 0);
    const whole = await collectFrame(object.body);
    const tag = tagOf(object.transferSyntaxUID);
    const selection = selectBytes(conditions, tag, whole.length);
    const body = await openSelection(
      selection,
      whole.length,
      async (range) =>
        await Promise.resolve(
          once(
            range === undefined ? whole : whole.subarray(range.offset, range.offset + range.length),
          ),
        ),
    );
    return { form, mediaType, objects: once({ ...object, entityTag: tag, selection, body }) };
  }
  throw new Problem("notFound", "The instance has no such frame.");
}

async function convertedOrStored(
  { conversion, chosen, source }: FramesConversion,
  stored: Uint8Array,
  isUnderWay: boolean,
): Promise<readonly [bytes: Uint8Array, transferSyntaxUID: string]> {
  try {
    return [await transcodeFrame(conversion, stored, isUnderWay), conversion.targetUID];
  } catch (error) {
    const isUndecodable = error instanceof Problem && error.kind === "notAcceptable";
    if (isUndecodable && isIndifferent(chosen.representation)) {
      return [stored, source.record.transferSyntaxUID];
    }
    throw error;
  }
}

async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield await Promise.resolve(value);
}

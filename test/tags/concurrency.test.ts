// Extended query tags while everything happens at once.
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noTags, type TagList } from "../../shared/tags/tagList.ts";
import { startFeedFixture, type FeedFixture } from "../feed/feedFixture.ts";
import { makeUID } from "../support/dicom/dicomFile.ts";
import {
  connectTags,
  feedOfStudy,
  find,
  followStudies,
  instance,
  newTenant,
  protocolName,
  requested,
  runToEnd,
  stationName,
  storeAll,
  text,
  type TagClient,
  type TestInstance,
} from "./tagFixture.ts";

let fixture: FeedFixture;
let client: TagClient;

beforeAll(async () => {
  fixture = await startFeedFixture(3);
  client = connectTags(fixture);
});

afterAll(async () => {
  await fixture.close();
});

// Goal: however stores, some of which do not know the tags yet, come between the steps of their operation, in the end a search
// finds exactly the instances that have the value, a study has the value of its newest instance, and no store was lost.
// Method: random stores and removals run side by side with the operation and with what follows the change feed; then the
// feed brings everything once more, as it does at least once, and searches are compared with a list.
test("whatever is stored while a tag is indexed, in the end it is found", async () => {
  const seed = 20_261_121;
  const action = fc.record({
    study: fc.nat({ max: 2 }),
    series: fc.nat({ max: 1 }),
    value: fc.constantFrom("A", "B", "C"),
    isOutdated: fc.boolean(),
    removes: fc.constantFrom(false, false, false, false, true),
    after: fc.nat({ max: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 8 }), async (actions) => {
      const scope = newTenant();
      const studies = [makeUID(), makeUID(), makeUID()];
      const series = studies.map(() => [makeUID(), makeUID()]);
      const there = new Map<string, TestInstance>();
      const put = async (
        { study, series: at, value }: (typeof actions)[number],
        list: TagList,
      ): Promise<void> => {
        const values = { ...text(protocolName.path, value), ...text(stationName.path, value) };
        const stored = instance(values, {
          study: studies[study] ?? "",
          series: series[study]?.[at] ?? "",
        });
        await storeAll(client, scope, [stored], list);
        there.set(stored.sop, stored);
      };
      const half = Math.floor(actions.length / 2);
      for (const before of actions.slice(0, half)) {
        await put(before, noTags);
      }
      const { id } = await client.tags.registry.add(scope, [
        requested(protocolName.tag, "instance"),
        requested(stationName.tag, "study"),
      ]);
      const known = await client.tags.registry.latest(scope);
      const pause = async (turns: number): Promise<void> => {
        for (let turn = 0; turn < turns; turn += 1) {
          await new Promise((resume) => {
            setImmediate(resume);
          });
        }
      };
      await Promise.all([
        runToEnd(client, scope, id),
        followStudies(client, scope, studies),
        ...actions.slice(half).map(async (during) => {
          await pause(during.after * 3);
          const [victim] = there.values();
          if (during.removes && victim !== undefined) {
            there.delete(victim.sop);
            await client.index.remove(scope, {
              studyInstanceUID: victim.study,
              seriesInstanceUID: victim.series,
              sopInstanceUID: victim.sop,
            });
          }
          await put(during, during.isOutdated ? noTags : known);
        }),
      ]);
      await followStudies(client, scope, studies);
      for (const value of ["A", "B", "C"]) {
        const expected = [...there.values()].filter(
          ({ values }) => values[protocolName.path]?.Value?.[0] === value,
        );
        expect(await find(client, scope, "instance", ["ProtocolName", value])).toEqual(
          expected.map(({ sop }) => sop).toSorted(),
        );
      }
      expect(await find(client, scope, "instance", ["SeriesInstanceUID", ""])).toHaveLength(
        there.size,
      );
      // What a deleted instance said of its study stays, so that there need be no such instance any more.
      if (!actions.slice(half).some(({ removes }) => removes)) {
        for (const study of new Set([...there.values()].map((stored) => stored.study))) {
          const items = (await feedOfStudy(client, scope, study)) as {
            readonly id: string;
            readonly kind: string;
            readonly sop?: string;
            readonly order: string;
            readonly stamp: { readonly version: string };
            readonly q: { readonly study: Readonly<Record<string, unknown>> };
          }[];
          const newest = items
            .filter(({ kind }) => kind === "instance")
            .toSorted((a, b) =>
              `${a.stamp.version} ${a.order}` < `${b.stamp.version} ${b.order}` ? 1 : -1,
            )[0];
          const said = there.get(newest?.sop ?? "")?.values[stationName.path]?.Value?.[0];
          const expected = typeof said === "string" ? said.toLowerCase() : undefined;
          // Its copies too.
          const kept = items
            .filter(({ kind }) => ["study", "series", "instance"].includes(kind))
            .map(({ q }) => q.study["00081010.x2"]);
          expect(kept).toEqual(kept.map(() => expected));
        }
      }
    }),
    { seed, numRuns: 15 },
  );
});

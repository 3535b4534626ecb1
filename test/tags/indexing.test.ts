// What is in the index by extended query tags: of what was stored before, by whom it was stored, and after their removal.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { effectivePartitionKey } from "../../shared/feed/effectivePartitionKey.ts";
import { Problem } from "../../shared/problem/problem.ts";
import { searchableTags } from "../../shared/tags/searchableTags.ts";
import { maintenanceScope, type TenantScope } from "../../shared/tenancy/tenantScope.ts";
import { startFeedFixture, type FeedFixture } from "../feed/feedFixture.ts";
import { makeUID } from "../support/dicom/dicomFile.ts";
import {
  addTags,
  connectTags,
  feedOfStudy,
  find,
  followStudies,
  instance,
  instanceOf,
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

describe("what was stored before a tag", () => {
  test("is found by it at its level and below, in every data partition, once it is ready", async () => {
    const scope = newTenant();
    const other = maintenanceScope(scope.tenant, "Other");
    const one = instance({ ...text(protocolName.path, "Knee"), ...text(stationName.path, "CT1") });
    const two = instance(text(protocolName.path, "Hip"), one);
    const elsewhere = instance(text(stationName.path, "CT1"));
    await storeAll(client, scope, [one, two]);
    await storeAll(client, other, [elsewhere]);
    const { tags } = await addTags(client, scope, [
      requested(stationName.tag, "study"),
      requested(protocolName.tag, "instance"),
    ]);
    expect(tags).toMatchObject([
      { tag: stationName.tag, status: "ready", isEnabled: true, hasErrors: false },
      { tag: protocolName.tag, status: "ready", isEnabled: true, hasErrors: false },
    ]);
    expect(tags.map(({ operation }) => operation)).toEqual([undefined, undefined]);
    expect(await find(client, scope, "study", ["StationName", "ct1"])).toEqual([one.study]);
    expect(await find(client, scope, "series", ["StationName", "ct1"])).toEqual([one.series]);
    expect(await find(client, scope, "instance", ["StationName", "ct1"])).toEqual(
      [one.sop, two.sop].toSorted(),
    );
    expect(await find(client, scope, "instance", ["ProtocolName", "hip"])).toEqual([two.sop]);
    expect(await find(client, other, "study", ["StationName", "CT1"])).toEqual([elsewhere.study]);
  });

  test("counts by the newest instance that has a value, for a study and for each of its series", async () => {
    const scope = newTenant();
    const first = instance({ ...text(stationName.path, "OLD"), ...text(protocolName.path, "A") });
    const second = instance(
      { ...text(stationName.path, "NEW"), ...text(protocolName.path, "B") },
      first,
    );
    const silent = instance({}, first);
    const otherSeries = instance(text(protocolName.path, "C"), { study: first.study });
    for (const stored of [first, second, silent, otherSeries]) {
      await storeAll(client, scope, [stored]);
    }
    await addTags(client, scope, [
      requested(stationName.tag, "study"),
      requested(protocolName.tag, "series"),
    ]);
    expect(await find(client, scope, "study", ["StationName", "OLD"])).toEqual([]);
    expect(await find(client, scope, "study", ["StationName", "NEW"])).toEqual([first.study]);
    expect(await find(client, scope, "series", ["ProtocolName", "A"])).toEqual([]);
    expect(await find(client, scope, "series", ["ProtocolName", "B"])).toEqual([first.series]);
    expect(await find(client, scope, "series", ["ProtocolName", "C"])).toEqual([
      otherSeries.series,
    ]);
  });

  test("is indexed in full when the tenant lies on several physical partitions", async () => {
    const scope = newTenant();
    const stored = Array.from({ length: 40 }, (_, at) =>
      instance(text(protocolName.path, `P${at % 4}`)),
    );
    await storeAll(client, scope, stored);
    for (const { study } of stored.slice(0, 3)) {
      fixture.split(effectivePartitionKey([scope.tenant, scope.partition, study]));
    }
    await addTags(client, scope, [requested(protocolName.tag, "instance")]);
    const found = await Promise.all(
      [0, 1, 2, 3].map(
        async (at) => await find(client, scope, "instance", ["ProtocolName", `P${at}`]),
      ),
    );
    expect(found.flat().toSorted()).toEqual(stored.map(({ sop }) => sop).toSorted());
  });

  test("is indexed by metadata that stands beside the content, too", async () => {
    const scope = newTenant();
    const stored = instance(text(protocolName.path, "Knee"));
    const made = instanceOf(stored);
    await client.index.put(scope, stored.study, [{ ...made, metadata: "beside" }], "create");
    const { encoded, name } = { encoded: made.metadata as Uint8Array, name: made.content.name };
    const asked: string[] = [];
    const able = connectTags(fixture, undefined, async (_, side) => {
      asked.push(side);
      return await Promise.resolve(Buffer.from(encoded));
    });
    await addTags(able, scope, [requested(protocolName.tag, "instance")]);
    expect(asked).toEqual([`${name}.metadata`]);
    expect(await find(client, scope, "instance", ["ProtocolName", "Knee"])).toEqual([stored.sop]);
  });

  test("and was deleted while its metadata was read is passed over", async () => {
    const scope = newTenant();
    const [gone, left] = [1, 2].map(() => instance(text(protocolName.path, "Knee"))) as [
      TestInstance,
      TestInstance,
    ];
    const made = instanceOf({ ...gone, study: left.study });
    await storeAll(client, scope, [left]);
    await client.index.put(scope, left.study, [{ ...made, metadata: "beside" }], "create");
    const overtaken = connectTags(fixture, undefined, async () => {
      const target = { studyInstanceUID: left.study, seriesInstanceUID: gone.series };
      await client.index.remove(scope, target);
      throw new Problem("notFound", "Its content is gone.");
    });
    await addTags(overtaken, scope, [requested(protocolName.tag, "instance")]);
    expect(await find(client, scope, "instance", ["ProtocolName", "Knee"])).toEqual([left.sop]);
  });

  test("and whose metadata is lost is an error of the tag, and no reason to try for ever", async () => {
    const scope = newTenant();
    const lost = instance(text(protocolName.path, "Knee"));
    await client.index.put(
      scope,
      lost.study,
      [{ ...instanceOf(lost), metadata: "beside" }],
      "create",
    );
    const unable = connectTags(
      fixture,
      undefined,
      async () => await Promise.reject(new Problem("notFound", "It is gone.")),
    );
    await addTags(unable, scope, [requested(protocolName.tag, "instance")]);
    const errors = await client.tags.errors.list(scope, { registration: 1 }, 10, 0);
    expect(errors).toMatchObject([{ sop: lost.sop, message: "the metadata is missing" }]);
  });

  test("is not announced as changed: its version stays, and so does its event", async () => {
    const scope = newTenant();
    const stored = instance(text(protocolName.path, "Knee"));
    await storeAll(client, scope, [stored]);
    const target = { studyInstanceUID: stored.study };
    const before = await client.index.version(scope, target);
    await addTags(client, scope, [requested(protocolName.tag, "study")]);
    expect(await client.index.version(scope, target)).toEqual(before);
    const kinds = (await feedOfStudy(client, scope, stored.study)).map(
      (item) => (item as { kind: string }).kind,
    );
    expect(kinds.filter((kind) => kind === "change")).toHaveLength(1);
  });
});

describe("values that cannot be indexed", () => {
  const invalid = "x".repeat(65);

  test("are on record, one for each instance, and keep searches from using the tag", async () => {
    const scope = newTenant();
    const bad = [1, 2].map(() => instance(text(protocolName.path, invalid)));
    await storeAll(client, scope, [...bad, instance(text(protocolName.path, "Knee"))]);
    const { tags } = await addTags(client, scope, [
      requested(protocolName.tag, "instance"),
      requested(stationName.tag, "instance"),
    ]);
    const [tag, sound] = tags;
    expect(tag).toMatchObject({ status: "ready", isEnabled: false, hasErrors: true });
    expect(sound).toMatchObject({ status: "ready", isEnabled: true, hasErrors: false });
    expect(await client.tags.errors.count(scope, { registration: 1 })).toBe(2);
    expect(await client.tags.errors.count(scope, { registration: 2 })).toBe(0);
    const listed = await client.tags.errors.list(scope, { registration: 1 }, 100, 0);
    expect(listed.map(({ sop }) => sop).toSorted()).toEqual(bad.map(({ sop }) => sop).toSorted());
    expect(listed[0]).toMatchObject({ partition: "Microsoft.Default" });
    expect(JSON.stringify(listed)).not.toContain(invalid);
    const page = await client.tags.errors.list(scope, { registration: 1 }, 1, 1);
    expect(page).toEqual(listed.slice(1, 2));
    await expect(searchableTags(client.tags.registry, scope, ["ProtocolName"])).rejects.toThrow(
      /"ProtocolName" .* is disabled/,
    );
  });

  test("are told of by searches that were allowed to use the tag all the same", async () => {
    const scope = newTenant();
    await storeAll(client, scope, [instance(text(protocolName.path, invalid))]);
    await addTags(client, scope, [requested(protocolName.tag, "instance")]);
    const { registry } = client.tags;
    await registry.setEnabled(scope, protocolName.tag, true);
    const usable = await searchableTags(registry, scope, ["00181030"]);
    const [matchKey] = usable.matchKeys;
    expect(matchKey?.path).toEqual([protocolName.tag]);
    expect(matchKey && usable.erroneousNames([{ name: "00181030", matchKey }])).toEqual([
      "00181030",
    ]);
    // What is found again is no reason to forbid it again.
    await registry.markErrors(scope, new Set([1]));
    expect((await registry.latest(scope)).tags[0]?.isEnabled).toBe(true);
  });

  test("are hidden from a caller that is kept to other studies, data partitions or a patient", async () => {
    const scope = newTenant();
    const bad = instance(text(protocolName.path, invalid));
    await storeAll(client, scope, [bad]);
    await addTags(client, scope, [requested(protocolName.tag, "instance")]);
    const { errors } = client.tags;
    const seen = async (restriction: TenantScope["restriction"]): Promise<number> => {
      const restricted = Object.create(scope, {
        restriction: { value: restriction },
        tenant: { value: scope.tenant },
        require: { value: () => undefined },
      }) as TenantScope;
      const listed = await errors.list(restricted, { registration: 1 }, 100, 0);
      expect(await errors.count(restricted, { registration: 1 })).toBe(listed.length);
      return listed.length;
    };
    expect(await seen({})).toBe(1);
    expect(await seen({ studyInstanceUID: bad.study })).toBe(1);
    expect(await seen({ studyInstanceUID: makeUID() })).toBe(0);
    expect(await seen({ partitions: [scope.partition] })).toBe(1);
    expect(await seen({ partitions: ["Other"] })).toBe(0);
    expect(await seen({ patientID: "P1" })).toBe(0);
  });
});

describe("a store that does not know of a tag yet", () => {
  test("is made up for, whenever it commits", async () => {
    const scope = newTenant();
    const outdated = await client.tags.registry.latest(scope);
    await addTags(client, scope, [
      requested(protocolName.tag, "instance"),
      requested(stationName.tag, "study"),
    ]);
    const late = instance({ ...text(protocolName.path, "Knee"), ...text(stationName.path, "CT1") });
    await storeAll(client, scope, [late], outdated);
    expect(await find(client, scope, "instance", ["ProtocolName", "Knee"])).toEqual([]);
    expect(await followStudies(client, scope, [late.study])).toBe(1);
    expect(await find(client, scope, "instance", ["ProtocolName", "Knee"])).toEqual([late.sop]);
    expect(await find(client, scope, "instance", ["StationName", "CT1"])).toEqual([late.sop]);
  });

  test("takes nothing away from what a store that knows it put there", async () => {
    const scope = newTenant();
    const outdated = await client.tags.registry.latest(scope);
    // An attribute that the index keeps for answers anyway.
    const list = await addTags(client, scope, [requested(0x00101010, "study", "AS")]);
    const age = (value: string): TestInstance["values"] => ({
      "00101010": { vr: "AS", Value: [value] },
    });
    const known = instance(age("042Y"));
    await storeAll(client, scope, [known], list);
    await storeAll(client, scope, [instance(age("043Y"), known)], outdated);
    expect(await find(client, scope, "study", ["PatientAge", "042Y"])).toEqual([known.study]);
    await followStudies(client, scope, [known.study]);
    expect(await find(client, scope, "study", ["PatientAge", "042Y"])).toEqual([]);
    expect(await find(client, scope, "study", ["PatientAge", "043Y"])).toEqual([known.study]);
  });

  test("leaves an error where its value cannot be indexed; a store that knew it has told its sender", async () => {
    const scope = newTenant();
    const outdated = await client.tags.registry.latest(scope);
    const list = await addTags(client, scope, [requested(protocolName.tag, "instance")]);
    const values = text(protocolName.path, "x".repeat(65));
    const [told, late] = [instance(values), instance(values)];
    await storeAll(client, scope, [told], list);
    await storeAll(client, scope, [late], outdated);
    expect(await followStudies(client, scope, [told.study, late.study])).toBe(1);
    const listed = await client.tags.errors.list(scope, { registration: 1 }, 100, 0);
    expect(listed.map(({ sop }) => sop)).toEqual([late.sop]);
    expect((await client.tags.registry.latest(scope)).tags[0]?.isEnabled).toBe(false);
  });

  test("and cannot be made up for is reported, and holds up no other", async () => {
    const scope = newTenant();
    const outdated = await client.tags.registry.latest(scope);
    await addTags(client, scope, [requested(protocolName.tag, "instance")]);
    const [broken, late] = [1, 2].map(() => instance(text(protocolName.path, "Knee"))) as [
      TestInstance,
      TestInstance,
    ];
    const made = instanceOf(broken, outdated);
    const nonsense = { ...made, metadata: Buffer.from("no metadata") };
    await client.index.put(scope, broken.study, [nonsense], "create");
    await storeAll(client, scope, [late], outdated);
    const reported: unknown[] = [];
    const studies = [broken.study, late.study];
    await followStudies(client, scope, studies, (error) => reported.push(error));
    expect(reported).toHaveLength(1);
    expect(await find(client, scope, "instance", ["ProtocolName", "Knee"])).toEqual([late.sop]);
  });

  test("and items of tenants without tags, tombstones and events are passed over", async () => {
    const scope = newTenant();
    const stored = instance({});
    await storeAll(client, scope, [stored]);
    await client.index.remove(scope, { studyInstanceUID: stored.study });
    await storeAll(client, scope, [instance({}, { study: stored.study })]);
    expect(await followStudies(client, scope, [stored.study])).toBe(0);
  });
});

describe("a removed tag", () => {
  test("leaves no value and no error, nor takes what is not its own", async () => {
    const scope = newTenant();
    const age = { "00101010": { vr: "AS", Value: ["042Y"] } };
    const name = { "00321032": { vr: "PN", Value: [{ Alphabetic: "Doe^J" }] } };
    const stored = instance({ ...age, ...name, ...text(protocolName.path, "Knee") });
    await storeAll(client, scope, [
      stored,
      instance({ "00101010": { vr: "AS", Value: ["42"] } }, stored),
    ]);
    const list = await addTags(client, scope, [
      requested(0x00101010, "study", "AS"),
      requested(0x00321032, "series", "PN"),
      requested(protocolName.tag, "instance"),
    ]);
    expect(await client.tags.errors.count(scope, { registration: 1 })).toBe(1);
    const itemsBefore = JSON.stringify(await feedOfStudy(client, scope, stored.study));
    expect(itemsBefore).toContain("00101010.x1");
    expect(itemsBefore).toContain("00321032.x2");
    for (const { tag } of list.tags.slice(0, 2)) {
      await client.tags.registry.remove(scope, tag);
      const [deleting] = (await client.tags.registry.latest(scope)).tags;
      expect(deleting?.status).toBe("deleting");
      expect(await runToEnd(client, scope, deleting?.operation ?? "")).toBe("succeeded");
    }
    const items = JSON.stringify(await feedOfStudy(client, scope, stored.study));
    expect(items).not.toContain(".x1");
    expect(items).not.toContain(".x2");
    expect(items).not.toContain('"00321032"');
    // Kept for answers, whether it is searched by or not.
    expect(items).toContain('"00101010":{"vr":"AS","Value":["042Y"]}');
    expect(await client.tags.errors.count(scope, { registration: 1 })).toBe(0);
    const { tags } = await client.tags.registry.latest(scope);
    expect(tags.map(({ tag }) => tag)).toEqual([protocolName.tag]);
    expect(await find(client, scope, "instance", ["ProtocolName", "Knee"])).toEqual([stored.sop]);
  });

  test("can be registered anew, at another level, and what was left of it counts for nothing", async () => {
    const scope = newTenant();
    const list = await addTags(client, scope, [requested(protocolName.tag, "instance")]);
    await client.tags.registry.remove(scope, protocolName.tag);
    await expect(
      client.tags.registry.add(scope, [requested(protocolName.tag, "study")]),
    ).rejects.toMatchObject({ kind: "conflict" });
    const [{ operation = "" } = {}] = (await client.tags.registry.latest(scope)).tags;
    await runToEnd(client, scope, operation);
    // A store that has not heard of it yet.
    const late = instance(text(protocolName.path, "Knee"));
    await storeAll(client, scope, [late], list);
    const { tags } = await addTags(client, scope, [requested(protocolName.tag, "study")]);
    expect(tags.map(({ registration }) => registration)).toEqual([2]);
    expect(await find(client, scope, "study", ["ProtocolName", "Knee"])).toEqual([late.study]);
    await followStudies(client, scope, [late.study]);
    expect(await find(client, scope, "instance", ["ProtocolName", "Knee"])).toEqual([late.sop]);
  });
});

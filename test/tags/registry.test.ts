// Which extended query tags a tenant has, and which of them searches may use.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { searchableTags } from "../../shared/tags/searchableTags.ts";
import { startFeedFixture, type FeedFixture } from "../feed/feedFixture.ts";
import {
  addTags,
  connectTags,
  feedOfControl,
  newTenant,
  protocolName,
  requested,
  runToEnd,
  stationName,
  type TagClient,
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

describe("the registry", () => {
  test("keeps tenants apart", async () => {
    const [one, other] = [newTenant(), newTenant()];
    await addTags(client, one, [requested(protocolName.tag, "study")]);
    expect((await client.tags.registry.latest(other)).tags).toEqual([]);
    expect((await client.tags.registry.current(other)).tags).toEqual([]);
    await expect(client.tags.registry.remove(other, protocolName.tag)).rejects.toMatchObject({
      kind: "notFound",
    });
    const { tags } = await client.tags.registry.latest(one);
    expect(tags).toHaveLength(1);
  });

  test("lets one registration at a time be indexed, and names the operation that is in the way", async () => {
    const scope = newTenant();
    const { id } = await client.tags.registry.add(scope, [requested(protocolName.tag, "study")]);
    await expect(
      client.tags.registry.add(scope, [requested(stationName.tag, "study")]),
    ).rejects.toMatchObject({ kind: "conflict", operation: id });
    await expect(
      client.tags.registry.add(scope, [requested(protocolName.tag, "study")]),
    ).rejects.toMatchObject({ kind: "conflict", operation: undefined });
    await expect(client.tags.registry.remove(scope, protocolName.tag)).rejects.toMatchObject({
      kind: "malformed",
    });
    await runToEnd(client, scope, id);
    await client.tags.registry.add(scope, [requested(stationName.tag, "study")]);
  });

  test("of two registrations at the same moment takes one, and begins one operation", async () => {
    const scope = newTenant();
    const others = connectTags(fixture);
    const results = await Promise.allSettled(
      [client, others, client, others].map(
        async ({ tags }, at) =>
          await tags.registry.add(scope, [requested(protocolName.tag + at, "study")]),
      ),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect((await client.tags.registry.latest(scope)).tags).toHaveLength(1);
    const operations = (await feedOfControl(client, scope)).filter(
      (item) => (item as { kind: string }).kind === "operation",
    );
    expect(operations).toHaveLength(1);
  });

  test("holds 128 tags of a tenant, and no more", async () => {
    const scope = newTenant();
    const many = Array.from({ length: 128 }, (_, at) => requested(0x00091000 + at, "study"));
    await addTags(client, scope, many.slice(0, 100));
    await expect(
      client.tags.registry.add(
        scope,
        many.slice(99).map(({ tag, ...rest }) => ({ ...rest, tag: tag + 1 })),
      ),
    ).rejects.toMatchObject({
      kind: "malformed",
      detail: expect.stringContaining("128") as string,
    });
    const { tags } = await addTags(client, scope, many.slice(100));
    expect(tags).toHaveLength(128);
    await expect(
      client.tags.registry.add(scope, [requested(0x00091fff, "study")]),
    ).rejects.toMatchObject({ kind: "malformed" });
  });

  test("asks the database again only when what it knows is two seconds old, or not enough", async () => {
    const scope = newTenant();
    const host = connectTags(fixture);
    expect((await host.tags.registry.current(scope)).tags).toEqual([]);
    await addTags(client, scope, [requested(protocolName.tag, "study")]);
    expect((await host.tags.registry.current(scope)).tags).toEqual([]);
    // A search that would be refused looks again first.
    const usable = await searchableTags(host.tags.registry, scope, ["ProtocolName"]);
    expect(usable.matchKeys).toHaveLength(1);
    await addTags(client, scope, [requested(stationName.tag, "study")]);
    host.passTime(2_000);
    expect((await host.tags.registry.current(scope)).tags).toHaveLength(2);
  });
});

describe("searches", () => {
  test("may not use a tag that is still being indexed, or being removed", async () => {
    const scope = newTenant();
    const { registry } = client.tags;
    const { id } = await registry.add(scope, [requested(protocolName.tag, "study")]);
    const refusal = /"ProtocolName" .* being indexed or removed/;
    await expect(searchableTags(registry, scope, ["ProtocolName"])).rejects.toThrow(refusal);
    await runToEnd(client, scope, id);
    expect((await searchableTags(registry, scope, ["ProtocolName"])).matchKeys).toHaveLength(1);
    await registry.remove(scope, protocolName.tag);
    await expect(searchableTags(registry, scope, ["ProtocolName"])).rejects.toThrow(refusal);
  });

  test("that name no further attribute do not ask for the tags", async () => {
    const silent = { registry: "nobody" } as never;
    const { matchKeys } = await searchableTags(silent, newTenant(), [
      "PatientID",
      "00080060",
      "limit",
      "RequestAttributesSequence.RequestedProcedureID",
      "NoSuchAttribute",
    ]);
    expect(matchKeys).toEqual([]);
  });
});

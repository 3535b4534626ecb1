// The pull feed over HTTP: shapes, headers, waiting, cursors and refusals. What it guarantees is proved in test/feed.
import { beforeAll, describe, expect, test } from "vitest";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import { DicomwebService, problemKind } from "../support/dicomwebService.ts";
import type { ReceivedAnswer } from "../support/send.ts";

const service = new DicomwebService();

interface Page {
  readonly entries: readonly Record<string, unknown>[];
  readonly continuation: string;
  readonly hasMore: boolean;
}

async function page(
  query: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly answer: ReceivedAnswer; readonly page: Page }> {
  const answer = await service.request(`feed?${new URLSearchParams(query).toString()}`, {
    headers,
  });
  expect([answer.status, answer.text.slice(0, 200)]).toEqual([200, expect.any(String) as unknown]);
  return { answer, page: answer.json() as Page };
}

async function deleteStudy(study: string): Promise<void> {
  expect((await service.request(`studies/${study}`, { method: "DELETE" })).status).toBe(204);
}

describe("a study that was stored", () => {
  const study = makeUID();
  const instance = makeInstance({ studyInstanceUID: study });
  const second = makeInstance({ studyInstanceUID: study });
  beforeAll(async () => {
    await service.mustStore([instance.bytes]);
    await service.mustStore([second.bytes]);
  });

  test("is in the feed at once, with all that an entry tells", async () => {
    const { answer, page: first } = await page({ study, mode: "all" });
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(first.entries).toHaveLength(2);
    expect(first.entries[0]).toEqual({
      id: expect.stringMatching(/^[0-9A-Z]{26}$/) as unknown,
      action: "create",
      state: "current",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as unknown,
      partitionName: "Microsoft.Default",
      studyInstanceUid: study,
      seriesInstanceUid: instance.seriesInstanceUID,
      sopInstanceUid: instance.sopInstanceUID,
      sopClassUid: instance.sopClassUID,
      modality: expect.any(String) as unknown,
      revision: 1,
    });
  });

  test("is in the feed of the whole tenant and in one of its ranges", async () => {
    const { ranges } = (await service.get("feed/ranges?minimum=4")).json() as { ranges: string[] };
    expect(ranges.length).toBeGreaterThanOrEqual(4);
    let found = 0;
    for (const range of ranges) {
      expect(range).toMatch(/^[A-Za-z0-9_-]+$/);
      let query: Record<string, string> = { range, mode: "all", pageSize: "1000" };
      for (let hasMore = true; hasMore;) {
        const { page: next } = await page(query);
        found += next.entries.filter((entry) => entry["studyInstanceUid"] === study).length;
        ({ hasMore } = next);
        query = { continuation: next.continuation, pageSize: "1000" };
      }
    }
    expect(found).toBe(2);
  });

  test("is told with its metadata when that is asked for, as the metadata resource has it", async () => {
    const { page: first } = await page({ study, includeMetadata: "true" });
    expect(first.entries).toHaveLength(2);
    for (const entry of first.entries) {
      const path = `studies/${study}/series/${String(entry["seriesInstanceUid"])}/instances/${String(entry["sopInstanceUid"])}`;
      const [metadata] = await service.metadata(path);
      expect(entry["metadata"]).toEqual(metadata);
    }
  });

  test("is followed by the link, and the end is told as such and not by an empty page", async () => {
    let { answer, page: next } = await page({ study, pageSize: "1", mode: "all" });
    const ids: unknown[] = [];
    for (;;) {
      expect(answer.headers.etag).toBe(`"${next.continuation}"`);
      ids.push(...next.entries.map(({ id }) => id));
      if (!next.hasMore) {
        break;
      }
      const link = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers["link"]))?.[1] ?? "";
      const url = new URL(link);
      expect(`${url.origin}${url.pathname}`).toBe(service.url("feed"));
      expect(url.searchParams.get("pageSize")).toBe("1");
      ({ answer, page: next } = await page(Object.fromEntries(url.searchParams)));
    }
    expect(new Set(ids).size).toBe(2);
    expect(ids).toHaveLength(2);
  });
});

test("a reader with nothing new gets 304, and from its entity tag on what comes later", async () => {
  const study = makeUID();
  await service.mustStore([makeInstance({ studyInstanceUID: study }).bytes]);
  const { page: first } = await page({ study });
  const unchanged = await service.request("feed", {
    headers: { "If-None-Match": `"${first.continuation}"` },
  });
  // Whatever was read is behind the tag: the page before said that there may be more.
  expect(unchanged.status).toBe(304);
  expect(unchanged.text).toBe("");
  const tag = String(unchanged.headers.etag);
  expect(tag).toMatch(/^"[A-Za-z0-9_-]+"$/);
  await deleteStudy(study);
  const { page: later } = await page({}, { "If-None-Match": tag });
  expect(later.entries.map(({ action, state }) => [action, state])).toEqual([
    ["delete", "deleted"],
  ]);
});

test("an answer that is held comes as soon as something changes", async () => {
  const study = makeUID();
  const startedAt = performance.now();
  const held = page({ study, mode: "all", wait: "25", startFrom: "now" });
  // The reader's "now" has to come first: another reader of the same study, who does not wait, has been answered.
  await page({ study, mode: "all" });
  await service.mustStore([makeInstance({ studyInstanceUID: study }).bytes]);
  const { page: answer } = await held;
  if (answer.entries.length === 0) {
    throw new Error(`nothing after ${performance.now() - startedAt} ms`);
  }
  expect(answer.entries.map(({ action }) => action)).toEqual(["create"]);
});

describe("cursors", () => {
  const name = `test-${Date.now()}`;

  async function put(
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
    cursor = name,
  ): Promise<ReceivedAnswer> {
    return await service.request(`feed/cursors/${cursor}`, {
      method: "PUT",
      headers: { "Content-Type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  }

  test("are stored, read with their lag, replaced under a condition, listed and deleted", async () => {
    const study = makeUID();
    const { page: start } = await page({ study, mode: "all" });
    const created = await put({ continuation: start.continuation }, { "If-None-Match": "*" });
    expect(created.status).toBe(200);
    expect((await put({ continuation: start.continuation }, { "If-None-Match": "*" })).status).toBe(
      412,
    );
    const read = await service.get(`feed/cursors/${name}`);
    expect(read.headers.etag).toBe(created.headers.etag);
    expect(read.json()).toEqual({
      name,
      continuation: start.continuation,
      updatedAt: expect.any(String) as unknown,
      lag: { seconds: 0, entries: 0 },
    });
    await service.mustStore([makeInstance({ studyInstanceUID: study }).bytes]);
    const behind = (await service.get(`feed/cursors/${name}`)).json() as { lag: unknown };
    expect(behind.lag).toEqual({ seconds: expect.any(Number) as unknown, entries: 1 });
    const { page: next } = await page({ continuation: start.continuation });
    const tag = String(read.headers.etag);
    const moved = await put({ continuation: next.continuation }, { "If-Match": tag });
    expect(moved.status).toBe(200);
    expect(moved.headers.etag).not.toBe(tag);
    expect((await put({ continuation: start.continuation }, { "If-Match": tag })).status).toBe(412);
    const list = (await service.get("feed/cursors")).json() as { cursors: { name: string }[] };
    expect(list.cursors.map((cursor) => cursor.name)).toContain(name);
    const url = `feed/cursors/${name}`;
    const stale = await service.request(url, { method: "DELETE", headers: { "If-Match": tag } });
    expect(stale.status).toBe(412);
    expect((await service.request(url, { method: "DELETE" })).status).toBe(204);
    expect((await service.get(url)).status).toBe(404);
    expect((await service.request(url, { method: "DELETE" })).status).toBe(404);
    expect((await put({ continuation: next.continuation }, { "If-Match": tag })).status).toBe(412);
  });

  test.each([
    ["no JSON", "continuation"],
    ["an array", []],
    ["no continuation", {}],
    ["a continuation that is no text", { continuation: 1 }],
    ["a forged continuation", { continuation: "AAAA" }],
  ])("with %s are refused", async (_, body) => {
    const answer = await put(body);
    expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
  });

  test("of an endless body or an impossible name are refused", async () => {
    expect((await put(`{"continuation":"${"A".repeat(20_000)}"}`)).status).toBe(413);
    expect((await put({ continuation: "A" }, {}, "a%20b")).status).toBe(400);
    expect((await put({ continuation: "A" }, {}, "x".repeat(65))).status).toBe(400);
  });
});

test.each([
  ["feed?pageSize=0", '"pageSize"'],
  ["feed?pageSize=1001", '"pageSize"'],
  ["feed?mode=newest", '"mode"'],
  ["feed?startFrom=yesterday", '"startFrom"'],
  ["feed?wait=26", '"wait"'],
  ["feed?continuation=AAAA", '"continuation"'],
  ["feed?range=AAAA", '"range"'],
  ["feed?study=x", '"study"'],
  ["feed?flter=x", '"flter"'],
  ["feed/ranges?minimum=0", '"minimum"'],
])("%s is refused with a sentence that names the parameter", async (path, name) => {
  const answer = await service.get(path);
  expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
  expect(answer.text).toContain(JSON.stringify(name).slice(1, -1));
});

test("a range is no continuation, and an entity tag that is none of the feed is refused", async () => {
  const { ranges } = (await service.get("feed/ranges")).json() as { ranges: string[] };
  expect((await service.get(`feed?continuation=${ranges[0] ?? ""}`)).status).toBe(400);
  for (const tag of ['"AAAA"', "*", "AAAA"]) {
    const answer = await service.request("feed", { headers: { "If-None-Match": tag } });
    expect([answer.status, problemKind(answer)]).toEqual([400, "malformed"]);
    expect(answer.text).toContain("If-None-Match");
  }
});

test("the pull feed is a resource of v2 alone, and can only be read", async () => {
  const old = new DicomwebService("v1");
  for (const path of ["feed", "feed/ranges", "feed/cursors", "feed/cursors/a"]) {
    expect((await old.get(path)).status).toBe(404);
  }
  const answer = await service.request("feed", { method: "POST", body: "" });
  expect([answer.status, answer.headers.allow]).toEqual([405, "GET"]);
});

// The consumer in the box, against the service and against one that fails.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { CursorCheckpoints, FileCheckpoints, type Checkpoints } from "../../feed/checkpoints.ts";
import { FeedClient, FeedError, type FeedEntry } from "../../feed/feedClient.ts";
import { followFeed, type FollowProgress } from "../../feed/followFeed.ts";
import { runCommandLine, type CommandSurroundings } from "../../feed/runCommandLine.ts";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import { DicomwebService } from "../support/dicomwebService.ts";

const baseUrl = `${inject("runtime").baseUrl}/v2`;
const client = new FeedClient({ baseUrl });
const service = new DicomwebService();
const folder = mkdtempSync(join(tmpdir(), "strata-consumer-"));
const studies = Array.from({ length: 6 }, makeUID);

beforeAll(async () => {
  for (const studyInstanceUID of studies) {
    await service.mustStore([
      makeInstance({ studyInstanceUID }).bytes,
      makeInstance({ studyInstanceUID }).bytes,
    ]);
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function own(entries: readonly FeedEntry[]): FeedEntry[] {
  return entries.filter(({ studyInstanceUid }) => studies.includes(studyInstanceUid));
}

async function consume(
  checkpoints: Checkpoints | undefined,
  pagesMax = Infinity,
): Promise<{ readonly entries: FeedEntry[]; readonly failure: unknown }> {
  const entries: FeedEntry[] = [];
  let pages = 0;
  let failure: unknown;
  try {
    await followFeed({
      client,
      readers: 3,
      request: { mode: "all", pageSize: 50 },
      ...(checkpoints === undefined ? {} : { checkpoints }),
      onEntries: async (page) => {
        pages += 1;
        if (pages > pagesMax) {
          throw new Error("the handler failed");
        }
        entries.push(...page);
        await Promise.resolve();
      },
    });
  } catch (error) {
    failure = error;
  }
  return { entries, failure };
}

test("three readers see every event of the tenant once", async () => {
  const { entries, failure } = await consume(undefined);
  expect(failure).toBeUndefined();
  expect(own(entries)).toHaveLength(12);
  expect(new Set(entries.map(({ id }) => id)).size).toBe(entries.length);
});

test.each([
  ["a file", (name: string) => new FileCheckpoints(join(folder, "deep", name))],
  ["named cursors", (name: string) => new CursorCheckpoints(client, name)],
])(
  "a consumer that fails anywhere and keeps its positions in %s handles everything, and again only what failed",
  async (_, open) => {
    const name = `consumer-${Date.now()}`;
    const seen: FeedEntry[] = [];
    for (let run = 0; ; run += 1) {
      const { entries, failure } = await consume(open(name), 4);
      seen.push(...entries);
      if (failure === undefined) {
        break;
      }
      expect(failure).toEqual(new Error("the handler failed"));
      expect(run).toBeLessThan(500);
    }
    expect(new Set(own(seen).map(({ id }) => id)).size).toBe(12);
    // A first run that fails before each reader has a position begins anew; after that nothing is handled twice.
    expect(own(seen).length).toBeLessThanOrEqual(24);
    await service.mustStore([makeInstance({ studyInstanceUID: studies[0] ?? "" }).bytes]);
    const { entries } = await consume(open(name));
    expect(own(entries)).toHaveLength(1);
    await service.request(`studies/${studies[0] ?? ""}`, { method: "DELETE" });
    const later = await consume(open(name));
    expect(own(later.entries).map(({ action }) => action)).toEqual(["delete", "delete", "delete"]);
    await service.mustStore([
      makeInstance({ studyInstanceUID: studies[0] ?? "" }).bytes,
      makeInstance({ studyInstanceUID: studies[0] ?? "" }).bytes,
    ]);
    studies.shift();
    const study = makeUID();
    studies.push(study);
    await service.mustStore([
      makeInstance({ studyInstanceUID: study }).bytes,
      makeInstance({ studyInstanceUID: study }).bytes,
    ]);
  },
);

test("an endless consumer hears of what is stored while it waits, and ends when it is told to", async () => {
  const study = makeUID();
  const ending = new AbortController();
  const heard: FeedEntry[] = [];
  const progress: FollowProgress[] = [];
  let storing: Promise<void> | undefined;
  await followFeed({
    client,
    isEndless: true,
    request: { mode: "all", startFrom: "now" },
    signal: ending.signal,
    onEntries: async (entries) => {
      heard.push(...entries.filter(({ studyInstanceUid }) => studyInstanceUid === study));
      if (heard.length > 0) {
        ending.abort();
      }
      await Promise.resolve();
    },
    onProgress: (state) => {
      progress.push(state);
      storing ??= service.mustStore([makeInstance({ studyInstanceUID: study }).bytes]);
    },
  });
  await storing;
  expect(heard.map(({ action }) => action)).toEqual(["create"]);
  expect(progress[0]).toMatchObject({ readers: 1, entries: 0, readersAtEnd: 1 });
});

/** A service that answers as it is told, one answer after the other. */
async function withAnswers(
  answers: readonly (readonly [status: number, headers: Record<string, string>, body: string])[],
  run: (url: string, requests: readonly IncomingMessage[]) => Promise<void>,
): Promise<void> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    const [status, headers, body] = answers[requests.length] ?? [500, {}, ""];
    requests.push(request);
    if (status === 0) {
      response.destroy();
      return;
    }
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  try {
    await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v2`, requests);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const emptyPage = '{"entries":[],"continuation":"c","hasMore":false}';

test("a busy service is asked again when it says so, with the token of the moment", async () => {
  const answers = [
    [503, { "Retry-After": "3" }, ""],
    [0, {}, ""],
    [429, {}, ""],
    [200, {}, emptyPage],
  ] as const;
  await withAnswers(answers, async (url, requests) => {
    const delays: number[] = [];
    let tokens = 0;
    const reader = new FeedClient({
      baseUrl: `${url}/`,
      token: async () => await Promise.resolve(`t${(tokens += 1)}`),
      sleep: async (milliseconds) => {
        delays.push(milliseconds);
        await Promise.resolve();
      },
    });
    const page = await reader.read({ continuation: "c", pageSize: 5 });
    expect(page.continuation).toBe("c");
    expect(delays).toEqual([3_000, 500, 1_000]);
    expect(requests.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer t1",
      "Bearer t2",
      "Bearer t3",
      "Bearer t4",
    ]);
    expect(requests.map(({ url: path }) => path)).toEqual(
      Array.from({ length: 4 }, () => "/v2/feed?continuation=c&pageSize=5"),
    );
  });
});

test("a refusal is an error at once, with the sentence of the service", async () => {
  await withAnswers([[400, {}, '{"detail":"\\"range\\" is wrong."}']], async (url, requests) => {
    const reading = new FeedClient({ baseUrl: url }).read({ range: "x" });
    await expect(reading).rejects.toThrow('400: "range" is wrong.');
    await expect(reading).rejects.toBeInstanceOf(FeedError);
    expect(requests).toHaveLength(1);
  });
});

test("a service that stays down is given up", async () => {
  const answers = Array.from({ length: 3 }, () => [503, {}, "down"] as const);
  await withAnswers(answers, async (url, requests) => {
    const reader = new FeedClient({
      baseUrl: url,
      attemptsMax: 3,
      sleep: async () => {
        await Promise.resolve();
      },
    });
    await expect(reader.ranges()).rejects.toMatchObject({ status: 503 });
    expect(requests).toHaveLength(3);
  });
});

async function run(
  args: readonly string[],
  surroundings: Partial<CommandSurroundings> = {},
): Promise<{ readonly code: number; readonly out: string; readonly error: string }> {
  let out = "";
  let error = "";
  const code = await runCommandLine(args, {
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      error += text;
    },
    isTerminal: false,
    now: () => Date.now(),
    token: undefined,
    signal: new AbortController().signal,
    ...surroundings,
  });
  return { code, out, error };
}

test("the command prints each entry as a line, shows its progress, and goes on from its file", async () => {
  const file = join(folder, "positions.json");
  const args = [
    "--url",
    baseUrl,
    "--mode",
    "all",
    "--readers",
    "2",
    "--file",
    file,
    "--page-size",
    "50",
  ];
  const first = await run(args);
  expect(first.code).toBe(0);
  const entries = first.out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as FeedEntry);
  expect(own(entries).length).toBeGreaterThanOrEqual(12);
  expect(first.error).toContain(`${entries.length} entries`);
  expect(first.error).toContain("2 of 2 readers at the end, up to date");
  const again = await run([...args, "--quiet"]);
  expect(again.error).toBe("");
  const ids = new Set(entries.map(({ id }) => id));
  for (const line of again.out.split("\n").filter((text) => text !== "")) {
    expect(ids.has((JSON.parse(line) as FeedEntry).id)).toBe(false);
  }
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ count: 2 });
});

test("positions of which not all are there are not used", async () => {
  const file = join(folder, "half.json");
  writeFileSync(file, '{"count":2,"continuations":["abc",null]}');
  expect(await new FileCheckpoints(file).load()).toBeUndefined();
  expect(await new FileCheckpoints(join(folder, "none.json")).load()).toBeUndefined();
});

test.each([
  [[], "--url"],
  [["--url", "nowhere"], "--url"],
  [["--url", "http://a/v2", "--readers", "0"], "--readers"],
  [["--url", "http://a/v2", "--page-size", "x"], "--page-size"],
  [["--url", "http://a/v2", "--file", "a", "--cursor", "b"], "--cursor"],
  [["--url", "http://a/v2", "--speed", "9"], "--speed"],
])("the arguments %j are refused with the usage", async (args, named) => {
  const { code, error } = await run(args);
  expect(code).toBe(2);
  expect(error).toContain(named);
  expect(error).toContain("npm run feed");
});

test("the command tells what the service refuses, and its own usage", async () => {
  const { code, error } = await run(["--url", baseUrl, "--mode", "newest"]);
  expect([code, error]).toEqual([1, expect.stringContaining('"mode"') as unknown]);
  const help = await run(["--help"]);
  expect([help.code, help.out.includes("--readers")]).toEqual([0, true]);
});

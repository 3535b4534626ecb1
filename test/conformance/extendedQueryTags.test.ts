// Extended query tags and operations, as in the Azure service, over HTTP. One registration of a tenant at a time is indexed,
// so the suite has a tenant of its own, and its tests take turns.
import { beforeAll, describe, expect, inject, test } from "vitest";
import { makeInstance, makeUID, type TestElement } from "../support/dicom/dicomFile.ts";
import {
  DicomwebService,
  failureReasons,
  firstValues,
  itemsOf,
  problemKind,
  sorted,
  type JsonDataset,
} from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";
import { beginTags, endOfOperation, registerTags } from "../support/registerTags.ts";
import type { ReceivedAnswer } from "../support/send.ts";
import { bearer, TestTenant } from "../support/testTenant.ts";

let tenant: TestTenant;
let service: DicomwebService;
let v1: DicomwebService;

beforeAll(async () => {
  tenant = await TestTenant.register();
  service = tenant.service();
  v1 = serviceOf("v1");
});

function serviceOf(version: "v1" | "v2"): DicomwebService {
  return new DicomwebService(version, inject("tokenRuntime").baseUrl, bearer(tenant.token()));
}

const creator = "STRATA TAG TEST";

interface ShownTag {
  readonly path: string;
  readonly status: string;
  readonly queryStatus: string;
  readonly errors?: { readonly count: number; readonly href: string };
  readonly operation?: { readonly id: string; readonly href: string };
}

interface ShownOperation {
  readonly operationId: string;
  readonly type: string;
  readonly status: string;
  readonly percentComplete: number;
  readonly createdTime: string;
  readonly lastUpdatedTime: string;
  readonly resources?: readonly string[];
}

async function send(
  method: "POST" | "PATCH",
  path: string,
  body: string | object,
  contentType = "application/json",
): Promise<ReceivedAnswer> {
  return await service.request(path, {
    method,
    headers: { "Content-Type": contentType },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** Registers tags and waits until everything stored is indexed by them. */
async function register(tags: readonly object[]): Promise<ShownOperation> {
  const answer = await beginTags(service, tags);
  expect([answer.status, answer.text]).toEqual([202, expect.stringContaining('"id"')]);
  const { id, href } = answer.json() as { id: string; href: string };
  expect(href).toBe(service.url(`operations/${id}`));
  expect(answer.headers.location).toBe(href);
  return await finished(id);
}

async function finished(id: string): Promise<ShownOperation> {
  const last = await endOfOperation(service, id);
  expect(last.status).toBe(200);
  return last.json() as ShownOperation;
}

async function remove(path: string): Promise<void> {
  expect((await service.request(`extendedquerytags/${path}`, { method: "DELETE" })).status).toBe(
    204,
  );
  await eventually(
    async () => (await service.get(`extendedquerytags/${path}`)).status,
    (status) => status === 404,
  );
}

async function readTag(path: string): Promise<ShownTag> {
  const answer = await service.get(`extendedquerytags/${path}`);
  expect(answer.status).toBe(200);
  return answer.json() as ShownTag;
}

/** A file with values of private attributes: by the last two digits of their tag. */
function fileWith(
  elements: readonly TestElement[],
  options: { readonly studyInstanceUID?: string; readonly seriesInstanceUID?: string } = {},
): ReturnType<typeof makeInstance> {
  return makeInstance({
    ...options,
    elements: [["00990010", "LO", creator], ...elements],
  });
}

test("what was stored before and after a registration is found by it, at its level and below", async () => {
  const studies = [makeUID(), makeUID()] as const;
  const before = fileWith([["00991001", "LO", "Before"]], { studyInstanceUID: studies[0] });
  await service.mustStore([before.bytes]);
  const operation = await register([
    { path: "00991001", vr: "LO", privateCreator: creator, level: "Study" },
  ]);
  expect(operation).toMatchObject({
    type: "reindex",
    status: "succeeded",
    percentComplete: 100,
    resources: [service.url("extendedquerytags/00991001")],
  });
  const after = fileWith([["00991001", "LO", "After"]], { studyInstanceUID: studies[1] });
  await service.mustStore([after.bytes]);
  for (const [value, study] of [
    ["Before", studies[0]],
    ["AFTER", studies[1]],
  ] as const) {
    for (const resource of ["studies", "series", "instances"]) {
      const found = await service.search(`${resource}?00991001=${value}`);
      expect(firstValues(found, "0020000D")).toEqual([study]);
      expect(firstValues(found, "00991001").map(String)).toEqual([
        value === "AFTER" ? "After" : value,
      ]);
    }
  }
  await remove("00991001");
});

// One private attribute for each VR that can be searched by: its number, a value as it is stored, one that finds it, and
// one that does not.
const everyVR: readonly (readonly [
  vr: string,
  stored: TestElement[2],
  found: string,
  other: string,
])[] = [
  ["AE", "STORE1", "store1", "STORE2"],
  ["AS", "042Y", "042Y", "043Y"],
  ["CS", "HEAD", "HEAD", "KNEE"],
  ["DA", "20260131", "20260101-20260131", "20260201-"],
  ["DS", "70.50", "70.5", "71"],
  ["DT", "20260131120000", "2026013112", "20260131120001-"],
  ["FD", [1.25], "1.25", "1.5"],
  ["FL", [-2.5], "-2.5", "2.5"],
  ["IS", "0042", "42", "43"],
  ["LO", "Some text", "some TEXT", "text"],
  ["PN", "Doe^Jane", "doe^jane", "Doe^John"],
  ["SH", "short", "SHORT", "long"],
  ["SL", [-70_000], "-70000", "70000"],
  ["SS", [-7], "-7", "7"],
  ["TM", "093000", "0900-1000", "-0929"],
  ["UI", "1.2.3.4", "1.2.3.4", "1.2.3"],
  ["UL", [4_000_000_000], "4000000000", "1"],
  ["US", [65_535], "65535", "1"],
];

function pathOfVR(index: number): string {
  return `009910${(0x40 + index).toString(16).toUpperCase()}`;
}

test("every VR that can be searched by is matched as attributes of that VR are", async () => {
  const study = makeUID();
  const elements = everyVR.map(([vr, stored], index): TestElement => [pathOfVR(index), vr, stored]);
  const before = fileWith(elements, { studyInstanceUID: study });
  await service.mustStore([before.bytes]);
  await register(
    everyVR.map(([vr], index) => ({
      path: pathOfVR(index),
      vr,
      privateCreator: creator,
      level: "Instance",
    })),
  );
  const after = fileWith(elements, { studyInstanceUID: study });
  await service.mustStore([after.bytes]);
  const both = [before.sopInstanceUID, after.sopInstanceUID].toSorted();
  for (const [index, [vr, , found, other]] of everyVR.entries()) {
    const search = async (value: string): Promise<string[]> => {
      const query = `${pathOfVR(index)}=${encodeURIComponent(value)}`;
      return sorted(
        firstValues(await service.search(`studies/${study}/instances?${query}`), "00080018"),
      );
    };
    expect([vr, await search(found)]).toEqual([vr, both]);
    expect([vr, await search(other)]).toEqual([vr, []]);
  }
  const fuzzy = await service.search(
    `studies/${study}/instances?${pathOfVR(10)}=jan&fuzzymatching=true`,
  );
  expect(fuzzy).toHaveLength(2);
  const number = await service.get(`studies/${study}/instances?${pathOfVR(8)}=many`);
  expect([number.status, problemKind(number)]).toEqual([400, "malformed"]);
});

describe("values that cannot be indexed", () => {
  const path = "00991002";
  const invalid: TestElement = [path, "LO", "x".repeat(65)];
  const comment = /^DICOM100: \(0099,1002\) - the value exceeds 64 characters$/;

  test("found while a tag is indexed are listed, and disable it until somebody enables it", async () => {
    const bad = fileWith([invalid]);
    const good = fileWith([[path, "LO", "fine"]]);
    await service.mustStore([bad.bytes, good.bytes]);
    await register([{ path, vr: "LO", privateCreator: creator, level: "Instance" }]);
    expect(await readTag(path)).toEqual({
      path,
      vr: "LO",
      privateCreator: creator,
      level: "instance",
      status: "ready",
      queryStatus: "disabled",
      errors: { count: 1, href: service.url(`extendedquerytags/${path}/errors`) },
    });
    const errors = (await service.get(`extendedquerytags/${path}/errors`)).json();
    expect(errors).toEqual([
      {
        partitionName: "Microsoft.Default",
        studyInstanceUid: bad.studyInstanceUID,
        seriesInstanceUid: bad.seriesInstanceUID,
        sopInstanceUid: bad.sopInstanceUID,
        createdTime: expect.stringMatching(/^\d{4}-.*Z$/) as string,
        errorMessage: "the value exceeds 64 characters",
      },
    ]);
    const refused = await service.get(`instances?${path}=fine`);
    expect([refused.status, problemKind(refused)]).toEqual([400, "malformed"]);
    expect(refused.text).toContain(`\\"${path}\\" is an extended query tag that is disabled`);
    expect((await service.get(`instances/count?${path}=fine`)).status).toBe(400);

    const enabled = await send("PATCH", `extendedquerytags/${path}`, { QueryStatus: "Enabled" });
    expect([enabled.status, (enabled.json() as ShownTag).queryStatus]).toEqual([200, "enabled"]);
    const found = await service.get(`instances?${path}=fine`);
    expect([found.status, found.headers["erroneous-dicom-attributes"]]).toEqual([200, path]);
    expect(firstValues(found.json() as JsonDataset[], "00080018")).toEqual([good.sopInstanceUID]);
    const none = await service.get(`instances?${path}=nothing`);
    expect([none.status, none.headers["erroneous-dicom-attributes"]]).toEqual([204, path]);
    const plain = await service.get("instances?limit=1");
    expect(plain.headers["erroneous-dicom-attributes"]).toBeUndefined();
    expect((await service.get(`instances/count?${path}=fine`)).json()).toEqual({ count: 1 });
  });

  test("are refused by v1 when they are stored, and warned of by v2", async () => {
    const refused = await v1.store([fileWith([invalid]).bytes]);
    expect([refused.status, failureReasons(refused)]).toEqual([409, [43_264]]);
    expect(commentsOf(itemsOf(refused, "00081198"))).toEqual([expect.stringMatching(comment)]);

    const file = fileWith([invalid]);
    const warned = await service.store([file.bytes]);
    expect(warned.status).toBe(202);
    const [item] = itemsOf(warned, "00081199");
    expect(item?.["00081196"]?.Value).toEqual([1]);
    // The general rules say it too; once is enough.
    expect(commentsOf(itemsOf(warned, "00081199"))).toEqual([expect.stringMatching(comment)]);
    const elsewhere = fileWith([[path, "SH", "short"]]);
    const otherVR = await service.store([elsewhere.bytes]);
    expect(otherVR.status).toBe(202);
    expect(commentsOf(itemsOf(otherVR, "00081199"))).toEqual([
      "DICOM100: (0099,1002) - the VR is not LO",
    ]);
    expect(await service.search(`instances?${path}=short`)).toEqual([]);
    for (const version of ["v1", "v2"] as const) {
      const several = fileWith([[path, "LO", ["first", "second"]]]);
      const stored = await serviceOf(version).store([several.bytes]);
      const [warning] = [stored.headers["warning"]].flat();
      expect([version, stored.status, warning?.startsWith("299 ")]).toEqual([
        version,
        200,
        version === "v1" ? true : undefined,
      ]);
    }
    expect(await service.search(`instances?${path}=first`)).toHaveLength(2);
    expect(await service.search(`instances?${path}=second`)).toEqual([]);
    // Who stored it has been told: it is no error of the tag.
    expect((await readTag(path)).errors?.count).toBe(1);
  });

  test("go with the tag that they are errors of", async () => {
    await remove(path);
    expect((await service.get(`extendedquerytags/${path}/errors`)).status).toBe(404);
    const unknown = await service.get(`instances?${path}=fine`);
    expect([unknown.status, problemKind(unknown)]).toEqual([400, "malformed"]);
  });

  function commentsOf(items: readonly JsonDataset[]): unknown[] {
    return items.flatMap((item) =>
      ((item["00741048"]?.Value ?? []) as JsonDataset[]).map((one) => one["00000902"]?.Value?.[0]),
    );
  }
});

describe("while a tag is indexed", () => {
  test("it is listed as such, searches refuse it, and no other can be added or it be deleted", async () => {
    const path = "00991003";
    const tag = { path, vr: "SH", privateCreator: creator, level: "Series" };
    const accepted = await beginTags(service, [tag]);
    expect(accepted.status).toBe(202);
    const { id, href } = accepted.json() as { id: string; href: string };
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    // Indexing takes two seconds at least, so that every host hears of the tag before searches may use it.
    expect(await readTag(path)).toMatchObject({
      level: "series",
      status: "adding",
      queryStatus: "enabled",
      operation: { id, href },
    });
    const running = await service.get(`operations/${id}`);
    expect([running.status, running.headers.location]).toEqual([202, href]);
    expect((running.json() as ShownOperation).status).toMatch(/^(notStarted|running)$/);
    const search = await service.get(`series?${path}=x`);
    expect([search.status, problemKind(search)]).toEqual([400, "malformed"]);
    const second = await send("POST", "extendedquerytags", [{ ...tag, path: "00991004" }]);
    expect([second.status, problemKind(second)]).toEqual([409, "conflict"]);
    expect([second.headers.location, second.text]).toEqual([href, expect.stringContaining(id)]);
    const twice = await send("POST", "extendedquerytags", [tag]);
    expect([twice.status, problemKind(twice)]).toEqual([409, "conflict"]);
    const deleted = await service.request(`extendedquerytags/${path}`, { method: "DELETE" });
    expect([deleted.status, problemKind(deleted)]).toEqual([400, "malformed"]);

    const ended = await finished(id);
    expect(ended).toMatchObject({ operationId: id, status: "succeeded" });
    expect(Date.parse(ended.lastUpdatedTime)).toBeGreaterThan(Date.parse(ended.createdTime));
    const shownByV1 = await v1.get(`operations/${id}`);
    expect([shownByV1.status, (shownByV1.json() as ShownOperation).status]).toEqual([
      200,
      "completed",
    ]);
    const dashed = id.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-").toUpperCase();
    expect((await service.get(`operations/${dashed}`)).json()).toEqual(ended);
    const again = await beginTags(service, [tag]);
    expect([again.status, again.text]).toEqual([409, expect.stringContaining(path)]);
    await remove(path);
  });
});

describe("a request that cannot be met", () => {
  const one = { path: "00991FFF", vr: "LO", privateCreator: creator, level: "Study" };

  test.each<[string, string | object, number, string]>([
    ["an empty body", "", 400, "malformed"],
    ["no JSON", "[{", 400, "malformed"],
    ["an object", one, 400, "malformed"],
    ["an empty array", [], 400, "malformed"],
    ["a core attribute", [{ path: "PatientID", level: "Study" }], 400, "malformed"],
    ["a sequence", [{ path: "00400275", level: "Series" }], 400, "malformed"],
    ["another VR", [{ path: "PatientAge", vr: "LO", level: "Study" }], 400, "malformed"],
    ["no level", [{ path: "PatientAge" }], 400, "malformed"],
    ["no creator", [{ ...one, privateCreator: undefined }], 400, "malformed"],
    ["129 tags", Array.from({ length: 129 }, () => one), 400, "malformed"],
    ["more than 64 KiB", `[${" ".repeat(70_000)}]`, 413, "tooLarge"],
  ])("registers nothing: %s", async (_, body, status, kind) => {
    const answer = await send("POST", "extendedquerytags", body);
    expect([answer.status, problemKind(answer)]).toEqual([status, kind]);
    expect((await service.get("extendedquerytags/00991FFF")).status).toBe(404);
  });

  test("registers nothing: another media type", async () => {
    for (const type of ["text/plain", "application/dicom+json", ""]) {
      const answer = await send("POST", "extendedquerytags", [one], type);
      expect([answer.status, problemKind(answer)]).toEqual([415, "unsupportedMediaType"]);
    }
    const accepted = await send("POST", "extendedquerytags", [], "Application/JSON; charset=utf-8");
    expect(accepted.status).toBe(400);
  });

  test.each<[string, string, number]>([
    ["GET", "extendedquerytags/NoSuchKeyword", 400],
    ["GET", "extendedquerytags/0010.0020", 400],
    ["GET", "extendedquerytags/00991FFF", 404],
    ["GET", "extendedquerytags/PatientAge", 404],
    ["GET", "extendedquerytags/00991FFF/errors", 404],
    ["GET", "extendedquerytags/x/errors", 400],
    ["GET", "extendedquerytags?limit=0", 400],
    ["GET", "extendedquerytags?limit=201", 400],
    ["GET", "extendedquerytags?offset=-1", 400],
    ["DELETE", "extendedquerytags/00991FFF", 404],
    ["DELETE", "extendedquerytags/x", 400],
    ["GET", "operations/1", 400],
    ["GET", "operations/00000000000000000000000000000000", 404],
    ["PUT", "extendedquerytags/00991FFF", 405],
  ])("%s %s is answered %i", async (method, path, status) => {
    const answer = await service.request(path, { method });
    expect(answer.status).toBe(status);
    expect(problemKind(answer)).toMatch(/^(malformed|notFound|methodNotAllowed)$/);
  });

  test.each<[object | string, number]>([
    [{ queryStatus: "Enabled" }, 404],
    [{ queryStatus: "Maybe" }, 400],
    [{ queryStatus: "Enabled", level: "Study" }, 400],
    [{}, 400],
    ["Enabled", 400],
  ])("PATCH with %j is answered %i", async (body, status) => {
    expect((await send("PATCH", "extendedquerytags/00991FFF", body)).status).toBe(status);
  });
});

test("tags are listed in the order of their registration, a page at a time", async () => {
  const all = (await service.get("extendedquerytags")).json() as ShownTag[];
  expect(all.map(({ path }) => path)).toEqual(everyVR.map((_, index) => pathOfVR(index)));
  const page = (await service.get("extendedquerytags?Limit=2&offset=1")).json();
  expect(page).toEqual(all.slice(1, 3));
  expect((await service.get("extendedquerytags?offset=128")).json()).toEqual([]);
});

describe("callers", () => {
  const path = "00991005";
  const tag = { path, vr: "LO", privateCreator: creator, level: "Instance" };

  test("may read tags with the action read, and change them with manageExtendedQueryTags alone", async () => {
    const reader = tenant.service(["DICOM Data Reader"]);
    expect((await reader.get("extendedquerytags")).status).toBe(200);
    for (const [method, target, body] of [
      ["POST", "extendedquerytags", [tag]],
      ["PATCH", `extendedquerytags/${pathOfVR(0)}`, { queryStatus: "Disabled" }],
      ["DELETE", `extendedquerytags/${pathOfVR(0)}`, undefined],
    ] as const) {
      const answer = await reader.request(target, {
        method,
        headers: { "Content-Type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      expect([method, answer.status, problemKind(answer)]).toEqual([method, 403, "forbidden"]);
    }
    expect(await readTag(pathOfVR(0))).toMatchObject({ status: "ready", queryStatus: "enabled" });
  });

  test("of another tenant know nothing of them, nor of their operations, nor wait for them", async () => {
    const other = (await TestTenant.register()).service();
    expect((await other.get("extendedquerytags")).json()).toEqual([]);
    const begun = await beginTags(service, [tag]);
    const { id } = begun.json() as { readonly id: string };
    for (const unknown of [`extendedquerytags/${path}`, `operations/${id}`]) {
      const answer = await other.get(unknown);
      expect([unknown, answer.status, problemKind(answer)]).toEqual([unknown, 404, "notFound"]);
    }
    const file = fileWith([[path, "LO", "x".repeat(65)]]);
    await other.mustStore([file.bytes]);
    await registerTags(other, [tag]);
    expect((await finished(id)).status).toBe("succeeded");
    expect((await readTag(path)).errors).toBeUndefined();
    const theirs = (await other.get(`extendedquerytags/${path}`)).json() as ShownTag;
    expect([theirs.errors?.count, theirs.queryStatus]).toEqual([1, "disabled"]);
  });
});

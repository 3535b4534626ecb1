// Tokens that are kept to a partition, a patient or a study: what lies outside is as if it were not there.
import { beforeAll, describe, expect, test } from "vitest";
import { makeInstance, makeUID } from "../support/dicom/dicomFile.ts";
import {
  anyDicomMultipart,
  dicomJson,
  failureReasons,
  firstValues,
  instancePath,
  sorted,
  type DicomwebService,
  type JsonDataset,
} from "../support/dicomwebService.ts";
import { eventually } from "../support/eventually.ts";
import type { ReceivedAnswer } from "../support/send.ts";
import { TestTenant } from "../support/testTenant.ts";

type TestFile = ReturnType<typeof makeInstance>;

const claims = {
  partitionsClaim: "dicom_partitions",
  patientClaim: "dicom_patient",
  studyClaim: "dicom_study",
};
const owner = ["DICOM Data Owner"];
const patientID = "Patient-1";

let tenant: TestTenant;
/** Of the patient: two studies. */
let own: TestFile;
let ownToo: TestFile;
/** Of others; the last differs from the patient by case alone. */
let others: readonly TestFile[];
let everything: readonly TestFile[];

beforeAll(async () => {
  tenant = await TestTenant.register({}, claims);
  own = makeInstance({ patientID });
  ownToo = makeInstance({ patientID });
  others = [makeInstance({ patientID: "Patient-2" }), makeInstance({ patientID: "PATIENT-1" })];
  everything = [own, ...others, ownToo];
  await tenant.service(owner).mustStore(everything.map(({ bytes }) => bytes));
  await eventually(
    async () => {
      const feed = await tenant.service(owner).get("changefeed?limit=200&includeMetadata=false");
      return (feed.json() as unknown[]).length;
    },
    (count) => count === everything.length,
  );
});

/** Each way of reading something about an instance, by the resource's path. */
function readsOf(file: TestFile): readonly string[] {
  const { studyInstanceUID, seriesInstanceUID } = file;
  const study = `studies/${studyInstanceUID}`;
  const series = `${study}/series/${seriesInstanceUID}`;
  const instance = instancePath(file);
  return [
    study,
    series,
    instance,
    `${study}/metadata`,
    `${series}/metadata`,
    `${instance}/metadata`,
    `${instance}/frames/1`,
    `${instance}/bulkdata/7FE00010`,
    `${study}/rendered`,
    `${series}/rendered`,
    `${instance}/rendered`,
    `${instance}/frames/1/rendered`,
    `${study}/thumbnail`,
    `${series}/thumbnail`,
    `${instance}/thumbnail`,
    `${study}/series`,
    `${study}/instances`,
    `${series}/instances`,
    `${study}/series/count`,
    `${study}/instances/count`,
    `${series}/instances/count`,
    `studies?StudyInstanceUID=${studyInstanceUID}`,
    `series?SeriesInstanceUID=${seriesInstanceUID}`,
    `instances?StudyInstanceUID=${studyInstanceUID}&includefield=all`,
    `studies/count?StudyInstanceUID=${studyInstanceUID}`,
  ];
}

function withoutUIDs(answer: ReceivedAnswer, file: TestFile): unknown {
  const { studyInstanceUID, seriesInstanceUID, sopInstanceUID } = file;
  let { text } = answer;
  for (const [i, uid] of [studyInstanceUID, seriesInstanceUID, sopInstanceUID].entries()) {
    text = text.replaceAll(uid, `uid${i}`);
  }
  const { date: _, "x-ms-invocation-id": __, "x-correlation-id": ___, ...headers } = answer.headers;
  return { status: answer.status, headers, text };
}

async function studiesIn(service: DicomwebService, resource: string): Promise<string[]> {
  const found = await service.search(`${resource}?limit=200`);
  return sorted(firstValues(found, "0020000D"));
}

const kinds = [
  ["a patient", () => tenant.service(owner, { dicom_patient: patientID }), () => [own, ownToo]],
  ["a study", () => tenant.service(owner, { dicom_study: own.studyInstanceUID }), () => [own]],
  [
    "a study of a patient",
    () =>
      tenant.service(owner, {
        dicom_patient: patientID,
        dicom_study: own.studyInstanceUID,
      }),
    () => [own],
  ],
  [
    "a study that is another patient's",
    () =>
      tenant.service(owner, {
        dicom_patient: patientID,
        dicom_study: others[0]?.studyInstanceUID,
      }),
    () => [],
  ],
] as const satisfies readonly (readonly [
  string,
  () => DicomwebService,
  () => readonly TestFile[],
])[];

describe.each(kinds)("a token for %s", (_, service, reached) => {
  test("reads what it is for like anybody else", async () => {
    for (const file of reached()) {
      for (const path of readsOf(file)) {
        const whole = await tenant.service(owner).get(path);
        const answer = await service().get(path);
        expect([path, answer.status]).toEqual([path, whole.status]);
        if (answer.headers["content-type"]?.startsWith("multipart/") !== true) {
          expect(answer.body.equals(whole.body)).toBe(true);
        }
      }
    }
  });

  test("finds everything else missing, word for word", async () => {
    const nobodys = makeInstance();
    const expected = await Promise.all(
      readsOf(nobodys).map(async (path) => withoutUIDs(await service().get(path), nobodys)),
    );
    for (const file of everything.filter((known) => !reached().includes(known))) {
      const answers = await Promise.all(
        readsOf(file).map(async (path) => withoutUIDs(await service().get(path), file)),
      );
      expect(answers).toEqual(expected);
    }
  });

  test("finds and counts nothing else", async () => {
    const studies = reached()
      .map(({ studyInstanceUID }) => studyInstanceUID)
      .toSorted();
    for (const resource of ["studies", "series", "instances"]) {
      expect(await studiesIn(service(), resource)).toEqual(studies);
      const counted = await service().get(`${resource}/count`);
      expect(counted.json()).toEqual({ count: studies.length });
    }
    // A search that asks for the others by name does not find them either.
    expect(await service().search("studies?PatientID=Patient-2")).toEqual([]);
  });

  test("reads of the feeds what is its own", async () => {
    const sops = reached()
      .map(({ sopInstanceUID }) => sopInstanceUID)
      .toSorted();
    const sopsOf = (entries: readonly { sopInstanceUid: string }[]): string[] =>
      entries.map(({ sopInstanceUid }) => sopInstanceUid).toSorted();
    for (const mode of ["latest", "all"]) {
      const found: { sopInstanceUid: string }[] = [];
      let path = `feed?mode=${mode}&startFrom=beginning&includeMetadata=true`;
      for (let hasMore = true; hasMore;) {
        const page = (await service().get(path)).json() as {
          entries: { sopInstanceUid: string }[];
          continuation: string;
          hasMore: boolean;
        };
        found.push(...page.entries);
        hasMore = page.hasMore;
        path = `feed?continuation=${page.continuation}&includeMetadata=true`;
      }
      expect([mode, sopsOf(found)]).toEqual([mode, sops]);
    }
    for (const version of ["v1", "v2"]) {
      const log = await service().request(`../${version}/changefeed?limit=100`);
      expect(sopsOf(log.json() as { sopInstanceUid: string }[])).toEqual(sops);
    }
    const latest = await service().get("changefeed/latest");
    expect(latest.status).toBe(sops.length === 0 ? 204 : 200);
    if (sops.length > 0) {
      const { sopInstanceUid } = latest.json() as { sopInstanceUid: string };
      expect(sops).toContain(sopInstanceUid);
    }
  });

  test("deletes nothing else", async () => {
    for (const file of others) {
      const { studyInstanceUID, seriesInstanceUID } = file;
      for (const path of [
        `studies/${studyInstanceUID}`,
        `studies/${studyInstanceUID}/series/${seriesInstanceUID}`,
        instancePath(file),
      ]) {
        if (reached().includes(file)) {
          continue;
        }
        expect((await service().request(path, { method: "DELETE" })).status).toBe(404);
      }
      const whole = await tenant.service(owner).get(instancePath(file), anyDicomMultipart);
      expect(whole.status).toBe(200);
    }
  });
});

describe("stores", () => {
  const notAuthorized = 292;

  test("with a token for a patient take that patient's instances alone", async () => {
    const service = tenant.service(owner, { dicom_patient: patientID });
    const [mine, theirs] = [makeInstance({ patientID }), makeInstance({ patientID: "Patient-2" })];
    const answer = await service.store([mine.bytes, theirs.bytes]);
    expect(answer.status).toBe(202);
    expect(failureReasons(answer)).toEqual([notAuthorized]);
    const all = tenant.service(owner);
    expect((await all.get(instancePath(mine))).status).toBe(200);
    expect((await all.get(instancePath(theirs))).status).toBe(404);
    await service.request(`studies/${mine.studyInstanceUID}`, { method: "DELETE" });
  });

  test("cannot make a study of another patient the token's own", async () => {
    const service = tenant.service(owner, { dicom_patient: patientID });
    const target = others[0] ?? makeInstance();
    const forged = makeInstance({ patientID, studyInstanceUID: target.studyInstanceUID });
    for (const method of ["POST", "PUT"] as const) {
      const answer = await service.store([forged.bytes], { method });
      expect([answer.status, failureReasons(answer)]).toEqual([409, [notAuthorized]]);
    }
    const replacing = makeInstance({
      patientID,
      studyInstanceUID: target.studyInstanceUID,
      seriesInstanceUID: target.seriesInstanceUID,
      sopInstanceUID: target.sopInstanceUID,
    });
    const replaced = await service.store([replacing.bytes], { method: "PUT" });
    expect([replaced.status, failureReasons(replaced)]).toEqual([409, [notAuthorized]]);
    const study = `studies/${target.studyInstanceUID}`;
    expect((await service.get(study)).status).toBe(404);
    const [found] = await tenant
      .service(owner)
      .search(`studies?StudyInstanceUID=${target.studyInstanceUID}`);
    expect(firstValues(found === undefined ? [] : [found as JsonDataset], "00100020")).toEqual([
      "Patient-2",
    ]);
  });

  test("with a token for a study take instances of that study alone", async () => {
    const studyInstanceUID = makeUID();
    const service = tenant.service(owner, { dicom_study: studyInstanceUID });
    const [inside, outside] = [makeInstance({ studyInstanceUID }), makeInstance()];
    const answer = await service.store([outside.bytes, inside.bytes]);
    expect([answer.status, failureReasons(answer)]).toEqual([202, [notAuthorized]]);
    expect((await service.get(instancePath(inside))).status).toBe(200);
    expect((await tenant.service(owner).get(instancePath(outside))).status).toBe(404);
    expect(
      (await service.request(`studies/${studyInstanceUID}`, { method: "DELETE" })).status,
    ).toBe(204);
  });
});

test("cursors of a restricted token are its own, and nobody else's", async () => {
  const all = tenant.service(owner);
  const ofPatient = tenant.service(owner, { dicom_patient: patientID });
  const ofPatientAgain = tenant.service(owner, { dicom_patient: patientID, sub: "somebody else" });
  const ofOther = tenant.service(owner, { dicom_patient: "Patient-2" });
  const { continuation } = (await all.get("feed?startFrom=now")).json() as { continuation: string };
  const put = async (service: DicomwebService): Promise<number> =>
    (
      await service.request("feed/cursors/mine", {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ continuation }),
      })
    ).status;
  expect(await put(ofPatient)).toBe(200);
  const statuses = async (): Promise<number[]> =>
    await Promise.all(
      [all, ofPatient, ofPatientAgain, ofOther].map(
        async (service) => (await service.get("feed/cursors/mine")).status,
      ),
    );
  expect(await statuses()).toEqual([404, 200, 200, 404]);
  for (const service of [all, ofOther]) {
    const { cursors } = (await service.get("feed/cursors")).json() as { cursors: unknown[] };
    expect(cursors).toEqual([]);
    const removed = await service.request("feed/cursors/mine", { method: "DELETE" });
    expect(removed.status).toBe(404);
  }
  expect(await statuses()).toEqual([404, 200, 200, 404]);
});

test("a restricted token has no action that is about the whole tenant", async () => {
  const service = tenant.service([...owner, "Strata Tenant Admin"], { dicom_patient: patientID });
  const tags = await service.request("extendedquerytags", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "[]",
  });
  expect(tags.status).toBe(403);
  expect((await service.get("audit")).status).toBe(403);
});

describe("data partitions", () => {
  let partitioned: TestTenant;
  const north = makeInstance();
  const south = makeInstance();

  beforeAll(async () => {
    partitioned = await TestTenant.register({ partitionsEnabled: true }, claims);
    for (const [name, file] of [
      ["north", north],
      ["south", south],
    ] as const) {
      const stored = await partitioned.service(owner).request(`partitions/${name}/studies`, {
        method: "POST",
        headers: { "Content-Type": "application/dicom", Accept: dicomJson },
        body: file.bytes,
      });
      expect(stored.status).toBe(200);
    }
    await eventually(
      async () => {
        const feed = await partitioned.service(owner).get("changefeed?includeMetadata=false");
        return (feed.json() as unknown[]).length;
      },
      (count) => count === 2,
    );
  });

  test("a token that is kept to some finds the others missing, like one that was never made", async () => {
    const service = partitioned.service(owner, { dicom_partitions: ["north"] });
    const path = (name: string, file: TestFile): string =>
      `partitions/${name}/${instancePath(file)}`;
    expect((await service.get(path("north", north))).status).toBe(200);
    const outside = await service.get(path("south", south));
    const never = await service.get(path("never", south));
    expect(outside.status).toBe(400);
    expect(outside.text).toBe(never.text);
    for (const query of ["studies", "series", "instances"]) {
      expect((await service.get(`partitions/south/${query}`)).text).toBe(never.text);
    }
    const stored = await service.request("partitions/south/studies", {
      method: "POST",
      headers: { "Content-Type": "application/dicom", Accept: dicomJson },
      body: makeInstance().bytes,
    });
    expect(stored.status).toBe(400);
  });

  test("the feeds and the list of partitions leave the others out", async () => {
    const service = partitioned.service(owner, { dicom_partitions: ["north"] });
    const log = (await service.get("changefeed")).json() as { partitionName: string }[];
    expect(log.map(({ partitionName }) => partitionName)).toEqual(["north"]);
    const feed = (await service.get("feed?startFrom=beginning")).json() as {
      entries: { partitionName: string }[];
    };
    expect(feed.entries.map(({ partitionName }) => partitionName)).toEqual(["north"]);
    const partitions = (await service.get("partitions")).json() as { partitionName: string }[];
    expect(partitions.map(({ partitionName }) => partitionName)).toEqual(["north"]);
  });

  test("a token that is kept to none reaches none", async () => {
    const service = partitioned.service(owner, { dicom_partitions: [] });
    expect((await service.get("partitions/north/studies")).status).toBe(400);
    expect((await service.get("changefeed")).json()).toEqual([]);
  });
});

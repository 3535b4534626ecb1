import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import type { NewAuditEvent } from "../../../../shared/audit/auditLog.ts";
import { unauthenticatedCaller } from "../../../../shared/auth/caller.ts";
import type { DicomwebRequest } from "../../../../shared/http/dicomwebRequest.ts";
import type { Access } from "../../../../shared/http/handle.ts";
import { RequestAccount } from "../../../../shared/http/requestAccount.ts";
import { RequestAudit } from "../../../../shared/http/requestAudit.ts";

const clock = { now: () => 0, milliseconds: () => 0 };

interface Recorder {
  readonly audit: RequestAudit;
  readonly events: NewAuditEvent[];
  now: number;
  isDown: boolean;
}

function newRecorder(): Recorder {
  const events: NewAuditEvent[] = [];
  const recorder: Recorder = {
    events,
    now: 0,
    isDown: false,
    audit: new RequestAudit(
      {
        record: async (event) => {
          await Promise.resolve();
          if (recorder.isDown) {
            throw new Error("down");
          }
          events.push(event);
        },
      },
      () => recorder.now,
      0,
    ),
  };
  return recorder;
}

function accessTo(target: string, changes: Partial<Access> = {}): Access {
  const [path = "", query = ""] = target.split("?");
  const message = {
    url: target,
    method: "GET",
    headersDistinct: {},
    socket: { remoteAddress: "192.0.2.7" },
  } as unknown as IncomingMessage;
  const exchange = { request: message, response: {} as ServerResponse };
  const request = {
    method: "GET",
    segments: path.split("/").slice(2),
    query: new URLSearchParams(query),
    partition: undefined,
  } as unknown as DicomwebRequest;
  return {
    name: "retrieveStudy",
    action: "read",
    exchange,
    account: new RequestAccount(exchange, clock, () => "id"),
    request,
    caller: unauthenticatedCaller,
    status: 200,
    ...changes,
  };
}

function strange(): Access {
  const { caller: _, ...access } = accessTo("/v2/studies/1.2", { status: 401 });
  return access;
}

async function recordMany(recorder: Recorder, count: number, access: () => Access): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await recorder.audit.record(access());
  }
}

describe("callers that are not known", () => {
  test("cost a hundred writes at once and five in a second, and what was left out is counted", async () => {
    const recorder = newRecorder();
    await recordMany(recorder, 150, strange);
    expect(recorder.events).toHaveLength(100);
    recorder.now = 1_000;
    await recordMany(recorder, 20, strange);
    expect(recorder.events).toHaveLength(105);
    expect(
      recorder.events.map(({ leftOut }) => leftOut).filter((count) => count !== undefined),
    ).toEqual([50]);
    recorder.now = 1_000_000;
    await recordMany(recorder, 200, strange);
    expect(recorder.events).toHaveLength(205);
    expect(recorder.events[105]?.leftOut).toBe(15);
  });

  test("are counted until an event that says so is on record", async () => {
    const recorder = newRecorder();
    await recordMany(recorder, 101, strange);
    recorder.now = 1_000;
    recorder.isDown = true;
    await expect(recorder.audit.record(strange())).rejects.toThrow("down");
    recorder.isDown = false;
    await recorder.audit.record(strange());
    expect(recorder.events.at(-1)?.leftOut).toBe(1);
  });

  test("keep nobody else from the record", async () => {
    const recorder = newRecorder();
    await recordMany(recorder, 500, strange);
    await recordMany(recorder, 500, () => accessTo("/v2/studies/1.2"));
    expect(recorder.events).toHaveLength(600);
  });
});

describe("what an access was about", () => {
  async function objectOf(access: Access): Promise<NewAuditEvent["object"] | undefined> {
    const recorder = newRecorder();
    await recorder.audit.record(access);
    return recorder.events[0]?.object;
  }

  test("is a UID of the path only if it could be one", async () => {
    expect(await objectOf(accessTo("/v2/studies/Doe/series/1.3/instances/x"))).toEqual({
      studyInstanceUIDs: [],
      seriesInstanceUID: "1.3",
      patientIDs: [],
    });
  });

  test("is all studies of a list, and as many as are named at all", async () => {
    const list = Array.from({ length: 150 }, (_, index) => `1.${index}`).join(",");
    const object = await objectOf(accessTo(`/v2/series?StudyInstanceUID=${list},Doe`));
    expect(object?.studyInstanceUIDs).toHaveLength(100);
    expect(object?.studyInstanceUIDs.slice(0, 2)).toEqual(["1.0", "1.1"]);
    expect((await objectOf(accessTo("/v2/series?0020000d=1.5%5C1.6")))?.studyInstanceUIDs).toEqual([
      "1.5",
      "1.6",
    ]);
  });

  test("is what was noted while it was served, named up to a hundred and counted beyond", async () => {
    const access = accessTo("/v2/studies");
    for (let index = 0; index < 120; index += 1) {
      access.account.notes.add({ studyInstanceUID: "1.2", sopInstanceUID: `1.2.${index}` });
    }
    const object = await objectOf(access);
    expect([object?.sopInstanceUIDs?.length, object?.instanceCount]).toEqual([100, 120]);
    expect(object?.studyInstanceUIDs).toEqual(["1.2"]);
  });

  test("is the whole request when its path or query could not be read", async () => {
    const { request: _, ...unread } = accessTo("/v2/studies/%FF?PatientName=<", { status: 400 });
    expect((await objectOf(unread))?.query).toBe("/v2/studies/%FF?PatientName=<");
  });

  test("is a query of at most 80 KiB", async () => {
    const access = accessTo("/v2/studies/_search");
    access.account.notes.add({ parameters: [["PatientID", "x".repeat(100_000)]] });
    expect((await objectOf(access))?.query).toHaveLength(80 * 1024);
  });
});

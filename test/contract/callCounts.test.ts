import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAccept } from "../../shared/dicomweb/mediaType.ts";
import { negotiateRetrieve, type RetrieveResource } from "../../shared/dicomweb/negotiation.ts";
import { parseRenderingQuery } from "../../shared/dicomweb/renderingQuery.ts";
import { parseSearchQuery, type SearchTarget } from "../../shared/dicomweb/searchQuery.ts";
import type { TenantScope } from "../../shared/tenancy/tenantScope.ts";
import { deleteInstances } from "../../shared/transactions/deleteInstances.ts";
import { refreshCopies } from "../../shared/transactions/refreshCopies.ts";
import { removeContent } from "../../shared/transactions/removeContent.ts";
import { retrieveBulkdata } from "../../shared/transactions/retrieveBulkdata.ts";
import { retrieveFrames } from "../../shared/transactions/retrieveFrames.ts";
import { retrieveInstances } from "../../shared/transactions/retrieveInstances.ts";
import { retrieveMetadata } from "../../shared/transactions/retrieveMetadata.ts";
import { retrieveRendered } from "../../shared/transactions/retrieveRendered.ts";
import { retrieveThumbnail } from "../../shared/transactions/retrieveThumbnail.ts";
import { searchResources } from "../../shared/transactions/searchResources.ts";
import { makeUID, syntaxes } from "../support/dicom/dicomFile.ts";
import { eventually } from "../support/eventually.ts";
import type { ProxiedRequest } from "../support/faultyProxy.ts";
import { startTestStores, type TestStores } from "../support/testStores.ts";
import { fileOf, newScope, TestTransactions, type TestFile } from "../support/testTransactions.ts";

// The table of the documentation is the expectation, so that neither can change without the other.

const document = readFileSync(
  join(import.meta.dirname, "..", "..", "docs", "verb-costs.md"),
  "utf8",
);
const columns = ["read", "query", "batch", "GET", "PUT", "DELETE"] as const;
type Costs = Readonly<Record<string, number>>;

const documented = new Map<string, Costs>(
  document
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter((cells) => cells.length === columns.length + 3 && /^\d+$/.test(cells[2] ?? ""))
    .map(([, call = "", ...cells]) => [
      call,
      Object.fromEntries(columns.map((column, at) => [column, Number(cells[at])])),
    ]),
);

let stores: TestStores;
let service: TestTransactions;
let scope: TenantScope;

beforeAll(async () => {
  stores = await startTestStores();
  service = new TestTransactions(stores);
  scope = newScope();
  await service.store(scope, [fileOf(makeUID())]);
});

afterAll(async () => {
  await stores.close();
});

function kindOf({ method, headers }: ProxiedRequest): string {
  if (headers["x-ms-cosmos-is-batch-request"] !== undefined) {
    return "batch";
  }
  return headers["x-ms-documentdb-isquery"] === undefined && method === "GET" ? "read" : "query";
}

/** Counts the requests of `call` by kind. */
async function count(call: () => Promise<unknown>): Promise<Costs> {
  stores.cosmosProxy.reset();
  stores.blobProxy.reset();
  await call();
  const counted: Record<string, number> = Object.fromEntries(columns.map((column) => [column, 0]));
  for (const kind of [
    ...stores.cosmosProxy.requests.map(kindOf),
    ...stores.blobProxy.requests.map(({ method }) => method),
  ]) {
    counted[kind] = (counted[kind] ?? 0) + 1;
  }
  return counted;
}

const signal = new AbortController().signal;

function accepting(
  resource: RetrieveResource,
  type = "application/dicom",
  transferSyntax = "*",
): ReturnType<typeof negotiateRetrieve> {
  const accept = `multipart/related; type="${type}"; transfer-syntax=${transferSyntax}`;
  return negotiateRetrieve(parseAccept([accept], undefined), resource);
}

async function readAll(
  objects: AsyncIterable<{ readonly body: AsyncIterable<Uint8Array> }>,
): Promise<void> {
  for await (const { body } of objects) {
    for await (const chunk of body) {
      expect(chunk.length).toBeGreaterThan(0);
    }
  }
}

type UIDs = Pick<TestFile, "studyInstanceUID"> & Partial<TestFile>;

async function retrieve(
  target: UIDs,
  resource: RetrieveResource,
  transferSyntax?: string,
): Promise<void> {
  const accepted = accepting(resource, undefined, transferSyntax);
  const { objects } = await retrieveInstances(stores, scope, target, accepted, signal);
  await readAll(objects);
}

async function frames(
  file: TestFile,
  frameNumbers: readonly number[],
  transferSyntax?: string,
): Promise<void> {
  const accepted = accepting("frames", "application/octet-stream", transferSyntax);
  const { objects } = await retrieveFrames(stores, scope, file, frameNumbers, accepted, signal);
  await readAll(objects);
}

/** Renders what lies under a target, and says by which entity tag it is known. */
async function render(
  transaction: typeof retrieveRendered,
  target: UIDs,
  ifNoneMatch: readonly string[] = [],
): Promise<string> {
  const request = {
    target,
    frameNumbers: undefined,
    query: parseRenderingQuery(new URLSearchParams(), false),
    accept: parseAccept(["image/png"]),
    conditions: { ifNoneMatch, range: undefined, ifRange: undefined },
  };
  const rendered = await transaction(stores, scope, request, signal);
  let entityTag = "";
  for await (const object of rendered.objects) {
    entityTag = object.entityTag ?? "";
    for await (const chunk of object.body) {
      expect(chunk.length).toBeGreaterThan(0);
    }
  }
  return entityTag;
}

async function metadata(target: UIDs, ifNoneMatch?: string): Promise<string> {
  const found = await retrieveMetadata(stores, scope, target, "http://x/v2", {
    isKnown: ifNoneMatch === undefined ? undefined : (entityTag) => entityTag === ifNoneMatch,
  });
  if (!found.isModified) {
    return "";
  }
  for await (const dataset of found.datasets) {
    expect(dataset).toContain("00080018");
  }
  return found.entityTag;
}

async function search(target: SearchTarget, parameters: [string, string][] = []): Promise<void> {
  const query = parseSearchQuery(target, parameters, "v2");
  const { results } = await searchResources(stores, scope, query, "http://x/v2");
  expect(results.length).toBeGreaterThan(0);
}

async function storeAll(files: readonly TestFile[]): Promise<void> {
  expect(await service.store(scope, files)).toMatchObject(files.map(() => ({ outcome: "stored" })));
}

async function itemsOf(study: string): Promise<object[]> {
  const { resources } = await stores.direct.container.items
    .query<object>("SELECT * FROM c", { partitionKey: [scope.tenant, scope.partition, study] })
    .fetchAll();
  return resources;
}

function hundred(): readonly [TestFile, ...TestFile[]] {
  const first = fileOf(makeUID());
  const { studyInstanceUID, seriesInstanceUID } = first;
  return [
    first,
    ...Array.from({ length: 99 }, () => fileOf(studyInstanceUID, { seriesInstanceUID })),
  ];
}

/** Each call of the table: what has to be there before, and the call that is counted. */
const calls: Readonly<Record<string, () => Promise<() => Promise<unknown>>>> = {
  "retrieve an instance": async () => {
    const file = fileOf(makeUID());
    await storeAll([file]);
    return async () => {
      await retrieve(file, "instance");
    };
  },
  "retrieve an instance in another transfer syntax": async () => {
    const file = fileOf(makeUID());
    await storeAll([file]);
    return async () => {
      await retrieve(file, "instance", syntaxes.rle);
    };
  },
  "retrieve a series of 100 in another transfer syntax": async () => {
    const files = hundred();
    await storeAll(files);
    const { studyInstanceUID, seriesInstanceUID } = files[0];
    return async () => {
      await retrieve({ studyInstanceUID, seriesInstanceUID }, "series", syntaxes.rle);
    };
  },
  "retrieve three frames that follow each other in another transfer syntax": async () => {
    const file = fileOf(makeUID(), { frames: 9 });
    await storeAll([file]);
    return async () => {
      await frames(file, [4, 5, 6], syntaxes.rle);
    };
  },
  "retrieve a series of 100": async () => {
    const files = hundred();
    await storeAll(files);
    const { studyInstanceUID, seriesInstanceUID } = files[0];
    return async () => {
      await retrieve({ studyInstanceUID, seriesInstanceUID }, "series");
    };
  },
  "retrieve a study of 100": async () => {
    const files = hundred();
    await storeAll(files);
    const { studyInstanceUID } = files[0];
    return async () => {
      await retrieve({ studyInstanceUID }, "study");
    };
  },
  "retrieve one frame": async () => {
    const file = fileOf(makeUID(), { frames: 9 });
    await storeAll([file]);
    return async () => {
      await frames(file, [4]);
    };
  },
  "retrieve three frames that follow each other": async () => {
    const file = fileOf(makeUID(), { frames: 9 });
    await storeAll([file]);
    return async () => {
      await frames(file, [4, 5, 6]);
    };
  },
  "retrieve two frames that are apart": async () => {
    const file = fileOf(makeUID(), { frames: 9, rows: 512, columns: 512 });
    await storeAll([file]);
    return async () => {
      await frames(file, [1, 9]);
    };
  },
  "retrieve a frame of 700 in fragments": async () => {
    const file = fileOf(makeUID(), { frames: 700, transferSyntaxUID: syntaxes.jpegBaseline });
    await storeAll([file]);
    return async () => {
      await frames(file, [650]);
    };
  },
  "retrieve bulk data": async () => {
    const file = fileOf(makeUID());
    await storeAll([file]);
    return async () => {
      const value = await retrieveBulkdata(stores, scope, file, "7FE00010", signal);
      await readAll(
        (async function* one() {
          yield await value.open({ kind: "whole" });
        })(),
      );
    };
  },
  "render an instance": async () => {
    const file = await one();
    return async () => {
      await render(retrieveRendered, file);
    };
  },
  "render an instance that the caller has already": async () => {
    const file = await one();
    const entityTag = await render(retrieveRendered, file);
    return async () => {
      await render(retrieveRendered, file, [`"${entityTag}"`]);
    };
  },
  "make a thumbnail of an instance": async () => {
    const file = await one();
    return async () => {
      await render(retrieveThumbnail, file);
    };
  },
  "make a thumbnail of a study of 100": async () => {
    const files = hundred();
    await storeAll(files);
    const { studyInstanceUID } = files[0];
    return async () => {
      await render(retrieveThumbnail, { studyInstanceUID });
    };
  },
  "retrieve the metadata of an instance": async () => {
    const file = fileOf(makeUID());
    await storeAll([file]);
    return async () => await metadata(file);
  },
  "retrieve the metadata of a series of 100": async () => {
    const files = hundred();
    await storeAll(files);
    const { studyInstanceUID, seriesInstanceUID } = files[0];
    return async () => await metadata({ studyInstanceUID, seriesInstanceUID });
  },
  "retrieve the metadata of a study of 100": async () => {
    const files = hundred();
    await storeAll(files);
    const { studyInstanceUID } = files[0];
    return async () => await metadata({ studyInstanceUID });
  },
  "retrieve metadata that the caller has already": async () => {
    const { studyInstanceUID, ...rest } = fileOf(makeUID());
    await storeAll([{ studyInstanceUID, ...rest }]);
    const entityTag = await metadata({ studyInstanceUID });
    return async () => {
      expect(await metadata({ studyInstanceUID }, entityTag)).toBe("");
    };
  },
  "search for studies": async () => {
    const { studyInstanceUID } = await one();
    return async () => {
      await search({ level: "study" }, [["StudyInstanceUID", studyInstanceUID]]);
    };
  },
  "search for series": async () => {
    const { seriesInstanceUID } = await one();
    return async () => {
      await search({ level: "series" }, [["SeriesInstanceUID", seriesInstanceUID]]);
    };
  },
  "search for instances": async () => {
    const { sopInstanceUID } = await one();
    return async () => {
      await search({ level: "instance" }, [["SOPInstanceUID", sopInstanceUID]]);
    };
  },
  "search for series of a study": async () => {
    const { studyInstanceUID } = await one();
    return async () => {
      await search({ level: "series", studyInstanceUID });
    };
  },
  "search for instances of a study": async () => {
    const { studyInstanceUID } = await one();
    return async () => {
      await search({ level: "instance", studyInstanceUID });
    };
  },
  "search for instances of a series": async () => {
    const { studyInstanceUID, seriesInstanceUID } = await one();
    return async () => {
      await search({ level: "instance", studyInstanceUID, seriesInstanceUID });
    };
  },
  "search for instances with an attribute that is not in the index": async () => {
    const { studyInstanceUID } = await one();
    return async () => {
      await search({ level: "instance", studyInstanceUID }, [["includefield", "00280102"]]);
    };
  },
  "search for 3 studies with an attribute not in the index": async () => {
    const patientID = `P${makeUID()}`.slice(0, 60);
    await storeAll(Array.from({ length: 3 }, () => fileOf(makeUID(), { patientID })));
    return async () => {
      await search({ level: "study" }, [
        ["PatientID", patientID],
        ["includefield", "00280102"],
      ]);
    };
  },
  "count studies": async () => {
    const { studyInstanceUID } = await one();
    return async () => {
      const query = parseSearchQuery(
        { level: "study" },
        [["StudyInstanceUID", studyInstanceUID]],
        "v2",
      );
      expect(await stores.index.count(scope, query)).toBe(1);
    };
  },
  "store an instance in a new study": async () => {
    const files = [fileOf(makeUID())];
    return await Promise.resolve(async () => {
      await storeAll(files);
    });
  },
  "store an instance in a study that is there": async () => {
    const { studyInstanceUID, seriesInstanceUID } = await one();
    return async () => {
      await storeAll([fileOf(studyInstanceUID, { seriesInstanceUID })]);
    };
  },
  "store an instance that changes its study": async () => {
    const { studyInstanceUID, seriesInstanceUID } = await one();
    const patientName = "Other^Artificial";
    return async () => {
      await storeAll([fileOf(studyInstanceUID, { seriesInstanceUID, patientName })]);
    };
  },
  "store an instance that is there already": async () => {
    const file = await one();
    return async () => {
      expect(await service.store(scope, [file])).toMatchObject([{ failureReason: 45070 }]);
      // What was uploaded in vain goes after the answer.
      await eventually(
        async () => await Promise.resolve(stores.blobProxy.requests.length),
        (requests) => requests >= 2,
      );
    };
  },
  "store an instance of 9 MB": async () => {
    const files = [fileOf(makeUID(), { rows: 3_000, columns: 3_000 })];
    return await Promise.resolve(async () => {
      await storeAll(files);
    });
  },
  "store 100 instances in one study": async () => {
    const files = hundred();
    return await Promise.resolve(async () => {
      await storeAll(files);
    });
  },
  "store 4 instances in 4 studies": async () => {
    const files = Array.from({ length: 4 }, () => fileOf(makeUID()));
    return await Promise.resolve(async () => {
      await storeAll(files);
    });
  },
  "delete an instance": async () => {
    const { studyInstanceUID, seriesInstanceUID, sopInstanceUID } = await one();
    await storeAll([fileOf(studyInstanceUID, { seriesInstanceUID })]);
    return async () => {
      const target = { studyInstanceUID, seriesInstanceUID, sopInstanceUID };
      await deleteInstances(stores.index, scope, target);
    };
  },
  "delete a study of 100": async () => {
    const files = hundred();
    await storeAll(files);
    const { studyInstanceUID } = files[0];
    return async () => {
      await deleteInstances(stores.index, scope, { studyInstanceUID });
    };
  },
  "remove the content of 100 deleted instances": async () => {
    const files = hundred();
    await storeAll(files);
    const { studyInstanceUID } = files[0];
    await deleteInstances(stores.index, scope, { studyInstanceUID });
    const items = await itemsOf(studyInstanceUID);
    return async () => {
      expect(await removeContent(stores.content, items)).toBe(100);
    };
  },
  "bring the copies in a study of 100 up to date": async () => {
    const files = hundred();
    await storeAll(files.slice(1));
    const { studyInstanceUID, seriesInstanceUID } = files[0];
    const patientName = "Other^Artificial";
    await storeAll([fileOf(studyInstanceUID, { seriesInstanceUID, patientName })]);
    const items = await itemsOf(studyInstanceUID);
    return async () => {
      expect(await refreshCopies(stores.index, items)).toBe(99);
    };
  },
};

async function one(): Promise<TestFile> {
  const file = fileOf(makeUID());
  await storeAll([file]);
  return file;
}

test("the table and the calls are the same ones", () => {
  expect([...documented.keys()].toSorted()).toEqual(Object.keys(calls).toSorted());
});

test.each(Object.entries(calls))("to %s costs what the table says", async (name, prepare) => {
  const call = await prepare();
  expect(await count(call)).toEqual(documented.get(name));
});

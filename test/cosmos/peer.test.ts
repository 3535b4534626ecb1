import { once } from "node:events";
import type { Server } from "node:http";

import { CosmosClient, type Container } from "@azure/cosmos";
import { createHttpServer } from "@vercel/cosmosdb-server";
import { afterAll, beforeAll, expect, test } from "vitest";

import { CosmosFixture } from "./cosmosFixture.ts";

/*
 * The same requests through the same client to another implementation of the protocol. It knows a part of the language
 * only; where it knows it, the two were written independently, so what they agree on is not a shared mistake.
 */

let fixture: CosmosFixture;
let peer: Server;
let peerClient: CosmosClient;
const containers: Container[] = [];

beforeAll(async () => {
  fixture = await CosmosFixture.start();
  peer = createHttpServer();
  peer.listen(0, "127.0.0.1");
  await once(peer, "listening");
  const address = peer.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  peerClient = new CosmosClient({
    endpoint: `http://127.0.0.1:${port}/`,
    key: fixture.server.key,
    connectionPolicy: { enableEndpointDiscovery: false },
  });
  for (const client of [fixture.client, peerClient]) {
    const { database } = await client.databases.createIfNotExists({ id: "db" });
    const { container } = await database.containers.createIfNotExists({
      id: "peer",
      partitionKey: { paths: ["/pk"] },
      indexingPolicy: {
        indexingMode: "consistent",
        automatic: true,
        includedPaths: [{ path: "/*" }],
        excludedPaths: [],
        compositeIndexes: [
          [
            { path: "/text", order: "descending" },
            { path: "/n", order: "ascending" },
          ],
        ],
      },
    });
    containers.push(container);
    for (let i = 0; i < 40; i++) {
      await container.items.create({
        id: `i${i}`,
        pk: "a",
        n: i % 7,
        text: ["alpha", "Beta", "gamma", ""][i % 4],
        flag: i % 3 === 0 ? null : i % 2 === 0,
        tags: [`t${i % 3}`, { name: "x", rank: i % 5 }],
        ...(i % 5 === 0 ? {} : { maybe: i }),
        "00080020": { vr: "DA", Value: [`202001${String(10 + (i % 20))}`] },
      });
    }
  }
});

afterAll(async () => {
  peerClient.dispose();
  peer.closeAllConnections();
  peer.close();
  await fixture.stop();
});

test.each([
  "SELECT * FROM c WHERE c.id = 'i7'",
  "SELECT c.id, c.n, c.nothing FROM c WHERE c.n > 3",
  "SELECT VALUE c.maybe FROM c",
  "SELECT VALUE {id: c.id, n: c.n} FROM c WHERE c.n IN (1, 2)",
  "SELECT VALUE c.id FROM c WHERE c.n BETWEEN 2 AND 4 AND NOT (c.flag = true)",
  "SELECT VALUE c.id FROM c WHERE c.flag = null OR c.text < 'b'",
  "SELECT VALUE c.id FROM c WHERE c.flag != true",
  "SELECT VALUE c.id FROM c WHERE NOT (c.maybe > 10)",
  "SELECT VALUE c.id FROM c WHERE IS_DEFINED(c.maybe) AND IS_NULL(c.flag)",
  "SELECT VALUE c.id FROM c WHERE STARTSWITH(c.text, 'al') OR ENDSWITH(c.text, 'ma')",
  "SELECT VALUE c.id FROM c WHERE CONTAINS(c.text, 'et') AND LENGTH(c.text) = 4",
  "SELECT VALUE c.id FROM c WHERE ARRAY_CONTAINS(c.tags, 't1')",
  "SELECT VALUE c.id FROM c WHERE ARRAY_CONTAINS(c.tags, {name: 'x', rank: 2}, true)",
  "SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t.rank = 3)",
  "SELECT c.id, t.rank FROM c JOIN t IN c.tags WHERE t.rank >= 3",
  'SELECT VALUE c["00080020"]["Value"][0] FROM c WHERE c["00080020"].vr = "DA"',
  "SELECT VALUE c.id FROM c ORDER BY c.text DESC, c.n",
  "SELECT VALUE c.maybe FROM c ORDER BY c.maybe DESC",
  "SELECT TOP 5 VALUE c.id FROM c ORDER BY c.n",
  "SELECT VALUE COUNT(1) FROM c WHERE c.n = 3",
  "SELECT VALUE SUM(c.n) FROM c",
  "SELECT VALUE MAX(c.n) FROM c",
  "SELECT VALUE MIN(c.text) FROM c",
  "SELECT VALUE AVG(c.n) FROM c",
  "SELECT VALUE [UPPER(c.text), c.n + 1, c.n % 2 = 0, CONCAT(c.id, '-', c.pk)] FROM c",
  "SELECT VALUE c.n > 3 ? 'high' : 'low' FROM c",
])("both implementations answer %j alike", async (query) => {
  const [own, other] = containers;
  if (own === undefined || other === undefined) throw new Error("The containers are not there.");
  const answers = await Promise.all(
    [own, other].map(async (container) => {
      const { resources } = await container.items
        .query<unknown>(query, { partitionKey: "a" })
        .fetchAll();
      const system = new Set(["_rid", "_self", "_etag", "_ts", "_attachments"]);
      return JSON.parse(
        JSON.stringify(resources, (name, value: unknown) => (system.has(name) ? undefined : value)),
      ) as unknown[];
    }),
  );
  expect(answers[0]?.length).toBeGreaterThan(0);
  expect(answers[0]).toEqual(answers[1]);
});

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { maintenanceScope } from "../../shared/tenancy/tenantScope.ts";
import { startRegistryFixture, type RegistryFixture } from "./registryFixture.ts";

let fixture: RegistryFixture;

beforeAll(async () => {
  fixture = await startRegistryFixture();
});

afterAll(async () => {
  await fixture.close();
});

function newTenant(): string {
  return `t${randomBytes(8).toString("hex")}`;
}

test("partitions that are made by many processes at once have different numbers without a gap", async () => {
  const tenant = newTenant();
  const names = ["A", "B", "C", "D"];
  const clients = Array.from({ length: 3 }, () => fixture.connect());
  await Promise.all(
    clients.flatMap(({ partitions }) =>
      names.map(async (name) => {
        await partitions.make(maintenanceScope(tenant, name));
      }),
    ),
  );
  const listed = await fixture
    .connect()
    .partitions.list(maintenanceScope(tenant, "Microsoft.Default"));
  expect(listed.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
  expect(listed.map(({ name }) => name).toSorted()).toEqual([...names, "Microsoft.Default"]);
});

test("a partition is the tenant's own: another tenant does not have it", async () => {
  const [one, two] = [newTenant(), newTenant()];
  const { partitions } = fixture.connect();
  await partitions.make(maintenanceScope(one, "Shared"));
  expect(await partitions.has(maintenanceScope(one, "Shared"))).toBe(true);
  expect(await partitions.has(maintenanceScope(two, "Shared"))).toBe(false);
  expect(await partitions.has(maintenanceScope(two, "Microsoft.Default"))).toBe(true);
  expect(await partitions.list(maintenanceScope(two, "Microsoft.Default"))).toHaveLength(1);
});

test("names differ by the case of their letters", async () => {
  const tenant = newTenant();
  const { partitions } = fixture.connect();
  await partitions.make(maintenanceScope(tenant, "clinic"));
  expect(await partitions.has(maintenanceScope(tenant, "Clinic"))).toBe(false);
});

import { randomBytes } from "node:crypto";
import type { PluginConfig } from "@azure/cosmos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Problem } from "../../shared/problem/problem.ts";
import {
  registryAgeMillisecondsMax,
  type TenantRegistry,
} from "../../shared/registry/tenantRegistry.ts";
import { maintenanceScope, platformScope } from "../../shared/tenancy/tenantScope.ts";
import { startRegistryFixture, type RegistryFixture } from "./registryFixture.ts";

let fixture: RegistryFixture;

beforeAll(async () => {
  fixture = await startRegistryFixture();
});

afterAll(async () => {
  await fixture.close();
});

const noSettings = { issuers: [], partitionsEnabled: false, corsOrigins: [], quotas: {} };

function newName(): string {
  return `t${randomBytes(8).toString("hex")}`;
}

async function create(registry: TenantRegistry, name: string): Promise<void> {
  await registry.write(platformScope(), name, () => ({
    state: "active",
    createdAt: "2026-01-01T00:00:00.000Z",
    settings: noSettings,
  }));
}

async function suspend(registry: TenantRegistry, name: string): Promise<void> {
  await registry.write(platformScope(), name, (known) => ({
    createdAt: "2026-01-01T00:00:00.000Z",
    settings: noSettings,
    ...known,
    state: "suspended",
  }));
}

/** Counts the requests to the database, and fails them while `isDown`. */
function counter(): { requests: number; isDown: boolean; readonly plugin: PluginConfig } {
  const counted = {
    requests: 0,
    isDown: false,
    plugin: {
      on: "request",
      plugin: async (context, _, next) => {
        if (context.path?.includes("/docs") === true) {
          counted.requests += 1;
          if (counted.isDown) {
            throw Object.assign(new Error("down"), { code: "ECONNREFUSED" });
          }
        }
        return await next(context);
      },
    } satisfies PluginConfig as PluginConfig,
  };
  return counted;
}

describe("what another process changed", () => {
  test("is known here once the bounded age has passed, at the latest", async () => {
    const [here, there] = [fixture.connect(), fixture.connect()];
    const name = newName();
    await create(here.registry, name);
    expect((await here.registry.find(name))?.state).toBe("active");
    await suspend(there.registry, name);
    here.passTime(registryAgeMillisecondsMax + 1);
    expect((await here.registry.find(name))?.state).toBe("suspended");
  });

  test("is known here at once when it is a new name, unless names were asked for a moment ago", async () => {
    const [here, there] = [fixture.connect(), fixture.connect()];
    await here.registry.list();
    here.passTime(1_001);
    const name = newName();
    await create(there.registry, name);
    expect((await here.registry.find(name))?.name).toBe(name);
  });
});

test("what this process changed is known here at once", async () => {
  const { registry } = fixture.connect();
  const name = newName();
  await create(registry, name);
  expect((await registry.find(name))?.state).toBe("active");
  await suspend(registry, name);
  expect((await registry.find(name))?.state).toBe("suspended");
});

test("a reading that began before a write does not hide the write afterwards", async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let isHolding = false;
  const client = fixture.connect({
    on: "request",
    plugin: async (context, _, next) => {
      const response = await next(context);
      if (isHolding && context.path?.endsWith("/docs/registry") === true) {
        isHolding = false;
        await held;
      }
      return response;
    },
  });
  const name = newName();
  await create(client.registry, name);
  await client.registry.list();
  client.passTime(registryAgeMillisecondsMax + 1);
  isHolding = true;
  const early = client.registry.find(name);
  await suspend(client.registry, name);
  release();
  await early;
  expect((await client.registry.find(name))?.state).toBe("suspended");
});

test("comparing with an unchanged registry costs one request, and none while what is known is fresh", async () => {
  const counted = counter();
  const client = fixture.connect(counted.plugin);
  const name = newName();
  await create(client.registry, name);
  await client.registry.list();
  counted.requests = 0;
  for (let i = 0; i < 100; i += 1) {
    await client.registry.find(name);
    await client.registry.withIssuer("https://login.example");
    await client.registry.isPurged(name);
  }
  expect(counted.requests).toBe(0);
  client.passTime(registryAgeMillisecondsMax + 1);
  await client.registry.find(name);
  expect(counted.requests).toBe(1);
});

test("names that nobody has cost at most one request a second", async () => {
  const counted = counter();
  const client = fixture.connect(counted.plugin);
  await client.registry.list();
  counted.requests = 0;
  client.passTime(1_001);
  for (let i = 0; i < 50; i += 1) {
    expect(await client.registry.find(newName())).toBeUndefined();
    expect(await client.registry.withIssuer(`https://login.example/${i}`)).toEqual([]);
  }
  expect(counted.requests).toBe(1);
});

test("while the database is down what is known serves for the bounded age, and no longer", async () => {
  const counted = counter();
  const client = fixture.connect(counted.plugin);
  const name = newName();
  await create(client.registry, name);
  await client.registry.list();
  counted.isDown = true;
  client.passTime(registryAgeMillisecondsMax / 2);
  expect((await client.registry.find(name))?.name).toBe(name);
  client.passTime(registryAgeMillisecondsMax);
  await expect(client.registry.find(name)).rejects.toThrow(Problem);
  counted.isDown = false;
  expect((await client.registry.find(name))?.name).toBe(name);
});

describe("writes", () => {
  test("of many processes at once are one after the other: none is lost", async () => {
    const name = newName();
    const clients = Array.from({ length: 4 }, () => fixture.connect());
    await create(fixture.connect().registry, name);
    await Promise.all(
      clients.map(async ({ registry }) => {
        await registry.write(platformScope(), name, (known) => {
          const storedInstances = known?.settings.quotas.storedInstances ?? 0;
          return {
            state: "active",
            createdAt: "",
            settings: { ...noSettings, quotas: { storedInstances: storedInstances + 1 } },
          };
        });
      }),
    );
    const found = await fixture.connect().registry.find(name);
    expect(found?.quotas).toEqual({ storedInstances: clients.length });
  });

  test("whose answer was lost are done once", async () => {
    let losses = 1;
    const client = fixture.connect({
      on: "request",
      plugin: async (context, _, next) => {
        const response = await next(context);
        if (context.operationType === "batch" && losses > 0) {
          losses -= 1;
          throw Object.assign(new Error("lost"), { code: "ECONNRESET" });
        }
        return response;
      },
    });
    let calls = 0;
    const name = newName();
    const written = await client.registry.write(platformScope(), name, (known) => {
      calls += 1;
      expect(known).toBeUndefined();
      return { state: "active", createdAt: "", settings: noSettings };
    });
    expect([losses, calls, written.name]).toEqual([0, 1, name]);
  });

  test("need who administers the platform, and so does reading all that is kept", async () => {
    const { registry } = fixture.connect();
    const tenant = maintenanceScope("default", "Microsoft.Default");
    const change = (): never => {
      throw new Error("It was asked for.");
    };
    await expect(registry.write(tenant, "default", change)).rejects.toThrow(/platform\.admin/);
    await expect(registry.read(tenant, "default")).rejects.toThrow(/platform\.admin/);
    await expect(registry.readAll(tenant)).rejects.toThrow(/platform\.admin/);
  });
});

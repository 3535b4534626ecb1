import type { Answer } from "../shared/http/answer.ts";
import type { DicomwebRequest } from "../shared/http/dicomwebRequest.ts";
import { jsonAnswer, readJsonObject } from "../shared/http/jsonAnswers.ts";
import { registerTransaction } from "../shared/http/registerHttp.ts";
import { writeConditionOf } from "../shared/http/writeCondition.ts";
import { Problem } from "../shared/problem/problem.ts";
import type { StoredTenant } from "../shared/registry/tenantItem.ts";
import { noTenant } from "../shared/registry/tenantRegistry.ts";
import { runtime } from "../shared/runtime.ts";
import { parseTenantSettings } from "../shared/tenancy/parseTenantSettings.ts";
import { parseTenantName } from "../shared/tenancy/tenantScope.ts";
import {
  amendTenant,
  confirmDeletion,
  requestDeletion,
  setTenantState,
  storeTenant,
} from "../shared/transactions/administerTenants.ts";

// Tenants, for who administers the platform. None of it leads to a tenant's data.
const template = "tenants/{tenant}";
const bodyBytesMax = 256 * 1024;
const administration = { permission: "platform.admin", partitionUse: "none" } as const;

registerTransaction({ name: "listTenants", method: "GET", template: "tenants" }, runtime, {
  ...administration,
  run: async (_, scope) => {
    const tenants = await runtime().registry.readAll(scope);
    return jsonAnswer(200, { tenants: tenants.map(shown) }, { "Cache-Control": "no-store" });
  },
});

registerTransaction({ name: "readTenant", method: "GET", template }, runtime, {
  ...administration,
  run: async (request, scope) => {
    const tenant = await runtime().registry.read(scope, nameOf(request));
    if (tenant === undefined) {
      throw noTenant();
    }
    return answer(200, tenant);
  },
});

registerTransaction({ name: "storeTenant", method: "PUT", template }, runtime, {
  ...administration,
  run: async (request, scope) => {
    const name = nameOf(request);
    const settings = parseTenantSettings(await readJsonObject(request, bodyBytesMax));
    const condition = writeConditionOf(request);
    const { tenant, isNew } = await storeTenant(
      runtime(),
      scope,
      name,
      settings,
      condition,
      runtime().ago(0),
    );
    return answer(
      isNew ? 201 : 200,
      tenant,
      isNew ? { Location: `${request.serviceURL}/tenants/${name}` } : {},
    );
  },
});

registerTransaction({ name: "amendTenant", method: "PATCH", template }, runtime, {
  ...administration,
  run: async (request, scope) => {
    const name = nameOf(request);
    const patch = await readJsonObject(request, bodyBytesMax);
    return answer(200, await amendTenant(runtime(), scope, name, patch, writeConditionOf(request)));
  },
});

registerTransaction(
  { name: "suspendTenant", method: "POST", template: `${template}/suspend` },
  runtime,
  {
    ...administration,
    run: async (request, scope) =>
      answer(200, await setTenantState(runtime(), scope, nameOf(request), "suspended")),
  },
);

registerTransaction(
  { name: "resumeTenant", method: "POST", template: `${template}/resume` },
  runtime,
  {
    ...administration,
    run: async (request, scope) =>
      answer(200, await setTenantState(runtime(), scope, nameOf(request), "active")),
  },
);

// The first of two steps: what it answers has to be sent to `…/purge`, which cannot be undone.
registerTransaction({ name: "deleteTenant", method: "DELETE", template }, runtime, {
  ...administration,
  run: async (request, scope) => {
    const { newSecret, ago } = runtime();
    const confirmation = newSecret();
    const tenant = await requestDeletion(
      runtime(),
      scope,
      nameOf(request),
      confirmation,
      writeConditionOf(request),
      ago(0),
    );
    return jsonAnswer(202, { ...shown(tenant), confirmation }, headersOf(tenant));
  },
});

registerTransaction(
  { name: "purgeTenant", method: "POST", template: `${template}/purge` },
  runtime,
  {
    ...administration,
    run: async (request, scope) => {
      const name = nameOf(request);
      const { confirmation } = await readJsonObject(request, bodyBytesMax);
      if (typeof confirmation !== "string") {
        throw new Problem("malformed", 'The body has no "confirmation".');
      }
      const now = runtime().ago(0);
      return answer(202, await confirmDeletion(runtime(), scope, name, confirmation, now));
    },
  },
);

// How much a tenant has, for itself too.
registerTransaction(
  { name: "readTenantUsage", method: "GET", template: `${template}/usage` },
  runtime,
  {
    permission: "tenant.admin",
    partitionUse: "none",
    run: async (request, scope) => {
      const name = nameOf(request);
      if (scope.tenant !== name) {
        // Of others, whether they are there or not, the platform alone may know.
        scope.require("platform.admin");
      }
      const { tenants, quotas } = runtime();
      const tenant = await tenants.find(name);
      if (tenant === undefined) {
        throw noTenant();
      }
      const { storedBytes, storedInstances } = await quotas.read(name);
      return jsonAnswer(
        200,
        { storedBytes, storedInstances, quotas: tenant.quotas },
        { "Cache-Control": "no-store" },
      );
    },
  },
);

function nameOf({ segments }: DicomwebRequest): string {
  return parseTenantName(segments[1] ?? "");
}

function answer(
  status: number,
  tenant: StoredTenant,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return jsonAnswer(status, shown(tenant), { ...headersOf(tenant), ...headers });
}

function headersOf({ _etag }: StoredTenant): Record<string, string> {
  return { ETag: _etag, "Cache-Control": "no-store" };
}

function shown({ name, state, createdAt, updatedAt, settings, deletion }: StoredTenant): object {
  const { confirmationHash: _, ...progress } = deletion ?? {};
  return {
    name,
    state,
    createdAt,
    updatedAt,
    ...(state === "deleted" ? {} : settings),
    ...(deletion === undefined ? {} : { deletion: progress }),
  };
}

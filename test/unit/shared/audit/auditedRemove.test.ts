import { expect, test } from "vitest";
import { AccessNotes, noteAccess } from "../../../../shared/audit/accessNotes.ts";
import { auditedRemove } from "../../../../shared/audit/auditedRemove.ts";
import { maintenanceEvent } from "../../../../shared/audit/maintenanceEvent.ts";
import type { NewAuditEvent } from "../../../../shared/audit/auditLog.ts";
import { maintenanceScope } from "../../../../shared/tenancy/tenantScope.ts";

const by = { name: "expireStudies", correlationId: "2bbeb035-9206-4f28-b2a7-f077192caa89" };

async function removeOf(
  instances: number,
  partition = "Microsoft.Default",
): Promise<{ removed: number; events: NewAuditEvent[] }> {
  const events: NewAuditEvent[] = [];
  const index = {
    remove: async () => {
      noteAccess({ studyInstanceUID: "1.2.3", patientID: "P-1" });
      return await Promise.resolve(instances);
    },
  };
  const log = {
    record: async (event: NewAuditEvent) => {
      events.push(await Promise.resolve(event));
    },
  };
  const remove = auditedRemove(index, log, by);
  const removed = await remove(maintenanceScope("hospital", partition), {
    studyInstanceUID: "1.2.3",
  });
  return { removed, events };
}

test("a study that the service removed by itself is an event of its tenant, with patient and function", async () => {
  const { removed, events } = await removeOf(7, "Ward");
  expect(removed).toBe(7);
  expect(events).toEqual([
    {
      tenant: "hospital",
      partition: "Ward",
      correlationId: by.correlationId,
      event: { code: "110105", meaning: "DICOM Study Deleted" },
      types: [],
      action: "D",
      outcome: 0,
      status: 204,
      name: "expireStudies",
      dataAction: "delete",
      user: { issuer: "urn:strata:service", subject: "expireStudies" },
      object: { studyInstanceUIDs: ["1.2.3"], patientIDs: ["P-1"] },
    },
  ]);
});

test("where nothing was removed there is no event, and the default partition is not named", async () => {
  expect((await removeOf(0)).events).toEqual([]);
  expect((await removeOf(1)).events[0]).not.toHaveProperty("partition");
});

test("the end of a tenant is an event with the tenant's path", () => {
  const event = maintenanceEvent({
    ...by,
    tenant: "$platform",
    path: ["tenants", "hospital"],
    notes: new AccessNotes(),
  });
  expect(event).toMatchObject({
    tenant: "$platform",
    event: { code: "110113" },
    types: [{ code: "110129" }],
    action: "D",
    object: { studyInstanceUIDs: [], patientIDs: [], resource: "tenants/hospital" },
  });
});

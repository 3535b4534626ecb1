import type { InstanceIndex } from "../store/instanceIndex.ts";
import { AccessNotes, noting } from "./accessNotes.ts";
import type { AuditLog } from "./auditLog.ts";
import { maintenanceEvent, type Maintenance } from "./maintenanceEvent.ts";

/**
 * {@link InstanceIndex.remove} for what the service removes by itself: each study of which something was removed is an event
 * of the audit of its tenant, in the name of the function that did it.
 *
 * Throws `unavailable` when the event cannot be written; the removal stands then, and its changes tell of it.
 */
export function auditedRemove(
  index: Pick<InstanceIndex, "remove">,
  log: Pick<AuditLog, "record">,
  by: Pick<Maintenance, "name" | "correlationId">,
): InstanceIndex["remove"] {
  return async (scope, target, terms) => {
    const notes = new AccessNotes();
    const removed = await noting(notes, async () => await index.remove(scope, target, terms));
    if (removed > 0) {
      const { tenant, partition } = scope;
      const path = ["studies", target.studyInstanceUID] as const;
      await log.record(maintenanceEvent({ ...by, tenant, partition, path, notes }));
    }
    return removed;
  };
}

import type { OperationDescription } from "../operationDescription.ts";

const section = "Administration";

/** The operations of who administers a tenant or the platform. */
export const administrationDescriptions: Readonly<Record<string, OperationDescription>> = {
  listPartitions: {
    section,
    summary: "List the data partitions",
    description: "As in the Azure DICOM service. 400 where the tenant has none.",
    answers: { 200: "partitions" },
  },
  readAudit: {
    section,
    summary: "Read the audit of the tenant",
    parameters: [
      "auditFrom",
      "auditTo",
      "auditPatient",
      "auditStudy",
      "auditUser",
      "auditAction",
      "auditCorrelation",
      "limit",
      "feedContinuation",
    ],
    answers: { 200: "auditPage" },
  },
  listTenants: { section, summary: "List the tenants", answers: { 200: "tenants" } },
  readTenant: { section, summary: "Read a tenant", answers: { 200: "tenant" } },
  storeTenant: {
    section,
    summary: "Make a tenant, or replace its settings",
    parameters: ["ifMatch"],
    body: "tenant",
    answers: { 200: "tenant", 201: "tenant" },
  },
  amendTenant: {
    section,
    summary: "Change settings of a tenant",
    parameters: ["ifMatch"],
    body: "tenantPatch",
    answers: { 200: "tenant" },
  },
  suspendTenant: { section, summary: "Suspend a tenant", answers: { 200: "tenant" } },
  resumeTenant: { section, summary: "Resume a tenant", answers: { 200: "tenant" } },
  deleteTenant: {
    section,
    summary: "Ask for the deletion of a tenant",
    description: "The first of two steps: the answer has what the second one has to send.",
    parameters: ["ifMatch"],
    answers: { 202: "tenantDeletion" },
  },
  purgeTenant: {
    section,
    summary: "Confirm the deletion of a tenant",
    description: "Everything that it has is removed. This cannot be undone.",
    body: "confirmation",
    answers: { 202: "tenant" },
  },
  readTenantUsage: { section, summary: "Read how much a tenant has", answers: { 200: "usage" } },
};

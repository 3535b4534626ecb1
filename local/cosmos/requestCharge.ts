/*
 * Request units, in the shape of the figures that the service publishes and that were seen on it: a point read of
 * 1 KB costs 1, a create 6.67, a replace 11.05, a small query 2.26. They grow with size as the published ones do.
 * They are there to be plausible to code that budgets by them, not to predict a bill.
 */

const kilobyte = 1024;

function kilobytesBeyondFirst(bytes: number): number {
  return Math.max(0, Math.ceil(bytes / kilobyte) - 1);
}

function rounded(charge: number): number {
  return Math.round(charge * 100) / 100;
}

/** The charge of reading one item by its id. */
export function readCharge(bytes: number): number {
  return rounded(1 + 0.09 * kilobytesBeyondFirst(bytes));
}

const writeBase = { create: 6.67, upsert: 10.67, replace: 11.05, patch: 11.05, delete: 6.67 };

/** The charge of a write that took effect. */
export function writeCharge(kind: keyof typeof writeBase, bytes: number): number {
  return rounded(writeBase[kind] + 0.45 * kilobytesBeyondFirst(bytes));
}

/** The charge of a request that was refused: little when throttled, more when the item had to be looked at. */
export function refusalCharge(status: number): number {
  if (status === 429) return 0.38;
  return status === 409 || status === 412 ? 1.24 : 1;
}

/** The charge of one page of a query or of the change feed. */
export function pageCharge(items: number, bytes: number): number {
  return rounded(2.26 + 0.013 * items + 0.01 * kilobytesBeyondFirst(bytes));
}

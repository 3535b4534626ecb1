/** One line of a result. */
export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Milliseconds of a single call, where there are many. */
  readonly p50?: number;
  readonly p95?: number;
  /** The fastest that it could be, measured in the same run and in the same unit. */
  readonly floor?: number;
  readonly floorName?: string;
}

/** Prints rows with the ratio of each to its floor: of 1 it is as fast, of 2 it takes twice as long. */
export function printTable(rows: readonly Row[]): void {
  const lines = rows.map((row) => [
    row.what,
    `${digits(row.value)} ${row.unit}`,
    row.p50 === undefined ? "" : `p50 ${digits(row.p50)} ms`,
    row.p95 === undefined ? "" : `p95 ${digits(row.p95)} ms`,
    row.floor === undefined ? "" : `${ratio(row).toFixed(2)} x ${row.floorName ?? "the floor"}`,
    row.floor === undefined ? "" : `(${digits(row.floor)} ${row.unit})`,
  ]);
  const widths = [0, 1, 2, 3, 4, 5].map((column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  for (const line of lines) {
    console.log(`  ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`);
  }
}

function ratio({ value, floor = value, unit }: Row): number {
  return unit === "ms" ? value / floor : floor / value;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

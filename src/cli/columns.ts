/** Columns of at least a width, as Java's printf makes them in Kafka's tools. */

/** Cells padded to their widths, one space between them; a width of 0 pads nothing. */
export function row(widths: readonly number[], cells: readonly (string | number)[]): string {
  return cells.map((cell, at) => String(cell).padEnd(widths[at] ?? 0)).join(" ");
}

/** The widest of the cells, and no less than `min`. */
export function widest(min: number, cells: readonly string[]): number {
  return cells.reduce((most, cell) => Math.max(most, cell.length), min);
}

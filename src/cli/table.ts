/** Prints rows in columns as wide as their widest cell, as Kafka's tools do. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? "").length)));
  for (const row of rows) {
    const line = row.map((cell, at) => cell.padEnd((widths?.[at] ?? 0) + 1)).join("");
    console.log(line.trimEnd());
  }
}

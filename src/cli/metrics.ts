/** A table of counts in the shape of Kafka's ToolsUtils.printMetrics. */
export function metricLines(
  group: string,
  clientId: string,
  counts: Readonly<Record<string, number>>,
): string {
  const rows = Object.entries(counts)
    .map(([name, value]) => [`${group}:${name}:{client-id=${clientId}}`, value] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const width = Math.max("Metric Name".length, ...rows.map(([name]) => name.length));
  return [
    `\n${"Metric Name".padEnd(width)}   Value`,
    ...rows.map(([name, value]) => `${name.padEnd(width)} : ${value.toFixed(3)}`),
  ].join("\n");
}

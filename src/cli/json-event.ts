/** Events of Kafka's verifiable tools: a JSON object a line, with its time and its name first. */
export function printEvent(name: string, fields: Readonly<Record<string, unknown>> = {}): void {
  console.log(JSON.stringify({ timestamp: Date.now(), name, ...fields }));
}

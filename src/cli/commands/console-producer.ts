/** `kedge console-producer`: kafka-console-producer, lines of standard input as records. */
import { Command, Option } from "commander";
import { Producer } from "../../client/mod.ts";
import { integer } from "../arguments.ts";
import {
  type ConnectionOptions,
  connection,
  connectionOptions,
  throwIfNobodyThere,
} from "../connection.ts";
import { CommandFailure, failureText } from "../failure.ts";
import { InFlight } from "../in-flight.ts";
import { lineReader, linesOf, type ParsedRecord } from "../line-reader.ts";
import { addProperty, type Properties, readProperties } from "../properties.ts";

interface ConsoleProducerOptions extends ConnectionOptions {
  topic: string;
  sync?: true;
  compressionCodec?: string | true;
  batchSize?: number;
  messageSendMaxRetries?: number;
  retryBackoffMs?: number;
  timeout?: number;
  requestRequiredAcks?: string;
  requestTimeoutMs?: number;
  maxBlockMs?: number;
  maxMemoryBytes?: number;
  property?: Properties;
  readerProperty?: Properties;
  readerConfig?: string;
  producerProperty?: Properties;
  commandProperty?: Properties;
  "producer.config"?: string;
}

export function consoleProducerCommand(): Command {
  const repeated = (flags: string, description: string): Option =>
    new Option(flags, `${description}; may be given many times`).argParser(addProperty);
  const command = new Command("console-producer")
    .description("send lines of standard input as records (kafka-console-producer)")
    .requiredOption("--topic <topic>", "the topic to send to")
    .option("--sync", "wait for each record before the next is sent")
    .option("--compression-codec [codec]", "none, gzip, snappy, lz4 or zstd; alone: gzip")
    .option("--batch-size <bytes>", "largest batch", integer(0))
    .option("--message-send-max-retries <n>", "how often a send is tried again", integer(0))
    .option("--retry-backoff-ms <ms>", "wait before a retry", integer(0))
    .option("--timeout <ms>", "how long records gather in a batch", integer(0))
    .option("--request-required-acks <acks>", "all, -1, 0 or 1")
    .option("--request-timeout-ms <ms>", "how long one request may take", integer(0))
    .option("--max-block-ms <ms>", "how long a send waits for metadata and memory", integer(0))
    .option("--max-memory-bytes <bytes>", "memory for records that wait", integer(0))
    .addOption(
      repeated(
        "--reader-property <name=value>",
        "how lines are read: parse.key, key.separator, parse.headers, headers.delimiter, " +
          "headers.separator, headers.key.separator, null.marker, ignore.error",
      ),
    )
    .addOption(repeated("--property <name=value>", "the old name of --reader-property"))
    .option("--reader-config <file>", "properties file with reader properties")
    .addOption(repeated("--command-property <name=value>", "a producer config"))
    .addOption(repeated("--producer-property <name=value>", "the old name of --command-property"))
    .option("--producer.config <file>", "the old name of --command-config");
  return connectionOptions(command).action(runConsoleProducer);
}

async function runConsoleProducer(options: ConsoleProducerOptions): Promise<void> {
  const read = lineReader({
    ...(options.readerConfig === undefined ? {} : readProperties(options.readerConfig)),
    ...options.property,
    ...options.readerProperty,
  });
  const found = connection(
    { ...options, commandConfig: options.commandConfig ?? options["producer.config"] },
    producerConfigs(options),
  );
  await throwIfNobodyThere(found);
  const producer = new Producer<Uint8Array, Uint8Array>(
    { "client.id": "console-producer", ...found.config },
    found.options,
  );
  const failed = await sendLines(producer, read, options);
  if (failed > 0) throw new CommandFailure(`${failed} of the records were not written`);
}

/** Options of their own name come after the properties, as in Kafka. */
function producerConfigs(options: ConsoleProducerOptions): Properties {
  const codec = options.compressionCodec === true ? "gzip" : options.compressionCodec;
  const named: readonly (readonly [string, string | number | undefined])[] = [
    ["compression.type", codec],
    ["batch.size", options.batchSize],
    ["retries", options.messageSendMaxRetries],
    ["retry.backoff.ms", options.retryBackoffMs],
    ["linger.ms", options.timeout],
    ["acks", options.requestRequiredAcks],
    ["request.timeout.ms", options.requestTimeoutMs],
    ["max.block.ms", options.maxBlockMs],
    ["buffer.memory", options.maxMemoryBytes],
  ];
  const given = named.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  );
  return {
    ...options.producerProperty,
    ...options.commandProperty,
    ...Object.fromEntries(given),
  };
}

/** How many records the service did not take. */
async function sendLines(
  producer: Producer<Uint8Array, Uint8Array>,
  read: (line: Uint8Array, lineNumber: number) => ParsedRecord,
  { topic, sync }: ConsoleProducerOptions,
): Promise<number> {
  const inFlight = new InFlight();
  const prompt = process.stdin.isTTY && process.stdout.isTTY ? ">" : "";
  let lineNumber = 0;
  let failed = 0;
  process.stdout.write(prompt);
  try {
    for await (const lines of linesOf(process.stdin)) {
      for (const line of lines) {
        lineNumber += 1;
        const record = read(line, lineNumber);
        const sent = producer.send({ topic, ...record }).catch((error: unknown) => {
          failed += 1;
          console.error(sendFailure(topic, record, error));
        });
        inFlight.add(sent, line.length);
        if (sync) await sent;
        else await inFlight.room();
        process.stdout.write(prompt);
      }
    }
  } finally {
    // What failed was told, record by record.
    await producer.close().catch(() => {});
  }
  return failed;
}

/** In the words of Kafka's ErrorLoggingCallback. */
function sendFailure(topic: string, { key, value }: ParsedRecord, error: unknown): string {
  const size = (part: Uint8Array | null): string =>
    part === null ? "null" : `${part.length} bytes`;
  return (
    `Error when sending message to topic ${topic} with key: ${size(key)}, value: ${size(value)} ` +
    `with error: ${failureText(error)}`
  );
}

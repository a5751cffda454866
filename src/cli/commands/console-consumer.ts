/** `kedge console-consumer`: kafka-console-consumer, records to standard output. */
import { Command, Option } from "commander";
import { Consumer, type ConsumerRecord, type TopicPartition } from "../../client/mod.ts";
import { integer } from "../arguments.ts";
import {
  type ConnectionOptions,
  connection,
  connectionOptions,
  throwIfNobodyThere,
  withAdmin,
} from "../connection.ts";
import { showWith } from "../deserializers.ts";
import { CommandFailure, failureText } from "../failure.ts";
import { Output } from "../output.ts";
import { addProperty, type Properties, readProperties } from "../properties.ts";
import { recordFormatter } from "../record-formatter.ts";
import { type Stop, stopOnSignals } from "../stop-on-signals.ts";
import { topicFilter, topicPattern } from "../topic-filter.ts";

interface ConsoleConsumerOptions extends ConnectionOptions {
  topic?: string;
  include?: string;
  group?: string;
  fromBeginning?: true;
  partition?: number;
  offset?: string;
  maxMessages?: number;
  timeoutMs?: number;
  isolationLevel?: string;
  skipMessageOnError?: true;
  property?: Properties;
  formatterProperty?: Properties;
  formatterConfig?: string;
  keyDeserializer?: string;
  valueDeserializer?: string;
  consumerProperty?: Properties;
  commandProperty?: Properties;
  "consumer.config"?: string;
}

type BytesConsumer = Consumer<Uint8Array, Uint8Array>;
type BytesRecord = ConsumerRecord<Uint8Array, Uint8Array>;

/** How long one poll waits: a signal or a timeout is noticed this soon. */
const POLL_MS = 200;

export function consoleConsumerCommand(): Command {
  const repeated = (flags: string, description: string): Option =>
    new Option(flags, `${description}; may be given many times`).argParser(addProperty);
  const command = new Command("console-consumer")
    .description("print records as they come (kafka-console-consumer)")
    .option("--topic <topic>", "the topic to read")
    .option("--include <regex>", "read every topic whose name matches")
    .option("--group <group>", "read as a member of this group, and commit what is printed")
    .option(
      "--from-beginning",
      "begin with the earliest record where nothing is committed, not with what comes now",
    )
    .option("--partition <n>", "read this partition only, from its end unless --offset", integer(0))
    .option("--offset <offset>", "earliest, latest or a number; needs --partition")
    .option("--max-messages <n>", "end after so many records", integer(0))
    .option("--timeout-ms <ms>", "end when no record came for so long", integer(0))
    .option("--isolation-level <level>", "read_committed or read_uncommitted")
    .option("--skip-message-on-error", "go on when a record cannot be printed")
    .addOption(
      repeated(
        "--formatter-property <name=value>",
        "how records are printed: print.timestamp, print.key, print.value, print.offset, " +
          "print.partition, print.headers, key.separator, line.separator, headers.separator, " +
          "null.literal, key.deserializer, value.deserializer, headers.deserializer",
      ),
    )
    .addOption(repeated("--property <name=value>", "the old name of --formatter-property"))
    .option("--formatter-config <file>", "properties file with formatter properties")
    .option("--key-deserializer <class>", "how keys are printed, for example LongDeserializer")
    .option("--value-deserializer <class>", "how values are printed")
    .addOption(repeated("--command-property <name=value>", "a consumer config"))
    .addOption(repeated("--consumer-property <name=value>", "the old name of --command-property"))
    .option("--consumer.config <file>", "the old name of --command-config");
  return connectionOptions(command).action(runConsoleConsumer);
}

async function runConsoleConsumer(options: ConsoleConsumerOptions): Promise<void> {
  throwIfMisplaced(options);
  const format = formatterOf(options);
  const settings = connection(
    { ...options, commandConfig: options.commandConfig ?? options["consumer.config"] },
    {
      ...options.consumerProperty,
      ...options.commandProperty,
      ...(options.fromBeginning ? { "auto.offset.reset": "earliest" } : {}),
      ...(options.isolationLevel === undefined
        ? {}
        : { "isolation.level": options.isolationLevel }),
    },
  );
  const group = groupOf(options, settings.config["group.id"]);
  const found = { ...settings, config: { ...settings.config, ...groupConfig(group) } };
  await throwIfNobodyThere(found);
  const consumer: BytesConsumer = new Consumer(
    { "client.id": "console-consumer", ...found.config },
    found.options,
  );
  const stop = stopOnSignals();
  let count = 0;
  try {
    if (group === null) await start(consumer, options);
    else
      consumer.subscribe(
        options.topic === undefined ? topicPattern(options.include ?? "") : [options.topic],
      );
    count = await print(consumer, format, options, stop);
  } finally {
    await consumer.close();
    console.error(`Processed a total of ${count} messages`);
  }
  if (stop.signal !== null) process.exitCode = stop.signal === "SIGINT" ? 130 : 143;
}

function throwIfMisplaced({ topic, include, partition, offset }: ConsoleConsumerOptions): void {
  if ((topic === undefined) === (include === undefined)) {
    throw new CommandFailure("Exactly one of --include/--topic is required.");
  }
  if (partition !== undefined && topic === undefined) {
    throw new CommandFailure("The topic is required when partition is specified.");
  }
  if (offset !== undefined && partition === undefined) {
    throw new CommandFailure("The partition is required when offset is specified.");
  }
  if (offset !== undefined && !/^(earliest|latest|\d+)$/i.test(offset)) {
    throw new CommandFailure(
      `The provided offset value '${offset}' is incorrect. Valid values are 'earliest', 'latest', ` +
        "or a non-negative long.",
    );
  }
}

/**
 * The group to read in, null for none: partitions are then read without one.
 *
 * @throws CommandFailure
 */
function groupOf({ group, partition }: ConsoleConsumerOptions, configured?: string): string | null {
  if (group !== undefined && configured !== undefined && group !== configured) {
    throw new CommandFailure(
      "The group ids provided in different places (directly using '--group', via " +
        "'--command-property', or via '--command-config') do not match. Detected group ids: " +
        `'${group}', '${configured}'`,
    );
  }
  const found = group ?? configured ?? null;
  if (found !== null && partition !== undefined) {
    throw new CommandFailure("Options group and partition cannot be specified together.");
  }
  return found;
}

function groupConfig(group: string | null): Properties {
  return group === null ? {} : { "group.id": group };
}

function formatterOf(options: ConsoleConsumerOptions): (record: BytesRecord) => Buffer {
  const {
    "key.deserializer": key,
    "value.deserializer": value,
    "headers.deserializer": headers,
    ...properties
  } = {
    ...(options.formatterConfig === undefined ? {} : readProperties(options.formatterConfig)),
    ...options.property,
    ...options.formatterProperty,
  };
  return recordFormatter(properties, {
    key: showWith(options.keyDeserializer ?? key),
    value: showWith(options.valueDeserializer ?? value),
    headers: showWith(headers),
  });
}

/** Assigns what is to be read and puts the positions where the options say. */
async function start(consumer: BytesConsumer, options: ConsoleConsumerOptions): Promise<void> {
  const { partition, fromBeginning } = options;
  const topics = options.topic === undefined ? await matching(options) : [options.topic];
  const known = await Promise.all(topics.map((topic) => consumer.partitionsFor(topic)));
  const places: TopicPartition[] = known
    .flat()
    .filter((place) => partition === undefined || place.partition === partition);
  if (places.length === 0) {
    throw new CommandFailure(`${options.topic} has no partition ${partition}`);
  }
  consumer.assign(places);
  const offset = options.offset?.toLowerCase() ?? (fromBeginning ? "earliest" : "latest");
  if (offset === "earliest") consumer.seekToBeginning();
  else if (offset === "latest") consumer.seekToEnd();
  else for (const place of places) consumer.seek(place, Number(offset));
}

async function matching(options: ConsoleConsumerOptions): Promise<string[]> {
  const accepts = topicFilter(options.include ?? "");
  const topics = await withAdmin(options, "console-consumer", (admin) => admin.listTopics());
  const names = topics.map((topic) => topic.name).filter(accepts);
  if (names.length === 0) throw new CommandFailure(`no topic matches ${options.include}`);
  return names;
}

/** What is not printed is not read: closing commits the positions. */
function giveBack(consumer: BytesConsumer, records: readonly BytesRecord[]): void {
  for (const record of records.toReversed()) consumer.seek(record, record.offset);
}

async function print(
  consumer: BytesConsumer,
  format: (record: BytesRecord) => Buffer,
  options: ConsoleConsumerOptions,
  stop: Stop,
): Promise<number> {
  const most = options.maxMessages ?? Number.POSITIVE_INFINITY;
  const timeoutMs = options.timeoutMs ?? Number.POSITIVE_INFINITY;
  const output = new Output();
  let count = 0;
  let lastMs = performance.now();
  while (count < most && stop.signal === null) {
    const idleMs = performance.now() - lastMs;
    if (idleMs >= timeoutMs) break;
    const records = await consumer.poll(Math.min(POLL_MS, timeoutMs - idleMs));
    giveBack(consumer, records.slice(most - count));
    for (const record of records.slice(0, most - count)) {
      count += 1;
      try {
        await output.write(format(record));
      } catch (error) {
        if (!options.skipMessageOnError) throw error;
        console.error(`Error processing message, skipping this message: ${failureText(error)}`);
      }
    }
    if (records.length > 0) lastMs = performance.now();
    await output.flush();
  }
  return count;
}

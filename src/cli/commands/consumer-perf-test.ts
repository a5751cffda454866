/** `kedge consumer-perf-test`: kafka-consumer-perf-test. */
import { Command, Option } from "commander";
import { Consumer } from "../../client/mod.ts";
import { integer } from "../arguments.ts";
import {
  type ConnectionOptions,
  connection,
  connectionOptions,
  throwIfNobodyThere,
  withAdmin,
} from "../connection.ts";
import { ConsumerFigures } from "../consumer-figures.ts";
import { CommandFailure, prefixed } from "../failure.ts";
import { metricLines } from "../metrics.ts";
import { Progress } from "../progress.ts";
import { addProperty, type Properties } from "../properties.ts";
import { topicFilter } from "../topic-filter.ts";

interface PerfOptions extends ConnectionOptions {
  topic?: string;
  include?: string;
  messages?: number;
  numRecords?: number;
  fetchSize: number;
  fromLatest?: true;
  timeout: number;
  reportingInterval: number;
  showDetailedStats?: true;
  hideHeader?: true;
  printMetrics?: true;
  commandProperty?: Properties;
  "consumer.config"?: string;
}

export function consumerPerfTestCommand(): Command {
  const command = new Command("consumer-perf-test")
    .description("measure how fast records can be read (kafka-consumer-perf-test)")
    .option("--topic <topic>", "the topic to read")
    .option("--include <regex>", "read every topic whose name matches")
    .option("--num-records <n>", "how many records to read", integer(1))
    .option("--messages <n>", "the old name of --num-records", integer(1))
    .option(
      "--fetch-size <bytes>",
      "how much to fetch of a partition at once",
      integer(1),
      1_048_576,
    )
    .option("--from-latest", "begin with what comes now, not with the earliest record")
    .option("--timeout <ms>", "end when no record came for so long", integer(0), 10_000)
    .option("--reporting-interval <ms>", "between lines of detailed stats", integer(1), 5_000)
    .option("--show-detailed-stats", "print a line for every reporting interval")
    .option("--hide-header", "leave the header out")
    .option("--print-metrics", "print what was counted at the end")
    .addOption(
      new Option("--command-property <name=value>", "a consumer config").argParser(addProperty),
    )
    .option("--consumer.config <file>", "the old name of --command-config");
  return connectionOptions(command).action((options: PerfOptions) =>
    prefixed("", () => runConsumerPerfTest(options)),
  );
}

async function runConsumerPerfTest(options: PerfOptions): Promise<void> {
  const wanted = options.numRecords ?? options.messages;
  if (wanted === undefined) throw new CommandFailure('Missing required argument "--num-records"');
  if ((options.topic === undefined) === (options.include === undefined)) {
    throw new CommandFailure("Exactly one of --include/--topic is required.");
  }
  const found = connection(
    { ...options, commandConfig: options.commandConfig ?? options["consumer.config"] },
    options.commandProperty,
  );
  await throwIfNobodyThere(found);
  const clientId = found.config["client.id"] ?? "perf-consumer-client";
  const consumer = new Consumer<Uint8Array, Uint8Array>(
    {
      "max.partition.fetch.bytes": `${options.fetchSize}`,
      "auto.offset.reset": options.fromLatest ? "latest" : "earliest",
      "check.crcs": "false",
      "max.poll.records": "10000",
      ...found.config,
      "client.id": clientId,
    },
    found.options,
  );
  const detailed = options.showDetailedStats === true;
  const figures = new ConsumerFigures(Date.now(), options.reportingInterval, detailed);
  if (!options.hideHeader) console.log(figures.header());
  try {
    await consume(consumer, wanted, options, figures);
  } finally {
    await consumer.close();
  }
  if (!detailed) console.log(figures.totalLine(Date.now()));
  if (options.printMetrics) {
    console.log(metricLines("consumer-fetch-manager-metrics", clientId, figures.counts));
  }
}

async function consume(
  consumer: Consumer<Uint8Array, Uint8Array>,
  wanted: number,
  options: PerfOptions,
  figures: ConsumerFigures,
): Promise<void> {
  const topics = options.topic === undefined ? await matching(options) : [options.topic];
  const places = await Promise.all(topics.map((topic) => consumer.partitionsFor(topic)));
  consumer.assign(places.flat());
  // Without a group there is nothing to rebalance: this is the time until partitions were known.
  figures.joined(Date.now());
  const progress = new Progress(wanted);
  let lastMs = Date.now();
  while (figures.records < wanted && Date.now() - lastMs <= options.timeout) {
    const records = await consumer.poll(100);
    const nowMs = Date.now();
    if (records.length > 0) lastMs = nowMs;
    for (const { key, value } of records) {
      const line = figures.record((key?.length ?? 0) + (value?.length ?? 0), nowMs);
      if (line !== null) progress.say(line, process.stdout);
    }
    progress.at(figures.records, nowMs);
  }
  progress.end();
  if (figures.records < wanted) {
    console.log(
      "WARNING: Exiting before consuming the expected number of messages: timeout " +
        `(${options.timeout} ms) exceeded. You can use the --timeout option to increase the timeout.`,
    );
  }
}

async function matching(options: PerfOptions): Promise<string[]> {
  const accepts = topicFilter(options.include ?? "");
  const topics = await withAdmin(options, "perf-consumer", (admin) => admin.listTopics());
  const names = topics.map((topic) => topic.name).filter(accepts);
  if (names.length === 0) throw new CommandFailure(`no topic matches ${options.include}`);
  return names;
}

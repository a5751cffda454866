/**
 * `kedge verifiable-consumer`: kafka-verifiable-consumer. It reads a topic as a member of a group and
 * prints an event in JSON for whatever happens: partitions that come and go, records, commits.
 */
import { Command } from "commander";
import {
  Consumer,
  type ConsumerConfig,
  type ConsumerRecord,
  type OffsetToCommit,
  type RebalanceListener,
  StringDeserializer,
} from "../../client/mod.ts";
import { integer } from "../arguments.ts";
import {
  type ConnectionOptions,
  connection,
  connectionOptions,
  throwIfNobodyThere,
} from "../connection.ts";
import { failureText } from "../failure.ts";
import { printEvent } from "../json-event.ts";
import { stopOnSignals } from "../stop-on-signals.ts";

interface Options extends ConnectionOptions {
  topic: string;
  groupId: string;
  groupProtocol: string;
  groupRemoteAssignor?: string;
  groupInstanceId?: string;
  maxMessages: number;
  sessionTimeout: number;
  verbose?: true;
  enableAutocommit?: true;
  resetPolicy: string;
  assignmentStrategy: string;
  "consumer.config"?: string;
}

type TextRecord = ConsumerRecord<string, string>;

/** A signal is noticed by then. */
const POLL_MS = 500;

export function verifiableConsumerCommand(): Command {
  const command = new Command("verifiable-consumer")
    .description("read in a group and tell of it in JSON (kafka-verifiable-consumer)")
    .requiredOption("--topic <topic>", "read this topic")
    .requiredOption("--group-id <group>", "the group to read in")
    .option("--group-protocol <protocol>", "classic or consumer", "classic")
    .option("--group-remote-assignor <name>", "uniform or range; with consumer only")
    .option("--group-instance-id <name>", "makes it a static member")
    .option("--max-messages <n>", "read so many; -1: until it is stopped", integer(-1), -1)
    .option("--session-timeout <ms>", "session.timeout.ms; with classic only", integer(1), 30_000)
    .option("--verbose", "tell of every record")
    .option("--enable-autocommit", "commit by itself; else after every poll")
    .option("--reset-policy <policy>", "earliest, latest or none", "earliest")
    .option("--assignment-strategy <name>", "an assignor; with classic only", "range")
    .option("--consumer.config <file>", "the old name of --command-config");
  return connectionOptions(command).action(run);
}

async function run(options: Options): Promise<void> {
  const found = connection({
    ...options,
    commandConfig: options.commandConfig ?? options["consumer.config"],
  });
  await throwIfNobodyThere(found);
  const text = StringDeserializer;
  const config = { ...found.config, ...configOf(options) } as ConsumerConfig<string, string>;
  const consumer = new Consumer<string, string>(
    {
      "client.id": "verifiable-consumer",
      ...config,
      "key.deserializer": text,
      "value.deserializer": text,
    },
    found.options,
  );
  try {
    await read(consumer, options);
  } finally {
    await consumer.close();
    printEvent("shutdown_complete");
  }
}

function configOf(options: Options): Record<string, string | boolean> {
  const { groupInstanceId, groupRemoteAssignor } = options;
  const byProtocol: Record<string, string> =
    options.groupProtocol.toLowerCase() === "consumer"
      ? {
          "group.protocol": "consumer",
          ...(groupRemoteAssignor === undefined
            ? {}
            : { "group.remote.assignor": groupRemoteAssignor }),
        }
      : {
          "group.protocol": "classic",
          "partition.assignment.strategy": assignorName(options.assignmentStrategy),
          "session.timeout.ms": String(options.sessionTimeout),
        };
  return {
    ...byProtocol,
    "group.id": options.groupId,
    ...(groupInstanceId === undefined ? {} : { "group.instance.id": groupInstanceId }),
    "enable.auto.commit": options.enableAutocommit ?? false,
    "auto.offset.reset": options.resetPolicy,
  };
}

/** Java's class names are taken too: org.apache.kafka.clients.consumer.RoundRobinAssignor. */
export function assignorName(name: string): string {
  const known: Readonly<Record<string, string>> = {
    RangeAssignor: "range",
    RoundRobinAssignor: "roundrobin",
    StickyAssignor: "sticky",
    CooperativeStickyAssignor: "cooperative-sticky",
  };
  return known[name.slice(name.lastIndexOf(".") + 1)] ?? name;
}

const LISTENER: RebalanceListener = {
  onPartitionsRevoked: (partitions) => printEvent("partitions_revoked", { partitions }),
  onPartitionsAssigned: (partitions) => printEvent("partitions_assigned", { partitions }),
};

async function read(consumer: Consumer<string, string>, options: Options): Promise<void> {
  const stop = stopOnSignals();
  printEvent("startup_complete");
  consumer.subscribe([options.topic], LISTENER);
  const most = options.maxMessages < 0 ? Number.POSITIVE_INFINITY : options.maxMessages;
  let left = most;
  while (left > 0 && stop.signal === null) {
    const records = await consumer.poll(POLL_MS);
    if (records.length === 0) continue;
    const consumed = consumedOf(records, left);
    for (const record of options.verbose ? consumed.flatMap(({ records: some }) => some) : []) {
      printEvent("record_data", dataOf(record));
    }
    left -= consumed.reduce((sum, { count }) => sum + count, 0);
    const partitions = consumed.map(({ records: _, ...summary }) => summary);
    printEvent("records_consumed", { count: records.length, partitions });
    if (!options.enableAutocommit) {
      await commit(
        consumer,
        consumed.map(({ topic, partition, maxOffset }) => ({
          ...{ topic, partition, offset: maxOffset + 1 },
        })),
      );
    }
  }
}

interface Consumed {
  readonly topic: string;
  readonly partition: number;
  readonly count: number;
  readonly minOffset: number;
  readonly maxOffset: number;
  readonly records: readonly TextRecord[];
}

/** What was read, by partition, up to `most` records. */
export function consumedOf(records: readonly TextRecord[], most: number): Consumed[] {
  const byPartition = Map.groupBy(records, ({ topic, partition }) => `${topic}-${partition}`);
  const consumed: Consumed[] = [];
  let left = most;
  for (const all of byPartition.values()) {
    const some = all.slice(0, left);
    const [first] = some;
    const last = some.at(-1);
    if (first === undefined || last === undefined) break;
    left -= some.length;
    consumed.push({
      ...{ topic: first.topic, partition: first.partition, count: some.length },
      ...{ minOffset: first.offset, maxOffset: last.offset, records: some },
    });
  }
  return consumed;
}

function dataOf({ key, value, topic, partition, offset }: TextRecord) {
  return { key, value, topic, partition, offset };
}

/** A commit that fails is told, and reading goes on: the group may just be rebalancing. */
async function commit(
  consumer: Consumer<string, string>,
  offsets: readonly OffsetToCommit[],
): Promise<void> {
  try {
    await consumer.commitSync(offsets);
    printEvent("offsets_committed", { offsets, success: true });
  } catch (error) {
    printEvent("offsets_committed", { offsets, error: failureText(error), success: false });
  }
}

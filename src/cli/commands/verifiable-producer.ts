/**
 * `kedge verifiable-producer`: kafka-verifiable-producer. It produces 0, 1, 2 … and prints an event in
 * JSON for each record, so that others can see what was acknowledged and what was not.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
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
import { printEvent } from "../json-event.ts";
import { stopOnSignals } from "../stop-on-signals.ts";

interface Options extends ConnectionOptions {
  topic: string;
  maxMessages: number;
  throughput: number;
  acks: number;
  messageCreateTime: number;
  valuePrefix?: number;
  repeatingKeys?: number;
  "producer.config"?: string;
}

type StringProducer = Producer<string | null, string>;
type Record = { readonly key: string | null; readonly value: string };

const ACKS = [-1, 0, 1] as const;

/** Sends between looks at what else is to be done: a signal, a response. */
const SENDS_BETWEEN_YIELDS = 100;

export function verifiableProducerCommand(): Command {
  const command = new Command("verifiable-producer")
    .description("produce counted records and tell of each in JSON (kafka-verifiable-producer)")
    .requiredOption("--topic <topic>", "produce to this topic")
    .option("--max-messages <n>", "produce so many; -1: until it is stopped", integer(-1), -1)
    .option("--throughput <n>", "records a second, about; -1: no bound", integer(-1), -1)
    .option("--acks <acks>", "0, 1 or -1", integer(-1), -1)
    .option("--message-create-time <ms>", "the first record's timestamp", integer(-1), -1)
    .option("--value-prefix <n>", "each value is this number, a dot, and the count", integer(0))
    .option("--repeating-keys <n>", "keys 0 to n - 1, over and over", integer(1))
    .option("--producer.config <file>", "the old name of --command-config");
  return connectionOptions(command).action(run);
}

async function run(options: Options): Promise<void> {
  if (options.acks > 1) throw new CommandFailure(`--acks must be 0, 1 or -1, not ${options.acks}`);
  const found = connection({
    ...options,
    commandConfig: options.commandConfig ?? options["producer.config"],
  });
  await throwIfNobodyThere(found);
  const producer: StringProducer = new Producer(
    {
      // Kafka's own: no retries, so that every failure is told. Idempotence would need them.
      ...{ acks: ACKS[options.acks + 1] ?? -1, retries: 0, "enable.idempotence": false },
      ...{ "client.id": "verifiable-producer", ...found.config },
    },
    found.options,
  );
  const startMs = Date.now();
  const counts = { sent: 0, acked: 0 };
  await send(producer, options, counts, startMs);
  await producer.close();
  printEvent("shutdown_complete");
  const seconds = (Date.now() - startMs) / 1_000;
  printEvent("tool_data", {
    ...counts,
    target_throughput: options.throughput,
    avg_throughput: seconds === 0 ? 0 : counts.acked / seconds,
  });
  if (counts.acked < counts.sent) process.exitCode = 1;
}

async function send(
  producer: StringProducer,
  options: Options,
  counts: { sent: number; acked: number },
  startMs: number,
): Promise<void> {
  const { topic, throughput, messageCreateTime } = options;
  const most = options.maxMessages < 0 ? Number.POSITIVE_INFINITY : options.maxMessages;
  const stop = stopOnSignals();
  const inFlight = new InFlight();
  printEvent("startup_complete");
  for (let i = 0; i < most && stop.signal === null; i++) {
    const record = recordAt(options, i);
    const timestamp =
      messageCreateTime < 0 ? {} : { timestamp: messageCreateTime + Date.now() - startMs };
    counts.sent += 1;
    const sent = producer.send({ topic, ...record, ...timestamp }).then(
      ({ partition, offset }) => {
        counts.acked += 1;
        printEvent("producer_send_success", { ...record, topic, partition, offset });
      },
      (error: unknown) => {
        const exception = error instanceof Error ? error.name : "Error";
        const message = failureText(error);
        printEvent("producer_send_error", { ...record, topic, exception, message });
      },
    );
    inFlight.add(sent, record.value.length);
    await inFlight.room();
    const aheadMs = throughput > 0 ? ((i + 1) / throughput) * 1_000 - (Date.now() - startMs) : 0;
    if (aheadMs > 1) await sleep(aheadMs, undefined, { signal: stop.aborted }).catch(() => {});
    else if (i % SENDS_BETWEEN_YIELDS === 0) await sleep(0);
  }
}

export function recordAt(
  { valuePrefix, repeatingKeys }: Pick<Options, "valuePrefix" | "repeatingKeys">,
  i: number,
): Record {
  return {
    key: repeatingKeys === undefined ? null : String(i % repeatingKeys),
    value: valuePrefix === undefined ? String(i) : `${valuePrefix}.${i}`,
  };
}

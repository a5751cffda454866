/** `kedge producer-perf-test`: kafka-producer-perf-test. */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep, setImmediate as yieldToEvents } from "node:timers/promises";
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
import { metricLines } from "../metrics.ts";
import { PerfStats } from "../perf-stats.ts";
import { Progress } from "../progress.ts";
import { addProperty, type Properties } from "../properties.ts";

interface PerfOptions extends ConnectionOptions {
  topic: string;
  numRecords: number;
  recordSize?: number;
  payloadFile?: string;
  payloadMonotonic?: true;
  payloadDelimiter: string;
  throughput: number;
  warmupRecords: number;
  producerProps?: string[];
  commandProperty?: Properties;
  "producer.config"?: string;
  printMetrics?: true;
}

type BytesProducer = Producer<Uint8Array, Uint8Array>;

/** The loop lets requests and replies through after so many records. */
const RECORDS_BETWEEN_YIELDS = 500;

export function producerPerfTestCommand(): Command {
  const command = new Command("producer-perf-test")
    .description("measure how fast records can be sent (kafka-producer-perf-test)")
    .requiredOption("--topic <topic>", "the topic to send to")
    .requiredOption("--num-records <n>", "how many records to send", integer(1))
    .option("--record-size <bytes>", "size of each record's random value", integer(1))
    .option("--payload-file <file>", "values are taken at random from this UTF-8 file")
    .option("--payload-monotonic", "values are 0, 1, 2 and so on")
    .option("--payload-delimiter <text>", "between the payloads of the file", "\\n")
    .requiredOption("--throughput <n>", "records a second, about; -1 for no limit", Number)
    .option("--warmup-records <n>", "records left out of the steady-state line", integer(0), 0)
    .option("--producer-props <name=value...>", "producer configs")
    .addOption(
      new Option("--command-property <name=value>", "a producer config").argParser(addProperty),
    )
    .option("--producer.config <file>", "the old name of --command-config")
    .option("--print-metrics", "print what was counted at the end");
  return connectionOptions(command).action(runProducerPerfTest);
}

async function runProducerPerfTest(options: PerfOptions): Promise<void> {
  throwIfContradictory(options);
  const payload = payloads(options);
  const properties = (options.producerProps ?? []).reduce<Properties>(
    (before, text) => addProperty(text, before),
    {},
  );
  const found = connection(
    { ...options, commandConfig: options.commandConfig ?? options["producer.config"] },
    { ...properties, ...options.commandProperty },
  );
  await throwIfNobodyThere(found);
  const clientId = found.config["client.id"] ?? "perf-producer-client";
  const producer: BytesProducer = new Producer(
    { ...found.config, "client.id": clientId },
    found.options,
  );
  const { warmupRecords } = options;
  if (warmupRecords > 0) {
    console.log(
      `Warmup first ${warmupRecords} records. Steady state results will print after the complete ` +
        "test summary.",
    );
  }
  const run = new Run(options, payload);
  await run.send(producer);
  const endMs = Date.now();
  console.log(run.total.totalLine(endMs));
  if (run.steady !== null) console.log(run.steady.totalLine(endMs));
  if (options.printMetrics) {
    console.log(metricLines("producer-metrics", clientId, run.counts));
  }
  if (run.counts["record-error-total"] > 0) process.exitCode = 1;
}

function throwIfContradictory(options: PerfOptions): void {
  const { recordSize, payloadFile, payloadMonotonic } = options;
  const given = [recordSize, payloadFile, payloadMonotonic].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw new CommandFailure(
      "exactly one of --record-size, --payload-file and --payload-monotonic is needed",
    );
  }
  if (!Number.isFinite(options.throughput)) {
    throw new CommandFailure("--throughput must be a number of records a second, or -1");
  }
  if (options.warmupRecords >= options.numRecords) {
    throw new CommandFailure(
      "The value for --warmup-records must be strictly fewer than the number of records in the " +
        "test, --num-records.",
    );
  }
}

/** What the i-th record holds. */
function payloads(options: PerfOptions): (i: number) => Uint8Array {
  if (options.payloadMonotonic) return (i) => Buffer.from(String(i));
  if (options.payloadFile !== undefined) {
    const list = readPayloads(options.payloadFile, options.payloadDelimiter);
    return () => list[Math.floor(Math.random() * list.length)] ?? new Uint8Array();
  }
  const size = options.recordSize ?? 0;
  // Letters from A to Z at random, as Kafka has them: made once and cut at random places, since
  // making them anew for each record would measure that.
  const letters = Buffer.from(
    Array.from({ length: size + 65_536 }, () => 65 + Math.floor(Math.random() * 26)),
  );
  return () => {
    const start = Math.floor(Math.random() * 65_536);
    return letters.subarray(start, start + size);
  };
}

function readPayloads(file: string, delimiter: string): Uint8Array[] {
  console.log(`Reading payloads from: ${resolve(file)}`);
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) throw new CommandFailure("File does not exist or empty file provided.");
  const parts = readFileSync(file, "utf8").split(delimiter === "\\n" ? "\n" : delimiter);
  if (parts.at(-1) === "") parts.pop();
  console.log(`Number of messages read: ${parts.length}`);
  return parts.map((part) => Buffer.from(part, "utf8"));
}

class Run {
  readonly total: PerfStats;
  steady: PerfStats | null = null;
  readonly counts = { "record-send-total": 0, "byte-total": 0, "record-error-total": 0 };
  readonly #options: PerfOptions;
  readonly #payload: (i: number) => Uint8Array;
  readonly #inFlight = new InFlight();
  readonly #progress: Progress;

  constructor(options: PerfOptions, payload: (i: number) => Uint8Array) {
    this.#options = options;
    this.#payload = payload;
    this.#progress = new Progress(options.numRecords);
    this.total = new PerfStats(options.numRecords, Date.now());
  }

  async send(producer: BytesProducer): Promise<void> {
    const { numRecords, throughput, warmupRecords } = this.#options;
    const startMs = Date.now();
    for (let i = 0; i < numRecords; i++) {
      if (warmupRecords > 0 && i === warmupRecords) {
        this.steady = new PerfStats(numRecords - warmupRecords, Date.now(), true);
        this.total.silence();
      }
      this.#sendOne(producer, this.#payload(i));
      await this.#inFlight.room();
      if (i % RECORDS_BETWEEN_YIELDS === 0) await yieldToEvents();
      if (throughput > 0) {
        const aheadMs = (i / throughput) * 1_000 - (Date.now() - startMs);
        if (aheadMs > 1) await sleep(aheadMs);
      }
    }
    // What failed was told and counted, record by record.
    await producer.close().catch(() => {});
    this.#progress.end();
  }

  #sendOne(producer: BytesProducer, value: Uint8Array): void {
    const sentMs = Date.now();
    const steady = this.steady;
    const sent = producer.send({ topic: this.#options.topic, value }).then(
      () => this.#onDelivered(sentMs, value.length, steady),
      (error: unknown) => {
        this.counts["record-error-total"] += 1;
        this.#progress.say(failureText(error), process.stderr);
      },
    );
    this.#inFlight.add(sent, value.length);
  }

  #onDelivered(sentMs: number, bytes: number, steady: PerfStats | null): void {
    const nowMs = Date.now();
    this.counts["record-send-total"] += 1;
    this.counts["byte-total"] += bytes;
    const lines = [
      ...this.total.record(nowMs - sentMs, bytes, nowMs),
      ...(steady?.record(nowMs - sentMs, bytes, nowMs) ?? []),
    ];
    for (const text of lines) this.#progress.say(text, process.stdout);
    this.#progress.at(this.counts["record-send-total"], nowMs);
  }
}

/** What is measured. Each function sets its topics up, and gives one figure or several. */
import { groupFigures } from "./groups.ts";
import {
  batchOf,
  createTopic,
  fetchErrorAt,
  fetchFrame,
  kafkaRequest,
  produceFrame,
  randomBytes,
  type Topic,
} from "./kafka.ts";
import type { LoadResult } from "./load/job.ts";
import { httpRequest } from "./load/load-generator.ts";
import {
  ANY,
  type Bench,
  count,
  load,
  MEGABYTE,
  perSecond,
  produced,
  ratio,
  rowsWritten,
  untilDone,
} from "./loads.ts";
import { compare, type Load } from "./measure.ts";
import { replicatedLarge, replicatedSmall, replicationCost } from "./replication.ts";
import type { Figure } from "./report.ts";

/**
 * Requests of 1 MB under way over those 64 connections. A partition holds 32 MiB of produces and asks
 * producers for patience beyond that; a request of 1 MB keeps the disk busy by itself all the same.
 */
const LARGE_IN_FLIGHT = 16;

const RECORD_BYTES = 1_024;
/** As many records of 1 KB as Kafka's default message.max.bytes takes in one batch. */
const LARGE_RECORDS = 1_010;
/** Batches, and the floor's blobs, that a fetch of 1 MB goes around: more than any cache here holds. */
const LARGE_STORED = 64;

const SMALL_LOG_RECORDS = 10_000;
const LARGE_LOG_RECORDS = 1_000_000;
const LOG_BATCH_RECORDS = 100;
const LOG_RECORD_BYTES = 100;
/** "Near the head": among the newest records, so many. */
const HEAD_RECORDS = 5_000;

const NOTHING = new Uint8Array(0);
const megabytesRead = ({ bodyBytes, seconds }: LoadResult): number =>
  bodyBytes / seconds / MEGABYTE;

export const groups: Readonly<Record<string, (bench: Bench) => Promise<Figure[]>>> = {
  "produce-1kb": produceSmall,
  "produce-1kb-rest": produceRest,
  "produce-1mb": produceLarge,
  "fetch-1mb": fetchLarge,
  "fetch-head": fetchHead,
  "replicated-1kb": replicatedSmall,
  "replicated-100kb": replicatedLarge,
  "replication-cost": replicationCost,
  groups: groupFigures,
};

async function produceSmall(bench: Bench): Promise<Figure[]> {
  const { kedge, floor } = bench.service;
  const topic = await createTopic(kedge, "produce-1kb");
  const frame = produceFrame(topic, batchOf(1, RECORD_BYTES));
  const rowsBefore = await rowsWritten(bench, topic);
  const compared = await compare(
    bench.generator,
    load(floor, [floorAppend(floor, "produce-1kb", frame)], ANY),
    load(kedge, [kafkaRequest(kedge, frame)], produced(topic)),
    perSecond,
    bench.rounds,
  );
  const rows = (await rowsWritten(bench, topic)) - rowsBefore;
  const name = "produce-1kb-kafka";
  return [
    ratio(name, "produce 1 KB, /kafka", "req/s", compared, { atLeast: 0.7 }),
    count(
      "rows-per-1000-produces",
      "rows for 1,000 produces of 1 KB",
      (rows / compared.responses) * 1_000,
      { atMost: 100 },
    ),
  ];
}

async function produceRest(bench: Bench): Promise<Figure[]> {
  const { kedge, floor } = bench.service;
  const topic = await createTopic(kedge, "produce-1kb-rest");
  const value = randomBytes(RECORD_BYTES);
  const body = Buffer.from(
    JSON.stringify({ records: [{ value: Buffer.from(value).toString("base64") }] }),
  );
  const request = httpRequest(
    "POST",
    new URL(`/topics/${topic.name}`, kedge),
    { "content-type": "application/vnd.kafka.binary.v2+json" },
    body,
  );
  const compared = await compare(
    bench.generator,
    load(floor, [floorAppend(floor, "produce-1kb-rest", value)], ANY),
    load(kedge, [request], { ...ANY, contains: '"error_code":null' }),
    perSecond,
    bench.rounds,
  );
  const name = "produce-1kb-rest";
  return [ratio(name, "produce 1 KB, REST v2 JSON", "req/s", compared, { atLeast: 0.5 })];
}

async function produceLarge(bench: Bench): Promise<Figure[]> {
  const { kedge, floor } = bench.service;
  const topic = await createTopic(kedge, "produce-1mb");
  const frame = produceFrame(topic, batchOf(LARGE_RECORDS, RECORD_BYTES));
  const rowsBefore = await rowsWritten(bench, topic);
  const compared = await compare(
    bench.generator,
    load(floor, [floorAppend(floor, "produce-1mb", frame)], ANY, LARGE_IN_FLIGHT),
    load(kedge, [kafkaRequest(kedge, frame)], produced(topic), LARGE_IN_FLIGHT),
    (result) => perSecond(result) * (frame.byteLength / MEGABYTE),
    bench.rounds,
  );
  const rows = (await rowsWritten(bench, topic)) - rowsBefore;
  return [
    ratio("produce-1mb-kafka", "produce 1 MB, /kafka", "MB/s", compared, { atLeast: 0.85 }),
    count("rows-per-1mb-batch", "rows for a batch of 1 MB", rows / compared.responses, {
      atMost: 2,
    }),
  ];
}

async function fetchLarge(bench: Bench): Promise<Figure[]> {
  const { kedge, floor } = bench.service;
  const topic = await createTopic(kedge, "fetch-1mb");
  const batch = batchOf(LARGE_RECORDS, RECORD_BYTES);
  await fill(bench, topic, batch, LARGE_STORED);
  const object = "fetch-1mb";
  await bench.generator.run({
    ...load(floor, [floorAppend(floor, object, batch)], ANY),
    inFlight: 1,
    ...untilDone(LARGE_STORED),
  });
  const each = <T>(make: (at: number) => T): T[] =>
    Array.from({ length: LARGE_STORED }, (_, at) => make(at));
  const whole = { ...ANY, bodyBytesMin: batch.byteLength };
  const compared = await compare(
    bench.generator,
    load(
      floor,
      each((at) => floorRead(floor, object, at + 1)),
      whole,
      LARGE_IN_FLIGHT,
    ),
    load(
      kedge,
      each((at) => kafkaRequest(kedge, fetchFrame(topic, at * LARGE_RECORDS, batch.byteLength))),
      { ...whole, zeroAt: fetchErrorAt(topic) },
      LARGE_IN_FLIGHT,
    ),
    megabytesRead,
    bench.rounds,
  );
  return [ratio("fetch-1mb-kafka", "fetch 1 MB, /kafka", "MB/s", compared, { atLeast: 0.8 })];
}

/** Here the floor is Kedge itself, with a short log. */
async function fetchHead(bench: Bench): Promise<Figure[]> {
  const { kedge } = bench.service;
  const batch = batchOf(LOG_BATCH_RECORDS, LOG_RECORD_BYTES);
  const logOf = async (name: string, records: number): Promise<Load> => {
    const topic = await createTopic(kedge, name);
    await fill(bench, topic, batch, records / LOG_BATCH_RECORDS);
    const requests = Array.from({ length: HEAD_RECORDS / LOG_BATCH_RECORDS }, (_, at) => {
      const offset = records - HEAD_RECORDS + at * LOG_BATCH_RECORDS;
      return kafkaRequest(kedge, fetchFrame(topic, offset, batch.byteLength));
    });
    const expect = { ...ANY, bodyBytesMin: batch.byteLength, zeroAt: fetchErrorAt(topic) };
    return load(kedge, requests, expect);
  };
  const compared = await compare(
    bench.generator,
    await logOf("fetch-head-short", SMALL_LOG_RECORDS),
    await logOf("fetch-head-long", LARGE_LOG_RECORDS),
    perSecond,
    bench.rounds,
  );
  const what = "fetch near the head, 1,000,000 against 10,000 records";
  return [ratio("fetch-head-1m-records", what, "req/s", compared, { atLeast: 0.8 })];
}

function floorAppend(floor: URL, object: string, bytes: Uint8Array): Uint8Array {
  return httpRequest("POST", new URL(`/append?object=${object}`, floor), {}, bytes);
}

function floorRead(floor: URL, object: string, row: number): Uint8Array {
  return httpRequest("GET", new URL(`/read?object=${object}&row=${row}`, floor), {}, NOTHING);
}

async function fill(bench: Bench, topic: Topic, batch: Uint8Array, times: number): Promise<void> {
  const { kedge } = bench.service;
  await bench.generator.run({
    ...load(kedge, [kafkaRequest(kedge, produceFrame(topic, batch))], produced(topic)),
    inFlight: LARGE_IN_FLIGHT,
    ...untilDone(times),
  });
}

/** Three replicas and acks=all against one, in turns in the same workerd; and what they cost. */
import { batchOf, createTopic, kafkaRequest, produceFrame, type Topic } from "./kafka.ts";
import {
  type Bench,
  CONNECTIONS,
  count,
  load,
  MEGABYTE,
  perSecond,
  produced,
  ratio,
  statsOf,
  untilDone,
} from "./loads.ts";
import { compare, type Load } from "./measure.ts";
import type { Figure } from "./report.ts";

const REPLICAS = 3;
const RECORD_BYTES = 1_024;
/** Records of a batch of 100 KB. */
const BATCH_RECORDS = 100;

export async function replicatedSmall(bench: Bench): Promise<Figure[]> {
  const [one, three] = await topicsOf(bench, "replicated-1kb");
  const batch = batchOf(1, RECORD_BYTES);
  const compared = await compare(
    bench.generator,
    producing(bench, one, batch),
    producing(bench, three, batch),
    perSecond,
    bench.rounds,
  );
  const what = "produce 1 KB, 3 replicas against 1";
  return [
    ratio("replicated-1kb", what, "req/s", compared, { atLeast: 0.8 }),
    await followerRows(bench, three, "1 KB"),
  ];
}

export async function replicatedLarge(bench: Bench): Promise<Figure[]> {
  const [one, three] = await topicsOf(bench, "replicated-100kb");
  const batch = batchOf(BATCH_RECORDS, RECORD_BYTES);
  const compared = await compare(
    bench.generator,
    producing(bench, one, batch),
    producing(bench, three, batch),
    (result) => perSecond(result) * (batch.byteLength / MEGABYTE),
    bench.rounds,
  );
  const what = "produce 100 KB, 3 replicas against 1";
  return [
    // A third is the most that three copies on one disk can have.
    ratio("replicated-100kb", what, "MB/s", compared, { atLeast: 0.3 }),
    await followerRows(bench, three, "100 KB"),
  ];
}

/** Dollars of the Workers Paid plan, above what it includes (/durable-objects/platform/pricing). */
const DOLLARS = {
  workerRequest: 0.3e-6,
  objectRequest: 0.15e-6,
  rowWritten: 1e-6,
  gigabyteMonth: 0.2,
};
const MILLION = 1_000_000;
const KEPT_MONTHS = 7 / 30;
const COST_BATCHES = 3_000;

/**
 * Rows and object requests are counted, dollars computed: requests of the Worker and of the objects,
 * rows written and later deleted, and storage for a week. Not in it: CPU, the time that objects are
 * awake, and reads.
 */
export async function replicationCost(bench: Bench): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const records of [1, BATCH_RECORDS]) {
    const batch = batchOf(records, RECORD_BYTES);
    const topics = await topicsOf(bench, `cost-${records}`);
    for (const [at, topic] of topics.entries()) {
      const replicas = at === 0 ? 1 : REPLICAS;
      const before = await totalOf(bench, topic);
      await bench.generator.run({
        ...producing(bench, topic, batch),
        ...untilDone(COST_BATCHES),
      });
      const after = await totalOf(bench, topic);
      const millions = (COST_BATCHES * records) / MILLION;
      const rows = (after.rowsWritten - before.rowsWritten) / millions;
      const requests = (after.requests - before.requests) / millions;
      const gigabytes = (replicas * batch.byteLength * (MILLION / records)) / 1e9;
      const dollars =
        (MILLION / records) * DOLLARS.workerRequest +
        requests * DOLLARS.objectRequest +
        2 * rows * DOLLARS.rowWritten +
        gigabytes * KEPT_MONTHS * DOLLARS.gigabyteMonth;
      const each = `a million records, ${records} a batch, ${replicas} replicas`;
      const name = `cost-rf${replicas}-${records}-a-batch`;
      const most = MOST[records === 1 ? "single" : "batched"];
      figures.push(
        count(`${name}-rows`, `rows: ${each}`, rows, { atMost: most.rows * replicas }),
        {
          ...count(`${name}-requests`, `object requests: ${each}`, requests, {
            atMost: (most.requests * (replicas + 1)) / 2,
          }),
          unit: "requests",
        },
        {
          ...count(`${name}-dollars`, `cost: ${each}`, dollars, {
            atMost: most.dollars * replicas,
          }),
          unit: "$",
        },
      );
    }
  }
  return figures;
}

/** For each copy; a record that goes alone still shares a row with those that came meanwhile. */
const MOST = {
  single: { rows: 100_000, requests: 1_100_000, dollars: 0.8 },
  batched: { rows: 11_000, requests: 11_000, dollars: 0.08 },
};

/** The same topic with one replica and with three. */
async function topicsOf({ service }: Bench, name: string): Promise<[Topic, Topic]> {
  return [
    await createTopic(service.kedge, `${name}-rf1`, 1),
    await createTopic(service.kedge, `${name}-rf3`, REPLICAS),
  ];
}

function producing({ service }: Bench, topic: Topic, batch: Uint8Array): Load {
  const request = kafkaRequest(service.kedge, produceFrame(topic, batch));
  return load(service.kedge, [request], produced(topic), CONNECTIONS);
}

/** What a follower writes to what its leader writes, for the same records. */
async function followerRows(bench: Bench, topic: Topic, size: string): Promise<Figure> {
  const leader = await statsOf(bench, topic.object);
  const followers = await Promise.all(topic.followers.map((object) => statsOf(bench, object)));
  const most = Math.max(...followers.map(({ rowsWritten }) => rowsWritten));
  const name = `follower-rows-${size.replace(" ", "").toLowerCase()}`;
  return {
    ...count(name, `rows of a follower to its leader's, ${size}`, most, { atMost: 1 }),
    floor: leader.rowsWritten,
    ratio: most / leader.rowsWritten,
  };
}

async function totalOf(
  bench: Bench,
  { object, followers }: Topic,
): Promise<{ rowsWritten: number; requests: number }> {
  const all = await Promise.all([object, ...followers].map((one) => statsOf(bench, one)));
  return {
    rowsWritten: all.reduce((sum, stats) => sum + stats.rowsWritten, 0),
    requests: all.reduce((sum, stats) => sum + stats.requests, 0),
  };
}

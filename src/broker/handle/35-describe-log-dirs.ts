/**
 * DescribeLogDirs, key 35, versions 1-4. Size and lag of the replicas of a broker (KIP-113). A broker has
 * one log dir, which bears the region's name. Who addresses no broker is told of all of them, a log dir
 * each; a gateway's listener addresses its own, as Kafka's clients expect.
 *
 * Every replica named is asked, and so woken, and for a follower its leader too, whose high watermark
 * the lag is counted from. Topics that a broker has no replica of are left out of its log dir, as Kafka
 * does; so is a replica that does not answer, which is logged.
 *
 * 2: flexible. 3: an error of the whole: 42 when more replicas are meant than LOG_DIRS_REPLICAS_MAX.
 * Before, the log dir has it. 4: what the platform lets a replica hold, and what the fullest one here
 * has left of it (KIP-827): a Durable Object's limit is each replica's own.
 */
import type { BrokerInfo, PartitionInfo, TopicInfo } from "../../cluster/types.ts";
import { LOG_DIRS_REPLICAS_MAX, OBJECT_BYTES_MAX } from "../../constants.ts";
import {
  type DescribeLogDirsRequest,
  describeLogDirsApi,
} from "../../protocol/api/35-describe-log-dirs.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { clusterOf } from "../cluster.ts";
import { logEntry, type RequestContext } from "../context.ts";
import { inWaves } from "../coordinator-call.ts";
import { defineHandler } from "../handler.ts";
import type { LogStatus } from "../ports.ts";

interface ReplicaRef {
  readonly topic: TopicInfo;
  readonly row: PartitionInfo;
  readonly brokerId: number;
}

interface Measured extends ReplicaRef {
  readonly sizeInBytes: number;
  readonly offsetLag: number;
}

export const describeLogDirsHandler = defineHandler(
  describeLogDirsApi,
  [1, 4],
  async (ctx, request) => {
    const { brokers } = await clusterOf(ctx);
    const meant = brokers.filter(({ brokerId }) => (ctx.brokerId ?? brokerId) === brokerId);
    const replicas = await replicasOf(ctx, meant, request.topics);
    if (replicas.length > LOG_DIRS_REPLICAS_MAX) {
      const text = `${replicas.length} replicas are meant, and one request looks at ${LOG_DIRS_REPLICAS_MAX} at the most: name fewer topics or partitions.`;
      throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
    }
    const measured = await measure(ctx, replicas);
    const results = meant.map((broker) =>
      logDir(
        broker,
        measured.filter(({ brokerId }) => brokerId === broker.brokerId),
      ),
    );
    return { errorCode: ErrorCode.NONE, results };
  },
  {
    failure: ({ code: errorCode }) => ({
      errorCode,
      results: [{ errorCode, logDir: "", topics: [] }],
    }),
  },
);

/** The replicas that these brokers hold of what is asked for; null is all there is. */
async function replicasOf(
  { ports, clusterId }: RequestContext,
  brokers: readonly BrokerInfo[],
  asked: DescribeLogDirsRequest["topics"],
): Promise<ReplicaRef[]> {
  const names = asked?.map(({ topic }) => topic) ?? null;
  const topics = await ports.catalogue.topics(clusterId, names);
  const ids = new Set(brokers.map(({ brokerId }) => brokerId));
  const wanted = asked === null ? null : new Map(asked.map((one) => [one.topic, one.partitions]));
  return [...topics.values()].flatMap((topic) =>
    topic.partitions
      .filter(({ partition }) => wanted?.get(topic.name)?.includes(partition) ?? true)
      .flatMap((row) =>
        row.replicas
          .filter((brokerId) => ids.has(brokerId))
          .map((brokerId) => ({ topic, row, brokerId })),
      ),
  );
}

async function measure(ctx: RequestContext, replicas: readonly ReplicaRef[]): Promise<Measured[]> {
  const measured: Measured[] = [];
  await inWaves(replicas, async (replica) => {
    const { row, brokerId } = replica;
    const [own, leaders] = await Promise.all([
      statusOf(ctx, replica, brokerId),
      row.leader < 0 || row.leader === brokerId ? null : statusOf(ctx, replica, row.leader),
    ]);
    if (own === null) return;
    const { highWatermark } = leaders ?? own;
    const offsetLag = Math.max(0, highWatermark - own.logEndOffset);
    measured.push({ ...replica, sizeInBytes: own.sizeInBytes, offsetLag });
  });
  return measured;
}

/** Null: it is not there, or does not answer. */
async function statusOf(
  ctx: RequestContext,
  { topic, row }: ReplicaRef,
  brokerId: number,
): Promise<LogStatus | null> {
  const { clusterId, ports } = ctx;
  const { topicId } = topic;
  const { partition } = row;
  let error: string;
  try {
    const status = await ports.partitions.at({ clusterId, topicId, partition, brokerId }).status();
    if (status.errorCode === ErrorCode.NONE) return status;
    error = `error ${status.errorCode}`;
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message : String(thrown);
  }
  logEntry(ctx, {
    level: "warn",
    message: `the replica of ${topic.name}-${partition} on broker ${brokerId} does not say how large it is`,
    object: `${clusterId}/${topicId}/${partition}/${brokerId}`,
    error,
  });
  return null;
}

function logDir({ rack }: BrokerInfo, replicas: readonly Measured[]) {
  const byTopic = Map.groupBy(replicas, ({ topic }) => topic.name);
  const fullest = Math.max(0, ...replicas.map(({ sizeInBytes }) => sizeInBytes));
  return {
    errorCode: ErrorCode.NONE,
    logDir: rack,
    topics: Array.from(byTopic, ([name, some]) => ({
      name,
      partitions: some
        .map(({ row, sizeInBytes, offsetLag }) => ({
          partitionIndex: row.partition,
          partitionSize: sizeInBytes,
          ...{ offsetLag, isFutureKey: false },
        }))
        .sort((a, b) => a.partitionIndex - b.partitionIndex),
    })),
    totalBytes: OBJECT_BYTES_MAX,
    usableBytes: Math.max(0, OBJECT_BYTES_MAX - fullest),
  };
}

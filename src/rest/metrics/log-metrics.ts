/** What the logs of some topics say of themselves: each leader asked is an object woken. */
import type { RequestContextBase } from "../../broker/context.ts";
import { inWaves } from "../../broker/coordinator-call.ts";
import type { LogStatus } from "../../broker/ports.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { METRICS_LOGS_MAX } from "../limits.ts";
import type { TopicView } from "../topics.ts";
import type { Exposition } from "./exposition.ts";

interface Log {
  readonly labels: { readonly topic: string; readonly partition: number };
  readonly status: LogStatus;
}

/** @param topics those that were asked for, as far as the caller may see them */
export async function addLogMetrics(
  out: Exposition,
  ctx: RequestContextBase,
  topics: readonly TopicView[],
): Promise<void> {
  const { catalogue } = ctx.ports;
  const found = await catalogue.topics(
    ctx.clusterId,
    topics.map(({ name }) => name),
  );
  const all = topics.flatMap(({ name, partitions }) =>
    partitions.flatMap(({ partition, leader }) => {
      const topicId = found.get(name)?.topicId;
      return topicId === undefined ? [] : [{ topic: name, topicId, partition, leader }];
    }),
  );
  const asked = all.slice(0, METRICS_LOGS_MAX);
  const logs: Log[] = [];
  await inWaves(asked, async ({ topic, topicId, partition, leader }) => {
    const status = await statusOf(ctx, topicId, partition, leader);
    if (status !== null) logs.push({ labels: { topic, partition }, status });
  });
  logs.sort((a, b) => order(a, b));
  const perLog = (name: string, help: string, value: (status: LogStatus) => number): void => {
    const samples = logs.map(({ labels, status }) => ({ labels, value: value(status) }));
    out.add(name, "gauge", help, samples);
  };
  perLog("kafka_log_log_logstartoffset", "First offset.", (status) => status.logStartOffset);
  perLog("kafka_log_log_logendoffset", "Next offset.", (status) => status.logEndOffset);
  perLog("kafka_log_log_size", "Bytes.", (status) => status.sizeInBytes);
  perLog("kedge_log_highwatermark", "What readers may read up to.", (s) => s.highWatermark);
  out.add(
    "kedge_metrics_logs_left_out",
    "gauge",
    `Logs that were meant and not asked: a scrape wakes ${METRICS_LOGS_MAX} objects at the most.`,
    [{ value: all.length - asked.length }],
  );
  out.add("kedge_metrics_logs_unanswered", "gauge", "Logs whose leader did not answer.", [
    { value: asked.length - logs.length },
  ]);
}

async function statusOf(
  { ports, clusterId }: RequestContextBase,
  topicId: string,
  partition: number,
  brokerId: number,
): Promise<LogStatus | null> {
  if (brokerId < 0) return null;
  try {
    const status = await ports.partitions.at({ clusterId, topicId, partition, brokerId }).status();
    return status.errorCode === ErrorCode.NONE ? status : null;
  } catch {
    // Counted as one that does not answer.
    return null;
  }
}

function order({ labels: a }: Log, { labels: b }: Log): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition;
}

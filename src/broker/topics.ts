/** From the topics and partitions that a request names to the objects that hold them. */
import { brokerSources, topicConfigValue } from "../cluster/config-sources.ts";
import type { ClusterInfo, PartitionInfo, TopicInfo } from "../cluster/types.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { RequestContext } from "./context.ts";
import type { PartitionPort } from "./ports.ts";

/** A request names a topic by name, or from some version on by id; the other is then empty. */
export interface TopicRef {
  readonly name: string;
  readonly topicId: string;
}

export type TopicLookup = (ref: TopicRef) => TopicInfo | undefined;

/** Reads every topic that a request names in one go. */
export async function lookUpTopics(
  ctx: RequestContext,
  refs: readonly TopicRef[],
  byId: boolean,
  opts?: { fresh?: boolean },
): Promise<TopicLookup> {
  const { catalogue } = ctx.ports;
  if (byId) {
    const ids = refs.map((ref) => ref.topicId);
    const topics = await catalogue.topicsById(ctx.clusterId, ids, opts);
    return (ref) => topics.get(ref.topicId);
  }
  const names = refs.map((ref) => ref.name);
  const topics = await catalogue.topics(ctx.clusterId, names, opts);
  return (ref) => topics.get(ref.name);
}

/** The code for a topic that is not there: it depends on how it was named. */
export function unknownTopic(byId: boolean): number {
  return byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}

export interface Leader {
  readonly topic: TopicInfo;
  readonly state: PartitionInfo;
  readonly port: PartitionPort;
}

/** The leader's object, or the error code of why there is none. */
export function leaderOf(
  ctx: RequestContext,
  topic: TopicInfo | undefined,
  partition: number,
  byId = false,
): Leader | number {
  if (topic === undefined) return unknownTopic(byId);
  const state = topic.partitions[partition];
  if (state === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  if (state.leader < 0) return ErrorCode.LEADER_NOT_AVAILABLE;
  const { clusterId } = ctx;
  const address = { clusterId, topicId: topic.topicId, partition, brokerId: state.leader };
  return { topic, state, port: ctx.ports.partitions.at(address) };
}

/** Answers that say "what you know of this partition is old". */
export function isStale(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION ||
    errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER ||
    errorCode === ErrorCode.FENCED_LEADER_EPOCH ||
    errorCode === ErrorCode.UNKNOWN_LEADER_EPOCH
  );
}

/** What a call to an object that failed on the way means for a client. */
export function transportError(error: unknown): number {
  // Overloaded: the platform refused it, and asks not to be tried again at once.
  if (error instanceof Error && "overloaded" in error && error.overloaded === true) {
    return ErrorCode.THROTTLING_QUOTA_EXCEEDED;
  }
  // Whether it was done is not known: clients retry this one, and idempotent ones do so safely.
  return ErrorCode.REQUEST_TIMED_OUT;
}

/** The topic's configs that the log goes by, as values. */
export interface LogRules {
  readonly maxMessageBytes: number;
  readonly segmentBytes: number;
  readonly logAppendTime: boolean;
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  readonly compacted: boolean;
  /** cleanup.policy has "delete". */
  readonly deleted: boolean;
}

interface KnownRules {
  readonly cluster: Pick<ClusterInfo, "configs">;
  readonly brokerId: number;
  readonly rules: LogRules;
}

const rulesOfTopic = new WeakMap<TopicInfo, KnownRules>();

/**
 * What the topic's log goes by on the broker that leads. Parsed once for each copy of the topic and of
 * the cluster that the catalogue hands out.
 */
export function logRules(
  { config }: Pick<RequestContext, "config">,
  cluster: Pick<ClusterInfo, "configs">,
  topic: TopicInfo,
  brokerId: number,
): LogRules {
  const known = rulesOfTopic.get(topic);
  if (known?.cluster === cluster && known.brokerId === brokerId) return known.rules;
  const sources = brokerSources(cluster, config.static, brokerId);
  const text = (name: string): string => topicConfigValue(name, topic.configs, sources);
  const number = (name: string): number => Number(text(name));
  const rules: LogRules = {
    maxMessageBytes: number("max.message.bytes"),
    segmentBytes: number("segment.bytes"),
    logAppendTime: text("message.timestamp.type") === "LogAppendTime",
    timestampBeforeMaxMs: number("message.timestamp.before.max.ms"),
    timestampAfterMaxMs: number("message.timestamp.after.max.ms"),
    compacted: text("cleanup.policy").includes("compact"),
    deleted: text("cleanup.policy").includes("delete"),
  };
  rulesOfTopic.set(topic, { cluster, brokerId, rules });
  return rules;
}

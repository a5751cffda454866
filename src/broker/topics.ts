/** From the topics and partitions that a request names to the objects that hold them. */
import { topicConfigText } from "../cluster/topic-configs.ts";
import type { PartitionInfo, TopicInfo } from "../cluster/types.ts";
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
}

const rulesOfTopic = new WeakMap<TopicInfo, LogRules>();

/** Parsed once for each copy of the topic that the catalogue hands out. */
export function logRules(ctx: RequestContext, topic: TopicInfo): LogRules {
  let rules = rulesOfTopic.get(topic);
  if (rules === undefined) {
    const { configs } = topic;
    const number = (name: string): number => Number(topicConfigText(configs, name));
    const type = configs["message.timestamp.type"] ?? ctx.config.logMessageTimestampType;
    rules = {
      maxMessageBytes: Number(configs["max.message.bytes"] ?? ctx.config.messageMaxBytes),
      segmentBytes: number("segment.bytes"),
      logAppendTime: type === "LogAppendTime",
      timestampBeforeMaxMs: number("message.timestamp.before.max.ms"),
      timestampAfterMaxMs: number("message.timestamp.after.max.ms"),
      compacted: topicConfigText(configs, "cleanup.policy").includes("compact"),
    };
    rulesOfTopic.set(topic, rules);
  }
  return rules;
}

/**
 * All consumer groups of one coordinator: their records, their requests and what they must know of
 * topics. A part of the group machine, which has the groups themselves.
 */
import type { ReplyTo } from "../../machine/machine.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput,
} from "../../protocol/api/68-consumer-group-heartbeat.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import type { GroupConfig } from "../config.ts";
import type { GroupTable, GroupTurn } from "../group.ts";
import type { GroupClient, GroupRecord, TopicImage } from "../messages.ts";
import type { ConsumerGroupContext } from "./consumer-group.ts";
import { ConsumerGroup } from "./consumer-group.ts";
import type { DescribedConsumerGroup } from "./describe.ts";
import { describeConsumerGroup, describeNoConsumerGroup } from "./describe.ts";
import { heartbeat, throwIfInvalid } from "./heartbeat.ts";
import { JOIN_EPOCH, sameNames } from "./member.ts";
import { decodeConsumerRecord } from "./records.ts";
import type { TopicNames } from "./topic-images.ts";
import { TopicImages } from "./topic-images.ts";
import type { TopicNeeds } from "./waiting-room.ts";
import { WaitingRoom } from "./waiting-room.ts";

const NO_NEEDS: TopicNeeds = { fresh: [], known: [], all: false };

export class ConsumerGroupManager {
  readonly topics = new TopicImages();
  readonly #table: GroupTable;
  readonly #context: ConsumerGroupContext;
  readonly #waiting = new WaitingRoom(this.topics);
  /** The group that the request at hand makes; it is in the table from its first record on. */
  #created: ConsumerGroup | null = null;

  constructor(table: GroupTable, config: GroupConfig) {
    this.#table = table;
    this.#context = { config, topics: this.topics, downgrade: () => false };
  }

  /** @throws ProtocolError for a record of a version that is not known */
  apply(record: GroupRecord): void {
    const decoded = decodeConsumerRecord(record);
    const { groupId } = decoded.key;
    const known = this.#consumerGroup(groupId);
    if (known === undefined && decoded.value === null) return;
    const group = known ?? this.#newGroup(groupId);
    group.replay(decoded);
    if (group !== known) this.#table.put(group);
    if (decoded.kind === "metadata" && decoded.value === null) this.#table.remove(groupId);
  }

  #newGroup(groupId: string): ConsumerGroup {
    const created = this.#created;
    return created?.groupId === groupId ? created : new ConsumerGroup(groupId, this.#context);
  }

  heartbeat(
    turn: GroupTurn,
    to: ReplyTo,
    client: GroupClient,
    request: ConsumerGroupHeartbeatRequest,
  ): void {
    const answer = (later: GroupTurn): void => {
      later.reply(to, { api: "consumerGroupHeartbeat", body: this.#beat(later, client, request) });
    };
    try {
      throwIfInvalid(request, client.apiVersion);
    } catch (error) {
      turn.reply(to, { api: "consumerGroupHeartbeat", body: refusal(error) });
      return;
    }
    this.topics.refresh(turn.nowMs, () => this.#allTopics());
    this.#waiting.answer(turn, to, this.#needs(request), answer);
  }

  /** GRP141: only who brings new topics into a group waits for what there is to know of them. */
  #needs(request: ConsumerGroupHeartbeatRequest): TopicNeeds {
    if (request.memberEpoch < JOIN_EPOCH) return NO_NEEDS;
    const group = this.#consumerGroup(request.groupId);
    const state = group?.state;
    const member = state?.member(request.memberId);
    const names = [...new Set(request.subscribedTopicNames ?? [])].sort();
    const pattern = request.subscribedTopicRegex ?? "";
    const resolved = state?.subscriptions.resolved(pattern);
    const isNews =
      request.memberEpoch === JOIN_EPOCH ||
      (request.subscribedTopicNames !== null &&
        !sameNames(names, member?.subscribedTopicNames ?? [])) ||
      (pattern !== "" && pattern !== member?.subscribedTopicRegex);
    if (!isNews) return NO_NEEDS;
    return {
      fresh: names,
      known: state?.subscriptions.topics() ?? [],
      all: pattern !== "" && resolved === undefined,
    };
  }

  #beat(
    turn: GroupTurn,
    client: GroupClient,
    request: ConsumerGroupHeartbeatRequest,
  ): ConsumerGroupHeartbeatResponseInput {
    try {
      return heartbeat(this.#groupFor(request), turn, client, request);
    } catch (error) {
      return refusal(error);
    } finally {
      this.#created = null;
    }
  }

  #groupFor({ groupId, memberEpoch }: ConsumerGroupHeartbeatRequest): ConsumerGroup {
    const group = this.#table.get(groupId);
    if (group instanceof ConsumerGroup) return group;
    if (group === undefined && memberEpoch === JOIN_EPOCH) {
      this.#created = new ConsumerGroup(groupId, this.#context);
      return this.#created;
    }
    throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, this.#whyNot(groupId));
  }

  #whyNot(groupId: string): string {
    return this.#table.get(groupId) === undefined
      ? `Consumer group ${groupId} not found.`
      : `Group ${groupId} is not a consumer group.`;
  }

  describe(groupId: string): DescribedConsumerGroup {
    const group = this.#consumerGroup(groupId);
    if (group !== undefined) return describeConsumerGroup(group);
    return describeNoConsumerGroup(groupId, this.#whyNot(groupId));
  }

  /** The outcome of `readTopics`. */
  topicsRead(turn: GroupTurn, topics: readonly TopicImage[] | null): void {
    const { version } = this.topics;
    this.topics.answered(turn.nowMs, topics);
    if (this.topics.version !== version) {
      for (const group of [...this.#table.all()]) {
        if (group instanceof ConsumerGroup) group.topicsChanged(turn);
      }
    }
    this.#waiting.settle(turn);
  }

  /** Topics were deleted: who reads them learns of it with its next heartbeat. */
  topicsDeleted(names: readonly string[]): void {
    this.topics.want(names.filter((name) => this.topics.image(name) !== undefined));
  }

  endStep(turn: GroupTurn): void {
    this.#waiting.settle(turn);
    const question = this.topics.question(turn.nowMs);
    if (question !== null) turn.send(question);
  }

  deadline(): number {
    return Math.min(this.#waiting.deadlineMs, this.topics.deadlineMs);
  }

  refuseAll(turn: Pick<GroupTurn, "reply">, errorCode: number): void {
    for (const to of this.#waiting.leave()) turn.reply(to, { api: "failed", errorCode });
  }

  #consumerGroup(groupId: string): ConsumerGroup | undefined {
    const group = this.#table.get(groupId);
    return group instanceof ConsumerGroup ? group : undefined;
  }

  /** What the groups with members read; null when one of them goes by patterns. */
  #allTopics(): TopicNames {
    const names = new Set<string>();
    for (const group of this.#table.all()) {
      if (!(group instanceof ConsumerGroup) || group.isEmpty) continue;
      if (group.state.subscriptions.hasPatterns) return null;
      for (const name of group.state.subscriptions.topics()) names.add(name);
    }
    return names;
  }
}

function refusal(error: unknown): ConsumerGroupHeartbeatResponseInput {
  if (!(error instanceof KafkaError)) throw error;
  return {
    errorCode: error.code,
    errorMessage: error.message,
    memberId: null,
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
    assignment: null,
  };
}

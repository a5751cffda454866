/**
 * All consumer groups of one coordinator: their records, their requests and what they must know of
 * topics. A part of the group machine, which has the groups themselves.
 */
import { InvariantError } from "../../lib/assert.ts";
import type { ReplyTo } from "../../machine/machine.ts";
import type { JoinGroupRequest, JoinGroupResponseInput } from "../../protocol/api/11-join-group.ts";
import type { SyncGroupRequest } from "../../protocol/api/14-sync-group.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput,
} from "../../protocol/api/68-consumer-group-heartbeat.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { joinError, syncError } from "../classic/answers.ts";
import { type CheckedJoin, checkJoin } from "../classic/check-join.ts";
import { ClassicGroup } from "../classic/classic-group.ts";
import { joinClassicGroup } from "../classic/join.ts";
import { leaveAnswer, leavingMembers } from "../classic/leave.ts";
import type { GroupConfig } from "../config.ts";
import type { ClassicRequest, ConsumerGroups, GroupTable, GroupTurn } from "../group.ts";
import type { GroupClient, GroupRecord, TopicImage } from "../messages.ts";
import type { ClassicJoinOutcome } from "./classic-members.ts";
import {
  classicHeartbeat,
  classicJoin,
  classicLeave,
  classicSync,
  namesIn,
} from "./classic-members.ts";
import type { ConsumerGroupContext } from "./consumer-group.ts";
import { ConsumerGroup } from "./consumer-group.ts";
import type { DescribedConsumerGroup } from "./describe.ts";
import { describeConsumerGroup, describeNoConsumerGroup } from "./describe.ts";
import { heartbeat, throwIfInvalid, throwIfNoRoom } from "./heartbeat.ts";
import { JOIN_EPOCH, sameNames } from "./member.ts";
import { downgrade, topicsIn, upgrade, upgradedMembers } from "./migration.ts";
import { compilePattern } from "./patterns.ts";
import { decodeConsumerRecord } from "./records.ts";
import { CONSUMER_RULES, type ConsumerRules } from "./rules.ts";
import type { TopicNames } from "./topic-images.ts";
import { TopicImages } from "./topic-images.ts";
import type { TopicNeeds } from "./waiting-room.ts";
import { WaitingRoom } from "./waiting-room.ts";

const NO_NEEDS: TopicNeeds = { fresh: [], known: [], all: false };

export class ConsumerGroupManager implements ConsumerGroups {
  readonly topics = new TopicImages();
  readonly #table: GroupTable;
  readonly #context: ConsumerGroupContext;
  readonly #waiting = new WaitingRoom(this.topics);
  /** The group that the request at hand makes; it is in the table from its first record on. */
  #created: ConsumerGroup | null = null;
  /** Groups whose deadlines may be others than before this step. */
  readonly #stirred = new Set<string>();

  constructor(table: GroupTable, config: GroupConfig, rules: Partial<ConsumerRules> = {}) {
    this.#table = table;
    this.#context = {
      config,
      rules: { ...CONSUMER_RULES, ...rules },
      topics: this.topics,
      downgrade: (turn, group, leaving) => {
        this.#stirred.add(group.groupId);
        return downgrade(turn, table, group, leaving);
      },
    };
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
    const found = this.#table.get(request.groupId);
    const state = found instanceof ConsumerGroup ? found.state : undefined;
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
      known:
        found instanceof ClassicGroup ? topicsIn(found) : (state?.subscriptions.topics() ?? []),
      all: pattern !== "" && resolved === undefined,
    };
  }

  #beat(
    turn: GroupTurn,
    client: GroupClient,
    request: ConsumerGroupHeartbeatRequest,
  ): ConsumerGroupHeartbeatResponseInput {
    try {
      return heartbeat(this.#groupFor(turn, request), turn, client, request);
    } catch (error) {
      return refusal(error);
    } finally {
      this.#created = null;
      this.#stirred.add(request.groupId);
    }
  }

  #groupFor(turn: GroupTurn, request: ConsumerGroupHeartbeatRequest): ConsumerGroup {
    const { groupId, memberEpoch } = request;
    const found = this.#table.get(groupId);
    if (found instanceof ConsumerGroup) return found;
    if (memberEpoch !== JOIN_EPOCH) {
      throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, this.#whyNot(groupId));
    }
    if (request.subscribedTopicRegex) compilePattern(request.subscribedTopicRegex);
    const group = new ConsumerGroup(groupId, this.#context);
    this.#created = group;
    if (found instanceof ClassicGroup && !found.isEmpty) {
      this.#upgrade(turn, found, group, request);
    } else {
      found?.tombstones(turn);
    }
    return group;
  }

  #upgrade(
    turn: GroupTurn,
    classic: ClassicGroup,
    group: ConsumerGroup,
    { memberId, instanceId }: ConsumerGroupHeartbeatRequest,
  ): void {
    const members = upgradedMembers(classic, this.#context.config, this.topics);
    const isThere =
      classic.members.get(memberId) !== undefined ||
      (instanceId !== null && classic.members.byInstance(instanceId) !== undefined);
    throwIfNoRoom(this.#context.config, isThere ? members.length - 1 : members.length);
    upgrade(turn, classic, group, members);
  }

  #whyNot(groupId: string): string {
    return this.#table.get(groupId) === undefined
      ? `Consumer group ${groupId} not found.`
      : `Group ${groupId} is not a consumer group.`;
  }

  /** A request of the classic protocol for a consumer group that has members. */
  classic(turn: GroupTurn, to: ReplyTo, client: GroupClient, request: ClassicRequest): void {
    this.topics.refresh(turn.nowMs, () => this.#allTopics());
    switch (request.api) {
      case "joinGroup":
        this.#classicJoin(turn, to, client, request.body);
        return;
      case "syncGroup":
        this.#waiting.answer(turn, to, this.#needsOfSync(request.body), (later) => {
          const body = this.#withGroup(request.body, syncError, (group) =>
            classicSync(group, later, request.body),
          );
          later.reply(to, { api: "syncGroup", body });
        });
        return;
      case "heartbeat": {
        const refuse = (errorCode: number) => ({ errorCode });
        const body = this.#withGroup(request.body, refuse, (group) => {
          return { errorCode: classicHeartbeat(group, turn, request.body) };
        });
        turn.reply(to, { api: "heartbeat", body });
        return;
      }
      case "leaveGroup": {
        const leaving = leavingMembers(request.body, client.apiVersion);
        const codes = this.#withGroup(
          request.body,
          () => [],
          (group) => classicLeave(group, turn, leaving),
        );
        turn.reply(to, { api: "leaveGroup", body: leaveAnswer(leaving, codes, client.apiVersion) });
      }
    }
  }

  #classicJoin(turn: GroupTurn, to: ReplyTo, client: GroupClient, body: JoinGroupRequest): void {
    const { config } = this.#context;
    const join = checkJoin(body, client, config);
    const refuse = (code: number): JoinGroupResponseInput => joinError(code, body.memberId);
    if (typeof join === "number") {
      turn.reply(to, { api: "joinGroup", body: refuse(join) });
      return;
    }
    this.#waiting.answer(turn, to, this.#needsOfJoin(body.groupId, join), (later) => {
      const outcome = this.#withGroup<ClassicJoinOutcome>(
        body,
        (code) => ({ answer: refuse(code) }),
        (group) => classicJoin(group, later, client, join),
      );
      if ("answer" in outcome) {
        later.reply(to, { api: "joinGroup", body: outcome.answer });
        return;
      }
      const group = this.#table.get(body.groupId);
      if (!(group instanceof ClassicGroup)) throw new InvariantError("the group was downgraded");
      const request = { ...join, memberId: outcome.downgradedFor };
      joinClassicGroup(group, { turn: later, config, client, to, request });
    });
  }

  #needsOfJoin(groupId: string, join: CheckedJoin): TopicNeeds {
    const { reads, owns } = namesIn(join);
    const topics = this.#consumerGroup(groupId)?.state.subscriptions.topics() ?? [];
    return { fresh: reads, known: [...topics, ...owns], all: false };
  }

  #needsOfSync({ groupId }: SyncGroupRequest): TopicNeeds {
    const known = this.#consumerGroup(groupId)?.state.subscriptions.topics() ?? [];
    return { ...NO_NEEDS, known };
  }

  /** Who waited while the group became another kind of group is to join again. */
  #withGroup<Result>(
    { groupId }: { readonly groupId: string },
    refuse: (errorCode: number) => Result,
    act: (group: ConsumerGroup) => Result,
  ): Result {
    const group = this.#consumerGroup(groupId);
    if (group === undefined || group.isEmpty) return refuse(ErrorCode.REBALANCE_IN_PROGRESS);
    this.#stirred.add(groupId);
    try {
      return act(group);
    } catch (error) {
      if (error instanceof KafkaError) return refuse(error.code);
      throw error;
    }
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

  /** Ids of the groups whose deadlines the step may have moved. */
  endStep(turn: GroupTurn): Iterable<string> {
    this.#waiting.settle(turn);
    const question = this.topics.question(turn.nowMs);
    if (question !== null) turn.send(question);
    const stirred = [...this.#stirred];
    this.#stirred.clear();
    return stirred;
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

/**
 * The coordinator of groups as a pure machine (Kafka's GroupCoordinatorShard with GroupMetadataManager
 * and OffsetMetadataManager): it decides records of `__consumer_offsets` and replies. What a record
 * says is hard; sessions, pending members and rebalances under way are soft. Rules: SPEC.md.
 */
import { GROUP_OFFSETS_PER_TURN } from "../constants.ts";
import type { Machine, ReplyTo } from "../machine/machine.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { Backlog } from "./backlog.ts";
import { ClassicRequests } from "./classic/requests.ts";
import { CLASSIC_RULES, type ClassicRules } from "./classic/rules.ts";
import type { GroupConfig } from "./config.ts";
import type { ConsumerGroups, GroupTable, GroupTurn } from "./group.ts";
import { type GroupEntry, Groups } from "./groups.ts";
import {
  deleteGroups,
  describeClassicGroups,
  describeConsumerGroups,
  listGroups,
} from "./listing.ts";
import type {
  GroupClient,
  GroupEffects,
  GroupInput,
  GroupMessage,
  GroupRecord,
  GroupReply,
  GroupRequest,
} from "./messages.ts";
import { OffsetExpiry } from "./offset-expiry.ts";
import { OffsetRequests } from "./offset-requests.ts";
import { GROUP_METADATA_KEY, isOffsetCommitKey, keyVersionOf } from "./records.ts";

/** Kinds of records that are KIP-848's: ConsumerGroup*Key; the last is …RegularExpressionKey. */
const CONSUMER_GROUP_KEYS: ReadonlySet<number> = new Set([3, 4, 5, 6, 7, 8, 16]);

const CLASSIC_ONLY: GroupReply = {
  api: "consumerGroupHeartbeat",
  body: {
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    errorMessage:
      "This coordinator speaks the classic group protocol only: set group.protocol=classic.",
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
  },
};

export class GroupMachine implements Machine<GroupInput, GroupRecord, GroupMessage, GroupReply> {
  readonly #groups: Groups;
  readonly #consumers: ConsumerGroups | null;
  readonly #expiry: OffsetExpiry;
  readonly #backlog = new Backlog(GROUP_OFFSETS_PER_TURN);
  readonly #classic: ClassicRequests;
  readonly #offsets: OffsetRequests;
  #nowMs = 0;

  /** `consumers` makes KIP-848's part; without it the coordinator speaks the classic protocol alone. */
  constructor(
    config: GroupConfig,
    consumers?: (groups: GroupTable) => ConsumerGroups,
    rules: Partial<ClassicRules> = {},
  ) {
    this.#groups = new Groups(config, { ...CLASSIC_RULES, ...rules });
    this.#consumers = consumers?.(this.#groups) ?? null;
    this.#expiry = new OffsetExpiry(config);
    this.#classic = new ClassicRequests(config, this.#groups, this.#consumers);
    this.#offsets = new OffsetRequests(config, this.#groups, this.#expiry);
  }

  /** For tests and checkers: what is under each id. */
  get groups(): GroupTable {
    return this.#groups;
  }

  step(nowMs: number, input: GroupInput, out: GroupEffects): void {
    this.#nowMs = nowMs;
    const turn = this.#turn(nowMs, out);
    switch (input.kind) {
      case "request":
        this.#request(turn, input.to, input.client, input.request);
        break;
      case "topics":
        this.#consumers?.topicsRead(turn, input.topics);
        break;
      case "tick":
        this.#tick(turn);
    }
    this.#endStep(turn);
  }

  #endStep(turn: GroupTurn): void {
    for (const groupId of this.#consumers?.endStep(turn) ?? []) this.#changed(turn, groupId);
  }

  /** GRP24: records of a kind that is not known are a newer version's, and passed over. */
  apply(record: GroupRecord): void {
    const kind = keyVersionOf(record.key);
    if (isOffsetCommitKey(kind)) this.#groups.applyOffset(record);
    else if (kind === GROUP_METADATA_KEY) this.#groups.applyClassicGroup(record);
    else if (CONSUMER_GROUP_KEYS.has(kind)) this.#consumers?.apply(record, kind);
  }

  /** Every record of the log has been applied (GroupMetadataManager.onLoaded). */
  loaded(nowMs: number, out: GroupEffects): void {
    this.#nowMs = nowMs;
    for (const entry of this.#groups.entries()) {
      entry.group.loaded(nowMs);
      this.#expiry.loaded(entry, nowMs);
      this.#setTimer(entry);
    }
    this.#endStep(this.#turn(nowMs, out));
  }

  /** It is not the coordinator any more, or cannot go on: whoever waits is told so. */
  refuseAll(out: Pick<GroupEffects, "replies">, errorCode: number): void {
    const turn = { reply: (to: ReplyTo, reply: GroupReply) => out.replies.push({ to, reply }) };
    for (const group of this.#groups.all()) group.refuseAll(turn, errorCode);
    this.#consumers?.refuseAll(turn, errorCode);
    this.#backlog.abandon((to) => {
      turn.reply(to, { api: "failed", errorCode });
    });
  }

  deadline(): number {
    // What is left of bounded work is due at once.
    const workMs = this.#backlog.isEmpty ? Infinity : this.#nowMs;
    const ownMs = this.#consumers?.deadline() ?? Infinity;
    return Math.min(workMs, ownMs, this.#groups.timers.next());
  }

  #turn(nowMs: number, out: GroupEffects): GroupTurn {
    return {
      nowMs,
      emit: (record) => {
        this.apply(record);
        out.facts.push(record);
      },
      reply: (to, reply) => out.replies.push({ to, reply }),
      send: (message) => out.messages.push(message),
    };
  }

  #request(turn: GroupTurn, to: ReplyTo, client: GroupClient, request: GroupRequest): void {
    switch (request.api) {
      case "joinGroup":
      case "syncGroup":
      case "heartbeat":
      case "leaveGroup":
        this.#classic.handle(turn, to, client, request);
        this.#asked(turn, request.body.groupId);
        return;
      case "offsetCommit":
        turn.reply(to, this.#offsets.commitOffsets(turn, client, request.body));
        this.#asked(turn, request.body.groupId);
        return;
      case "offsetFetch":
        turn.reply(to, this.#offsets.fetchOffsets(request.body));
        return;
      case "offsetDelete":
        turn.reply(to, this.#offsets.deleteOffsets(turn, request.body));
        this.#asked(turn, request.body.groupId);
        return;
      case "topicDeleted":
        this.#forgetTopics(turn, request.body.topics, to);
        return;
      case "describeGroups":
        turn.reply(to, describeClassicGroups(this.#groups, client, request.body.groups));
        return;
      case "listGroups":
        turn.reply(to, listGroups(this.#groups, request.body));
        return;
      case "deleteGroups":
        turn.reply(to, deleteGroups(this.#groups, turn, request.body.groups));
        return;
      case "consumerGroupHeartbeat":
        if (this.#consumers === null) turn.reply(to, CLASSIC_ONLY);
        else this.#consumers.heartbeat(turn, to, client, request.body);
        this.#asked(turn, request.body.groupId);
        return;
      case "consumerGroupDescribe":
        turn.reply(to, describeConsumerGroups(this.#groups, this.#consumers, request.body.groups));
    }
  }

  #forgetTopics(turn: GroupTurn, topics: readonly string[], to: ReplyTo): void {
    this.#consumers?.topicsDeleted(topics);
    const changed = (then: GroupTurn, groupId: string) => this.#changed(then, groupId);
    this.#backlog.add(this.#offsets.forgetTopics(turn.nowMs, topics, to, changed), to);
    this.#backlog.run(turn);
  }

  #asked(turn: GroupTurn, groupId: string): void {
    const entry = this.#groups.entry(groupId);
    if (entry === undefined) return;
    this.#expiry.asked(entry, turn.nowMs);
    this.#setTimer(entry);
  }

  #changed(turn: GroupTurn, groupId: string): GroupEntry | undefined {
    const entry = this.#groups.entry(groupId);
    if (entry === undefined) return undefined;
    this.#expiry.changed(entry, turn.nowMs);
    this.#setTimer(entry);
    return entry;
  }

  #setTimer(entry: GroupEntry): void {
    const dueMs = Math.min(entry.group.deadline(), entry.expiryMs);
    this.#groups.timers.set(entry.timer, dueMs);
  }

  #tick(turn: GroupTurn): void {
    const { timers } = this.#groups;
    // Groups first taken out, then ticked: one whose deadline stays due waits for the next tick.
    const due: GroupEntry[] = [];
    for (let entry = timers.takeDue(turn.nowMs); entry; entry = timers.takeDue(turn.nowMs)) {
      due.push(entry);
    }
    for (const entry of due) this.#tickEntry(turn, entry);
    this.#backlog.run(turn);
  }

  #tickEntry(turn: GroupTurn, { group }: GroupEntry): void {
    const { groupId } = group;
    if (this.#groups.get(groupId) !== group) return;
    if (group.deadline() <= turn.nowMs) group.tick(turn);
    const entry = this.#changed(turn, groupId);
    if (entry === undefined || entry.expiryMs > turn.nowMs) return;
    entry.expiryMs = Infinity;
    this.#backlog.add(this.#expire(entry, () => this.#groups.entry(groupId) === entry));
    this.#setTimer(entry);
  }

  *#expire(entry: GroupEntry, isCurrent: () => boolean): ReturnType<OffsetExpiry["run"]> {
    yield* this.#expiry.run(entry, isCurrent);
    if (isCurrent()) this.#setTimer(entry);
  }
}

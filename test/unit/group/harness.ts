/** A group machine under a hand-driven clock: requests, ticks, and a second life by replay. */
import { expect } from "vitest";
import { ClassicGroup } from "../../../src/group/classic/classic-group.ts";
import { CLASSIC_RULES, type ClassicRules } from "../../../src/group/classic/rules.ts";
import { GROUP_CONFIG_DEFAULT, type GroupConfig } from "../../../src/group/config.ts";
import { GroupMachine } from "../../../src/group/group-machine.ts";
import type {
  FetchOffsets,
  GroupClient,
  GroupEffects,
  GroupRecord,
  GroupReply,
  GroupRequest,
} from "../../../src/group/messages.ts";
import type { OffsetCommitRequest } from "../../../src/protocol/api/08-offset-commit.ts";
import type { JoinGroupRequest } from "../../../src/protocol/api/11-join-group.ts";
import type { LeaveGroupRequest } from "../../../src/protocol/api/13-leave-group.ts";
import type { SyncGroupRequest } from "../../../src/protocol/api/14-sync-group.ts";
import {
  encodeConsumerAssignment,
  encodeConsumerSubscription,
} from "../../../src/protocol/consumer-protocol.ts";

export const START = 1_700_000_000_000;
export const GROUP = "g";

type Body<Name extends GroupReply["api"]> = Extract<
  GroupReply,
  { api: Name; body: unknown }
>["body"];

/** The answer to one request, which may not have come yet. */
export class Answer<Name extends GroupReply["api"]> {
  readonly #name: Name;
  readonly #reply: () => GroupReply | undefined;

  constructor(name: Name, reply: () => GroupReply | undefined) {
    this.#name = name;
    this.#reply = reply;
  }

  get waits(): boolean {
    return this.#reply() === undefined;
  }

  get body(): Body<Name> {
    const reply = this.#reply();
    expect(reply?.api, "the answer that has come").toBe(this.#name);
    return (reply as Extract<GroupReply, { api: Name; body: unknown }>).body as Body<Name>;
  }

  /** The code that it refuses with, whatever its kind; 0 when it does not. */
  get code(): number {
    const reply = this.#reply();
    if (reply === undefined) throw new Error(`${this.#name} still waits`);
    if (reply.api === "failed") return reply.errorCode;
    return (reply.body as { errorCode: number }).errorCode;
  }
}

/** What a consumer tells its leader. */
export function reads(...topics: string[]): Uint8Array {
  return encodeConsumerSubscription({
    topics,
    userData: null,
    ownedPartitions: [],
    generationId: -1,
    rackId: null,
  });
}

export function owns(topic: string, ...partitions: number[]): Uint8Array {
  return encodeConsumerAssignment({ assignedPartitions: [{ topic, partitions }], userData: null });
}

export const range = (metadata = reads("t")) => [{ name: "range", metadata }];

export class GroupHarness {
  nowMs = START;
  machine: GroupMachine;
  readonly config: GroupConfig;
  readonly log: GroupRecord[] = [];
  readonly #rules: ClassicRules;
  readonly #replies = new Map<number, GroupReply>();
  #lastTo = 0;
  #lastUuid = 0;

  constructor(config: Partial<GroupConfig> = {}, rules: ClassicRules = CLASSIC_RULES) {
    this.config = { ...GROUP_CONFIG_DEFAULT, initialRebalanceDelayMs: 0, ...config };
    this.#rules = rules;
    this.machine = this.#newMachine();
  }

  #newMachine(): GroupMachine {
    return new GroupMachine(this.config, undefined, this.#rules);
  }

  ask<Name extends GroupRequest["api"]>(
    request: Extract<GroupRequest, { api: Name }>,
    client: Partial<GroupClient> = {},
  ): Answer<Name> {
    const to = ++this.#lastTo;
    const whole = {
      clientId: "c",
      clientHost: "/10.0.0.1",
      apiVersion: 9,
      uuid: `u${++this.#lastUuid}`,
      ...client,
    };
    this.#step({ kind: "request", to, client: whole, request });
    return new Answer(request.api, () => this.#replies.get(to));
  }

  #step(input: Parameters<GroupMachine["step"]>[1]): void {
    const out: GroupEffects = { facts: [], messages: [], replies: [] };
    this.machine.step(this.nowMs, input, out);
    this.#take(out);
  }

  #take(out: GroupEffects): void {
    this.log.push(...out.facts);
    for (const { to, reply } of out.replies) {
      expect(this.#replies.has(to), `request ${to} is answered once`).toBe(false);
      this.#replies.set(to, reply);
    }
  }

  /** Time passes, with every tick that the machine asks for. */
  pass(ms: number): void {
    const until = this.nowMs + ms;
    for (let at = this.machine.deadline(); at <= until; at = this.machine.deadline()) {
      this.nowMs = Math.max(this.nowMs, at);
      this.#step({ kind: "tick" });
    }
    this.nowMs = until;
  }

  /** How many ticks the time took. */
  ticksIn(ms: number): number {
    const until = this.nowMs + ms;
    let ticks = 0;
    for (let at = this.machine.deadline(); at <= until; at = this.machine.deadline()) {
      this.nowMs = Math.max(this.nowMs, at);
      this.#step({ kind: "tick" });
      ticks++;
    }
    this.nowMs = until;
    return ticks;
  }

  /** A new coordinator reads the log; whoever waited with the old one is refused. */
  failOver(errorCode = 16): void {
    const out: GroupEffects = { facts: [], messages: [], replies: [] };
    this.machine.refuseAll(out, errorCode);
    this.#take(out);
    this.machine = this.replayed();
    const loaded: GroupEffects = { facts: [], messages: [], replies: [] };
    this.machine.loaded(this.nowMs, loaded);
    this.#take(loaded);
  }

  /** The machine that replay makes of the log. */
  replayed(): GroupMachine {
    const machine = this.#newMachine();
    for (const record of this.log) machine.apply(record);
    return machine;
  }

  get group(): ClassicGroup {
    return classicGroup(this.machine, GROUP);
  }

  get state(): string {
    return this.machine.groups.get(GROUP)?.stateName ?? "Dead";
  }

  join(body: Partial<JoinGroupRequest> = {}, client: Partial<GroupClient> = {}) {
    return this.ask<"joinGroup">({ api: "joinGroup", body: joinBody(body) }, client);
  }

  /** A member with its id, whose JoinGroup waits or was answered. */
  enter(body: Partial<JoinGroupRequest> = {}, client: Partial<GroupClient> = {}) {
    const asked = this.join(body, client);
    if (body.groupInstanceId != null) return asked;
    expect(asked.body.errorCode).toBe(79);
    return this.join({ ...body, memberId: asked.body.memberId }, client);
  }

  sync(memberId: string, body: Partial<SyncGroupRequest> = {}) {
    return this.ask<"syncGroup">({
      api: "syncGroup",
      body: {
        groupId: GROUP,
        generationId:
          this.machine.groups.get(GROUP) instanceof ClassicGroup ? this.group.generationId : 1,
        memberId,
        groupInstanceId: null,
        protocolType: null,
        protocolName: null,
        assignments: [],
        ...body,
      },
    });
  }

  heartbeat(memberId: string, generationId: number, groupInstanceId: string | null = null) {
    const body = { groupId: GROUP, generationId, memberId, groupInstanceId };
    return this.ask<"heartbeat">({ api: "heartbeat", body }).code;
  }

  leave(members: readonly Partial<LeaveGroupRequest["members"][number]>[], apiVersion = 5) {
    const whole = members.map((one) => ({
      memberId: "",
      groupInstanceId: null,
      reason: null,
      ...one,
    }));
    const memberId = whole[0]?.memberId ?? "";
    const body = { groupId: GROUP, memberId, members: whole };
    return this.ask<"leaveGroup">({ api: "leaveGroup", body }, { apiVersion });
  }

  commit(
    offsets: Readonly<Record<string, number>>,
    body: Partial<OffsetCommitRequest> = {},
    apiVersion = 8,
  ) {
    const request = { ...NOBODY, topics: commitTopics(offsets), ...body };
    return this.ask<"offsetCommit">({ api: "offsetCommit", body: request }, { apiVersion });
  }

  /** The code of a commit's first partition. */
  commitCode(
    offsets: Readonly<Record<string, number>>,
    body: Partial<OffsetCommitRequest> = {},
    apiVersion = 8,
  ): number | undefined {
    return this.commit(offsets, body, apiVersion).body.topics[0]?.partitions[0]?.errorCode;
  }

  fetch(topics: FetchOffsets["topics"] = null, groupId = GROUP) {
    const body = { groupId, memberId: null, memberEpoch: -1, topics };
    return this.ask<"offsetFetch">({ api: "offsetFetch", body });
  }

  /** What the group has committed: {"t-0": 5}. */
  committed(groupId = GROUP): Record<string, number> {
    return committedOf(this.fetch(null, groupId).body);
  }
}

const NOBODY: OffsetCommitRequest = {
  groupId: GROUP,
  generationIdOrMemberEpoch: -1,
  memberId: "",
  groupInstanceId: null,
  retentionTimeMs: -1,
  topics: [],
};

export function joinBody(body: Partial<JoinGroupRequest>): JoinGroupRequest {
  return {
    groupId: GROUP,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    memberId: "",
    groupInstanceId: null,
    protocolType: "consumer",
    protocols: range(),
    reason: null,
    ...body,
  };
}

/** {"t-0": 5} as a request has it. */
function commitTopics(offsets: Readonly<Record<string, number>>): OffsetCommitRequest["topics"] {
  return Object.entries(offsets).map(([name, committedOffset]) => {
    const at = name.lastIndexOf("-");
    const partition = {
      partitionIndex: Number(name.slice(at + 1)),
      committedOffset,
      committedLeaderEpoch: -1,
      committedMetadata: "",
    };
    return { name: name.slice(0, at), topicId: "AAAAAAAAAAAAAAAAAAAAAA", partitions: [partition] };
  });
}

export function committedOf(body: Body<"offsetFetch">): Record<string, number> {
  const offsets: Record<string, number> = {};
  for (const { name, partitions } of body.topics) {
    for (const { partitionIndex, committedOffset } of partitions) {
      offsets[`${name}-${partitionIndex}`] = committedOffset;
    }
  }
  return offsets;
}

export function classicGroup(machine: GroupMachine, groupId: string): ClassicGroup {
  const group = machine.groups.get(groupId);
  if (!(group instanceof ClassicGroup)) throw new Error(`${groupId} is no classic group`);
  return group;
}

/** A stable group of so many members that all read topic t: their ids, the leader's first. */
export function stableGroup(
  harness: GroupHarness,
  members: readonly (string | null)[],
  body: Partial<JoinGroupRequest> = {},
): string[] {
  for (const groupInstanceId of members) harness.enter({ ...body, groupInstanceId });
  harness.pass(1);
  return settle(harness);
}

/** Everybody rejoins until all are in one generation, and the leader assigns member i partition i. */
export function settle(harness: GroupHarness): string[] {
  const { group } = harness;
  if (group.state === "PreparingRebalance") {
    for (const { memberId, groupInstanceId, joinTo, offer } of [...group.members.all()]) {
      if (joinTo !== null) continue;
      harness.join({ protocolType: group.protocolType, ...offer, memberId, groupInstanceId });
    }
    harness.pass(1);
  }
  const leader = group.members.leaderId ?? "";
  const others = Array.from(group.members.all(), ({ memberId }) => memberId).filter(
    (memberId) => memberId !== leader,
  );
  const ids = [leader, ...others];
  const assignments = ids.map((memberId, at) => ({ memberId, assignment: owns("t", at) }));
  for (const memberId of others) {
    harness.sync(memberId, { groupInstanceId: instanceOf(group, memberId) });
  }
  harness.sync(leader, { groupInstanceId: instanceOf(group, leader), assignments });
  expect(group.state).toBe("Stable");
  return ids;
}

function instanceOf(group: ClassicGroup, memberId: string): string | null {
  return group.members.get(memberId)?.groupInstanceId ?? null;
}

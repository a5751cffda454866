/**
 * Random lives of a group: six clients that do what they should or not, two of them with one instance
 * id, time that passes, coordinators that end. What must hold is checked after every step; then all
 * behave, and the group must settle.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ClassicGroup } from "../../../src/group/classic/classic-group.ts";
import { CLASSIC_RULES, type ClassicRules } from "../../../src/group/classic/rules.ts";
import type { GroupMachine } from "../../../src/group/group-machine.ts";
import { type Answer, classicGroup, GROUP, GroupHarness } from "./harness.ts";
import { RandomClient, tokenOf } from "./random-client.ts";

/** Of instance ids, three of them, and none. */
const INSTANCES = ["i", "i", "j", null, null, null];
/** One less than there are members to be. */
const MAX_SIZE = 4;
const REBALANCE_MS_MAX = 30_000;
const INITIAL_DELAY_MS = 3_000;

const step = fc.record({
  client: fc.nat(INSTANCES.length - 1),
  what: fc.constantFrom(
    ...(["join", "join", "join", "sync", "sync", "act", "act", "act", "heartbeat"] as const),
    ...(["commit", "commit", "leave", "die", "other topic", "wrong id", "fail over"] as const),
    ...(["wait", "behave", "behave"] as const),
  ),
  ms: fc.constantFrom(0, 0, 1, 500, 3_000, 7_000, 20_000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What a record would say of a group. */
function hardState(group: ClassicGroup) {
  const { generationId, protocolType, protocolName, state, members } = group;
  const all = Array.from(members.all(), (member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    sessionTimeoutMs: member.offer.sessionTimeoutMs,
    rebalanceTimeoutMs: member.offer.rebalanceTimeoutMs,
    metadata: member.metadataOf(protocolName),
    assignment: member.assignment,
  }));
  all.sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const { leaderId } = members;
  return { state, generationId, protocolType, protocolName, leaderId, members: all };
}

/** As toEqual, which takes its time, where things differ. */
function same(found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) expect(found).toEqual(expected);
}

class World {
  readonly harness: GroupHarness;
  readonly clients: readonly RandomClient[];
  readonly model: Record<string, number> = {};
  readonly leaders = new Map<string, string>();
  readonly waiting = new Map<Answer<"joinGroup"> | Answer<"syncGroup">, number>();
  /** Has applied every record, and nothing else. */
  readonly replayed: GroupMachine;
  applied = 0;
  life = 0;
  lastStored = -1;
  lastLive = -1;
  commits = 0;

  constructor(rules: ClassicRules) {
    const config = { initialRebalanceDelayMs: INITIAL_DELAY_MS, maxSize: MAX_SIZE };
    this.harness = new GroupHarness(config, rules);
    this.replayed = this.harness.replayed();
    this.clients = INSTANCES.map((instance, at) => {
      const timeouts = {
        sessionTimeoutMs: [6_000, 10_000, 45_000][at % 3] ?? 6_000,
        rebalanceTimeoutMs: [REBALANCE_MS_MAX, 10_000][at % 2] ?? 10_000,
      };
      return new RandomClient(this.harness, instance, timeouts, at % 2 === 0 ? 9 : 5);
    });
  }

  run({ client: at, what, ms }: Step): void {
    const client = this.clients[at] as RandomClient;
    if (client.isFenced && what !== "die") return;
    switch (what) {
      case "join":
      case "sync":
      case "act":
      case "heartbeat":
      case "leave":
        client[what]();
        break;
      case "die":
        client.forget();
        break;
      case "commit":
        this.commit(client);
        break;
      case "other topic":
        client.topic = client.topic === "t" ? "u" : "t";
        client.join();
        break;
      case "wrong id":
        client.join({ memberId: "nobody", groupInstanceId: null });
        break;
      case "fail over":
        this.failOver();
        break;
      case "behave":
        for (let round = 0; round < 6; round++) this.behave();
        break;
      case "wait":
    }
    this.pass(ms);
  }

  commit({ memberId, generationId, groupInstanceId }: RandomClient): void {
    const offset = ++this.commits;
    const as = { memberId, generationIdOrMemberEpoch: generationId, groupInstanceId };
    const before = this.harness.state;
    const code = this.harness.commitCode({ "t-0": offset, [`u-${offset % 3}`]: offset }, as);
    if (code !== 0) return;
    expect(["Stable", "PreparingRebalance", "Empty", "Dead"]).toContain(before);
    if (before === "Stable" || before === "PreparingRebalance")
      expect(generationId).toBe(this.harness.group.generationId);
    Object.assign(this.model, { "t-0": offset, [`u-${offset % 3}`]: offset });
  }

  failOver(): void {
    this.harness.failOver();
    this.life += 1;
    this.lastLive = -1;
  }

  pass(ms: number): void {
    this.harness.pass(ms);
    this.check();
    for (const client of this.clients) client.goOn();
    this.check();
  }

  check(): void {
    for (const client of this.clients) this.note(client);
    this.checkWaiting();
    for (const record of this.harness.log.slice(this.applied)) this.replayed.apply(record);
    this.applied = this.harness.log.length;
    this.checkOffsets();
    const { groups } = this.harness.machine;
    if (groups.get(GROUP) === undefined) return;
    const { group } = this.harness;
    const stored = classicGroup(this.replayed, GROUP);
    // GRP20, GRP22
    if (group.state === "Stable" || group.state === "Empty") {
      same(hardState(stored), hardState(group));
    }
    expect(stored.generationId).toBeGreaterThanOrEqual(this.lastStored);
    expect(group.generationId).toBeGreaterThanOrEqual(this.lastLive);
    this.lastStored = stored.generationId;
    this.lastLive = group.generationId;
    this.checkOwners(group);
  }

  note({ joining, syncing }: RandomClient): void {
    for (const answer of [joining, syncing]) {
      if (answer?.waits === true && !this.waiting.has(answer)) {
        this.waiting.set(answer, this.harness.nowMs);
      }
    }
  }

  /** No request waits longer than a rebalance may take. */
  checkWaiting(): void {
    for (const [answer, sinceMs] of this.waiting) {
      if (answer.waits) {
        const limitMs = REBALANCE_MS_MAX + INITIAL_DELAY_MS;
        expect(this.harness.nowMs - sinceMs).toBeLessThanOrEqual(limitMs);
        continue;
      }
      this.waiting.delete(answer);
      this.checkLeader(answer);
    }
  }

  /** In one generation one member is asked to assign. */
  checkLeader(answer: Answer<"joinGroup"> | Answer<"syncGroup">): void {
    if (answer.code !== 0 || !("generationId" in answer.body)) return;
    const { memberId, generationId, members = [], skipAssignment = false } = answer.body;
    if (members.length === 0 || skipAssignment) return;
    const name = `${this.life}/${generationId}`;
    expect(this.leaders.get(name) ?? memberId).toBe(memberId);
    this.leaders.set(name, memberId);
  }

  checkOffsets(): void {
    const model = Object.entries(this.model).sort();
    for (const machine of [this.harness.machine, this.replayed]) {
      const other = new GroupHarness();
      other.machine = machine;
      same(Object.entries(other.committed()).sort(), model);
    }
  }

  /** What is stored was given by one sync of the generation, each part of it to one member. */
  checkOwners(group: ClassicGroup): void {
    if (group.state !== "Stable") return;
    const tokens = Array.from(group.members.all(), ({ assignment }) => tokenOf(assignment));
    const given = tokens.filter((token) => token !== null);
    expect(new Set(given.map(({ sync }) => sync)).size).toBeLessThanOrEqual(1);
    expect(new Set(given.map(({ memberId }) => memberId)).size).toBe(given.length);
    for (const { generationId } of given) expect(generationId).toBe(group.generationId);
    for (const { isIn, assignment, memberId, generationId } of this.clients) {
      if (!isIn || generationId !== group.generationId || assignment === null) continue;
      const member = group.members.get(memberId);
      if (member !== undefined) expect(tokenOf(member.assignment)).toEqual(assignment);
    }
  }

  /** All behave from now on. */
  settle(): void {
    for (let round = 0; round < 120 && !this.isSettled; round++) this.behave();
    expect(this.isSettled).toBe(true);
  }

  behave(): void {
    for (const client of this.clients) client.act();
    this.pass(1_000);
  }

  get isSettled(): boolean {
    if (this.harness.state !== "Stable") return false;
    const { group } = this.harness;
    const { generationId } = group;
    const inside = this.clients.filter((one) => one.isIn && one.generationId === generationId);
    return inside.length === MAX_SIZE && group.members.size === MAX_SIZE;
  }
}

function lives(rules: ClassicRules) {
  return fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const world = new World(rules);
    for (const one of steps) world.run(one);
    world.settle();
  });
}

test("GRP20 GRP42 GRP47 GRP73 one leader a generation, what is stored is what is, nobody waits for ever", () => {
  fc.assert(lives(CLASSIC_RULES), { numRuns: 100 });
});

const broken: [string, Partial<ClassicRules>][] = [
  ["the generation is not looked at", { isPresent: () => true }],
  ["no static member is fenced", { isFenced: () => false }],
  ["sessions are lost with the coordinator", { startsSessions: false }],
];

test.each(broken)("the lives above find out when %s", (_what, rules) => {
  const runs = { seed: 1, numRuns: 1_000, endOnFailure: true };
  expect(fc.check(lives({ ...CLASSIC_RULES, ...rules }), runs).failed).toBe(true);
});

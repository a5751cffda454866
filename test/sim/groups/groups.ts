/**
 * A group, its members and its coordinator on three brokers: chaos on all of them, then everything heals
 * and the group must come to rest within CONVERGE_MS of simulated time: every partition read by one
 * member, nothing lost that was committed.
 */
import { ClassicGroup } from "../../../src/group/classic/classic-group.ts";
import { GROUP_CONFIG_DEFAULT } from "../../../src/group/config.ts";
import { ConsumerGroup } from "../../../src/group/consumer/consumer-group.ts";
import type { TopicImage } from "../../../src/group/messages.ts";
import { topicOf } from "../../unit/group/consumer/harness.ts";
import type { Place } from "../../unit/group/consumer/sim-clients.ts";
import { drawConfig } from "../cluster/cluster.ts";
import { Nemesis } from "../cluster/nemesis.ts";
import { SimRouter } from "../cluster/router.ts";
import { clusterSurroundings } from "../cluster/surroundings.ts";
import { Scheduler } from "../scheduler.ts";
import { GroupCalls } from "./calls.ts";
import { GroupChecker } from "./checker.ts";
import { type GroupSurroundings, SimCoordinator } from "./coordinator-object.ts";
import { hardState } from "./hard-state.ts";
import { stampOf } from "./history.ts";
import type { SimMember } from "./member.ts";
import { type GroupShape, MemberFaults } from "./member-faults.ts";
import { fetchRequest, GROUP, offsetsIn } from "./offset-requests.ts";
import type { GroupBug } from "./planted-bugs.ts";

export interface GroupsOutcome {
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  /** Of simulated time from healing to rest. */
  readonly convergedAfterMs: number;
  /** Records of generations, and of what members of consumer groups were given. */
  readonly generations: number;
  readonly commits: number;
  readonly leaderEpochs: number;
  readonly crashes: number;
  readonly members: number;
  /** The states in which the group was when its coordinator crashed. */
  readonly crashedIn: readonly string[];
}

const BROKERS = [1, 2, 3] as const;
const CHAOS_MS = 6_000;
export const CONVERGE_MS = 20_000;
const SWEEP_MS = 1_000;
/** Coordinators fail less often than replicas do in the cluster's world: groups take longer. */
const FAULT_PAUSE_MS = 900;
const LOOK_MS = 300;
/** For calls on their way, and for what an empty group still does. */
const GONE_MS = 3_000;
/** Offsets expire in days. */
const IDLE_MS = 3_600_000;

export function simulateGroups(
  seed: number,
  { bug = null }: { readonly bug?: GroupBug | null } = {},
): GroupsOutcome {
  return new SimGroups(seed, bug).run();
}

class SimGroups {
  readonly #at: GroupSurroundings & { readonly checker: GroupChecker };
  readonly #topics = new Map<string, TopicImage>();
  readonly #coordinators = new Map<number, SimCoordinator>();
  readonly #router: SimRouter;
  readonly #calls: GroupCalls;
  readonly #shape: GroupShape;
  #faults: MemberFaults | null = null;

  constructor(seed: number, groupBug: GroupBug | null) {
    const world = new Scheduler(seed);
    const { random } = world;
    for (const name of ["t", "u"]) this.#topics.set(name, topicOf(name, 1 + random.int(8)));
    this.#shape = drawShape(world);
    const checker = new GroupChecker((name) => this.#topics.get(name)?.topicId ?? "");
    const around = clusterSurroundings(
      world,
      BROKERS,
      { config: drawConfig(world), bug: null, unclean: false },
      checker,
    );
    const groupConfig = {
      ...GROUP_CONFIG_DEFAULT,
      initialRebalanceDelayMs: random.int(400),
      minSessionTimeoutMs: 100,
      consumerSessionTimeoutMs: this.#shape.sessionTimeoutMs,
      consumerHeartbeatIntervalMs: this.#shape.heartbeatMs,
    };
    this.#at = { ...around, checker, topics: this.#topics, groupConfig, groupBug };
    for (const id of BROKERS) {
      const coordinator = new SimCoordinator(id, this.#at);
      this.#coordinators.set(id, coordinator);
      around.replicas.set(id, coordinator);
    }
    this.#router = new SimRouter(this.#at, false);
    this.#calls = new GroupCalls(this.#at, this.#router, this.#coordinators);
  }

  run(): GroupsOutcome {
    const { world, checker, catalogue } = this.#at;
    const nemesis = new Nemesis(this.#at, this.#router, {
      chaosMs: CHAOS_MS,
      pauseMs: FAULT_PAUSE_MS,
      deletes: false,
    });
    const members = {
      ...this.#at,
      calls: this.#calls,
      readersChanged: () => this.#checkReaders(),
    };
    const faults = new MemberFaults(members, this.#shape, this.#topics, CHAOS_MS);
    this.#faults = faults;
    this.#lookNow(world.nowMs + CHAOS_MS);
    world.runUntil(world.nowMs + CHAOS_MS);

    nemesis.heal();
    faults.refreshTopics();
    world.note("heal");
    const healedAtMs = world.nowMs;
    this.#sweep(healedAtMs + CONVERGE_MS);
    while (!this.#isSettled() && world.nowMs < healedAtMs + CONVERGE_MS) {
      if (checker.violations.length > 0) break;
      world.runUntil(world.nowMs + 50);
    }
    const convergedAfterMs = world.nowMs - healedAtMs;
    if (checker.violations.length === 0 && !this.#isSettled()) {
      checker.violation(`not at rest ${CONVERGE_MS} ms after healing: ${this.#state()}`);
    }
    if (checker.violations.length === 0) this.#checkRest();
    const coordinators = [...this.#coordinators.values()];
    return {
      violations: checker.violations,
      trace: world.trace,
      convergedAfterMs,
      generations: checker.records.generations,
      commits: checker.records.commits.size,
      leaderEpochs: catalogue.row.leaderEpoch,
      crashes: coordinators.reduce((sum, { crashes }) => sum + crashes, 0),
      crashedIn: coordinators.flatMap(({ crashedIn }) => [...crashedIn]),
      members: faults.members.length,
    };
  }

  /** The cron sweep: wakes what sleeps, and finds a leader for a partition that has none. */
  #sweep(untilMs: number): void {
    const { world } = this.#at;
    for (const coordinator of this.#coordinators.values()) coordinator.tell({ kind: "nudge" });
    this.#router.repair();
    world.after(SWEEP_MS, () => {
      if (world.nowMs < untilMs) this.#sweep(untilMs);
    });
  }

  get #leader(): SimCoordinator | undefined {
    return this.#coordinators.get(this.#at.catalogue.row.leader);
  }

  /** GRP20: now and then what the leader has is held against what its log says. */
  #lookNow(untilMs: number): void {
    const { world } = this.#at;
    this.#checkReplay();
    world.after(LOOK_MS + world.random.int(LOOK_MS), () => {
      if (world.nowMs < untilMs) this.#lookNow(untilMs);
    });
  }

  #checkReplay(): void {
    const leader = this.#leader;
    const live = leader?.machine;
    if (leader === undefined || live == null) return;
    const has = hardState(live, GROUP);
    if (has === null) return;
    for (const compacted of [false, true]) {
      const says = hardState(leader.replayed(compacted), GROUP);
      if (says === has) continue;
      const log = compacted ? "compacted log" : "log";
      this.#at.checker.violation(`${leader.name} has ${has}; its ${log} says ${says}`);
    }
  }

  /** Of members that the coordinator takes for members of the present, no two read the same. */
  #checkReaders(): void {
    const machine = this.#leader?.machine;
    if (machine == null || this.#faults === null) return;
    const group = machine.groups.get(GROUP);
    const readers = new Map<Place, SimMember>();
    for (const member of this.#faults.members) {
      const { memberId, era, reads, name } = member.client;
      if (reads.size === 0 || !isPresent(group, memberId, era)) continue;
      for (const place of reads) {
        const other = readers.get(place);
        readers.set(place, member);
        if (other === undefined) continue;
        const text = `${place} is read by ${other.client.name} in ${other.client.era}`;
        this.#at.checker.violation(`${text} and ${name} in ${era}`);
      }
    }
  }

  #isSettled(): boolean {
    const group = this.#leader?.machine?.groups.get(GROUP);
    const live = this.#faults?.live ?? [];
    if (this.#leader?.machine == null && live.length > 0) return false;
    if (live.length === 0) return group === undefined || group.isEmpty;
    if (group?.stateName !== "Stable" || !live.every(({ isReading }) => isReading)) return false;
    const read = live.flatMap(({ client }) => [...client.reads]);
    return read.sort().join() === this.#wanted(live).sort().join();
  }

  #wanted(live: readonly SimMember[]): Place[] {
    return [...this.#topics.values()]
      .filter(({ name }) => live.some(({ client }) => client.names.includes(name)))
      .flatMap(({ topicId, partitions }) =>
        Array.from({ length: partitions }, (_, index) => `${topicId}/${index}`),
      );
  }

  #state(): string {
    const { leader, leaderEpoch, isr } = this.#at.catalogue.row;
    const group = this.#leader?.machine?.groups.get(GROUP);
    const members = (this.#faults?.live ?? []).map(({ client, isReading }) => {
      const { name, memberId, era, reads, isSettled } = client;
      const reading = `${isSettled ? "settled" : "unsettled"}, ${isReading ? "reading" : "not reading"}`;
      return `${name} (${memberId}) in ${era} ${reading} [${[...reads].join(" ")}]`;
    });
    return `leader ${leader}@${leaderEpoch} isr ${isr}, ${group?.type} group ${group?.stateName}; ${members.join("; ")}`;
  }

  /**
   * At rest: another failover changes nothing, every offset can be read, and when all members have gone
   * nothing is due.
   */
  #checkRest(): void {
    const { world, checker } = this.#at;
    this.#checkReplay();
    this.#leader?.crash("at rest");
    this.#checkOffsets();
    for (const member of this.#faults?.live ?? []) member.leave();
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.#shape;
    world.runUntil(world.nowMs + 2 * (sessionTimeoutMs + rebalanceTimeoutMs) + GONE_MS);
    const group = this.#leader?.machine?.groups.get(GROUP);
    if (group !== undefined && !group.isEmpty) {
      checker.violation(`everybody has gone, and the group is ${group.stateName}`);
    }
    // A group that was once without offsets is looked at once, on the next beat (GRP84, GRP85).
    world.runUntil(world.nowMs + 2 * GROUP_CONFIG_DEFAULT.offsetsRetentionCheckMs);
    for (const { name, deadlineMs } of this.#coordinators.values()) {
      if (deadlineMs > world.nowMs + IDLE_MS) continue;
      checker.violation(`${name} is idle and wants a tick in ${deadlineMs - world.nowMs} ms`);
    }
  }

  #checkOffsets(): void {
    const { world, checker } = this.#at;
    const { offsets } = checker.records;
    const wanted = new Map(offsets);
    const as = { memberId: null, memberEpoch: -1 };
    const options = { clientId: "reader", apiVersion: 9, timeoutMs: 1_000 };
    const found = new Map<Place, string>();
    const ask = (): void => {
      this.#calls.ask(fetchRequest(this.#topics, [...wanted.keys()], as), options, (reply) => {
        if (reply?.api !== "offsetFetch") ask();
        else {
          for (const { place, metadata } of offsetsIn(this.#topics, reply.body)) {
            found.set(place, metadata);
          }
        }
      });
    };
    ask();
    world.runUntil(world.nowMs + GONE_MS);
    for (const [place, { at }] of wanted) {
      const metadata = found.get(place) ?? "";
      const now =
        metadata === "" ? -1 : (checker.records.commits.get(stampOf(metadata).commit) ?? -1);
      if (now < at)
        checker.violation(`the commit at ${at} of ${place} is not to be read: ${metadata}`);
    }
  }
}

type FoundGroup = ReturnType<NonNullable<SimCoordinator["machine"]>["groups"]["get"]>;

/** Does the coordinator take requests of that member in that generation or epoch? */
function isPresent(group: FoundGroup, memberId: string, era: number): boolean {
  if (group instanceof ConsumerGroup) {
    const member = group.state.member(memberId);
    return era === member?.memberEpoch || era === member?.previousMemberEpoch;
  }
  if (!(group instanceof ClassicGroup)) return false;
  return group.members.get(memberId)?.isBehind === false && group.generationId === era;
}

function drawShape({ random }: Scheduler): GroupShape {
  const kind = random.float();
  const crowd = random.float();
  const membersMax = crowd < 0.75 ? 1 + random.int(6) : crowd < 0.95 ? 5 + random.int(15) : 50;
  return {
    classic: kind < 0.4 ? 1 : kind < 0.65 ? 0 : 0.2 + 0.6 * random.float(),
    cooperative: random.bool(0.3),
    membersMax,
    instances: random.bool(0.6) ? 1 + random.int(4) : 0,
    topicsGrow: random.bool(0.3),
    sessionTimeoutMs: 800 + random.int(1_500),
    rebalanceTimeoutMs: 800 + random.int(1_500),
    heartbeatMs: 100 + random.int(200),
  };
}

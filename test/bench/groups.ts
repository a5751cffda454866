/** What groups cost: rebalances and heartbeats of a thousand members, rows of commits, and idleness. */
import { coordinatorPartition } from "../../src/cluster/internal-topics.ts";
import { OFFSETS_TOPIC_PARTITIONS_DEFAULT } from "../../src/constants.ts";
import {
  ClassicMember,
  ConsumerMember,
  type GroupOfBench,
  HEARTBEAT_MS,
  type Member,
} from "./group-members.ts";
import {
  commitErrorAt,
  commitFrame,
  createTopic,
  kafkaRequest,
  partitionOf,
  post,
} from "./kafka.ts";
import { httpRequest } from "./load/load-generator.ts";
import { ANY, type Bench, count, load, perSecond, ratio, statsOf, untilDone } from "./loads.ts";
import { compare } from "./measure.ts";
import { cpuSeconds } from "./processor-time.ts";
import type { Figure } from "./report.ts";

const MEMBERS = 1_000;
const TOPIC = "grouped";
/** Long enough for a thousand requests to arrive and wait. */
const ARRIVE_MS = 5_000;
const MEASURE_MS = 15_000;
const IDLE_MS = 5_000;
/** Alarms that were set for sessions go off once more, and then one is set for the group's expiry. */
const SETTLED_MS = 50_000;
const REBALANCE_MS_MAX = 60_000;
/** Members that enter at the same time: what comes in is one machine's share of a crowd. */
const ENTER_AT_ONCE = 64;
const COMMITS = 3_000;
const COMMITS_AT_ONCE = 64;
const CORES_MAX = 0.5;
const REBALANCE_SECONDS_MAX = 5;
const REBALANCE_TO_FLOOR_MAX = 2;

export async function groupFigures(bench: Bench): Promise<Figure[]> {
  const { kedge } = bench.service;
  const { topicId } = await createTopic(kedge, TOPIC, 1, MEMBERS);
  const groupOf = (groupId: string): GroupOfBench => {
    return { kedge, groupId, topic: TOPIC, topicId, partitions: MEMBERS };
  };
  // Connections are opened before anything counts.
  await floorSeconds(bench);
  const [classic, consumer] = ["bench-classic", "bench-consumer"];
  const figures = [
    ...(await membersFigures(bench, groupOf(classic), "classic", ClassicMember)),
    ...(await membersFigures(bench, groupOf(consumer), "consumer", ConsumerMember)),
  ];
  const emptyAt = performance.now();
  figures.push(...(await commitFigures(bench)));
  await pause(Math.max(0, SETTLED_MS - (performance.now() - emptyAt)));
  return [...figures, await idleFigure(bench, [classic, consumer])];
}

async function membersFigures(
  bench: Bench,
  group: GroupOfBench,
  protocol: string,
  MemberClass: new (group: GroupOfBench) => Member,
): Promise<Figure[]> {
  const members = Array.from({ length: MEMBERS }, () => new MemberClass(group));
  const floorBefore = await floorSeconds(bench);
  const seconds =
    protocol === "classic" ? await rebalanceEagerly(members) : await rebalanceGradually(members);
  const floor = (floorBefore + (await floorSeconds(bench))) / 2;
  const cores = await heartbeatCores(members);
  await inTurns(members, (member) => member.leave());
  const name = (what: string): string => `group-${protocol}-${what}`;
  const rebalance = `rebalance of 1,000 members, ${protocol}`;
  return [
    {
      ...count(name("rebalance"), rebalance, seconds, { atMost: REBALANCE_SECONDS_MAX }),
      unit: "s",
    },
    {
      ...count(name("rebalance-to-floor"), `${rebalance}, to 2,000 appends`, seconds, {
        atMost: REBALANCE_TO_FLOOR_MAX,
      }),
      unit: "s",
      floor,
      ratio: seconds / floor,
    },
    {
      ...count(name("heartbeats"), `heartbeats of 1,000 members, ${protocol}`, cores, {
        atMost: CORES_MAX,
      }),
      unit: "cores",
    },
  ];
}

/** Everybody is in and joins anew, and waits for the last one: from its JoinGroup to the last assignment. */
async function rebalanceEagerly(members: readonly Member[]): Promise<number> {
  await Promise.all(members.map((member) => member.join()));
  const joining = members.slice(1).map((member) => member.join());
  await pause(ARRIVE_MS);
  const startedAt = performance.now();
  await Promise.all([members[0]?.join(), ...joining]);
  const seconds = (performance.now() - startedAt) / 1_000;
  throwUnlessShared(members);
  return seconds;
}

/** From the last join until everybody reads one partition, with a heartbeat each three seconds. */
async function rebalanceGradually(members: readonly Member[]): Promise<number> {
  let isOver = false;
  const beating: Promise<void>[] = [];
  const beat = async (member: Member): Promise<void> => {
    while (!isOver) {
      await pause(member.heartbeatMs);
      if (!isOver) await member.heartbeat();
    }
  };
  await inTurns(members, async (member) => {
    await member.join();
    beating.push(beat(member));
  });
  const startedAt = performance.now();
  const isShared = (): boolean => members.every(({ reads }) => reads === 1);
  while (!isShared() && performance.now() - startedAt < REBALANCE_MS_MAX) await pause(10);
  const seconds = (performance.now() - startedAt) / 1_000;
  isOver = true;
  await Promise.all(beating);
  throwUnlessShared(members);
  return seconds;
}

function throwUnlessShared(members: readonly Member[]): void {
  const wrong = members.filter(({ reads }) => reads !== 1).length;
  if (wrong > 0)
    throw new Error(`${wrong} of ${members.length} members read no or more partitions`);
}

/** Processor time of workerd, all of Kedge, while the members heartbeat evenly. */
async function heartbeatCores(members: readonly Member[]): Promise<number> {
  const before = cpuSeconds();
  const startedAt = performance.now();
  const beats: Promise<void>[] = [];
  for (let beat = 0; ; beat++) {
    const atMs = (beat * HEARTBEAT_MS) / members.length;
    if (atMs >= MEASURE_MS) break;
    const aheadMs = atMs - (performance.now() - startedAt);
    if (aheadMs > 0) await pause(aheadMs);
    const member = members[beat % members.length];
    if (member !== undefined) beats.push(member.heartbeat());
  }
  await Promise.all(beats);
  return (cpuSeconds() - before) / ((performance.now() - startedAt) / 1_000);
}

/** What as many requests as a rebalance has take from the same client: one wave after the other. */
async function floorSeconds({ service }: Bench): Promise<number> {
  const url = new URL("/append?object=groups", service.floor);
  const body = new Uint8Array(200);
  const append = async (): Promise<void> => {
    const response = await post(url, { body });
    await response.arrayBuffer();
  };
  const startedAt = performance.now();
  for (let wave = 0; wave < 2; wave++) await Promise.all(Array.from({ length: MEMBERS }, append));
  return (performance.now() - startedAt) / 1_000;
}

/** A set alarm is a row. */
async function idleFigure(bench: Bench, groupIds: readonly string[]): Promise<Figure> {
  const rows = async (): Promise<number> => {
    const all = await Promise.all(groupIds.map((groupId) => coordinatorStats(bench, groupId)));
    return all.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0);
  };
  const before = await rows();
  await pause(IDLE_MS);
  const what = "rows and alarms set for empty groups in 5 s";
  return count("group-idle", what, (await rows()) - before, { atMost: 0 });
}

async function coordinatorStats(bench: Bench, groupId: string) {
  const partition = coordinatorPartition(groupId, OFFSETS_TOPIC_PARTITIONS_DEFAULT);
  const { object } = await partitionOf(bench.service.kedge, "__consumer_offsets", partition);
  return statsOf(bench, object, "coordinator");
}

/** Rows of the coordinator's object for a thousand commits, alone and together; and their rate. */
async function commitFigures(bench: Bench): Promise<Figure[]> {
  const { kedge, floor } = bench.service;
  const figures: Figure[] = [];
  const groupId = "bench-commits";
  const frames = Array.from({ length: 100 }, (_, at) => commitFrame(groupId, TOPIC, at));
  const committing = load(
    kedge,
    frames.map((frame) => kafkaRequest(kedge, frame)),
    { ...ANY, zeroAt: commitErrorAt(TOPIC) },
  );
  for (const inFlight of [1, COMMITS_AT_ONCE]) {
    const total = inFlight === 1 ? COMMITS / 10 : COMMITS;
    await bench.generator.run({ ...committing, inFlight, ...untilDone(inFlight) });
    const before = await coordinatorStats(bench, groupId);
    await bench.generator.run({ ...committing, inFlight, ...untilDone(total) });
    const after = await coordinatorStats(bench, groupId);
    const rows = ((after.rowsWritten - before.rowsWritten) / total) * 1_000;
    const what = `rows for 1,000 commits, ${inFlight} at once`;
    // One for each, and an alarm now and then.
    const atMost = inFlight === 1 ? 1_010 : 100;
    figures.push(count(`rows-per-1000-commits-${inFlight}`, what, rows, { atMost }));
  }
  const [frame = new Uint8Array(0)] = frames;
  const appending = httpRequest("POST", new URL("/append?object=commits", floor), {}, frame);
  const compared = await compare(
    bench.generator,
    load(floor, [appending], ANY),
    committing,
    perSecond,
    bench.rounds,
  );
  const what = "commit of an offset, 3 replicas";
  return [...figures, ratio("commit-offset", what, "req/s", compared, { atLeast: 0.4 })];
}

/** A bounded number at a time. */
async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await act(item);
  };
  await Promise.all(Array.from({ length: ENTER_AT_ONCE }, run));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

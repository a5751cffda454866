/**
 * Members that do not all read the same topics (Kafka's UniformHeterogeneousAssignmentBuilder). What
 * is owned stays, what is free goes to the reader with the fewest partitions, and then partitions move
 * one by one for as long as that makes two readers of a topic more even.
 */
import type { AssignorGroup, TopicPartitions } from "./assignor.ts";
import { partitionCount } from "./assignor.ts";

/** Rounds of evening out over all topics; almost always the second one finds nothing to do. */
const ROUNDS_MAX = 64;
const NOBODY = -1;

interface Topic {
  readonly topicId: string;
  /** Index of the member that has each partition. */
  readonly owners: Int32Array;
  /** Indexes of the members that read it. */
  readonly readers: number[];
}

export function assignHeterogeneous(group: AssignorGroup): Map<string, TopicPartitions> {
  const topics = topicsOf(group);
  const loads = new Int32Array(group.members.length);
  keep(group, topics, loads);
  const ordered = hardestFirst([...topics.values()]);
  for (const topic of ordered) placeFree(topic, loads);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    let moved = 0;
    for (const topic of ordered) moved += evenOut(topic, loads);
    if (moved === 0) break;
  }
  return assignmentsOf(group, topics);
}

function topicsOf(group: AssignorGroup): Map<string, Topic> {
  const topics = new Map<string, Topic>();
  group.members.forEach(({ topicIds }, index) => {
    for (const topicId of topicIds) {
      const topic = topics.get(topicId);
      if (topic !== undefined) {
        topic.readers.push(index);
        continue;
      }
      const owners = new Int32Array(partitionCount(group, topicId)).fill(NOBODY);
      topics.set(topicId, { topicId, owners, readers: [index] });
    }
  });
  return topics;
}

function keep(group: AssignorGroup, topics: ReadonlyMap<string, Topic>, loads: Int32Array): void {
  group.members.forEach(({ topicIds, target }, index) => {
    const reads = new Set(topicIds);
    for (const [topicId, partitions] of target) {
      const topic = topics.get(topicId);
      if (topic === undefined || !reads.has(topicId)) continue;
      for (const partition of partitions) {
        if (topic.owners[partition] !== NOBODY) continue;
        topic.owners[partition] = index;
        loads[index] = loadOf(loads, index) + 1;
      }
    }
  });
}

/** Topics with many partitions for each reader come first, then those with few readers. */
function hardestFirst(topics: Topic[]): Topic[] {
  return topics.sort(
    (a, b) =>
      b.owners.length / b.readers.length - a.owners.length / a.readers.length ||
      a.readers.length - b.readers.length ||
      (a.topicId < b.topicId ? -1 : 1),
  );
}

function placeFree({ owners, readers }: Topic, loads: Int32Array): void {
  const free = owners.reduce((count, owner) => count + (owner === NOBODY ? 1 : 0), 0);
  if (free === 0) return;
  const line = [...readers].sort((a, b) => loadOf(loads, a) - loadOf(loads, b) || a - b);
  // All up to `reach` have the same load: the water in which the next partitions are poured.
  let reach = 1;
  let at = 0;
  for (let partition = 0; partition < owners.length; partition++) {
    if (owners[partition] !== NOBODY) continue;
    if (at === reach) at = 0;
    if (at === 0) reach = levelEnd(line, loads, reach);
    const index = line[at] as number;
    owners[partition] = index;
    loads[index] = loadOf(loads, index) + 1;
    at += 1;
  }
}

function levelEnd(line: readonly number[], loads: Int32Array, from: number): number {
  const level = loadOf(loads, line[0] as number);
  let end = from;
  while (end < line.length && loadOf(loads, line[end] as number) <= level) end += 1;
  return end;
}

/**
 * Moves partitions from the fullest reader that has some to the emptiest, and says how many. Each move
 * makes the sum of squared loads smaller, so it ends.
 */
function evenOut({ owners, readers }: Topic, loads: Int32Array): number {
  const held = new Map<number, number[]>();
  owners.forEach((owner, partition) => {
    const partitions = held.get(owner);
    if (partitions === undefined) held.set(owner, [partition]);
    else partitions.push(partition);
  });
  for (let moved = 0; ; moved++) {
    const least = extreme(readers, loads, -1);
    const most = extreme(held.keys(), loads, 1);
    if (least === NOBODY || most === NOBODY) return moved;
    if (loadOf(loads, most) - loadOf(loads, least) < 2) return moved;
    const partition = take(held, most);
    owners[partition] = least;
    loads[most] = loadOf(loads, most) - 1;
    loads[least] = loadOf(loads, least) + 1;
  }
}

function extreme(indexes: Iterable<number>, loads: Int32Array, sign: 1 | -1): number {
  let best = NOBODY;
  for (const index of indexes) {
    if (best === NOBODY || sign * (loadOf(loads, index) - loadOf(loads, best)) > 0) best = index;
  }
  return best;
}

function take(held: Map<number, number[]>, owner: number): number {
  const partitions = held.get(owner) ?? [];
  const partition = partitions.pop() as number;
  if (partitions.length === 0) held.delete(owner);
  return partition;
}

function loadOf(loads: Int32Array, index: number): number {
  return loads[index] ?? 0;
}

function assignmentsOf(
  group: AssignorGroup,
  topics: ReadonlyMap<string, Topic>,
): Map<string, TopicPartitions> {
  const maps = group.members.map(() => new Map<string, number[]>());
  for (const { topicId, owners } of topics.values()) {
    owners.forEach((owner, partition) => {
      const map = maps[owner];
      const partitions = map?.get(topicId);
      if (partitions !== undefined) partitions.push(partition);
      else map?.set(topicId, [partition]);
    });
  }
  return new Map(group.members.map(({ memberId }, index) => [memberId, maps[index] ?? new Map()]));
}

/** What a server-side assignor (KIP-848) is given, and what it answers. */

/** Partition indexes by topic id, ascending; a topic without partitions is not in it. */
export type TopicPartitions = ReadonlyMap<string, readonly number[]>;

export const NO_PARTITIONS: TopicPartitions = new Map();

export interface AssignorMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** Topics that it reads and that exist, each once. */
  readonly topicIds: readonly string[];
  /** Its last target assignment: what a sticky assignor keeps. No partition is in two members'. */
  readonly target: TopicPartitions;
}

export interface AssignorGroup {
  readonly members: readonly AssignorMember[];
  /** Number of partitions of every topic that some member reads, by topic id. */
  readonly partitions: ReadonlyMap<string, number>;
  /** All members read the same topics. */
  readonly homogeneous: boolean;
}

/**
 * Gives every partition of every topic to one of its readers. A member's map may be the one that it
 * came with, when nothing changes for it.
 */
export type Assignor = (group: AssignorGroup) => ReadonlyMap<string, TopicPartitions>;

export function partitionCount(group: AssignorGroup, topicId: string): number {
  return group.partitions.get(topicId) ?? 0;
}

export function samePartitions(a: TopicPartitions, b: TopicPartitions): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId);
    if (others === undefined || !sameNumbers(partitions, others)) return false;
  }
  return true;
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((value, at) => value === b[at]));
}

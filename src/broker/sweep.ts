/**
 * What a timer repairs: everything that a request, a replica or a router left half done or that
 * nobody touched. Each part runs whatever became of the others, and each can be run at any time, by
 * several at once.
 */
import { electPreferredLeaders, repairElections } from "./elections.ts";
import type { ControlScope } from "./moves.ts";
import { leadersOf, liveBrokers } from "./moves.ts";
import { advanceReassignments } from "./reassignments.ts";

export interface SweepReport {
  /** Rows changed because a broker is out or back. */
  readonly repaired: number;
  /** Leaders given back to the first replica of the assignment. */
  readonly preferred: number;
  readonly reassignmentsCompleted: number;
  readonly reassignmentsWaiting: number;
  /** Leaders told to try again a live replica that is not in sync. */
  readonly woken: number;
  /** Deleted topics whose objects are gone now. */
  readonly topicsForgotten: number;
  /** What went wrong, part by part; the next sweep tries again. */
  readonly failures: readonly string[];
}

/** Objects of deleted topics that one sweep empties; the rest waits for the next. */
const OBJECTS_PER_SWEEP = 400;
/** Leaders that one sweep wakes: those that are left are woken when fewer wait. */
const WOKEN_PER_SWEEP = 400;
const NO_PROGRESS = { completed: 0, waiting: 0, destroyed: 0 };

/** Never throws: what fails is in the report. */
export async function sweep(scope: ControlScope): Promise<SweepReport> {
  const failures: string[] = [];
  const part = async <T>(what: string, otherwise: T, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return otherwise;
    }
  };
  const { clusterId, ports } = scope;
  const told = async (moves: ReturnType<typeof repairElections>): Promise<number> => {
    const { made } = await moves;
    await ports.partitions.refresh(leadersOf(clusterId, made));
    return made.length;
  };
  const repaired = await part("elections", 0, () => told(repairElections(scope)));
  const moves = await part("reassignments", NO_PROGRESS, () =>
    advanceReassignments(scope, null, { push: true }),
  );
  const preferred = await part("preferred leaders", 0, () => told(electPreferredLeaders(scope)));
  const woken = await part("replicas out of sync", 0, () => wakeLeaders(scope));
  const topicsForgotten = await part("deleted topics", 0, () => destroyDeleted(scope));
  return {
    ...{ repaired, preferred, woken, topicsForgotten, failures },
    ...{ reassignmentsCompleted: moves.completed, reassignmentsWaiting: moves.waiting },
  };
}

/**
 * A leader that was evicted over its work has no timer any more, and one that was elected may not have
 * heard of it: while nobody writes to it, its partition would stay short of replicas.
 */
async function wakeLeaders(scope: ControlScope): Promise<number> {
  const { clusterId, ports } = scope;
  const live = await liveBrokers(scope);
  const topics = await ports.catalogue.topics(clusterId, null, { fresh: true });
  const addresses = [...topics.values()].flatMap(({ topicId, partitions }) =>
    partitions.flatMap(({ partition, leader, replicas, isr }) => {
      const misses = replicas.some((id) => live.has(id) && !isr.includes(id));
      return misses && live.has(leader)
        ? [{ clusterId, topicId, partition, brokerId: leader }]
        : [];
    }),
  );
  const due = addresses.slice(0, WOKEN_PER_SWEEP);
  await ports.partitions.refresh(due);
  return due.length;
}

/** The oldest first; one that fails keeps the later ones waiting no longer than this sweep. */
async function destroyDeleted({ clusterId, ports }: ControlScope): Promise<number> {
  const { catalogue, partitions } = ports;
  let objects = 0;
  let forgotten = 0;
  let failure: unknown = null;
  for (const topic of await catalogue.deletedTopics(clusterId)) {
    if (objects >= OBJECTS_PER_SWEEP) break;
    objects += topic.partitions.reduce((sum, { replicas }) => sum + replicas.length, 0);
    try {
      await partitions.destroy(clusterId, topic);
      await catalogue.forgetDeletedTopic(clusterId, topic.topicId);
      forgotten++;
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== null && forgotten === 0) throw failure;
  return forgotten;
}

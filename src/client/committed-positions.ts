import type { AssignedPartition, Assignment } from "./assignment.ts";
import { backoffMs } from "./backoff.ts";
import type { BrokerClient } from "./broker-client.ts";
import { ErrorCode, KafkaError } from "./errors.ts";
import { type CommittedOffset, fetchOffsets, type GroupMember } from "./group-offsets.ts";

/** Positions of new partitions begin where the group is. What it never committed is reset. */
export class CommittedPositions {
  readonly #client: BrokerClient;
  readonly #assignment: Assignment;
  readonly #member: () => GroupMember;
  readonly #timeoutMs: number;
  readonly #changed: () => void;
  #asking = false;

  constructor(
    client: BrokerClient,
    assignment: Assignment,
    member: () => GroupMember,
    timeoutMs: number,
    changed: () => void,
  ) {
    this.#client = client;
    this.#assignment = assignment;
    this.#member = member;
    this.#timeoutMs = timeoutMs;
    this.#changed = changed;
  }

  /** Asks for all that is wanted and may be asked now; returns when more may be. */
  step(now: number): number {
    if (this.#asking) return Number.POSITIVE_INFINITY;
    let wakeAt = Number.POSITIVE_INFINITY;
    const due: AssignedPartition[] = [];
    for (const assigned of this.#assignment.partitions) {
      if (!assigned.awaitsCommitted) continue;
      if (assigned.notBeforeMs > now) wakeAt = Math.min(wakeAt, assigned.notBeforeMs);
      else due.push(assigned);
    }
    if (due.length > 0) void this.#ask(due);
    return wakeAt;
  }

  async #ask(due: readonly AssignedPartition[]): Promise<void> {
    this.#asking = true;
    const versions = due.map(({ version }) => version);
    const unchanged = (assigned: AssignedPartition, i: number) =>
      assigned.awaitsCommitted && assigned.version === versions[i];
    try {
      const offsets = await fetchOffsets(this.#client, this.#member(), due, {
        timeoutMs: this.#timeoutMs,
        requireStable: true,
      });
      const found = new Map(offsets.map((offset) => [keyOf(offset), offset]));
      due.filter(unchanged).forEach((assigned) => {
        take(assigned, found.get(keyOf(assigned)));
      });
    } catch (error) {
      due.filter(unchanged).forEach((assigned) => {
        this.#setBack(assigned, error);
      });
    }
    this.#asking = false;
    this.#changed();
  }

  #setBack(assigned: AssignedPartition, error: unknown): void {
    const { clock, backoff, random } = this.#client;
    assigned.failures++;
    assigned.notBeforeMs = clock.now() + backoffMs(backoff, assigned.failures, random);
    if (error instanceof KafkaError && (error.retriable || MEMBER_CODES.has(error.code))) return;
    assigned.error = error instanceof Error ? error : new Error(String(error));
  }
}

/** The group does not know this member (any more): the next heartbeat settles what to do about it. */
const MEMBER_CODES: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.STALE_MEMBER_EPOCH,
]);

function take(assigned: AssignedPartition, found: CommittedOffset | undefined): void {
  assigned.awaitsCommitted = false;
  assigned.failures = 0;
  if (found === undefined) return;
  assigned.position = found.offset;
  assigned.positionEpoch = found.leaderEpoch;
  assigned.committed = found.offset;
}

const keyOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }) =>
  `${partition}/${topic}`;

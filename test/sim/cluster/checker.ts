/**
 * What must hold, seen from outside the machines: in every turn of every replica, and of what clients
 * were told. Batches are told apart by their CRC, which covers everything the producer wrote.
 */
import type { LogStore } from "../../../src/log/log-store.ts";
import type { PartitionLog, Term } from "../../../src/log/partition-log.ts";
import {
  batchBaseOffset,
  batchCrc,
  batchLastOffset,
  batchPartitionLeaderEpoch,
  iterateBatches,
} from "../../../src/protocol/record-batch.ts";
import type { ReplicaFact } from "../../../src/replication/messages.ts";

export interface CommittedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly crc: number;
  readonly leaderEpoch: number;
}

const VIOLATIONS_MAX = 20;

export class Checker {
  readonly violations: string[] = [];
  /** Every batch that was ever below some replica's high watermark, by base offset. */
  readonly committed = new Map<number, CommittedBatch>();
  /** After an unclean election what was committed may be gone. */
  readonly unclean: boolean;
  readonly #writers = new Map<number, number>();
  readonly #written = new Map<string, number>();

  constructor(unclean: boolean) {
    this.unclean = unclean;
  }

  violation(text: string): void {
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(text);
  }

  /** A leader has decided these facts: one writer an epoch, one batch a term and offset. */
  appended(brokerId: number, term: Term, facts: readonly ReplicaFact[]): void {
    for (const fact of facts) {
      if (fact.kind !== "batch" || fact.incarnation !== term.incarnation) continue;
      const epoch = batchPartitionLeaderEpoch(fact.batch, 0);
      // It may have followed in the same turn.
      if (epoch !== term.leaderEpoch) continue;
      const writer = this.#writers.get(epoch) ?? brokerId;
      this.#writers.set(epoch, writer);
      if (writer !== brokerId) {
        this.violation(`brokers ${writer} and ${brokerId} both wrote in epoch ${epoch}`);
      }
      const key = `${epoch}.${fact.incarnation}@${batchBaseOffset(fact.batch, 0)}`;
      const crc = batchCrc(fact.batch, 0);
      const before = this.#written.get(key) ?? crc;
      this.#written.set(key, before);
      if (before !== crc) this.violation(`two batches at ${key}`);
    }
  }

  /** A turn moved a replica's high watermark (and checked what lay below `from` before). */
  committedOn(brokerId: number, log: PartitionLog, store: LogStore, from: number): void {
    const until = log.highWatermark;
    for (const chunk of store.chunksFrom(Math.max(from, log.logStartOffset))) {
      if (chunk.baseOffset >= until) break;
      this.#compare(`broker ${brokerId}`, chunk.data, from, until);
    }
  }

  highWatermarkMoved(brokerId: number, from: number, to: number): void {
    if (to < from && !this.unclean) {
      this.violation(`broker ${brokerId}: the high watermark went back from ${from} to ${to}`);
    }
  }

  /** A consumer was given these bytes as committed. */
  read(who: string, bytes: Uint8Array, from: number, until: number): void {
    this.#compare(who, bytes, from, until);
  }

  #compare(who: string, bytes: Uint8Array, from: number, until: number): void {
    for (const at of iterateBatches(bytes)) {
      const baseOffset = batchBaseOffset(bytes, at);
      const lastOffset = batchLastOffset(bytes, at);
      if (lastOffset < from) continue;
      if (baseOffset >= until) return;
      const crc = batchCrc(bytes, at);
      const leaderEpoch = batchPartitionLeaderEpoch(bytes, at);
      const known = this.committed.get(baseOffset);
      if (known === undefined) {
        this.committed.set(baseOffset, { baseOffset, lastOffset, crc, leaderEpoch });
      } else if (
        (known.crc !== crc ||
          known.lastOffset !== lastOffset ||
          known.leaderEpoch !== leaderEpoch) &&
        !this.unclean
      ) {
        this.violation(
          `${who} has batch ${crc}@${baseOffset} of epoch ${leaderEpoch} committed, another had ${known.crc} of ${known.leaderEpoch}`,
        );
      }
    }
  }

  /** Was this acknowledged to its producer, and is it there? */
  isCommitted(baseOffset: number, crc: number): boolean {
    return this.unclean || this.committed.get(baseOffset)?.crc === crc;
  }

  /** The committed log in order; a gap or an overlap is a violation. */
  history(): CommittedBatch[] {
    const batches = [...this.committed.values()].sort((a, b) => a.baseOffset - b.baseOffset);
    let next = 0;
    for (const { baseOffset, lastOffset } of batches) {
      if (baseOffset !== next && !this.unclean) {
        this.violation(`committed offsets go from ${next - 1} to ${baseOffset}`);
      }
      next = lastOffset + 1;
    }
    return batches;
  }
}

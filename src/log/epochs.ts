/**
 * Which leader epoch wrote which offsets: (epoch, startOffset), both strictly growing.
 * Rules: LOG20 to LOG22 in SPEC.md; Kafka's LeaderEpochFileCache, KIP-101 and KIP-279.
 */
import { assert } from "../lib/assert.ts";

export interface EpochEntry {
  readonly epoch: number;
  readonly startOffset: number;
}

/** What a leader answers about an epoch; epoch and endOffset are -1 when it does not know. */
export interface EpochEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

const UNKNOWN: EpochEnd = { epoch: -1, endOffset: -1 };

export class EpochCache {
  #entries: EpochEntry[];

  constructor(entries: readonly EpochEntry[] = []) {
    this.#entries = [...entries];
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries;
  }

  /** Epoch of the last batch, -1 in an empty log. */
  get latest(): number {
    return this.#entries.at(-1)?.epoch ?? -1;
  }

  /** Called for every batch appended; only the first of an epoch makes an entry. */
  append(epoch: number, startOffset: number): void {
    const last = this.#entries.at(-1);
    if (last !== undefined && last.epoch === epoch) return;
    assert(last === undefined || last.epoch < epoch, `leader epoch went back to ${epoch}`);
    assert(last === undefined || last.startOffset <= startOffset, "epoch start went back");
    // An epoch that wrote nothing leaves no trace behind the one that starts at the same offset.
    if (last !== undefined && last.startOffset === startOffset) this.#entries.pop();
    this.#entries.push({ epoch, startOffset });
  }

  /** The epoch that wrote `offset`, -1 when that is older than what the log remembers. */
  epochAt(offset: number): number {
    let found = -1;
    for (const entry of this.#entries) {
      if (entry.startOffset > offset) break;
      found = entry.epoch;
    }
    return found;
  }

  /** LeaderEpochFileCache.endOffsetFor: where the given epoch, or the largest one before it, ended. */
  endOffsetFor(epoch: number, logEndOffset: number): EpochEnd {
    if (epoch < 0) return UNKNOWN;
    const latest = this.latest;
    if (latest < 0 || epoch > latest) return UNKNOWN;
    if (epoch === latest) return { epoch, endOffset: logEndOffset };
    let floor: EpochEntry | undefined;
    for (const entry of this.#entries) {
      if (entry.epoch > epoch) {
        return { epoch: floor === undefined ? epoch : floor.epoch, endOffset: entry.startOffset };
      }
      floor = entry;
    }
    return UNKNOWN;
  }

  /** Forgets what starts at or after `endOffset`: the tail that a truncation removes. */
  truncateFrom(endOffset: number): void {
    this.#entries = this.#entries.filter((entry) => entry.startOffset < endOffset);
  }

  /** Forgets epochs that ended before `startOffset`, keeping the one that covers it. */
  truncateBefore(startOffset: number): void {
    let covering = -1;
    for (let at = 0; at < this.#entries.length; at++) {
      const entry = this.#entries[at];
      if (entry !== undefined && entry.startOffset <= startOffset) covering = at;
    }
    if (covering < 0) return;
    const first = this.#entries[covering];
    assert(first !== undefined, "the covering epoch is in the list");
    this.#entries = [
      { epoch: first.epoch, startOffset: Math.max(first.startOffset, startOffset) },
      ...this.#entries.slice(covering + 1),
    ];
  }
}

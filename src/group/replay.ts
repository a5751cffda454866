/** Reading `__consumer_offsets` from its start, a bounded piece at a time. Rules: SPEC.md, GRP1 to GRP4. */
import { DECOMPRESSED_BYTES_MAX } from "../constants.ts";
import type { LogReader } from "../log/log-store.ts";
import { batchesFrom } from "../log/read.ts";
import { decompress } from "../protocol/compression/mod.ts";
import {
  batchBaseOffset,
  batchIsControl,
  batchLastOffsetDelta,
  batchSizeInBytes,
  decodeRecordBatch,
} from "../protocol/record-batch.ts";
import type { GroupRecord } from "./messages.ts";

export class Replay {
  readonly #store: LogReader;
  readonly #until: number;
  #next: number;

  /** Of the offsets from `from` on and below `until`, which are all in the store. */
  constructor(store: LogReader, from: number, until: number) {
    this.#store = store;
    this.#next = from;
    this.#until = until;
  }

  get isDone(): boolean {
    return this.#next >= this.#until;
  }

  /** Whole batches of at least `bytes` in all, or what is left. Keys and values are copies. */
  advance(bytes: number, apply: (record: GroupRecord) => void): void {
    let left = bytes;
    for (const batch of batchesFrom(this.#store, this.#next, this.#until)) {
      if (left <= 0) return;
      this.#read(batch.bytes, batch.position, apply);
      this.#next = batchBaseOffset(batch.bytes, batch.position);
      this.#next += batchLastOffsetDelta(batch.bytes, batch.position) + 1;
      left -= batchSizeInBytes(batch.bytes, batch.position);
    }
    this.#next = this.#until;
  }

  #read(bytes: Uint8Array, position: number, apply: (record: GroupRecord) => void): void {
    if (batchIsControl(bytes, position)) return;
    for (const { offset, key, value } of decodeRecordBatch(bytes, position, bounded)) {
      if (key === null || offset < this.#next || offset >= this.#until) continue;
      // A view would keep the whole chunk in memory for as long as a group keeps a member's bytes.
      apply({ key: key.slice(), value: value === null ? null : value.slice() });
    }
  }
}

function bounded(codec: number, bytes: Uint8Array): Uint8Array {
  return decompress(codec, bytes, DECOMPRESSED_BYTES_MAX);
}

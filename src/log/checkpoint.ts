/**
 * The log's soft state as bytes, so that recovery reads one checkpoint and the few chunks after it
 * instead of the whole log. A flat array of float64: every number in it is an exact integer.
 */
import { assert } from "../lib/assert.ts";
import type { EpochEntry } from "./epochs.ts";
import type { ProducerBatch, ProducerEntry } from "./producer-state.ts";
import type { Segment } from "./segments.ts";

const VERSION = 2;

export interface Checkpoint {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly epochs: readonly EpochEntry[];
  readonly segments: readonly Segment[];
  readonly producers: Iterable<ProducerEntry>;
}

export function encodeCheckpoint(state: Checkpoint): Uint8Array {
  const out: number[] = [VERSION, state.logStartOffset, state.logEndOffset, state.epochs.length];
  for (const { epoch, startOffset } of state.epochs) out.push(epoch, startOffset);
  out.push(state.segments.length);
  for (const segment of state.segments) {
    out.push(segment.baseOffset, segment.bytes, segment.maxTimestamp);
    out.push(segment.firstAppendedAtMs, segment.lastAppendedAtMs);
  }
  const at = out.push(0) - 1;
  let producers = 0;
  for (const entry of state.producers) {
    producers++;
    out.push(entry.producerId, entry.epoch, entry.lastAppendMs, entry.batches.length);
    for (const batch of entry.batches) {
      out.push(batch.firstSequence, batch.lastSequence, batch.baseOffset, batch.lastOffset);
    }
  }
  out[at] = producers;
  return new Uint8Array(Float64Array.from(out).buffer);
}

export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  assert(bytes.byteLength % 8 === 0, "a checkpoint is an array of float64");
  // A copy, since a row's bytes need not be aligned to eight.
  const values = new Float64Array(bytes.slice().buffer);
  let at = 0;
  const next = (): number => {
    const value = values[at++];
    assert(value !== undefined, "a checkpoint ended early");
    return value;
  };
  const list = <T>(read: () => T): T[] => Array.from({ length: next() }, read);
  const version = next();
  assert(version === VERSION, `checkpoint version ${version} is not known`);
  const logStartOffset = next();
  const logEndOffset = next();
  const epochs = list((): EpochEntry => ({ epoch: next(), startOffset: next() }));
  const segments = list(
    (): Segment => ({
      baseOffset: next(),
      bytes: next(),
      maxTimestamp: next(),
      firstAppendedAtMs: next(),
      lastAppendedAtMs: next(),
    }),
  );
  const batch = (): ProducerBatch => ({
    firstSequence: next(),
    lastSequence: next(),
    baseOffset: next(),
    lastOffset: next(),
  });
  const producers = list((): ProducerEntry => {
    const [producerId, epoch, lastAppendMs] = [next(), next(), next()];
    return { producerId, epoch, lastAppendMs, batches: list(batch) };
  });
  assert(at === values.length, "a checkpoint has bytes left over");
  return { logStartOffset, logEndOffset, epochs, segments, producers };
}

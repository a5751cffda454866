/**
 * Which batches of a fetch a consumer may see: not control batches, nor, under read_committed, those
 * of transactions that were aborted (org.apache.kafka.clients.consumer.internals.CompletedFetch).
 */
import {
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchPayload,
  batchProducerId,
  iterateBatches,
  walkRecords,
} from "../protocol/record-batch.ts";

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface FetchedBatch {
  readonly at: number;
  readonly visible: boolean;
}

/** `aborted` is null under read_uncommitted. Throws ProtocolError for bytes that are no batches. */
export function* visibleBatches(
  records: Uint8Array,
  aborted: readonly AbortedTransaction[] | null,
): Generator<FetchedBatch, void, undefined> {
  const waiting = [...(aborted ?? [])].sort((a, b) => a.firstOffset - b.firstOffset);
  const open = new Set<number>();
  for (const at of iterateBatches(records)) {
    const lastOffset = batchLastOffset(records, at);
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      if (first.firstOffset > lastOffset) break;
      open.add(first.producerId);
      waiting.shift();
    }
    const producerId = batchProducerId(records, at);
    const control = batchIsControl(records, at);
    if (control && isAbortMarker(records, at)) open.delete(producerId);
    const hidden = control || (batchIsTransactional(records, at) && open.has(producerId));
    yield { at, visible: !hidden };
  }
}

const ABORT = 0;

/** A marker's key is its version and its type, both int16. */
function isAbortMarker(records: Uint8Array, at: number): boolean {
  const payload = batchPayload(records, at);
  let type = -1;
  walkRecords(payload, 1, {
    record(_offset, _timestamp, keyAt, keyLength) {
      if (keyLength >= 4) type = ((payload[keyAt + 2] ?? 0) << 8) | (payload[keyAt + 3] ?? 0);
    },
  });
  return type === ABORT;
}

/** The records of a turn as record batches (SPEC.md, GRP6). */
import { GROUP_BATCH_BYTES, GROUP_BATCH_BYTES_MAX } from "../constants.ts";
import { encodeRecordBatch, RECORD_BATCH_HEADER_BYTES } from "../protocol/record-batch.ts";
import type { GroupRecord } from "./messages.ts";

/** The fields of a record besides key and value take no more, and neither do their lengths. */
const RECORD_OVERHEAD_BYTES = 32;

/**
 * What one input decided stays in one batch if it fits, so that a failover keeps it or loses it as a
 * whole; those of many inputs share one, up to a size. Null: a record is too large for any batch.
 */
export function batchesOf(
  nowMs: number,
  byInput: readonly (readonly GroupRecord[])[],
): Uint8Array[] | null {
  const batches: GroupRecord[][] = [];
  let bytes = Infinity;
  const add = (records: readonly GroupRecord[], size: number, limit: number): void => {
    const last = batches.at(-1);
    if (last === undefined || bytes + size > limit) {
      batches.push([...records]);
      bytes = RECORD_BATCH_HEADER_BYTES + size;
    } else {
      last.push(...records);
      bytes += size;
    }
  };
  for (const records of byInput) {
    if (records.length === 0) continue;
    const sizes = records.map(sizeOf);
    if (sizes.some((size) => RECORD_BATCH_HEADER_BYTES + size > GROUP_BATCH_BYTES_MAX)) return null;
    const size = sizes.reduce((sum, each) => sum + each, 0);
    if (RECORD_BATCH_HEADER_BYTES + size <= GROUP_BATCH_BYTES_MAX) {
      add(records, size, GROUP_BATCH_BYTES);
    } else {
      for (const record of records) add([record], sizeOf(record), GROUP_BATCH_BYTES_MAX);
    }
  }
  return batches.map((records) =>
    encodeRecordBatch({
      records: records.map(({ key, value }) => ({ timestamp: nowMs, key, value })),
    }),
  );
}

function sizeOf({ key, value }: GroupRecord): number {
  return RECORD_OVERHEAD_BYTES + key.byteLength + (value?.byteLength ?? 0);
}

import { describe, expect, test } from "vitest";
import { concatBytes, utf8Encode } from "../../../src/lib/bytes.ts";
import { encodeRecordBatch } from "../../../src/protocol/record-batch.ts";
import { visibleBatches } from "../../../src/rest/visible-batches.ts";

const ABORT = Uint8Array.of(0, 0, 0, 0);
const COMMIT = Uint8Array.of(0, 0, 0, 1);

interface Batch {
  readonly producerId: number;
  readonly marker?: Uint8Array;
  readonly plain?: boolean;
}

/** One record a batch, offsets 0 and on. */
function log(batches: readonly Batch[]): Uint8Array {
  return concatBytes(
    batches.map(({ producerId, marker, plain }, baseOffset) =>
      encodeRecordBatch({
        records: [{ timestamp: 0, key: marker ?? null, value: utf8Encode("v") }],
        ...{
          baseOffset,
          producerId,
          producerEpoch: 0,
          baseSequence: marker === undefined ? 0 : -1,
        },
        ...{ transactional: plain !== true, control: marker !== undefined },
      }),
    ),
  );
}

const visible = (
  records: Uint8Array,
  aborted: { producerId: number; firstOffset: number }[] | null,
) => [...visibleBatches(records, aborted)].map((batch) => batch.visible);

describe("visibleBatches", () => {
  test("control batches are never shown, all others are under read_uncommitted", () => {
    const records = log([
      { producerId: 1 },
      { producerId: 1, marker: ABORT },
      { producerId: 2, plain: true },
    ]);
    expect(visible(records, null)).toEqual([true, false, true]);
  });

  test("an aborted transaction is hidden from its first offset to its marker", () => {
    const records = log([
      { producerId: 1 },
      { producerId: 2 },
      { producerId: 1 },
      { producerId: 1, marker: ABORT },
      { producerId: 1 },
      { producerId: 2, marker: COMMIT },
    ]);
    expect(visible(records, [{ producerId: 1, firstOffset: 0 }])).toEqual([
      ...[false, true, false, false, true, false],
    ]);
  });

  test("what the producer wrote before the transaction, or outside of one, is shown", () => {
    const records = log([{ producerId: 1 }, { producerId: 1 }, { producerId: 1, plain: true }]);
    expect(visible(records, [{ producerId: 1, firstOffset: 1 }])).toEqual([true, false, true]);
  });

  test("a transaction that began before this fetch is hidden too; the list may come in any order", () => {
    const records = log([{ producerId: 1 }, { producerId: 2 }]);
    const aborted = [
      { producerId: 2, firstOffset: 1 },
      { producerId: 1, firstOffset: -5 },
    ];
    expect(visible(records, aborted)).toEqual([false, false]);
  });

  test("a commit marker does not open what was aborted", () => {
    const records = log([{ producerId: 1, marker: COMMIT }, { producerId: 1 }]);
    expect(visible(records, [{ producerId: 1, firstOffset: 0 }])).toEqual([false, false]);
  });
});

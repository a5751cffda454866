import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CommitView, highWatermarkOf } from "../../../src/replication/high-watermark.ts";

const LEADER = 1;

/** The obvious version: one offset after the other, as long as every member that counts has it. */
function slowHighWatermark(view: CommitView): number {
  let highWatermark = view.highWatermark;
  const has = (brokerId: number, offset: number): boolean =>
    brokerId === view.leader ? view.durableEnd > offset : view.acknowledged(brokerId) > offset;
  while (
    view.isr.length >= view.minInsync &&
    highWatermark < view.logEndOffset &&
    [view.leader, ...view.maximalIsr].every((id) => has(id, highWatermark))
  ) {
    highWatermark++;
  }
  return highWatermark;
}

const views = fc
  .record({
    logEndOffset: fc.nat(30),
    durableLag: fc.nat(30),
    highWatermark: fc.nat(30),
    acknowledged: fc.array(fc.integer({ min: -1, max: 30 }), { minLength: 4, maxLength: 4 }),
    isr: fc.subarray([1, 2, 3, 4]),
    pending: fc.subarray([1, 2, 3, 4]),
    minInsync: fc.integer({ min: 1, max: 4 }),
  })
  .map((drawn): CommitView => {
    const { logEndOffset, isr, minInsync } = drawn;
    const durableEnd = Math.max(0, logEndOffset - drawn.durableLag);
    const highWatermark = Math.min(drawn.highWatermark, durableEnd);
    const maximalIsr = [...new Set([...isr, ...drawn.pending])];
    const acknowledged = (id: number): number =>
      Math.min(drawn.acknowledged[id - 1] ?? -1, logEndOffset);
    const leader = LEADER;
    return {
      highWatermark,
      durableEnd,
      logEndOffset,
      leader,
      maximalIsr,
      isr,
      minInsync,
      acknowledged,
    };
  });

function viewOf(change: Partial<CommitView>): CommitView {
  const ends = new Map([
    [2, 7],
    [3, 5],
  ]);
  return {
    highWatermark: 2,
    durableEnd: 9,
    logEndOffset: 10,
    leader: LEADER,
    maximalIsr: [1, 2, 3],
    isr: [1, 2, 3],
    minInsync: 1,
    acknowledged: (id) => ends.get(id) ?? -1,
    ...change,
  };
}

describe("the high watermark", () => {
  test("REP20 REP21 REP22 REP24: equals the slow and obvious version", () => {
    fc.assert(
      fc.property(views, (view) => {
        expect(highWatermarkOf(view)).toBe(slowHighWatermark(view));
      }),
      { numRuns: 2_000 },
    );
  });

  test("REP20: is the lowest end in the ISR, the leader's own as far as it is durable", () => {
    expect(highWatermarkOf(viewOf({}))).toBe(5);
    expect(highWatermarkOf(viewOf({ maximalIsr: [1, 2], isr: [1, 2] }))).toBe(7);
    expect(highWatermarkOf(viewOf({ maximalIsr: [1], isr: [1] }))).toBe(9);
    expect(highWatermarkOf(viewOf({ durableEnd: 4 }))).toBe(4);
  });

  test("REP21: a member that is being added counts already, one that is being removed still", () => {
    expect(highWatermarkOf(viewOf({ isr: [1, 2], maximalIsr: [1, 2, 3] }))).toBe(5);
  });

  test("REP22: stands still while the ISR is smaller than min.insync.replicas", () => {
    const alone = { isr: [1], maximalIsr: [1] };
    expect(highWatermarkOf(viewOf({ ...alone, minInsync: 2 }))).toBe(2);
    expect(highWatermarkOf(viewOf({ ...alone, minInsync: 1 }))).toBe(9);
  });

  test("REP24: does not go back when a member has said less", () => {
    expect(highWatermarkOf(viewOf({ highWatermark: 8 }))).toBe(8);
    expect(highWatermarkOf(viewOf({ maximalIsr: [1, 2, 4], isr: [1, 2, 4] }))).toBe(2);
  });
});

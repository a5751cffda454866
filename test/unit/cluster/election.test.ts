import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Election,
  electLeader,
  electPreferred,
  electUnclean,
  withoutBroker,
} from "../../../src/cluster/election.ts";
import type { PartitionInfo, PartitionState } from "../../../src/cluster/types.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";

const ROW: PartitionInfo = {
  partition: 7,
  leader: 1,
  leaderEpoch: 4,
  partitionEpoch: 9,
  replicas: [2, 1, 3],
  isr: [1, 3, 2],
};

function rowOf(change: Partial<PartitionInfo>): PartitionInfo {
  return { ...ROW, ...change };
}

function nextOf(election: Election): PartitionState {
  if (!("next" in election)) throw new Error(election.refused);
  return election.next;
}

function errorOf(election: Election): number {
  if ("next" in election) throw new Error("it was not refused");
  return election.errorCode;
}

const live = (...ids: number[]): ReadonlySet<number> => new Set(ids);

describe("an election", () => {
  test("takes the first live member of the ISR in the order of the assignment", () => {
    expect(nextOf(electLeader(ROW, live(2, 3), false))).toEqual({
      leader: 2,
      leaderEpoch: 5,
      replicas: [2, 1, 3],
      isr: [2, 3],
    });
    expect(nextOf(electLeader(rowOf({ isr: [1, 3] }), live(2, 3), false)).leader).toBe(3);
  });

  test("is not needed while the leader lives", () => {
    expect(errorOf(electLeader(ROW, live(1), false))).toBe(ErrorCode.ELECTION_NOT_NEEDED);
    expect(errorOf(electUnclean(ROW, live(1)))).toBe(ErrorCode.ELECTION_NOT_NEEDED);
  });

  test("without a live member of the ISR leaves no leader, and keeps the ISR for its return", () => {
    const row = rowOf({ isr: [1] });
    const left = nextOf(electLeader(row, live(2, 3), false));
    expect(left).toEqual({ leader: -1, leaderEpoch: 5, replicas: [2, 1, 3], isr: [1] });
    const dead = { ...row, ...left };
    expect(errorOf(electLeader(dead, live(2, 3), false))).toBe(
      ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
    );
    expect(nextOf(electLeader(dead, live(1, 2), false))).toMatchObject({ leader: 1, isr: [1] });
  });

  test("takes any live replica when unclean elections are enabled, alone in the ISR", () => {
    const row = rowOf({ isr: [1] });
    expect(nextOf(electLeader(row, live(3), true))).toMatchObject({ leader: 3, isr: [3] });
    expect(nextOf(electUnclean(row, live(3)))).toMatchObject({ leader: 3, isr: [3] });
    // A member of the ISR is taken before one that has less.
    expect(nextOf(electLeader(rowOf({ isr: [1, 3] }), live(2, 3), true)).leader).toBe(3);
  });

  test("of the preferred leader keeps the ISR, and needs it alive and in sync", () => {
    expect(nextOf(electPreferred(ROW, live(1, 2, 3)))).toEqual({
      leader: 2,
      leaderEpoch: 5,
      replicas: [2, 1, 3],
      isr: [1, 3, 2],
    });
    const notAvailable = ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE;
    expect(errorOf(electPreferred(ROW, live(1, 3)))).toBe(notAvailable);
    expect(errorOf(electPreferred(rowOf({ isr: [1] }), live(1, 2, 3)))).toBe(notAvailable);
    expect(errorOf(electPreferred(rowOf({ leader: 2 }), live(1, 2, 3)))).toBe(
      ErrorCode.ELECTION_NOT_NEEDED,
    );
  });

  test("after a broker was taken out moves its leaders, and shrinks the ISR where others remain", () => {
    expect(nextOf(withoutBroker(ROW, 1, live(2, 3), false))).toMatchObject({
      leader: 2,
      leaderEpoch: 5,
      isr: [2, 3],
    });
    expect(nextOf(withoutBroker(ROW, 3, live(1, 2), false))).toMatchObject({
      leader: 1,
      leaderEpoch: 4,
      isr: [1, 2],
    });
    const alone = rowOf({ leader: -1, isr: [3] });
    expect(errorOf(withoutBroker(alone, 3, live(1, 2), false))).toBe(ErrorCode.ELECTION_NOT_NEEDED);
  });

  test("never elects from outside the ISR unless unclean, and always raises the epoch", () => {
    const ids = [1, 2, 3, 4];
    fc.assert(
      fc.property(
        fc.shuffledSubarray(ids, { minLength: 1 }),
        fc.array(fc.nat(3)),
        fc.subarray(ids),
        fc.integer({ min: -1, max: 4 }),
        fc.boolean(),
        (replicas, drawn, alive, leader, unclean) => {
          const isr = [...new Set(drawn.map((i) => replicas[i % replicas.length] ?? 1))];
          const row = rowOf({ replicas, isr, leader });
          const election = electLeader(row, new Set(alive), unclean);
          if (!("next" in election)) return;
          const { next } = election;
          expect(next.leaderEpoch).toBe(row.leaderEpoch + 1);
          if (next.leader === -1) return;
          expect(alive).toContain(next.leader);
          expect(next.isr).toContain(next.leader);
          const clean = isr.some((id) => alive.includes(id));
          if (clean || !unclean) expect(isr).toContain(next.leader);
          if (clean) expect(next.isr.every((id) => isr.includes(id))).toBe(true);
        },
      ),
    );
  });
});

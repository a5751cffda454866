/** Who is in sync, by compare-and-set on the catalogue (REP40 to REP43). */
import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import type { ReplicaEffects } from "../../../src/replication/messages.ts";
import {
  answered,
  append,
  copies,
  deliver,
  errorsOf,
  type Node,
  ROW,
  settle,
  settled,
} from "./harness.ts";

describe("the ISR", () => {
  /** The third replica has not answered for as long as it may. */
  function lagging(): { leader: Node; two: Node; out: ReplicaEffects } {
    const [leader, two] = settled();
    settle(leader, [two], leader.done(append()));
    leader.nowMs += leader.config.replicaLagTimeMaxMs;
    const out = leader.done({ kind: "tick" });
    return { leader, two, out };
  }

  test("REP40 REP42: a member that lags leaves by compare-and-set, and counts until it has", () => {
    const { leader, out } = lagging();
    const change = out.messages.find(({ kind }) => kind === "changeIsr");
    expect(change).toMatchObject({ expectedPartitionEpoch: 0, next: { leader: 1, isr: [1, 2] } });
    expect(leader.log.highWatermark).toBe(6);
    if (change?.kind !== "changeIsr") throw new Error("no change");
    const { attempt } = change;
    leader.turn({ kind: "isrChanged", attempt, outcome: "done" });
    expect(leader.log.highWatermark).toBe(7);
    expect(leader.replica.state.partition).toMatchObject({ isr: [1, 2], partitionEpoch: 1 });
  });

  test("REP42: after a conflict the row is read, and its epoch stands", () => {
    const { leader, out } = lagging();
    const change = out.messages.find(({ kind }) => kind === "changeIsr");
    if (change?.kind !== "changeIsr") throw new Error("no change");
    const { attempt } = change;
    const next = leader.turn({ kind: "isrChanged", attempt, outcome: "conflict" });
    expect(leader.log.highWatermark).toBe(6);
    const asked = [...out.messages, ...next.messages].some(({ kind }) => kind === "readCatalogue");
    expect(asked).toBe(true);
    const row = { ...ROW, partitionEpoch: 4, isr: [1, 2] };
    leader.turn({ kind: "catalogue", partition: row });
    expect(leader.log.highWatermark).toBe(7);
  });

  test("REP21 REP41: a member to be added counts from the asking on, through a restart", () => {
    const [leader, two, three] = settled();
    const row = { ...ROW, partitionEpoch: 1, isr: [1, 2] };
    const [probe] = copies(leader.done({ kind: "catalogue", partition: row }), 3);
    // Somebody took it out: what it acknowledged before does not bring it back.
    expect(leader.replica.state.pendingIsr).toEqual([]);
    if (probe === undefined) throw new Error("the third replica was not asked");
    leader.done(answered(probe, deliver(probe, three)));
    expect(leader.replica.state.pendingIsr).toEqual([3]);
    const out = leader.done(append());
    settle(leader, [two], out);
    expect(leader.log.highWatermark).toBe(6);
    const awake = leader.restart();
    settle(awake, [two], awake.done(append()));
    expect(awake.log.highWatermark).toBe(6);
    awake.nowMs += 60_000;
    settle(awake, [two, three], awake.done({ kind: "tick" }));
    awake.nowMs += 60_000;
    settle(awake, [two, three], awake.done({ kind: "tick" }));
    expect(awake.log.highWatermark).toBe(8);
  });

  test("REP42: a member that the catalogue does not take is taken back at once", () => {
    const [leader, two, three] = settled();
    const row = { ...ROW, partitionEpoch: 1, isr: [1, 2] };
    const [probe] = copies(leader.done({ kind: "catalogue", partition: row }), 3);
    if (probe === undefined) throw new Error("the third replica was not asked");
    const asked = leader.done(answered(probe, deliver(probe, three)));
    const join = asked.messages.find(({ kind }) => kind === "changeIsr");
    if (join?.kind !== "changeIsr") throw new Error("no join");
    expect(join.next.isr).toEqual([1, 2, 3]);
    settle(leader, [two], leader.done(append()));
    expect(leader.log.highWatermark).toBe(6);
    const refused = { kind: "isrChanged", attempt: join.attempt, outcome: "ineligible" } as const;
    const back = leader.done(refused).messages.find(({ kind }) => kind === "changeIsr");
    if (back?.kind !== "changeIsr") throw new Error("not taken back");
    expect(back).toMatchObject({ expectedPartitionEpoch: 1, next: { isr: [1, 2] } });
    // It counts until then: an earlier attempt may still be on its way.
    expect(leader.log.highWatermark).toBe(6);
    leader.done({ kind: "isrChanged", attempt: back.attempt, outcome: "done" });
    expect(leader.replica.state.pendingIsr).toEqual([]);
    expect(leader.log.highWatermark).toBe(7);
  });

  test("REP43: without the catalogue the leader goes on with what it knows", () => {
    const { leader, two, out } = lagging();
    const change = out.messages.find(({ kind }) => kind === "changeIsr");
    if (change?.kind !== "changeIsr") throw new Error("no change");
    const { attempt } = change;
    leader.turn({ kind: "isrChanged", attempt, outcome: "unknown" });
    leader.turn({ kind: "catalogue", partition: null });
    expect(errorsOf(leader.done(append(0, 1)))).toEqual([ErrorCode.NONE]);
    settle(leader, [two], leader.out);
    expect(leader.log.highWatermark).toBe(6);
    expect(leader.replica.deadline()).toBeLessThan(Infinity);
  });
});

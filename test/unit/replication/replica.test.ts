import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import type { ReplicaEffects, ReplicaInput } from "../../../src/replication/messages.ts";
import { batchOf, sequenced, storedBytes } from "../log/harness.ts";
import {
  answered,
  append,
  cluster,
  copies,
  deliver,
  errorsOf,
  Node,
  type Replicate,
  ROW,
  settle,
  settled,
} from "./harness.ts";

/** One follower answers, message by message; all that it was sent. */
function follow(leader: Node, follower: Node, first: readonly Replicate[]): Replicate[] {
  const sent = [...first];
  for (const message of sent) {
    const out = leader.turn(answered(message, deliver(message, follower)));
    sent.push(...copies(out, message.follower));
  }
  return sent;
}

describe("turns", () => {
  test("REP2: a life's number is stored before its first message leaves", () => {
    const [leader, two, three] = settled();
    const awake = leader.restart();
    const out = awake.turn(append());
    const state = out.facts.find((fact) => fact.kind === "state");
    expect(state).toMatchObject({ state: { leaderEpoch: 0, incarnation: 2 } });
    expect(out.early).toEqual([]);
    expect(copies(out).map(({ request }) => request.incarnation)).toEqual([2, 2]);
    // From then on copies leave before the write.
    settle(awake, [two, three], awake.durable());
    settle(awake, [two, three], out);
    const next = awake.turn(append());
    expect(next.messages).toEqual([]);
    expect(next.early.length).toBe(2);
    // A lost turn took its number with it, and no message of that life has left.
    expect(leader.restart().turn(append()).facts).toContainEqual(state);
  });

  test("REP20: the leader's own log counts only once it is durable", () => {
    const [leader, two, three] = settled();
    const out = leader.turn(append());
    const acks = copies(out).map((message) =>
      answered(message, deliver(message, message.follower === 2 ? two : three)),
    );
    leader.turn(...acks);
    expect(leader.log.highWatermark).toBe(6);
    expect(errorsOf(leader.out)).toEqual([]);
    leader.turn({ kind: "durable", ...leader.replica.position() });
    expect(leader.log.highWatermark).toBe(7);
    expect(errorsOf(leader.out)).toEqual([ErrorCode.NONE]);
  });

  test("REP50 REP51: a settled partition wants no tick, and a leader wakes without a word", () => {
    const [leader, two, three] = settled();
    leader.nowMs += leader.config.quietMs;
    settle(leader, [two, three], leader.done({ kind: "tick" }));
    for (const node of [leader, two, three]) {
      expect(node.replica.deadline()).toBe(Infinity);
      const awake = node.restart();
      expect(awake.log.highWatermark).toBe(6);
      expect(awake.replica.deadline()).toBe(Infinity);
      const { facts, messages, early } = awake.turn({ kind: "tick" });
      expect([facts, messages, early]).toEqual([[], [], []]);
    }
  });

  test("REP50: a partition of one replica has no deadline and stores nothing by itself", () => {
    const node = new Node(1);
    node.done({ kind: "catalogue", partition: { ...ROW, replicas: [1], isr: [1] } });
    for (const alone of [node, node.restart()]) {
      expect(alone.replica.deadline()).toBe(Infinity);
      expect(errorsOf(alone.done(append(), append(1, 1)))).toEqual([
        ErrorCode.NONE,
        ErrorCode.NONE,
      ]);
      expect(alone.replica.deadline()).toBe(Infinity);
      alone.nowMs += 10 * alone.config.quietMs;
      const { facts, messages, early } = alone.done({ kind: "tick" });
      expect([facts, messages, early]).toEqual([[], [], []]);
      expect(alone.replica.deadline()).toBe(Infinity);
      // And all the same it wakes with everything committed.
      expect(alone.restart().log.highWatermark).toBe(2);
      expect(alone.restart().replica.deadline()).toBe(Infinity);
    }
  });

  test("REP2: a partition with one replica stores no incarnation", () => {
    const node = new Node(1);
    node.done({ kind: "catalogue", partition: { ...ROW, replicas: [1], isr: [1] } });
    const awake = node.restart();
    const out = awake.done(append());
    expect(out.facts.map(({ kind }) => kind)).toEqual(["batch"]);
    expect(errorsOf(out)).toEqual([ErrorCode.NONE]);
    expect(awake.restart().log.highWatermark).toBe(1);
  });
});

describe("a lost turn", () => {
  test("REP2 REP10 REP12: what only the followers kept is cut off by the leader's next life", () => {
    const [leader, two, three] = settled();
    const before = leader.store.copy();
    const lost = copies(leader.turn(append(0, -1, batchOf({ records: 4 }))));
    for (const message of lost) deliver(message, message.follower === 2 ? two : three);
    expect([two.log.logEndOffset, three.log.logEndOffset]).toEqual([10, 10]);
    const awake = leader.restart(before);
    settle(awake, [two, three], awake.done(append(0, -1, batchOf({ records: 1 }))));
    for (const node of [awake, two, three]) {
      expect([node.log.highWatermark, node.log.logEndOffset]).toEqual([7, 7]);
      expect(storedBytes(node.store)).toEqual(storedBytes(awake.store));
    }
  });

  test("REP3 REP15: a message of the lost life that arrives late is refused", () => {
    const [leader, two, three] = settled();
    const before = leader.store.copy();
    const [late] = copies(leader.turn(append(0, -1, batchOf({ records: 4 }))), 2);
    if (late === undefined) throw new Error("no message");
    const awake = leader.restart(before);
    settle(awake, [two, three], awake.done(append()));
    expect(deliver(late, two)).toMatchObject({ kind: "fenced", leaderEpoch: 0, incarnation: 2 });
    expect(deliver(late, two.restart())).toMatchObject({ kind: "fenced" });
    expect(two.log.logEndOffset).toBe(7);
  });

  test("REP4 REP11: two lives of one epoch wrote at one offset; the next leader's copy stands", () => {
    const [leader, two, three] = settled();
    const before = leader.store.copy();
    const [toTwo] = copies(leader.turn(append(0, -1, batchOf({ records: 1, valueBytes: 20 }))), 2);
    if (toTwo === undefined) throw new Error("no message");
    deliver(toTwo, two);
    // The next life reaches only the third replica.
    const awake = leader.restart(before);
    settle(awake, [three], awake.done(append(0, 1, batchOf({ records: 1, valueBytes: 30 }))));
    expect([two.log.logEndOffset, three.log.logEndOffset]).toEqual([7, 7]);
    expect(two.log.epochs.entries).toEqual(three.log.epochs.entries);
    const row = { ...ROW, leader: 2, leaderEpoch: 1, partitionEpoch: 1, isr: [2, 3] };
    settle(two, [three, awake], two.done({ kind: "catalogue", partition: row }));
    expect(storedBytes(three.store)).toEqual(storedBytes(two.store));
    expect(storedBytes(awake.store)).toEqual(storedBytes(two.store));
    expect(two.log.highWatermark).toBe(7);
  });
});

describe("copying", () => {
  test("REP15: doubled and overtaken messages change nothing", () => {
    const [leader, two, three] = settled();
    const first = copies(leader.done(append()), 2);
    const second = copies(leader.done(append()), 2);
    const [one, next] = [first[0], second[0]];
    if (one === undefined || next === undefined) throw new Error("no messages");
    const gap = deliver(next, two);
    expect(gap).toMatchObject({ kind: "mismatch", logEndOffset: 6 });
    expect(deliver(one, two)).toMatchObject({ kind: "ok", logEndOffset: 7 });
    expect(deliver(one, two)).toMatchObject({ kind: "ok", logEndOffset: 7 });
    expect(deliver(next, two)).toMatchObject({ kind: "ok", logEndOffset: 8 });
    expect(deliver(one, two)).toMatchObject({ kind: "ok", logEndOffset: 8 });
    settle(leader, [two, three], leader.done(answered(next, gap)));
    expect(storedBytes(two.store)).toEqual(storedBytes(leader.store));
  });

  test("REP13: a long divergent tail is found by epochs, and cut", () => {
    const [leader, two, three] = settled();
    // The old leader goes on alone for a while.
    for (let i = 0; i < 5; i++) leader.done(append(i, 1));
    const row = { ...ROW, leader: 2, leaderEpoch: 1, partitionEpoch: 1, isr: [2, 3] };
    settle(two, [three], two.done({ kind: "catalogue", partition: row }));
    for (let i = 0; i < 2; i++) settle(two, [three], two.done(append(i)));
    expect([leader.log.logEndOffset, two.log.logEndOffset]).toEqual([11, 8]);
    two.nowMs += 60_000;
    settle(two, [three, leader], two.done({ kind: "tick" }));
    expect(storedBytes(leader.store)).toEqual(storedBytes(two.store));
    expect(leader.log.epochs.entries).toEqual(two.log.epochs.entries);
    expect(leader.replica.isLeader).toBe(false);
  });

  test("REP14: a follower from before the log start begins there, and knows its producers", () => {
    const row = { ...ROW, isr: [1, 2] };
    const [leader, two] = [new Node(1), new Node(2)];
    settle(leader, [two], leader.done({ kind: "catalogue", partition: row }));
    settle(leader, [two], leader.done(append(0, -1, sequenced(77, 0, 0, 3))));
    const offset = leader.log.highWatermark;
    settle(leader, [two], leader.done({ kind: "deleteRecords", to: 1, offset, timeoutMs: 100 }));
    leader.turn({ kind: "tick" });
    const empty = new Node(3);
    empty.done({ kind: "catalogue", partition: row });
    leader.nowMs += 60_000;
    settle(leader, [two, empty], leader.done({ kind: "tick" }));
    expect([empty.log.logStartOffset, empty.log.logEndOffset]).toEqual([offset, offset]);
    expect([...empty.log.producers.entries()].map(({ producerId }) => producerId)).toEqual([77]);
  });

  test("REP17: no more is under way than the window holds, in messages of bounded size", () => {
    const size = batchOf({ valueBytes: 1_000 }).byteLength;
    const [leader, two] = cluster({ windowBytes: 4 * size, messageBytes: 2 * size });
    for (let i = 0; i < 20; i++) leader.done(append(i, 1, batchOf({ valueBytes: 1_000 })));
    const bytesOf = (out: ReplicaEffects): number[] =>
      copies(out, 2).map(({ request }) =>
        request.chunks.reduce((sum, { data }) => sum + data.byteLength, 0),
      );
    leader.nowMs += 60_000;
    // What was under way is given up; one message asks where the follower is.
    const again = leader.turn({ kind: "tick" });
    expect(bytesOf(again)).toEqual([]);
    leader.nowMs += 60_000;
    const probe = leader.turn({ kind: "tick" });
    expect(bytesOf(probe)).toEqual([2 * size]);
    const [message] = copies(probe, 2);
    if (message === undefined) throw new Error("no message");
    expect(bytesOf(leader.turn(answered(message, deliver(message, two))))).toEqual([
      2 * size,
      2 * size,
    ]);
  });

  test("REP17: a follower of a fenced broker is left alone for long, and not once it is back", () => {
    const [leader] = settled();
    const fail = (out: ReplicaEffects): void => {
      for (const message of copies(out, 2)) leader.turn(answered(message, null));
    };
    const triesWithin = (ms: number): number => {
      let tries = 0;
      for (const end = leader.nowMs + ms; ; ) {
        leader.nowMs = Math.max(leader.nowMs + 1, Math.min(leader.replica.deadline(), end));
        if (leader.nowMs >= end) return tries;
        const out = leader.turn({ kind: "tick" });
        tries += copies(out, 2).length;
        fail(out);
      }
    };
    const { config } = leader;
    fail(leader.done(append()));
    leader.turn({ kind: "configure", config: { ...config, fencedBrokers: [2] } });
    // The pause that had begun ends first.
    expect(triesWithin(config.fencedRetryMs)).toBe(1);
    expect(triesWithin(config.fencedRetryMs)).toBe(1);
    expect(copies(leader.turn({ kind: "configure", config }), 2)).toHaveLength(1);
    fail(leader.out);
    expect(triesWithin(config.fencedRetryMs)).toBeGreaterThan(10);
  });

  test("REP17: only the first chunk of a message is cut, so a follower's rows are its leader's", () => {
    const size = batchOf({ valueBytes: 1_000 }).byteLength;
    const [leader, two] = cluster({ messageBytes: 5 * size });
    const three = (first: number): ReplicaInput[] =>
      [0, 1, 2].map((at) => append(first + at, 1, batchOf({ valueBytes: 1_000 })));
    for (let turn = 0; turn < 3; turn++) leader.done(...three(3 * turn));
    for (let gaveUp = 0; gaveUp < 2; gaveUp++) {
      leader.nowMs += 60_000;
      leader.turn({ kind: "tick" });
    }
    const [first, second] = follow(leader, two, copies(leader.out, 2));
    const sizesOf = (message: Replicate | undefined): (number | undefined)[] =>
      message?.request.chunks.map(({ data }) => data.byteLength) ?? [];
    // Three and two would fit.
    expect([sizesOf(first), sizesOf(second)]).toEqual([[3 * size], [3 * size]]);
    const rowsOf = (node: Node): number => [...node.store.chunksFrom(0)].length;
    expect([rowsOf(two), rowsOf(leader)]).toEqual([3, 3]);
  });

  test("REP18: the high watermark waits a little for records to travel with", () => {
    const [leader, two, three] = cluster({ lingerMs: 20 });
    settle(leader, [two, three], leader.done(append()));
    expect([leader, two, three].map(({ log }) => log.highWatermark)).toEqual([1, 0, 0]);
    expect(leader.replica.deadline()).toBe(leader.nowMs + 20);
    leader.nowMs += 19;
    expect(copies(leader.done({ kind: "tick" }))).toEqual([]);
    settle(leader, [two, three], leader.done(append()));
    expect([leader, two, three].map(({ log }) => log.highWatermark)).toEqual([2, 1, 1]);
    leader.nowMs += 20;
    settle(leader, [two, three], leader.done({ kind: "tick" }));
    expect([leader, two, three].map(({ log }) => log.highWatermark)).toEqual([2, 2, 2]);
  });

  test("REP18 REP23: a follower learns the high watermark without waiting for the next record", () => {
    const [, two, three] = settled();
    expect([two.log.highWatermark, three.log.highWatermark]).toEqual([6, 6]);
  });
});

describe("leadership", () => {
  test("REP1 REP3 REP33: a higher epoch ends it, and whoever waits is answered 6", () => {
    const [leader, two] = settled();
    const [message] = copies(leader.turn(append()), 2);
    if (message === undefined) throw new Error("no message");
    const row = { ...ROW, leader: 2, leaderEpoch: 1, partitionEpoch: 1, isr: [2, 3] };
    two.done({ kind: "catalogue", partition: row });
    const out = leader.turn(answered(message, deliver(message, two)));
    expect(errorsOf(out)).toEqual([ErrorCode.NOT_LEADER_OR_FOLLOWER]);
    expect(leader.replica.isLeader).toBe(false);
    expect(out.messages).toContainEqual({ kind: "readCatalogue" });
    expect(errorsOf(leader.turn(append()))).toEqual([ErrorCode.NOT_LEADER_OR_FOLLOWER]);
    // Not even the old row makes it lead again.
    leader.turn({ kind: "catalogue", partition: ROW });
    expect(leader.replica.isLeader).toBe(false);
    expect(leader.restart().replica.isLeader).toBe(false);
  });

  test("REP34: requests under another epoch", () => {
    const [leader] = settled();
    expect(errorsOf(leader.turn(append(0, 1, batchOf(), -1)))).toEqual([ErrorCode.NONE]);
    const ahead = leader.turn(append(0, 1, batchOf(), 3));
    expect(errorsOf(ahead)).toEqual([ErrorCode.UNKNOWN_LEADER_EPOCH]);
    expect(ahead.messages).toContainEqual({ kind: "readCatalogue" });
    const row = { ...ROW, leaderEpoch: 5, partitionEpoch: 1 };
    leader.done({ kind: "catalogue", partition: row });
    expect(errorsOf(leader.turn(append(0, 1, batchOf(), 3)))).toEqual([
      ErrorCode.FENCED_LEADER_EPOCH,
    ]);
  });

  test("REP35: a new leader answers a duplicate with the first offset", () => {
    const [leader, two, three] = settled();
    settle(leader, [two, three], leader.done(append(0, -1, sequenced(9, 0, 0, 2))));
    const row = { ...ROW, leader: 2, leaderEpoch: 1, partitionEpoch: 1 };
    settle(two, [leader, three], two.done({ kind: "catalogue", partition: row }));
    const out = two.done(append(0, -1, sequenced(9, 0, 0, 2)));
    expect(out.ready.map(({ reply }) => reply)).toMatchObject([{ errorCode: 0, baseOffset: 6 }]);
    expect(two.log.logEndOffset).toBe(8);
  });
});

describe("answers", () => {
  test("REP30: acks=1 with the write, acks=all at the high watermark, a duplicate too", () => {
    const [leader, two, three] = settled();
    const out = leader.turn(append(7, 1), append(8, -1, sequenced(5, 0, 0)));
    expect(out.replies.map(({ to }) => to)).toEqual([7]);
    const again = leader.turn(append(9, -1, sequenced(5, 0, 0)));
    expect([...again.ready, ...again.replies]).toEqual([]);
    leader.durable();
    const given = settle(leader, [two, three], out).ready;
    expect(given.map(({ to, reply }) => [to, reply])).toMatchObject([
      [8, { baseOffset: 7, errorCode: 0 }],
      [9, { baseOffset: 7, errorCode: 0 }],
    ]);
  });

  test("REP30: alone in the ISR, acks=all is answered with the write and not a turn later", () => {
    const node = new Node(1);
    node.done({ kind: "catalogue", partition: { ...ROW, replicas: [1], isr: [1] } });
    const { ready, replies, facts } = node.turn(append(5));
    expect(facts.map(({ kind }) => kind)).toEqual(["batch"]);
    expect(ready).toEqual([]);
    expect(replies.map(({ to }) => to)).toEqual([5]);
    // Nobody waits any more, so nothing is due; readers see it once it is durable (REP20).
    expect(node.replica.deadline()).toBe(Infinity);
    expect(node.log.highWatermark).toBe(0);
    node.durable();
    expect(node.log.highWatermark).toBe(1);
  });

  test("REP30 REP41: what was answered with the write is committed before anybody joins", () => {
    const [leader, two] = settled();
    const alone = { ...ROW, partitionEpoch: 1, isr: [1] };
    const [probe] = copies(leader.done({ kind: "catalogue", partition: alone }), 2);
    if (probe === undefined) throw new Error("the second replica was not asked");
    const written = leader.turn(append(5));
    expect(written.replies.map(({ to }) => to)).toEqual([5]);
    // It has all that was committed before that, and its word comes together with the write's.
    const durable: ReplicaInput = { kind: "durable", ...leader.replica.position() };
    const next = leader.turn(durable, answered(probe, deliver(probe, two)));
    expect(leader.log.highWatermark).toBe(7);
    expect(leader.replica.state.pendingIsr).toEqual([]);
    const [copy] = copies(next, 2);
    if (copy === undefined) throw new Error("the second replica was sent nothing");
    leader.done(answered(copy, deliver(copy, two)));
    expect(leader.replica.state.pendingIsr).toEqual([2]);
  });

  test("REP31: too few in sync: 19 and nothing written; acks=1 goes on", () => {
    const row = { ...ROW, isr: [1] };
    const [leader] = cluster({ minInsyncReplicas: 2 }, row);
    const out = leader.turn(append(1, -1), append(2, 1));
    expect(errorsOf(out)).toEqual([ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.NONE]);
    expect(leader.log.logEndOffset).toBe(1);
    leader.durable();
    // REP22
    expect(leader.log.highWatermark).toBe(0);
  });

  test("REP31: committed, but too few in sync by then: 20, and the record stays", () => {
    const [leader, two, three] = settled();
    settle(leader, [two, three], leader.done(append(0, -1, sequenced(5, 0, 0))));
    leader.turn({ kind: "configure", config: { ...leader.config, minInsyncReplicas: 3 } });
    // A retry of what is committed already, and in the same turn the news that a member has left.
    const row = { ...ROW, partitionEpoch: 1, isr: [1, 2] };
    const out = leader.turn(append(1, -1, sequenced(5, 0, 0)), {
      kind: "catalogue",
      partition: row,
    });
    expect(errorsOf(out)).toEqual([ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND]);
    expect(leader.log.logEndOffset).toBe(7);
  });

  test("REP22 REP32: an ISR that shrinks below the minimum stops the high watermark: 7 in the end", () => {
    const [leader, two, three] = settled();
    const waiting = leader.done(append());
    leader.turn({ kind: "configure", config: { ...leader.config, minInsyncReplicas: 3 } });
    leader.turn({ kind: "catalogue", partition: { ...ROW, partitionEpoch: 1, isr: [1, 2] } });
    const acks = copies(waiting).map((message) =>
      answered(message, deliver(message, message.follower === 2 ? two : three)),
    );
    expect(errorsOf(leader.turn(...acks))).toEqual([]);
    expect(leader.log.highWatermark).toBe(6);
    leader.nowMs += 2_000;
    expect(errorsOf(leader.turn({ kind: "tick" }))).toEqual([ErrorCode.REQUEST_TIMED_OUT]);
    expect(leader.log.logEndOffset).toBe(7);
  });

  test("REP32: after the request's timeout: 7, and a deadline says when", () => {
    const [leader] = settled();
    leader.done(append());
    expect(leader.replica.deadline()).toBeLessThanOrEqual(leader.nowMs + 1_000);
    leader.nowMs += 999;
    expect(errorsOf(leader.turn({ kind: "tick" }))).toEqual([]);
    leader.nowMs += 1;
    expect(errorsOf(leader.turn({ kind: "tick" }))).toEqual([ErrorCode.REQUEST_TIMED_OUT]);
  });

  test("REP36: a delete is answered when every member's log start has moved", () => {
    const [leader, two, three] = settled();
    const out = leader.done({ kind: "deleteRecords", to: 4, offset: 4, timeoutMs: 1_000 });
    expect(out.replies).toEqual([]);
    expect(out.early).toEqual([]);
    const given = settle(leader, [two, three], out).replies;
    expect(given).toEqual([
      { to: 4, reply: { kind: "deleteRecords", errorCode: 0, lowWatermark: 4 } },
    ]);
    expect([two.log.logStartOffset, three.log.logStartOffset]).toEqual([4, 4]);
  });
});

/** What the catalogue, or another leader, has refused: REP33 for producers, REP42 for members. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import type { ReplicaEffects } from "../../../src/replication/messages.ts";
import { batchOf } from "../log/harness.ts";
import { answered, append, cluster, copies, deliver, ROW, settle } from "./harness.ts";

function changeOf({ messages }: ReplicaEffects) {
  return messages.find((message) => message.kind === "changeIsr");
}

/** Leader 1 with 2 in sync, and 3 answering although the catalogue does not take it. */
function refused() {
  const nodes = cluster();
  const [leader, two, three] = nodes;
  settle(leader, [two, three], leader.done(append()));
  const row = { ...ROW, partitionEpoch: 1, isr: [1, 2] };
  const [probe] = copies(leader.done({ kind: "catalogue", partition: row }), 3);
  if (probe === undefined) throw new Error("the third replica was not asked");
  const join = changeOf(leader.done(answered(probe, deliver(probe, three))));
  if (join === undefined) throw new Error("no join");
  expect(join.next.isr).toEqual([1, 2, 3]);
  const outcome = { kind: "isrChanged", attempt: join.attempt, outcome: "ineligible" } as const;
  const back = changeOf(leader.done(outcome));
  if (back === undefined) throw new Error("not taken back");
  leader.done({ kind: "isrChanged", attempt: back.attempt, outcome: "done" });
  return nodes;
}

test("REP42: the catalogue is not asked for a refused member again before retryMaxMs", () => {
  const [leader, two, three] = refused();
  const { retryMaxMs } = leader.config;
  const fromMs = leader.nowMs;
  const proposals: number[] = [];
  while (leader.nowMs < fromMs + retryMaxMs + 1_000) {
    // It goes on to answer, as a replica does whose region does not know of the fence yet.
    leader.nowMs += 500;
    const out = leader.done(append(0, 1, batchOf()));
    const change = changeOf(out) ?? changeOf(settle(leader, [two, three], out));
    if (change !== undefined) proposals.push(leader.nowMs - fromMs);
  }
  expect(proposals.length).toBeGreaterThan(0);
  expect(Math.min(...proposals)).toBeGreaterThanOrEqual(retryMaxMs);
});

test("REP42 REP50: the end of the pause is a deadline, so that an idle partition gets it back", () => {
  const [leader] = refused();
  expect(leader.replica.deadline()).toBeLessThanOrEqual(leader.nowMs + leader.config.retryMaxMs);
});

test("REP42: told to try, the leader asks for it at once", () => {
  const [leader, two, three] = refused();
  const all = settle(leader, [two, three], leader.done(append(0, 1, batchOf())));
  expect(changeOf(all)).toBeUndefined();
  const out = leader.done({ kind: "nudge" });
  const asked = changeOf(out) ?? changeOf(settle(leader, [two, three], out));
  expect(asked?.next.isr).toEqual([1, 2, 3]);
});

test("REP33: a leader that steps down names the offset at which a batch stands that it refuses", () => {
  const [leader, two] = cluster();
  const [message] = copies(leader.turn(append()), 2);
  if (message === undefined) throw new Error("no message");
  const row = { ...ROW, leader: 2, leaderEpoch: 1, partitionEpoch: 1, isr: [2, 3] };
  two.done({ kind: "catalogue", partition: row });
  const { ready } = leader.turn(answered(message, deliver(message, two)));
  const errorCode = ErrorCode.NOT_LEADER_OR_FOLLOWER;
  expect(ready.map(({ reply }) => reply)).toEqual([
    expect.objectContaining({ errorCode, baseOffset: 0 }),
  ]);
  // One that was refused from the start stands nowhere.
  const { replies } = leader.turn(append());
  expect(replies.map(({ reply }) => reply)).toEqual([
    expect.objectContaining({ errorCode, baseOffset: -1 }),
  ]);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { electPreferred, repaired } from "../../../src/cluster/election.ts";
import type { ReassignmentPlan } from "../../../src/cluster/reassignment.ts";
import {
  cancelReassignment,
  completeReassignment,
  isReassigning,
  leftBehind,
  startReassignment,
  targetReplicas,
} from "../../../src/cluster/reassignment.ts";
import type { PartitionInfo } from "../../../src/cluster/types.ts";

const BROKERS = [1, 2, 3, 4, 5];

type Step =
  | { readonly kind: "start"; readonly target: readonly number[] }
  | { readonly kind: "cancel" | "complete" | "repair" | "preferred" | "destroyed" }
  | { readonly kind: "fence" | "isr"; readonly broker: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("start" as const),
      target: fc.shuffledSubarray(BROKERS, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constantFrom(
        ...(["cancel", "complete", "complete", "repair", "preferred", "destroyed"] as const),
      ),
    }),
    fc.record({
      kind: fc.constantFrom("fence" as const, "isr" as const, "isr" as const),
      broker: fc.constantFrom(...BROKERS),
    }),
  ),
  { maxLength: 60 },
);

/** What a step wants of the row, or null. Changes `live` for a step of an operator. */
function planOf(
  row: PartitionInfo,
  step: Step,
  live: Set<number>,
  unclean: boolean,
): ReassignmentPlan | null {
  const keep = row.reassignment ?? null;
  switch (step.kind) {
    case "start":
      return startReassignment(row, step.target, live, unclean);
    case "cancel":
      return cancelReassignment(row, live, unclean);
    case "complete":
      return completeReassignment(row, live);
    case "repair":
    case "preferred": {
      const election =
        step.kind === "repair" ? repaired(row, live, unclean) : electPreferred(row, live);
      return "next" in election ? { next: election.next, reassignment: keep } : null;
    }
    case "destroyed": {
      const removing = keep?.removing.filter((id) => !leftBehind(row).includes(id)) ?? [];
      const none = (keep?.adding.length ?? 0) + removing.length === 0;
      return { next: row, reassignment: none ? null : { adding: keep?.adding ?? [], removing } };
    }
    case "fence":
      if (!live.delete(step.broker)) live.add(step.broker);
      return null;
    case "isr": {
      // The leader's part: only of its replicas, only a live one joins, and it never leaves.
      const { broker } = step;
      if (row.leader < 0 || broker === row.leader || !row.replicas.includes(broker)) return null;
      const isMember = row.isr.includes(broker);
      if (!isMember && !live.has(broker)) return null;
      const isr = isMember ? row.isr.filter((id) => id !== broker) : [...row.isr, broker];
      return { next: { ...row, isr }, reassignment: keep };
    }
  }
}

test("CLU11, CLU9: whatever is started, ended and cancelled while brokers come and go", () => {
  let ended = 0;
  fc.assert(
    fc.property(steps, fc.boolean(), (all, unclean) => {
      const live = new Set(BROKERS);
      let row: PartitionInfo = {
        ...{ partition: 0, leader: 1, leaderEpoch: 0, partitionEpoch: 0 },
        ...{ replicas: [1, 2, 3], isr: [1, 2, 3] },
      };
      for (const step of all) {
        const plan = planOf(row, step, live, unclean);
        if (plan === null || "refused" in plan) continue;
        const { leader, leaderEpoch, replicas, isr } = plan.next;
        expect(new Set(replicas).size).toBe(replicas.length);
        expect(isr.length).toBeGreaterThan(0);
        expect(isr.every((id) => replicas.includes(id))).toBe(true);
        if (leader >= 0) expect(isr).toContain(leader);
        // Nobody joins the ISR but through its leader, or by an unclean election, alone.
        if (step.kind !== "isr") {
          const joined = isr.filter((id) => !row.isr.includes(id));
          expect(joined.length === 0 || (unclean && isr.length === 1)).toBe(true);
        }
        // REP44: a new leader, and a replica that leaves, are told to the old leader by an epoch.
        const removes = row.replicas.some((id) => !replicas.includes(id));
        const raised = leader !== row.leader || removes ? 1 : 0;
        expect(leaderEpoch - row.leaderEpoch).toBe(raised);
        // What leaves the row is remembered until its storage is gone, what stays is not forgotten.
        const next: PartitionInfo = {
          ...{ partition: 0, partitionEpoch: row.partitionEpoch + 1 },
          ...{ leader, leaderEpoch, replicas, isr },
          ...(plan.reassignment === null ? {} : { reassignment: plan.reassignment }),
        };
        if (step.kind !== "destroyed") {
          const named = [...row.replicas, ...leftBehind(row)];
          const gone = named.filter((id) => !replicas.includes(id));
          expect(leftBehind(next).toSorted()).toEqual(gone.toSorted());
        }
        if (step.kind === "start" && isReassigning(next)) {
          expect(targetReplicas(next)).toEqual(step.target);
        }
        if (isReassigning(row) && !isReassigning(next)) ended++;
        row = next;
      }
    }),
    { numRuns: 2_000 },
  );
  expect(ended).toBeGreaterThan(100);
});

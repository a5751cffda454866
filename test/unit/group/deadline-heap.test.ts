import fc from "fast-check";
import { expect, test } from "vitest";
import { Deadline, DeadlineHeap } from "../../../src/group/deadline-heap.ts";

const OWNERS = 8;

test("GRP91 deadlines are met as a scan of all of them has it, and never wanted late", () => {
  const set = fc.record({ owner: fc.nat(OWNERS - 1), inMs: fc.nat(50) });
  const step = fc.oneof(
    { weight: 6, arbitrary: set },
    { weight: 1, arbitrary: fc.record({ owner: fc.nat(OWNERS - 1), inMs: fc.constant(Infinity) }) },
    { weight: 2, arbitrary: fc.record({ waitMs: fc.nat(40) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new DeadlineHeap<number>();
      const deadlines = Array.from({ length: OWNERS }, (_, owner) => new Deadline(owner));
      const slow = new Map<number, number>();
      let nowMs = 0;
      for (const one of steps) {
        if ("inMs" in one) {
          const deadline = deadlines[one.owner] as Deadline<number>;
          heap.set(deadline, nowMs + one.inMs);
          slow.set(one.owner, nowMs + one.inMs);
        } else {
          nowMs += one.waitMs;
          const due: number[] = [];
          for (let o = heap.takeDue(nowMs); o !== undefined; o = heap.takeDue(nowMs)) due.push(o);
          const expected = [...slow].filter(([, at]) => at <= nowMs).map(([owner]) => owner);
          for (const owner of expected) slow.delete(owner);
          expect(due.sort()).toEqual(expected.sort());
          expect(heap.next()).toBeGreaterThan(nowMs);
        }
        expect(heap.next()).toBeLessThanOrEqual(Math.min(Infinity, ...slow.values()));
      }
      expect(heap.size).toBe([...slow.values()].filter((at) => at < Infinity).length);
    }),
    { numRuns: 300 },
  );
});

test("GRP91 a deadline put off stays where it is until it comes", () => {
  const heap = new DeadlineHeap<string>();
  const deadline = new Deadline("a");
  heap.set(deadline, 10);
  heap.set(deadline, 20);
  expect(heap.next()).toBe(10);
  expect(heap.takeDue(10)).toBeUndefined();
  expect(heap.next()).toBe(20);
  heap.set(deadline, 15);
  expect(heap.next()).toBe(15);
  expect(heap.takeDue(15)).toBe("a");
  expect(heap.next()).toBe(Infinity);
});

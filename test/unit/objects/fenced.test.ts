import { expect, test } from "vitest";
import { isFenced } from "../../../src/objects/fenced.ts";
import { MemoryCatalogue, THREE_REGIONS } from "../../support/memory-catalogue.ts";

/** A catalogue that is as it was when it was last asked fresh; what it was asked, in order. */
function remembering(fenced: readonly number[], unreachable: readonly boolean[] = []) {
  const memory = new MemoryCatalogue();
  const stale = THREE_REGIONS.map((broker) => ({
    ...broker,
    fenced: fenced.includes(broker.brokerId),
  }));
  const asked: boolean[] = [];
  const cluster = async (clusterId: string, { fresh = false } = {}) => {
    asked.push(fresh);
    if (unreachable.includes(fresh)) throw new Error("the catalogue does not answer");
    const now = await memory.cluster(clusterId);
    return now === null || fresh ? now : { ...now, brokers: stale };
  };
  return { memory, asked, ask: (broker: number) => isFenced({ cluster }, "kedge", broker) };
}

test("CLU15: a fence may be heard of late, and nobody is asked for it", async () => {
  const { memory, asked, ask } = remembering([]);
  memory.setFenced("kedge", 1, true);
  expect(await ask(1)).toBe(false);
  expect(asked).toEqual([false]);
});

test("CLU15: the end of a fence is known at once", async () => {
  const { memory, asked, ask } = remembering([1]);
  expect(await ask(1)).toBe(false);
  expect(asked).toEqual([false, true]);
  memory.setFenced("kedge", 1, true);
  expect(await ask(1)).toBe(true);
  expect(await ask(2)).toBe(false);
});

test("CLU15: while the catalogue is away, what was known last stands; without that, nobody is fenced", async () => {
  expect(await remembering([1], [true]).ask(1)).toBe(true);
  expect(await remembering([1], [true, false]).ask(1)).toBe(false);
});

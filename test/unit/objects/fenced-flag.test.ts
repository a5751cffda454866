/** REP45: what a copy does not wait for. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ClusterInfo } from "../../../src/cluster/types.ts";
import { METADATA_TTL_MS } from "../../../src/constants.ts";
import { FencedFlag } from "../../../src/objects/fenced-flag.ts";
import { settled } from "./scripted-replica.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_700_000_000_000 });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A catalogue whose answers come when a test says, in any order. */
class SlowCatalogue {
  readonly asked: { fresh: boolean; answer: (fenced: boolean | null) => Promise<void> }[] = [];

  cluster(clusterId: string, { fresh = false } = {}): Promise<ClusterInfo | null> {
    const { promise, resolve, reject } = Promise.withResolvers<ClusterInfo | null>();
    const answer = (fenced: boolean | null): Promise<void> => {
      const broker = { brokerId: 2, rack: "two", hint: "weur", fenced: fenced ?? false };
      if (fenced === null) reject(new Error("the catalogue does not answer"));
      else resolve({ clusterId, controllerId: 1, brokers: [broker], configs: {} });
      return settled();
    };
    this.asked.push({ fresh, answer });
    return promise;
  }
}

function flagOf(catalogue: SlowCatalogue): FencedFlag {
  return new FencedFlag(catalogue, { clusterId: "kedge", brokerId: 2 });
}

test("REP45: the flag is what was last heard, and the catalogue is asked beside it when that is old", async () => {
  const catalogue = new SlowCatalogue();
  const flag = flagOf(catalogue);
  flag.lookIfOld();
  flag.lookIfOld();
  expect(flag.isSet).toBe(false);
  expect(catalogue.asked.map(({ fresh }) => fresh)).toEqual([false]);
  await catalogue.asked[0]?.answer(true);
  expect(flag.isSet).toBe(true);
  vi.setSystemTime(Date.now() + METADATA_TTL_MS - 1);
  flag.lookIfOld();
  expect(catalogue.asked).toHaveLength(1);
  vi.setSystemTime(Date.now() + 1);
  flag.lookIfOld();
  expect(catalogue.asked).toHaveLength(2);
  // Without an answer it stays as it was.
  await catalogue.asked[1]?.answer(null);
  expect(flag.isSet).toBe(true);
});

test("REP45: before a refusal the catalogue itself is asked", async () => {
  const catalogue = new SlowCatalogue();
  const flag = flagOf(catalogue);
  flag.lookIfOld();
  await catalogue.asked[0]?.answer(true);
  const still = flag.isStillSet();
  expect(catalogue.asked[1]?.fresh).toBe(true);
  await catalogue.asked[1]?.answer(false);
  expect(await still).toBe(false);
  expect(flag.isSet).toBe(false);
});

test("REP45: an answer that comes late does not undo a newer one", async () => {
  const catalogue = new SlowCatalogue();
  const flag = flagOf(catalogue);
  flag.lookIfOld();
  const still = flag.isStillSet();
  await catalogue.asked[1]?.answer(false);
  await catalogue.asked[0]?.answer(true);
  expect(await still).toBe(false);
  expect(flag.isSet).toBe(false);
});

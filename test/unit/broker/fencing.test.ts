/** Brokers out and back, over the catalogue in memory; and replicas that change rows meanwhile. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { proposeElection, repairElections } from "../../../src/broker/elections.ts";
import { fenceBroker, unfenceBroker } from "../../../src/broker/fencing.ts";
import type { ControlScope } from "../../../src/broker/moves.ts";
import { newTopicId } from "../../../src/cluster/topic-id.ts";
import type { PartitionInfo } from "../../../src/cluster/types.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { PartitionsDiary, withMethods } from "../../support/broker-context.ts";
import { MemoryCatalogue } from "../../support/memory-catalogue.ts";

const REPLICAS: readonly (readonly number[])[] = [[1, 2, 3], [2, 3, 1], [3, 1], [1], [2, 1]];

async function world(configs: Record<string, string> = {}) {
  const catalogue = new MemoryCatalogue();
  const partitions = new PartitionsDiary();
  const topicId = newTopicId(Math.random);
  await catalogue.createTopic("kedge", {
    ...{ name: "t", topicId, internal: false, configs },
    partitions: REPLICAS.map((replicas, partition) => ({
      ...{ partition, leader: replicas[0] ?? -1, leaderEpoch: 0, partitionEpoch: 0 },
      ...{ replicas, isr: replicas },
    })),
  });
  const scope: ControlScope = { clusterId: "kedge", ports: { catalogue, partitions } };
  const rows = async (): Promise<readonly PartitionInfo[]> =>
    (await catalogue.topics("kedge", ["t"])).get("t")?.partitions ?? [];
  const row = async (partition: number): Promise<PartitionInfo> => {
    const found = (await rows())[partition];
    if (found === undefined) throw new Error(`there is no partition ${partition}`);
    return found;
  };
  return { catalogue, partitions, topicId, scope, rows, row };
}

describe("a broker that is fenced", () => {
  test("CLU8: leads nothing and is in no ISR but those that have nobody else", async () => {
    const { scope, rows } = await world();
    const report = await fenceBroker(scope, 1);
    expect((await rows()).map((p) => [p.leader, p.leaderEpoch, p.partitionEpoch, p.isr])).toEqual([
      [2, 1, 1, [2, 3]],
      [2, 0, 1, [2, 3]],
      [3, 0, 1, [3]],
      [-1, 1, 1, [1]],
      [2, 0, 1, [2]],
    ]);
    expect(report).toMatchObject({ leadersMoved: 1, isrsShrunk: 3, leaderless: 1, left: 0 });
  });

  test("the leaders old and new are named, to be told", async () => {
    const { scope } = await world();
    const { refresh } = await fenceBroker(scope, 1);
    expect(refresh.map(({ partition, brokerId }) => [partition, brokerId])).toEqual([
      ...[
        [0, 2],
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 1],
        [4, 2],
      ],
    ]);
  });

  test("may be fenced again, which completes what broke off", async () => {
    const { scope, catalogue, rows } = await world();
    catalogue.setFenced("kedge", 1, true);
    expect(await fenceBroker(scope, 1)).toMatchObject({ leadersMoved: 1 });
    const after = await rows();
    expect(await fenceBroker(scope, 1)).toMatchObject({ leadersMoved: 0, isrsShrunk: 0 });
    expect(await rows()).toEqual(after);
  });

  test("unknown: 102, with the brokers that there are", async () => {
    const { scope } = await world();
    for (const refused of [fenceBroker(scope, 7), unfenceBroker(scope, 7)]) {
      await expect(refused).rejects.toMatchObject({ code: ErrorCode.BROKER_ID_NOT_REGISTERED });
      await expect(refused).rejects.toThrow("no broker 7 in cluster 'kedge'; the brokers are 1, 2");
    }
  });

  test("the last one is refused and nothing changes, unless it is forced", async () => {
    const { scope, rows } = await world();
    await fenceBroker(scope, 1);
    await fenceBroker(scope, 2);
    const before = await rows();
    const refused = fenceBroker(scope, 3);
    await expect(refused).rejects.toMatchObject({ code: ErrorCode.INVALID_REQUEST });
    await expect(refused).rejects.toThrow("Broker 3 is the last one that is not fenced");
    expect(await rows()).toEqual(before);
    await fenceBroker(scope, 3, { force: true });
    expect((await rows()).map((p) => [p.leader, p.isr])).toEqual([
      [-1, [3]],
      [-1, [3]],
      [-1, [3]],
      [-1, [1]],
      [-1, [2]],
    ]);
    await unfenceBroker(scope, 3);
    expect((await rows()).map((p) => p.leader)).toEqual([3, 3, 3, -1, -1]);
  });

  test("comes back to what waits for it, and the others' leaders are told to try it", async () => {
    const { scope, rows } = await world();
    await fenceBroker(scope, 1);
    const report = await unfenceBroker(scope, 1);
    expect((await rows()).map((p) => [p.leader, p.leaderEpoch, p.isr])).toEqual([
      [2, 1, [2, 3]],
      [2, 0, [2, 3]],
      [3, 0, [3]],
      [1, 2, [1]],
      [2, 0, [2]],
    ]);
    expect(report.refresh.map(({ partition, brokerId }) => [partition, brokerId])).toEqual([
      ...[
        [3, 1],
        [0, 2],
        [1, 2],
        [2, 3],
        [4, 2],
      ],
    ]);
  });

  test("with unclean elections a live replica that is not in sync takes over, alone", async () => {
    const { scope, catalogue, topicId, row } = await world({
      "unclean.leader.election.enable": "true",
    });
    const next = { leader: 1, leaderEpoch: 0, replicas: [1, 2, 3], isr: [1] };
    await catalogue.changePartition("kedge", topicId, 0, 0, next);
    await fenceBroker(scope, 1);
    expect(await row(0)).toMatchObject({ leader: 2, leaderEpoch: 1, isr: [2] });
  });

  test("a row that a replica changes meanwhile is planned anew", async () => {
    const { scope, catalogue, topicId, row } = await world();
    let raced = 0;
    const racing = withMethods<MemoryCatalogue>(catalogue, {
      changePartitions: async (clusterId, changes) => {
        const { leaderEpoch, replicas, partitionEpoch } = await row(0);
        const next = { leader: 1, leaderEpoch, replicas, isr: [1, 3] };
        if (raced++ < 3) await catalogue.changePartition("kedge", topicId, 0, partitionEpoch, next);
        return catalogue.changePartitions(clusterId, changes);
      },
    });
    const ports = { ...scope.ports, catalogue: racing };
    expect(await fenceBroker({ ...scope, ports }, 1)).toMatchObject({ left: 0, leadersMoved: 1 });
    expect(await row(0)).toMatchObject({ leader: 3, isr: [3], leaderEpoch: 1, partitionEpoch: 4 });
  });

  test("a thousand partitions take two round trips to change", async () => {
    const { scope, catalogue } = await world();
    const replicas = [1, 2, 3];
    await catalogue.createTopic("kedge", {
      ...{ name: "big", topicId: newTopicId(Math.random), internal: false, configs: {} },
      partitions: Array.from({ length: 1_000 }, (_, partition) => ({
        ...{ partition, leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas, isr: replicas },
      })),
    });
    let calls = 0;
    const counted = new Proxy(catalogue, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return (...args: unknown[]) => {
          calls++;
          return method.apply(target, args);
        };
      },
    });
    const ports = { ...scope.ports, catalogue: counted };
    expect(await fenceBroker({ ...scope, ports }, 1)).toMatchObject({ leadersMoved: 1_001 });
    // The mark, the cluster, the topics, the changes.
    expect(calls).toBe(4);
  });
});

describe("a proposal of who found a leader dead", () => {
  test("CLU10: another member of the ISR leads, and the dead one leaves it", async () => {
    const { scope, topicId, row } = await world();
    const known = await row(0);
    const { clusterId, ports } = scope;
    const proposal = await proposeElection(ports, clusterId, { topicId }, known);
    expect(proposal).toEqual({ changed: true, partition: await row(0) });
    expect(proposal.partition).toMatchObject({ leader: 2, leaderEpoch: 1, isr: [2, 3] });
    const late = await proposeElection(ports, clusterId, { topicId }, known);
    expect(late).toEqual({ changed: false, partition: await row(0) });
    expect((await row(0)).partitionEpoch).toBe(1);
  });

  test("CLU10: nothing is risked: without another live member the leader stays", async () => {
    const { scope, catalogue, topicId, row } = await world({
      "unclean.leader.election.enable": "true",
    });
    const { clusterId, ports } = scope;
    for (const partition of [3, 4]) {
      catalogue.setFenced("kedge", 1, partition === 4);
      const known = await row(partition);
      const proposal = await proposeElection(ports, clusterId, { topicId }, known);
      expect(proposal).toEqual({ changed: false, partition: known });
    }
    const gone = { partition: 99, leader: 1, leaderEpoch: 0 };
    expect(await proposeElection(ports, clusterId, { topicId }, gone)).toEqual({
      ...{ changed: false, partition: null },
    });
  });

  test("of ten who propose at the same time, one changes the row", async () => {
    const { scope, topicId, row } = await world();
    const known = await row(0);
    const { clusterId, ports } = scope;
    const all = Array.from({ length: 10 }, () =>
      proposeElection(ports, clusterId, { topicId }, known),
    );
    const outcomes = await Promise.all(all);
    expect(outcomes.filter(({ changed }) => changed)).toHaveLength(1);
    expect(outcomes.every(({ partition }) => partition?.leader === 2)).toBe(true);
  });
});

type Step =
  | { readonly kind: "fence"; readonly broker: number; readonly force: boolean }
  | { readonly kind: "unfence"; readonly broker: number }
  | { readonly kind: "repair" }
  | { readonly kind: "propose"; readonly partition: number }
  /** What a leader does: a follower that caught up joins, one that lags leaves. */
  | { readonly kind: "isr"; readonly partition: number; readonly broker: number };

const broker = fc.integer({ min: 1, max: 3 });
const partition = fc.integer({ min: 0, max: REPLICAS.length - 1 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("fence" as const), broker, force: fc.boolean() }),
    fc.record({ kind: fc.constant("unfence" as const), broker }),
    fc.record({ kind: fc.constant("repair" as const) }),
    fc.record({ kind: fc.constant("propose" as const), partition }),
    fc.record({ kind: fc.constant("isr" as const), partition, broker }),
  ),
  { maxLength: 40 },
);

test("CLU9: whatever is fenced, unfenced and changed at the same time: epochs grow, an epoch has one leader, leaders come from the ISR", async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 4 }), async (all, together) => {
      const { scope, catalogue, topicId, rows, row } = await world();
      const { clusterId, ports } = scope;
      const history: PartitionInfo[][] = REPLICAS.map(() => []);
      // Every change of every row is seen, also those that happen at the same time.
      const watch = async () => {
        for (const now of await rows()) {
          const seen = history[now.partition];
          if (seen?.at(-1)?.partitionEpoch !== now.partitionEpoch) seen?.push(now);
        }
      };
      const watched = withMethods<MemoryCatalogue>(catalogue, {
        changePartition: async (...args) => {
          const outcome = await catalogue.changePartition(...args);
          await watch();
          return outcome;
        },
        changePartitions: async (id, changes) => {
          const done: boolean[] = [];
          for (const change of changes) {
            done.push(...(await catalogue.changePartitions(id, [change])));
            await watch();
          }
          return done;
        },
      });
      const mine: ControlScope = { clusterId, ports: { ...ports, catalogue: watched } };
      const run = async (step: Step): Promise<unknown> => {
        if (step.kind === "fence") return fenceBroker(mine, step.broker, step).catch(() => null);
        if (step.kind === "unfence") return unfenceBroker(mine, step.broker);
        if (step.kind === "repair") return repairElections(mine);
        const known = await row(step.partition);
        if (step.kind === "propose") {
          return proposeElection(mine.ports, clusterId, { topicId }, known);
        }
        const { leader, leaderEpoch, replicas, partitionEpoch } = known;
        const { broker: id } = step;
        if (id === leader || leader < 0 || !replicas.includes(id)) return null;
        const isr = known.isr.includes(id)
          ? known.isr.filter((other) => other !== id)
          : [...known.isr, id];
        const next = { leader, leaderEpoch, replicas, isr };
        return watched.changePartition(clusterId, topicId, step.partition, partitionEpoch, next);
      };
      await watch();
      for (let at = 0; at < all.length; at += together) {
        await Promise.all(all.slice(at, at + together).map(run));
      }
      for (const seen of history) {
        for (const [index, now] of seen.entries()) {
          const before = seen[index - 1];
          expect(now.isr.length).toBeGreaterThan(0);
          if (now.leader >= 0) expect(now.isr).toContain(now.leader);
          if (before === undefined) continue;
          expect(now.partitionEpoch).toBe(before.partitionEpoch + 1);
          const moved = now.leader !== before.leader;
          expect(now.leaderEpoch - before.leaderEpoch).toBe(moved ? 1 : 0);
          if (now.leader >= 0) expect(before.isr).toContain(now.leader);
        }
      }
      // At rest nobody who is out leads, and whoever can lead does.
      await repairElections(scope);
      const cluster = await catalogue.cluster(clusterId);
      const live = cluster?.brokers.flatMap((b) => (b.fenced ? [] : [b.brokerId])) ?? [];
      for (const { leader, isr } of await rows()) {
        if (leader < 0) expect(isr.some((id) => live.includes(id))).toBe(false);
        else expect(live).toContain(leader);
        if (leader >= 0) expect(isr.every((id) => live.includes(id))).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

/** Group coordinators inside workerd: the handlers, the objects of __consumer_offsets, and what survives. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { RequestContextBase } from "../../src/broker/context.ts";
import { call } from "../../src/broker/dispatch.ts";
import { fenceBroker, unfenceBroker } from "../../src/broker/fencing.ts";
import { CONSUMER_OFFSETS_ID, coordinatorPartition } from "../../src/cluster/internal-topics.ts";
import { REPLICATE_QUIET_MS } from "../../src/constants.ts";
import type { GroupCoordinator } from "../../src/objects/group-coordinator.ts";
import { partitionName } from "../../src/objects/partition-name.ts";
import { fetchApi } from "../../src/protocol/api/01-fetch.ts";
import { offsetCommitApi } from "../../src/protocol/api/08-offset-commit.ts";
import { offsetFetchApi } from "../../src/protocol/api/09-offset-fetch.ts";
import { findCoordinatorApi } from "../../src/protocol/api/10-find-coordinator.ts";
import { joinGroupApi } from "../../src/protocol/api/11-join-group.ts";
import { listGroupsApi } from "../../src/protocol/api/16-list-groups.ts";
import { createTopicsApi } from "../../src/protocol/api/19-create-topics.ts";
import { deleteTopicsApi } from "../../src/protocol/api/20-delete-topics.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { decodeRecordBatch, iterateBatches } from "../../src/protocol/record-batch.ts";
import { contextFor } from "../../src/router/context.ts";
import { migratedDatabase } from "../support/d1.ts";
import { CLUSTER, workerEnv } from "./partition-topics.ts";

// Two cores that others use too: slow is not wrong.
vi.setConfig({ testTimeout: 60_000 });

const TOPIC = "read-by-groups";
const PARTITIONS = 50;

function contextOf(): RequestContextBase {
  const request = new Request("http://localhost/kafka");
  const pending: Promise<unknown>[] = [];
  return contextFor(workerEnv, request, { waitUntil: (p) => void pending.push(p) }, "User:test");
}

beforeAll(async () => {
  await migratedDatabase();
  await createTopic(TOPIC);
});

async function createTopic(name: string): Promise<void> {
  const topic = { name, numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] };
  await call(contextOf(), createTopicsApi, { topics: [topic], timeoutMs: 1_000 });
}

async function commit(
  groupId: string,
  committedOffset: number,
  partitionIndex = 0,
  name = TOPIC,
): Promise<number> {
  const partition = { partitionIndex, committedOffset, committedMetadata: "here" };
  const { topics } = await call(
    contextOf(),
    offsetCommitApi,
    { groupId, memberId: "", topics: [{ name, partitions: [partition] }] },
    { version: 8 },
  );
  return topics[0]?.partitions[0]?.errorCode ?? -1;
}

async function committed(groupId: string, name = TOPIC): Promise<(number | string)[]> {
  const topics = [{ name, partitionIndexes: [0] }];
  const { groups } = await call(
    contextOf(),
    offsetFetchApi,
    { groups: [{ groupId, topics }] },
    { version: 8 },
  );
  const partition = groups[0]?.topics[0]?.partitions[0];
  return [partition?.committedOffset ?? NaN, partition?.metadata ?? ""];
}

interface Found {
  readonly partition: number;
  readonly leader: number;
  readonly stub: DurableObjectStub<GroupCoordinator>;
}

async function coordinatorOf(groupId: string): Promise<Found> {
  const { nodeId } = await call(
    contextOf(),
    findCoordinatorApi,
    { key: groupId, keyType: 0 },
    { version: 3 },
  );
  const partition = coordinatorPartition(groupId, PARTITIONS);
  const topicId = CONSUMER_OFFSETS_ID;
  const name = partitionName({ clusterId: CLUSTER, topicId, partition, brokerId: nodeId });
  return { partition, leader: nodeId, stub: workerEnv.GROUP_COORDINATOR.getByName(name) };
}

const client = { clientId: "", clientHost: "", apiVersion: 5, uuid: "" };
const listAll = { api: "listGroups", body: { statesFilter: [], typesFilter: [] } } as const;

describe("an object that nobody has needed", () => {
  test("is asked for its groups and for deleted topics without coming to life", async () => {
    const untouched = await coordinatorOf("nobody-at-all");
    const names = (await call(contextOf(), listGroupsApi, {})).groups.map((g) => g.groupId);
    expect(names).not.toContain("nobody-at-all");
    const tables = await runInDurableObject<GroupCoordinator, number>(
      untouched.stub,
      (_, { storage }) => storage.sql.exec("SELECT 1 FROM sqlite_schema").toArray().length,
    );
    expect(tables).toBe(0);
  });
});

describe("committed offsets", () => {
  test("outlive the object, and are Kafka's records to who reads the topic", async () => {
    expect(await commit("kept", 42)).toBe(ErrorCode.NONE);
    const { partition, stub } = await coordinatorOf("kept");
    await evictDurableObject(stub);
    expect(await committed("kept")).toEqual([42, "here"]);
    const partitions = [{ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 }];
    const topics = [{ topic: "__consumer_offsets", partitions }];
    const { responses } = await call(
      contextOf(),
      fetchApi,
      { maxWaitMs: 0, minBytes: 0, topics },
      { version: 12 },
    );
    const records = responses[0]?.partitions[0]?.records ?? new Uint8Array();
    const [first] = [...iterateBatches(records)].flatMap((at) => decodeRecordBatch(records, at));
    const key = first?.key ?? new Uint8Array();
    // OffsetCommitKey: version 1, the group, the topic, the partition.
    expect([...key.subarray(0, 4)]).toEqual([0, 1, 0, 4]);
    expect(new TextDecoder().decode(key.subarray(4, 8))).toBe("kept");
    expect(new TextDecoder().decode(key.subarray(10, -4))).toBe(TOPIC);
    expect(first?.value?.[1]).toBe(3);
  });

  test("outlive a crash while requests are on their way", async () => {
    expect(await commit("crashed", 1)).toBe(ErrorCode.NONE);
    const { stub } = await coordinatorOf("crashed");
    const asking = Array.from({ length: 5 }, () => committed("crashed"));
    await stub.crash().catch(() => undefined);
    expect(await Promise.all(asking)).toEqual(Array.from({ length: 5 }, () => [1, "here"]));
    expect(await commit("crashed", 2)).toBe(ErrorCode.NONE);
    expect(await committed("crashed")).toEqual([2, "here"]);
  });

  test("outlive the coordinator's broker, without a client's doing", async () => {
    expect(await commit("moved", 7)).toBe(ErrorCode.NONE);
    const before = await coordinatorOf("moved");
    const scope = { clusterId: CLUSTER, ports: contextOf().ports };
    const { refresh } = await fenceBroker(scope, before.leader);
    await scope.ports.partitions.refresh(refresh);
    try {
      expect(await committed("moved")).toEqual([7, "here"]);
      expect(await commit("moved", 8)).toBe(ErrorCode.NONE);
      const after = await coordinatorOf("moved");
      expect(after.leader).not.toBe(before.leader);
      const asked = { leaderEpoch: 0, client, request: listAll };
      expect(await before.stub.group(asked)).toEqual({ api: "failed", errorCode: 16 });
    } finally {
      const back = await unfenceBroker(scope, before.leader);
      await scope.ports.partitions.refresh(back.refresh);
    }
  });

  test("many that come together share a row", async () => {
    await commit("many", 0);
    const { stub } = await coordinatorOf("many");
    const before = await stub.stats();
    const codes = await Promise.all(Array.from({ length: 60 }, (_, at) => commit("many", at + 1)));
    expect(codes.every((code) => code === ErrorCode.NONE)).toBe(true);
    const after = await stub.stats();
    expect(after.requests - before.requests).toBeGreaterThanOrEqual(60);
    expect(after.rowsWritten - before.rowsWritten).toBeLessThan(30);
  });

  test("of a deleted topic are gone before the deletion is answered", async () => {
    await createTopic("passing");
    expect(await commit("forgetful", 5, 0, "passing")).toBe(ErrorCode.NONE);
    expect(await commit("forgetful", 6)).toBe(ErrorCode.NONE);
    const gone = { topicNames: ["passing"], timeoutMs: 1_000 };
    await call(contextOf(), deleteTopicsApi, gone, { version: 5 });
    expect(await committed("forgetful", "passing")).toEqual([-1, ""]);
    expect(await committed("forgetful")).toEqual([6, "here"]);
  });
});

describe("time", () => {
  const LONG_MS = 1_800_000;

  test("what is due later is an alarm, and the object may sleep until then", async () => {
    const member = { sessionTimeoutMs: LONG_MS, rebalanceTimeoutMs: 1_000 };
    const protocols = [{ name: "range", metadata: new Uint8Array() }];
    const { errorCode } = await call(
      contextOf(),
      joinGroupApi,
      { groupId: "alarmed", memberId: "", ...member, protocolType: "consumer", protocols },
      { version: 4 },
    );
    expect(errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
    const { stub } = await coordinatorOf("alarmed");
    // The id that was given out and is not used is to be forgotten. First the replicas settle; what is
    // due after that is the group's.
    const alarmAt = await vi.waitUntil(
      () =>
        runInDurableObject<GroupCoordinator, number | null>(stub, async (_, { storage }) => {
          const at = await storage.getAlarm();
          return at !== null && at > Date.now() + 2 * REPLICATE_QUIET_MS ? at : null;
        }),
      { timeout: 30_000, interval: 100 },
    );
    expect(alarmAt).toBeLessThanOrEqual(Date.now() + LONG_MS);
  });
});

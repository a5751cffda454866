import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import type { LogStatus, PartitionAddress, PartitionPort } from "../../../src/broker/ports.ts";
import { newTopicId } from "../../../src/cluster/topic-id.ts";
import { LOG_DIRS_REPLICAS_MAX, OBJECT_BYTES_MAX } from "../../../src/constants.ts";
import { refusedStatus } from "../../../src/objects/partition-answers.ts";
import { describeLogDirsApi } from "../../../src/protocol/api/35-describe-log-dirs.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { brokerUnderTest } from "../../support/broker-context.ts";

const EMPTY: LogStatus = {
  ...{ errorCode: 0, isLeader: false, logStartOffset: 0 },
  ...{ logEndOffset: 0, highWatermark: 0, sizeInBytes: 0 },
};

type Statuses = Readonly<Record<string, Partial<LogStatus> | Error>>;

/** Topics by their partitions' replicas, the leader first; statuses by "partition/broker". */
async function world(topics: Record<string, number[][]>, statuses: Statuses = {}) {
  const broker = brokerUnderTest();
  const asked: string[] = [];
  for (const [name, partitions] of Object.entries(topics)) {
    await broker.catalogue.createTopic("kedge", {
      ...{ name, topicId: newTopicId(Math.random), internal: false, configs: {} },
      partitions: partitions.map((replicas, partition) => ({
        ...{ partition, leader: replicas[0] ?? -1, leaderEpoch: 0, partitionEpoch: 0 },
        ...{ replicas, isr: replicas },
      })),
    });
  }
  broker.partitions.at = ({ partition, brokerId }: PartitionAddress) => {
    const key = `${partition}/${brokerId}`;
    const status = async () => {
      asked.push(key);
      const told = statuses[key] ?? {};
      if (told instanceof Error) throw told;
      return { ...EMPTY, ...told };
    };
    return { status } as PartitionPort;
  };
  const ask = (
    brokerId: number | null,
    wanted: { topic: string; partitions: number[] }[] | null,
    version = 4,
  ) => call({ ...broker.ctx, brokerId }, describeLogDirsApi, { topics: wanted }, { version });
  return { ask, asked, logs: broker.logs };
}

describe("DescribeLogDirs", () => {
  test("who addresses a broker is told of its replicas, and their lag behind the leader", async () => {
    const { ask } = await world(
      {
        t: [
          [1, 2],
          [2, 3],
          [3, 1],
        ],
      },
      {
        "0/1": { sizeInBytes: 700, logEndOffset: 9, highWatermark: 7, isLeader: true },
        "0/2": { sizeInBytes: 500, logEndOffset: 4, highWatermark: 3 },
        "1/2": { sizeInBytes: 300, logEndOffset: 5, highWatermark: 5, isLeader: true },
      },
    );
    expect((await ask(2, null)).results).toEqual([
      {
        ...{ errorCode: 0, logDir: "weur" },
        topics: [
          {
            name: "t",
            partitions: [
              { partitionIndex: 0, partitionSize: 500, offsetLag: 3, isFutureKey: false },
              { partitionIndex: 1, partitionSize: 300, offsetLag: 0, isFutureKey: false },
            ],
          },
        ],
        ...{ totalBytes: OBJECT_BYTES_MAX, usableBytes: OBJECT_BYTES_MAX - 500 },
      },
    ]);
  });

  test("who addresses none is told of all, and only what is named is woken", async () => {
    const { ask, asked } = await world({ t: [[1], [2], [3]], u: [[1], [2], [3]] });
    const { results } = await ask(null, [
      { topic: "t", partitions: [0, 2, 9] },
      { topic: "gone", partitions: [0] },
    ]);
    const shown = results.map(({ logDir, topics }) => [
      logDir,
      topics.flatMap(({ partitions }) => partitions.map((one) => one.partitionIndex)),
    ]);
    expect(shown).toEqual([
      ["wnam", [0]],
      ["weur", []],
      ["apac", [2]],
    ]);
    expect(asked.sort()).toEqual(["0/1", "2/3"]);
  });

  test("a replica that does not answer is left out, and logged", async () => {
    const { ask, logs } = await world(
      { t: [[1], [1], [1]] },
      { "0/1": new Error("evicted"), "1/1": refusedStatus(ErrorCode.KAFKA_STORAGE_ERROR) },
    );
    const { results } = await ask(1, null);
    expect(results[0]?.topics[0]?.partitions.map((one) => one.partitionIndex)).toEqual([2]);
    expect(logs.map(({ message, error }) => [message, error])).toEqual([
      [expect.stringContaining("t-0 on broker 1"), "evicted"],
      [expect.stringContaining("t-1 on broker 1"), "error 56"],
    ]);
  });

  test("more replicas than one request may wake are refused, in every version", async () => {
    const partitions = Array.from({ length: LOG_DIRS_REPLICAS_MAX + 1 }, () => [1]);
    const { ask, asked } = await world({ t: partitions });
    expect(await ask(1, null)).toMatchObject({ errorCode: 42, results: [{ errorCode: 42 }] });
    expect((await ask(1, null, 1)).results).toMatchObject([{ errorCode: 42, topics: [] }]);
    expect(asked).toEqual([]);
  });
});

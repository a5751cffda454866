import { beforeEach, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { PRODUCER_ID_EXPIRATION_MS } from "../../../src/constants.ts";
import { produceApi } from "../../../src/protocol/api/00-produce.ts";
import { describeProducersApi } from "../../../src/protocol/api/61-describe-producers.ts";
import { encodeRecordBatch } from "../../../src/protocol/record-batch.ts";
import { RestWorld } from "../../support/rest-world.ts";

let world: RestWorld;
beforeEach(async () => {
  world = new RestWorld();
  await world.createTopic("t", 2);
});

async function produce(producerId: number, producerEpoch: number, baseSequence: number) {
  const records = encodeRecordBatch({
    records: [{ timestamp: world.nowMs, key: null, value: new Uint8Array(1), headers: [] }],
    compress: (_, payload) => payload,
    ...{ producerId, producerEpoch, baseSequence },
  });
  const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
  const request = { acks: -1, timeoutMs: 1_000, topicData };
  const { responses } = await call(world.context(), produceApi, request, { version: 12 });
  expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
}

async function describe(name: string, ...partitionIndexes: number[]) {
  const request = { topics: [{ name, partitionIndexes }] };
  return (await call(world.context(), describeProducersApi, request)).topics[0]?.partitions;
}

test("producers are told by id, with the last of what each wrote", async () => {
  await produce(9, 1, 0);
  world.nowMs += 5;
  await produce(4, 0, 0);
  await produce(4, 0, 1);
  const none = { coordinatorEpoch: -1, currentTxnStartOffset: -1 };
  const at = world.nowMs;
  expect(await describe("t", 0, 1)).toEqual([
    {
      ...{ partitionIndex: 0, errorCode: 0, errorMessage: null },
      activeProducers: [
        { producerId: 4, producerEpoch: 0, lastSequence: 1, lastTimestamp: at, ...none },
        { producerId: 9, producerEpoch: 1, lastSequence: 0, lastTimestamp: at - 5, ...none },
      ],
    },
    { partitionIndex: 1, errorCode: 0, errorMessage: null, activeProducers: [] },
  ]);
});

test("LOG14: one that has been silent for too long is not told", async () => {
  await produce(4, 0, 0);
  world.nowMs += PRODUCER_ID_EXPIRATION_MS;
  expect((await describe("t", 0))?.[0]?.activeProducers).toEqual([]);
});

test("what is not there is error 3", async () => {
  expect(await describe("t", 7)).toMatchObject([{ partitionIndex: 7, errorCode: 3 }]);
  expect(await describe("no", 0)).toMatchObject([{ errorCode: 3, activeProducers: [] }]);
});

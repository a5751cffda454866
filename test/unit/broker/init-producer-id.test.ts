import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { PRODUCER_ID_BLOCK } from "../../../src/constants.ts";
import {
  type InitProducerIdRequestInput,
  initProducerIdApi,
} from "../../../src/protocol/api/22-init-producer-id.ts";
import { ErrorCode, KafkaError } from "../../../src/protocol/errors.ts";
import {
  type BrokerUnderTest,
  brokerUnderTest,
  withMethods,
} from "../../support/broker-context.ts";

const init = (
  { ctx }: BrokerUnderTest,
  request: Partial<InitProducerIdRequestInput> = {},
  version = 5,
) => call(ctx, initProducerIdApi, { transactionTimeoutMs: 60_000, ...request }, { version });

describe("InitProducerId", () => {
  test.each([0, 1, 2, 3, 4, 5])("version %i gives an id and epoch 0", async (version) => {
    const response = await init(brokerUnderTest(), {}, version);
    expect(response).toMatchObject({ errorCode: 0, producerId: 0, producerEpoch: 0 });
  });

  test("no two producers have one id, over blocks, isolates and at the same time", async () => {
    const one = brokerUnderTest();
    const other = brokerUnderTest({ wrap: () => withMethods(one.catalogue, {}) });
    const requests = Array.from({ length: 3 * PRODUCER_ID_BLOCK }, (_, n) =>
      init(n % 3 === 0 ? one : other),
    );
    const ids = (await Promise.all(requests)).map(({ producerId }) => producerId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Math.min(...ids)).toBe(0);
  });

  test("the catalogue is asked once for a block", async () => {
    let asked = 0;
    const broker = brokerUnderTest({
      wrap: (catalogue) =>
        withMethods(catalogue, {
          allocateProducerIds: (clusterId, count) => {
            asked++;
            return catalogue.allocateProducerIds(clusterId, count);
          },
        }),
    });
    for (let n = 0; n < PRODUCER_ID_BLOCK; n++) {
      expect((await init(broker)).producerId).toBe(n);
    }
    expect(asked).toBe(1);
    await init(broker);
    expect(asked).toBe(2);
  });

  test("a producer that has an id gets a new one", async () => {
    const broker = brokerUnderTest();
    const { producerId } = await init(broker);
    const again = await init(broker, { producerId, producerEpoch: 0 });
    expect(again).toMatchObject({ errorCode: 0, producerId: producerId + 1, producerEpoch: 0 });
  });

  test.each<[string, Partial<InitProducerIdRequestInput>, number]>([
    ["an empty transactional id", { transactionalId: "" }, ErrorCode.INVALID_REQUEST],
    ["an id without epoch", { producerId: 5 }, ErrorCode.INVALID_REQUEST],
    ["an epoch without id", { producerEpoch: 5 }, ErrorCode.INVALID_REQUEST],
    [
      "a transactional id, in a way that clients take for final",
      { transactionalId: "tx" },
      ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ],
  ])("refuses %s", async (_, request, errorCode) => {
    const response = await init(brokerUnderTest(), request);
    expect(response).toMatchObject({ errorCode, producerId: -1, producerEpoch: -1 });
  });

  test("while the catalogue does not answer, there is an error to try again after", async () => {
    const broker = brokerUnderTest({
      wrap: (catalogue) =>
        withMethods(catalogue, {
          allocateProducerIds: async () => {
            throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT);
          },
        }),
    });
    expect(await init(broker)).toMatchObject({ errorCode: 7, producerId: -1, producerEpoch: -1 });
  });
});

import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import {
  type DescribeClusterRequestInput,
  describeClusterApi,
} from "../../../src/protocol/api/60-describe-cluster.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { type BrokerUnderTest, brokerUnderTest } from "../../support/broker-context.ts";

const describeIt = (
  { ctx }: BrokerUnderTest,
  request: Partial<DescribeClusterRequestInput> = {},
  version = 2,
) => {
  const defaults = { includeClusterAuthorizedOperations: false, includeFencedBrokers: false };
  return call(ctx, describeClusterApi, { ...defaults, ...request }, { version });
};

describe("DescribeCluster", () => {
  test.each([0, 1, 2])(
    "version %i names the brokers, the controller and the cluster",
    async (version) => {
      const response = await describeIt(brokerUnderTest(), {}, version);
      expect(response).toMatchObject({
        errorCode: 0,
        endpointType: 1,
        clusterId: "kedge",
        controllerId: 1,
        clusterAuthorizedOperations: -2147483648,
      });
      const at = { host: "kafka.example", port: 9092, isFenced: false };
      expect(response.brokers).toEqual([
        { brokerId: 1, rack: "wnam", ...at },
        { brokerId: 2, rack: "weur", ...at },
        { brokerId: 3, rack: "apac", ...at },
      ]);
    },
  );

  test("fenced brokers are named on request only", async () => {
    const broker = brokerUnderTest();
    broker.catalogue.setFenced("kedge", 1, true);
    const brokers = async (includeFencedBrokers: boolean, version = 2) =>
      (await describeIt(broker, { includeFencedBrokers }, version)).brokers.map((b) => [
        b.brokerId,
        b.isFenced,
      ]);
    expect(await brokers(false)).toEqual([
      [2, false],
      [3, false],
    ]);
    expect(await brokers(true)).toEqual([
      [1, true],
      [2, false],
      [3, false],
    ]);
    expect(await brokers(true, 1)).toHaveLength(2);
    expect((await describeIt(broker)).controllerId).toBe(2);
  });

  test("operations are given on request", async () => {
    const response = await describeIt(brokerUnderTest(), {
      includeClusterAuthorizedOperations: true,
    });
    expect(response.clusterAuthorizedOperations).toBe(0b1_1111_1010_0000);
  });

  test("controllers and unknown endpoints are refused", async () => {
    const controllers = await describeIt(brokerUnderTest(), { endpointType: 2 });
    expect(controllers.errorCode).toBe(ErrorCode.MISMATCHED_ENDPOINT_TYPE);
    expect(controllers.errorMessage).toContain("BROKER");
    expect(controllers.brokers).toEqual([]);
    const unknown = await describeIt(brokerUnderTest(), { endpointType: 9 });
    expect(unknown.errorCode).toBe(ErrorCode.UNSUPPORTED_ENDPOINT_TYPE);
    expect(unknown.errorMessage).toBe("Unsupported endpoint type 9");
  });

  test("a cluster that is not there says what to do", async () => {
    const response = await describeIt(brokerUnderTest({ clusterId: "nowhere" }));
    expect(response.errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect(response.errorMessage).toContain("apply the D1 migrations");
  });
});

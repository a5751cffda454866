import { describe, expect, test } from "vitest";
import { call, dispatchFrame } from "../../../src/broker/dispatch.ts";
import { apiVersionsApi } from "../../../src/protocol/api/18-api-versions.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../../src/protocol/frame.ts";
import { brokerUnderTest } from "../../support/broker-context.ts";

const CLIENT = { clientSoftwareName: "kcat", clientSoftwareVersion: "1.7.1" };

describe("ApiVersions", () => {
  test.each([0, 1, 2, 3, 4])("version %i names every API with its range", async (version) => {
    const { ctx } = brokerUnderTest();
    const { errorCode, apiKeys } = await call(ctx, apiVersionsApi, CLIENT, { version });
    expect(errorCode).toBe(0);
    const ranges = apiKeys.map(({ apiKey, minVersion, maxVersion }) => [
      apiKey,
      minVersion,
      maxVersion,
    ]);
    expect(ranges).toEqual([
      [0, 0, 13],
      [1, 4, 17],
      [2, 1, 11],
      [3, 0, 13],
      [8, 2, 10],
      [9, 1, 10],
      [10, 0, 6],
      [11, 0, 9],
      [12, 0, 4],
      [13, 0, 5],
      [14, 0, 5],
      [15, 0, 6],
      [16, 0, 5],
      [18, 0, 4],
      [19, 2, 7],
      [20, 1, 6],
      [21, 0, 2],
      [22, 0, 5],
      [23, 2, 4],
      [32, 1, 4],
      [33, 0, 2],
      [35, 1, 4],
      [37, 0, 3],
      [42, 0, 2],
      [43, 0, 2],
      [44, 0, 1],
      [45, 0, 1],
      [46, 0, 0],
      [47, 0, 0],
      [60, 0, 2],
      [61, 0, 0],
      [68, 0, 1],
      [69, 0, 1],
      [75, 0, 0],
    ]);
  });

  test("names no features", async () => {
    const response = await call(brokerUnderTest().ctx, apiVersionsApi, CLIENT);
    expect(response).toMatchObject({
      supportedFeatures: [],
      finalizedFeatures: [],
      finalizedFeaturesEpoch: -1,
    });
  });

  test("a version that is too high gets the v0 body, error 35 and the range to ask again with", async () => {
    for (const version of [5, 6, 32767, -1]) {
      const request = encodeRequestFrame(apiVersionsApi, 4, 42, "java", CLIENT).slice();
      new DataView(request.buffer).setInt16(6, version);
      const response = await dispatchFrame(brokerUnderTest().ctx, request);
      const { correlationId, body } = decodeResponseFrame(apiVersionsApi, 0, response ?? request);
      expect(correlationId).toBe(42);
      expect(body.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
      expect(body.apiKeys).toEqual([{ apiKey: 18, minVersion: 0, maxVersion: 4 }]);
    }
  });

  test.each(["", "-a", "a-", ".a", "a b", "ä", "a_b", "a\n"])(
    "refuses a client called %j",
    async (name) => {
      const { ctx } = brokerUnderTest();
      for (const bad of [{ clientSoftwareName: name }, { clientSoftwareVersion: name }]) {
        for (const version of [3, 4]) {
          const response = await call(ctx, apiVersionsApi, { ...CLIENT, ...bad }, { version });
          expect(response).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] });
        }
      }
    },
  );

  test.each(["a", "apache-kafka-java", "4.2.0-SNAPSHOT", "1"])(
    "takes a client called %j",
    async (name) => {
      const client = { clientSoftwareName: name, clientSoftwareVersion: name };
      const response = await call(brokerUnderTest().ctx, apiVersionsApi, client);
      expect(response.errorCode).toBe(0);
    },
  );
});

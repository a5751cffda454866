import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { call, dispatchFrame } from "../../../src/broker/dispatch.ts";
import { ConnectionError, defineHandler } from "../../../src/broker/handler.ts";
import { handlerByKey, handlers } from "../../../src/broker/handlers.ts";
import { concatBytes } from "../../../src/lib/bytes.ts";
import { produceApi } from "../../../src/protocol/api/00-produce.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { apiVersionsApi } from "../../../src/protocol/api/18-api-versions.ts";
import { createTopicsApi } from "../../../src/protocol/api/19-create-topics.ts";
import { describeClusterApi } from "../../../src/protocol/api/60-describe-cluster.ts";
import { ErrorCode, KafkaError } from "../../../src/protocol/errors.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../../src/protocol/frame.ts";
import {
  type BrokerUnderTest,
  brokerUnderTest,
  withMethods,
} from "../../support/broker-context.ts";

const EMPTY_METADATA = { topics: [] };

/** A header v2 with its prefix: no client id, no tags. To a version with header v1, one byte of body. */
function header(apiKey: number, apiVersion: number, correlationId = 7): Uint8Array {
  const bytes = new Uint8Array(15);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, 11);
  view.setInt16(4, apiKey);
  view.setInt16(6, apiVersion);
  view.setInt32(8, correlationId);
  view.setInt16(12, -1);
  return bytes;
}

async function rejection(frame: Uint8Array, broker = brokerUnderTest()): Promise<ConnectionError> {
  const error = await dispatchFrame(broker.ctx, frame).catch((caught: unknown) => caught);
  if (error instanceof ConnectionError) return error;
  throw new Error(`not refused: ${error}`);
}

const down = (method: keyof BrokerUnderTest["catalogue"], error: Error) =>
  brokerUnderTest({
    wrap: (catalogue) =>
      withMethods(catalogue, {
        [method]: async () => {
          throw error;
        },
      }),
  });

describe("a frame", () => {
  test("is answered under its correlation id, with a size prefix", async () => {
    const request = encodeRequestFrame(metadataApi, 12, -5, "me", EMPTY_METADATA);
    const response = await dispatchFrame(brokerUnderTest().ctx, request);
    const { correlationId, body } = decodeResponseFrame(
      metadataApi,
      12,
      response ?? new Uint8Array(),
    );
    expect(correlationId).toBe(-5);
    expect(body.clusterId).toBe("kedge");
  });

  test("without a size prefix is answered without one", async () => {
    const request = encodeRequestFrame(metadataApi, 9, 1, null, EMPTY_METADATA);
    const { ctx } = brokerUnderTest();
    const withPrefix = await dispatchFrame(ctx, request);
    const without = await dispatchFrame(ctx, request.subarray(4));
    expect(without).toEqual(withPrefix?.subarray(4));
  });

  test("that is not at the start of its buffer is read where it is", async () => {
    const request = encodeRequestFrame(metadataApi, 9, 1, null, EMPTY_METADATA);
    const buffer = concatBytes([new Uint8Array(5), request, new Uint8Array(3)]);
    const { ctx } = brokerUnderTest();
    const expected = await dispatchFrame(ctx, request);
    expect(await dispatchFrame(ctx, buffer.subarray(5, 5 + request.length))).toEqual(expected);
  });

  test("with bytes after the body is answered: librdkafka asks for all topics with three too many", async () => {
    // Captured from librdkafka 2.16.0 (its issue 5049). Kafka 4.2's parser leaves the three unread.
    const frame = Buffer.from("000000190003000d00000003000772646b61666b610000000000010000", "hex");
    const { ctx } = brokerUnderTest();
    const topics = [
      { name: "t1", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
    ];
    await call(ctx, createTopicsApi, { topics, timeoutMs: 1000 });
    const reply = (await dispatchFrame(ctx, frame)) ?? frame;
    const { body } = decodeResponseFrame(metadataApi, 13, reply);
    expect(body.topics.map(({ name }) => name)).toEqual(["t1"]);
  });

  test("every handler answers each of its versions", async () => {
    const request = {
      ...{ topics: [], topicNames: [], topicData: [], forgottenTopicsData: [] },
      ...{
        acks: -1,
        timeoutMs: 1,
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 1,
        transactionTimeoutMs: 1,
      },
      ...{ clientSoftwareName: "a", clientSoftwareVersion: "1", replicaId: -1, isolationLevel: 0 },
      ...{ validateOnly: false, includeClusterAuthorizedOperations: false },
    };
    for (const { api, versions } of handlers) {
      for (let version = versions[0]; version <= versions[1]; version++) {
        const frame = encodeRequestFrame(api, version, 3, null, request);
        const response = (await dispatchFrame(brokerUnderTest().ctx, frame)) ?? frame;
        const { correlationId } = decodeResponseFrame(api, version, response);
        expect(correlationId, `${api.name} ${version}`).toBe(3);
      }
    }
  });
});

describe("the connection is closed over", () => {
  test("an unknown API key, and says which", async () => {
    const error = await rejection(header(999, 0));
    expect([error.message, error.internal]).toEqual(["API key 999 is not supported", false]);
  });

  test("a version below or above the range, and says the range", async () => {
    for (const [key, version, text] of [
      [0, 2, "Produce version 2 is not supported: use 3 to 13"],
      [3, 14, "Metadata version 14 is not supported: use 0 to 13"],
      [3, -1, "Metadata version -1 is not supported: use 0 to 13"],
      [22, 6, "InitProducerId version 6 is not supported: use 0 to 5"],
    ] as const) {
      expect((await rejection(header(key, version))).message).toBe(text);
    }
  });

  test("a frame cut short, and says what its size prefix would mean", async () => {
    const request = encodeRequestFrame(metadataApi, 9, 1, null, EMPTY_METADATA);
    const error = await rejection(request.subarray(0, request.length - 1));
    const size = request.length - 4;
    expect(error.message).toContain(`it says ${size} and ${size - 1} bytes follow`);
  });

  test("a body that cannot be read", async () => {
    const request = encodeRequestFrame(metadataApi, 9, 1, null, EMPTY_METADATA);
    const cut = request.slice(0, request.length - 1);
    new DataView(cut.buffer).setInt32(0, cut.length - 4);
    const error = await rejection(cut);
    expect(error.message).toContain("Metadata version 9: the request cannot be read: ");
    expect(error.internal).toBe(false);
  });

  test("a header that is not there", async () => {
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(3),
      new Uint8Array(4),
      new Uint8Array(7),
    ]) {
      expect((await rejection(bytes)).message).toContain("the request header cannot be read");
    }
  });

  test("a failure without an error response, as one of ours, and logs it", async () => {
    const broker = down("cluster", new KafkaError(ErrorCode.REQUEST_TIMED_OUT, "D1 is away"));
    const error = await rejection(
      encodeRequestFrame(metadataApi, 9, 1, "me", EMPTY_METADATA),
      broker,
    );
    expect(error.message).toBe("Metadata version 9 failed: REQUEST_TIMED_OUT: D1 is away");
    expect(error.internal).toBe(true);
    expect(broker.logs).toMatchObject([
      {
        level: "error",
        message: "Metadata failed",
        api: "Metadata",
        apiVersion: 9,
        clientId: "me",
      },
    ]);
  });

  test("nothing else, whatever the bytes are", async () => {
    const { ctx } = brokerUnderTest();
    const check = async (bytes: Uint8Array) => {
      const outcome = await dispatchFrame(ctx, bytes).catch((caught: unknown) => caught);
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(ConnectionError);
    };
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), check));
    const keys = fc.constantFrom(...handlers.map(({ api }) => api.key));
    const body = fc.uint8Array({ maxLength: 100 });
    await fc.assert(
      fc.asyncProperty(keys, fc.integer({ min: -1, max: 19 }), body, async (key, version, rest) => {
        const frame = concatBytes([header(key, version), rest]);
        new DataView(frame.buffer).setInt32(0, frame.length - 4);
        await check(frame);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("an error of a handler", () => {
  const topics = [
    { name: "t", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
  ];

  test("becomes the API's own response, with its code", async () => {
    const { ctx } = down("cluster", new KafkaError(ErrorCode.REQUEST_TIMED_OUT, "D1 is away"));
    const request = encodeRequestFrame(createTopicsApi, 7, 1, null, { topics });
    const response = (await dispatchFrame(ctx, request)) ?? request;
    const { body } = decodeResponseFrame(createTopicsApi, 7, response);
    expect(body.topics).toMatchObject([{ name: "t", errorCode: 7, errorMessage: "D1 is away" }]);
  });

  test("that is no Kafka error is UNKNOWN_SERVER_ERROR, and is logged", async () => {
    const broker = down("cluster", new TypeError("a bug"));
    const response = await call(broker.ctx, createTopicsApi, { topics });
    expect(response.topics).toMatchObject([{ errorCode: -1 }]);
    expect(response.topics[0]?.errorMessage).toContain("a bug");
    expect(broker.logs[0]?.error).toContain("TypeError: a bug");
  });

  test("quotes so little of what was sent that the response can be sent", async () => {
    const long = { ...topics[0], name: "x".repeat(32_000), numPartitions: 1, replicationFactor: 1 };
    const config = { name: "y".repeat(32_000), value: "z".repeat(32_000) };
    const bad = [
      { ...long, assignments: [], configs: [] },
      { ...long, name: "t", assignments: [], configs: [config] },
    ];
    const request = encodeRequestFrame(createTopicsApi, 7, 1, null, { topics: bad });
    const response = (await dispatchFrame(brokerUnderTest().ctx, request)) ?? request;
    const { body } = decodeResponseFrame(createTopicsApi, 7, response);
    expect(body.topics.map((t) => t.errorCode)).toEqual([
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      ErrorCode.INVALID_CONFIG,
    ]);
  });
});

describe("a call in this process", () => {
  test("fills in what is left out, on both sides", async () => {
    const found = await call(brokerUnderTest().ctx, describeClusterApi, {
      includeClusterAuthorizedOperations: false,
    });
    expect(found).toMatchObject({ throttleTimeMs: 0, errorCode: 0, clusterId: "kedge" });
  });

  test("is at the handler's highest version, or the one asked for", async () => {
    const broker = brokerUnderTest();
    const old = await call(broker.ctx, apiVersionsApi, { clientSoftwareName: "!" }, { version: 0 });
    expect(old.errorCode).toBe(0);
    const bad = await call(broker.ctx, apiVersionsApi, { clientSoftwareName: "!" }, {});
    expect(bad.errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });

  test("throws the Kafka error of an API that has no response for it", async () => {
    const { ctx } = down("cluster", new KafkaError(ErrorCode.REQUEST_TIMED_OUT, "D1 is away"));
    await expect(call(ctx, metadataApi, EMPTY_METADATA)).rejects.toMatchObject({ code: 7 });
  });

  test("refuses a request that has no response", async () => {
    const { ctx } = brokerUnderTest();
    const request = { acks: 0, timeoutMs: 1, topicData: [] };
    await expect(call(ctx, produceApi, request)).rejects.toThrow("has no response");
  });
});

describe("the list of handlers", () => {
  test("has each API key once, in order, and is found by it", () => {
    const keys = handlers.map(({ api }) => api.key);
    expect(keys).toEqual([
      ...[0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23],
      ...[32, 33, 35, 37, 42, 43, 44, 45, 46, 47, 60, 61, 68, 69, 75],
    ]);
    for (const handler of handlers) expect(handlerByKey(handler.api.key)).toBe(handler);
    expect(handlerByKey(4)).toBeUndefined();
  });

  test("refuses ranges that the schema cannot keep", () => {
    const answer = async () => ({ errorCode: 0, apiKeys: [] });
    expect(() => defineHandler(apiVersionsApi, [0, 9], answer)).toThrow("outside the schema's 0-4");
    expect(() => defineHandler(apiVersionsApi, [2, 1], answer)).toThrow("is empty");
    const advertised = (range: [number, number]) => () =>
      defineHandler(apiVersionsApi, [1, 3], answer, { advertised: range });
    expect(advertised([2, 3])).toThrow("may only start lower");
    expect(advertised([0, 4])).toThrow("may only start lower");
    expect(advertised([0, 3])().advertised).toEqual([0, 3]);
  });
});

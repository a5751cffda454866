import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { BROKER_CONFIGS } from "../../../src/cluster/broker-configs.ts";
import { TOPIC_CONFIGS } from "../../../src/cluster/topic-configs.ts";
import { newTopicId } from "../../../src/cluster/topic-id.ts";
import { describeConfigsApi } from "../../../src/protocol/api/32-describe-configs.ts";
import { alterConfigsApi } from "../../../src/protocol/api/33-alter-configs.ts";
import { incrementalAlterConfigsApi } from "../../../src/protocol/api/44-incremental-alter-configs.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import {
  type BrokerTestOptions,
  type BrokerUnderTest,
  brokerUnderTest,
} from "../../support/broker-context.ts";

const [TOPIC, BROKER] = [2, 4];
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];

type Change = readonly [name: string, operation: number, value?: string | null];

async function withTopic(options: BrokerTestOptions = {}, configs = {}) {
  const broker = brokerUnderTest(options);
  const state = { leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1, 2], isr: [1, 2] };
  await broker.catalogue.createTopic("kedge", {
    name: "t",
    topicId: newTopicId(Math.random),
    internal: false,
    partitions: [{ partition: 0, ...state }],
    configs,
  });
  return broker;
}

async function alter(
  { ctx }: BrokerUnderTest,
  resourceType: number,
  resourceName: string,
  changes: readonly Change[],
  validateOnly = false,
) {
  const configs = changes.map(([name, configOperation, value = null]) => {
    return { name, configOperation, value };
  });
  const resources = [{ resourceType, resourceName, configs }];
  const { responses } = await call(ctx, incrementalAlterConfigsApi, { resources, validateOnly });
  return [responses[0]?.errorCode, responses[0]?.errorMessage ?? ""] as const;
}

async function describeAll(
  { ctx }: BrokerUnderTest,
  resourceType: number,
  resourceName: string,
  configurationKeys: readonly string[] | null = null,
) {
  const resources = [{ resourceType, resourceName, configurationKeys }];
  const request = { resources, includeSynonyms: true, includeDocumentation: true };
  const { results } = await call(ctx, describeConfigsApi, request);
  const [result] = results;
  return { ...result, byName: new Map((result?.configs ?? []).map((c) => [c.name, c])) };
}

const topicConfigs = async ({ catalogue }: BrokerUnderTest) =>
  (await catalogue.topics("kedge", ["t"])).get("t")?.configs;

describe("DescribeConfigs", () => {
  test("every config of a topic, with type, source, synonyms and documentation", async () => {
    const broker = await withTopic({}, { "retention.ms": "1000" });
    const { errorCode, configs, byName } = await describeAll(broker, TOPIC, "t");
    expect(errorCode).toBe(0);
    expect(configs?.map(({ name }) => name)).toEqual(TOPIC_CONFIGS.map(({ name }) => name));
    expect(byName.get("retention.ms")).toMatchObject({
      ...{ value: "1000", readOnly: false, configSource: 1, isSensitive: false, configType: 5 },
      synonyms: [
        { name: "retention.ms", value: "1000", source: 1 },
        { name: "log.retention.hours", value: "168", source: 5 },
      ],
    });
    expect(byName.get("cleanup.policy")).toMatchObject({
      value: "delete",
      configSource: 5,
      configType: 7,
    });
    for (const { documentation } of configs ?? [])
      expect(documentation?.length).toBeGreaterThan(10);
  });

  test("only what was asked for, without synonyms unless asked for", async () => {
    const { ctx } = await withTopic();
    const resources = [
      { resourceType: TOPIC, resourceName: "t", configurationKeys: ["segment.ms", "no.such"] },
    ];
    const { results } = await call(ctx, describeConfigsApi, { resources });
    expect(results[0]?.configs).toMatchObject([
      { name: "segment.ms", synonyms: [], documentation: null },
    ]);
  });

  test("a broker has its id and rack, and what the deployment sets is static and read-only", async () => {
    const statics = { "num.partitions": "4" };
    const broker = brokerUnderTest({ config: { static: statics } });
    const { configs, byName } = await describeAll(broker, BROKER, "2");
    expect(configs?.map(({ name }) => name)).toEqual(BROKER_CONFIGS.map(({ name }) => name));
    expect(byName.get("broker.rack")).toMatchObject({ value: "weur", configSource: 4 });
    expect(byName.get("num.partitions")).toMatchObject({
      value: "4",
      configSource: 4,
      readOnly: true,
    });
    expect(byName.get("log.retention.ms")).toMatchObject({ value: null, readOnly: false });
  });

  test("all brokers: only what was set for all of them", async () => {
    const broker = brokerUnderTest();
    await alter(broker, BROKER, "", [["log.retention.ms", SET, "5000"]]);
    await alter(broker, BROKER, "1", [["log.segment.bytes", SET, "1048576"]]);
    const { configs } = await describeAll(broker, BROKER, "");
    expect(configs?.map(({ name, value, configSource }) => [name, value, configSource])).toEqual([
      ["log.retention.ms", "5000", 3],
    ]);
  });

  test.each([
    [TOPIC, "nobody", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "'nobody' does not exist"],
    [TOPIC, "a/b", ErrorCode.INVALID_TOPIC_EXCEPTION, "a/b"],
    [BROKER, "9", ErrorCode.INVALID_REQUEST, "the brokers are 1, 2, 3"],
    [BROKER, "one", ErrorCode.INVALID_REQUEST, "must be an integer, but it is: one"],
    [8, "1", ErrorCode.INVALID_REQUEST, "BROKER_LOGGER"],
  ])("resource %i %s: error %i", async (type, name, code, text) => {
    const { errorCode, errorMessage, configs } = await describeAll(await withTopic(), type, name);
    expect(errorCode).toBe(code);
    expect(errorMessage).toContain(text);
    expect(configs).toEqual([]);
  });
});

describe("IncrementalAlterConfigs", () => {
  test("sets, deletes, appends and subtracts, and tells the replicas", async () => {
    const broker = await withTopic({}, { "retention.ms": "1" });
    expect(
      await alter(broker, TOPIC, "t", [
        ["retention.ms", DELETE],
        ["segment.ms", SET, " 7 "],
        ["cleanup.policy", APPEND, "compact,delete"],
      ]),
    ).toEqual([0, ""]);
    expect(await topicConfigs(broker)).toEqual({
      "segment.ms": "7",
      "cleanup.policy": "delete,compact",
    });
    await alter(broker, TOPIC, "t", [["cleanup.policy", SUBTRACT, "delete"]]);
    expect(await topicConfigs(broker)).toMatchObject({ "cleanup.policy": "compact" });
    await broker.background();
    expect(broker.partitions.refreshed.map((key) => key.split("/").slice(1).join("/"))).toEqual([
      "0/1",
      "0/2",
      "0/1",
      "0/2",
    ]);
  });

  test("validateOnly changes nothing", async () => {
    const broker = await withTopic();
    expect(await alter(broker, TOPIC, "t", [["retention.ms", SET, "1"]], true)).toEqual([0, ""]);
    expect(await topicConfigs(broker)).toEqual({});
  });

  test.each<[readonly Change[], number, string]>([
    [[["no.such", SET, "1"]], ErrorCode.INVALID_CONFIG, "Unknown topic config name: no.such"],
    [
      [["retention.ms", SET, "-2"]],
      ErrorCode.INVALID_CONFIG,
      "'-2' for configuration retention.ms: it must be an integer from -1",
    ],
    [
      [["retention.ms", SET, null]],
      ErrorCode.INVALID_REQUEST,
      "Null value not supported for : retention.ms",
    ],
    [[["retention.ms", APPEND, "1"]], ErrorCode.INVALID_CONFIG, "its type is not LIST"],
    [
      [["cleanup.policy", SUBTRACT, "delete"]],
      ErrorCode.INVALID_CONFIG,
      "one or more of compact, delete",
    ],
    [[["retention.ms", 4, "1"]], ErrorCode.INVALID_REQUEST, "Unknown operation type 4"],
    [
      [
        ["retention.ms", SET, "1"],
        ["retention.ms", DELETE],
      ],
      ErrorCode.INVALID_REQUEST,
      "duplicate config keys : retention.ms",
    ],
    [
      [
        ["min.compaction.lag.ms", SET, "9"],
        ["max.compaction.lag.ms", SET, "8"],
      ],
      ErrorCode.INVALID_CONFIG,
      "must not be greater",
    ],
  ])("%j is refused and nothing is changed", async (changes, code, text) => {
    const broker = await withTopic({}, { "segment.ms": "3" });
    const more: Change = ["max.message.bytes", SET, "5"];
    const [errorCode, message] = await alter(broker, TOPIC, "t", [more, ...changes]);
    expect(errorCode).toBe(code);
    expect(message).toContain(text);
    expect(await topicConfigs(broker)).toEqual({ "segment.ms": "3" });
  });

  test.each([
    [
      "num.partitions",
      "3",
      ErrorCode.INVALID_REQUEST,
      "Cannot update these configs dynamically: [num.partitions]",
    ],
    ["broker.id", "3", ErrorCode.INVALID_REQUEST, "Cannot update"],
    ["acks", "all", ErrorCode.INVALID_CONFIG, "a config of clients"],
    ["no.such", "1", ErrorCode.INVALID_CONFIG, "Unknown broker config name: no.such"],
    ["log.segment.bytes", "1", ErrorCode.INVALID_CONFIG, "an integer from 1048576"],
  ])("of a broker, %s=%s is refused with %i", async (name, value, code, text) => {
    const broker = brokerUnderTest();
    for (const id of ["", "1"]) {
      const [errorCode, message] = await alter(broker, BROKER, id, [[name, SET, value]]);
      expect(errorCode).toBe(code);
      expect(message).toContain(text);
    }
    expect((await broker.catalogue.cluster("kedge"))?.configs).toEqual({});
  });

  test("CLU16: a topic follows its broker until it sets the config itself", async () => {
    const broker = await withTopic({ config: { static: { "log.retention.hours": "1" } } });
    const value = async () =>
      (await describeAll(broker, TOPIC, "t")).byName.get("retention.ms")?.value;
    expect(await value()).toBe("3600000");
    await alter(broker, BROKER, "", [["log.retention.ms", SET, "20"]]);
    expect(await value()).toBe("20");
    await alter(broker, TOPIC, "t", [["retention.ms", SET, "10"]]);
    expect(await value()).toBe("10");
    await alter(broker, TOPIC, "t", [["retention.ms", DELETE]]);
    await alter(broker, BROKER, "", [["log.retention.ms", DELETE]]);
    expect(await value()).toBe("3600000");
  });

  test("a change that another made meanwhile is looked at again", async () => {
    const broker = await withTopic({
      wrap: (catalogue) =>
        new Proxy(catalogue, {
          get(inner, property) {
            if (property !== "changeTopicConfigs") return Reflect.get(inner, property).bind(inner);
            return async (...args: Parameters<typeof inner.changeTopicConfigs>) => {
              const [cluster, topicId] = args;
              const now = (await inner.topicsById(cluster, [topicId])).get(topicId)?.configs ?? {};
              const first = now["segment.ms"] === undefined;
              if (first)
                await inner.changeTopicConfigs(cluster, topicId, now, { "segment.ms": "9" });
              return inner.changeTopicConfigs(...args);
            };
          },
        }),
    });
    expect(await alter(broker, TOPIC, "t", [["retention.ms", SET, "1"]])).toEqual([0, ""]);
    expect(await topicConfigs(broker)).toEqual({ "segment.ms": "9", "retention.ms": "1" });
  });

  test("a resource named twice is refused in both places", async () => {
    const { ctx } = await withTopic();
    const one = { resourceType: TOPIC, resourceName: "t", configs: [] };
    const { responses } = await call(ctx, incrementalAlterConfigsApi, {
      resources: [one, one],
      validateOnly: false,
    });
    expect(responses.map(({ errorCode }) => errorCode)).toEqual([42, 42]);
  });
});

describe("AlterConfigs", () => {
  test("replaces all that the topic sets", async () => {
    const broker = await withTopic({}, { "retention.ms": "1", "segment.ms": "2" });
    const configs = [{ name: "segment.ms", value: "5" }];
    const resources = [{ resourceType: TOPIC, resourceName: "t", configs }];
    const { responses } = await call(broker.ctx, alterConfigsApi, {
      resources,
      validateOnly: false,
    });
    expect(responses[0]?.errorCode).toBe(0);
    expect(await topicConfigs(broker)).toEqual({ "segment.ms": "5" });
  });

  test("a null value is refused", async () => {
    const broker = await withTopic({}, { "retention.ms": "1" });
    const configs = [{ name: "segment.ms", value: null }];
    const resources = [{ resourceType: TOPIC, resourceName: "t", configs }];
    const { responses } = await call(broker.ctx, alterConfigsApi, {
      resources,
      validateOnly: false,
    });
    expect(responses[0]?.errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect(await topicConfigs(broker)).toEqual({ "retention.ms": "1" });
  });
});

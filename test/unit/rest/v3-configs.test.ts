import { beforeEach, describe, expect, test } from "vitest";
import { BROKER_CONFIGS } from "../../../src/cluster/broker-configs.ts";
import { TOPIC_CONFIGS } from "../../../src/cluster/topic-configs.ts";
import * as schemas from "../../../src/rest/v3/config-schemas.ts";
import { BROKER_CONFIG } from "../../support/broker-context.ts";
import { ORIGIN, RestWorld } from "../../support/rest-world.ts";

const C = "/v3/clusters/kedge";
const T = `${C}/topics/t/configs`;
const JSON_TYPE = "application/json";

let world: RestWorld;
beforeEach(async () => {
  world = new RestWorld({ config: { static: { ...BROKER_CONFIG.static, "log.roll.hours": "2" } } });
  await world.createTopic("t", 1, { "min.insync.replicas": "2" });
});

const send = (method: string, path: string, body?: unknown) =>
  world.request<{ error_code: number; message: string }>(method, path, { type: JSON_TYPE, body });

async function topicConfig(name: string) {
  return schemas.topicConfig.parse((await world.get(`${T}/${name}`)).body);
}

describe("a topic's configs", () => {
  test("REST19: all are listed by name, with source and synonyms", async () => {
    const list = schemas.topicConfigList.parse((await world.get(T)).body);
    expect(list.metadata).toEqual({ self: `${ORIGIN}${T}`, next: null });
    expect(list.data.map(({ name }) => name)).toEqual(TOPIC_CONFIGS.map(({ name }) => name));
    const min = list.data.find(({ name }) => name === "min.insync.replicas");
    expect(min).toEqual({
      kind: "KafkaTopicConfig",
      metadata: {
        self: `${ORIGIN}${T}/min.insync.replicas`,
        resource_name: "crn:///kafka=kedge/topic=t/config=min.insync.replicas",
      },
      ...{ cluster_id: "kedge", topic_name: "t", name: "min.insync.replicas", value: "2" },
      ...{ is_default: false, is_read_only: false, is_sensitive: false },
      source: "DYNAMIC_TOPIC_CONFIG",
      synonyms: [
        { name: "min.insync.replicas", value: "2", source: "DYNAMIC_TOPIC_CONFIG" },
        { name: "min.insync.replicas", value: "1", source: "DEFAULT_CONFIG" },
      ],
    });
    expect((await world.get(`${T}/min.insync.replicas`)).body).toEqual(min);
    expect(await topicConfig("segment.ms")).toMatchObject({
      ...{ value: "7200000", is_default: false, source: "STATIC_BROKER_CONFIG" },
    });
    expect((await topicConfig("retention.ms")).is_default).toBe(true);
  });

  test("REST19: PUT sets, DELETE takes back", async () => {
    expect((await send("PUT", `${T}/retention.ms`, { value: "5000" })).status).toBe(204);
    expect(await topicConfig("retention.ms")).toMatchObject({
      ...{ value: "5000", source: "DYNAMIC_TOPIC_CONFIG" },
    });
    expect((await send("DELETE", `${T}/retention.ms`)).status).toBe(204);
    expect((await send("DELETE", `${T}/retention.ms`)).status).toBe(204);
    expect((await topicConfig("retention.ms")).is_default).toBe(true);
    const { body } = await world.get<{ configs: Record<string, string> }>("/topics/t");
    expect(body.configs).toMatchObject({ "segment.ms": "7200000", "min.insync.replicas": "2" });
  });

  test("REST19: an alteration is done as a whole or not at all", async () => {
    const data = [
      { name: "retention.ms", value: "5000" },
      { name: "min.insync.replicas", operation: "DELETE" },
      { name: "cleanup.policy", operation: "APPEND", value: "compact" },
    ];
    expect((await send("POST", `${T}:alter`, { data, validate_only: true })).status).toBe(204);
    expect((await topicConfig("cleanup.policy")).value).toBe("delete");
    expect((await send("POST", `${T}:alter`, { data })).status).toBe(204);
    expect((await topicConfig("cleanup.policy")).value).toBe("delete,compact");
    expect((await topicConfig("min.insync.replicas")).value).toBe("1");
    const bad = [
      { name: "retention.ms", value: "6000" },
      { name: "segment.ms", value: "-7" },
    ];
    const refused = await send("POST", `${T}:alter`, { data: bad });
    expect([refused.status, refused.body.error_code]).toEqual([400, 40002]);
    expect(refused.body.message).toContain("Invalid value '-7' for configuration segment.ms");
    expect((await topicConfig("retention.ms")).value).toBe("5000");
  });

  test.each<[string, string, unknown, number, number]>([
    ["GET", `${T}/nope`, undefined, 404, 404],
    ["PUT", `${T}/nope`, { value: "1" }, 404, 404],
    ["DELETE", `${T}/nope`, undefined, 404, 404],
    ["POST", `${T}:alter`, { data: [{ name: "nope", value: "1" }] }, 404, 404],
    ["GET", `${C}/topics/no/configs`, undefined, 404, 40403],
    ["PUT", `${C}/topics/no/configs/retention.ms`, { value: "1" }, 404, 40403],
    ["GET", "/v3/clusters/other/topics/t/configs", undefined, 404, 404],
    ["PUT", `${T}/retention.ms`, { value: "x" }, 400, 40002],
    ["PUT", `${T}/retention.ms`, { value: null }, 400, 40002],
    ["PUT", `${T}/retention.ms`, { value: 5 }, 400, 400],
    ["PUT", `${T}/retention.ms`, { valeu: "5" }, 422, 422],
    ["POST", `${T}:alter`, { data: [{ name: "retention.ms", operation: "ADD" }] }, 400, 400],
    ["POST", `${T}:alter`, {}, 422, 422],
    [
      "POST",
      `${T}:alter`,
      { data: Array.from({ length: 2 }, () => ({ name: "retention.ms", value: "5" })) },
      ...([400, 40002] as const),
    ],
  ])("REST19: %s %s %j is refused", async (method, path, body, status, code) => {
    const answer = await send(method, path, body);
    expect([answer.status, answer.body.error_code]).toEqual([status, code]);
  });

  test("of all topics in one list, page by page", async () => {
    for (let i = 0; i < 60; i++) await world.createTopic(`more-${i}`, 1);
    const path = `${C}/topics/-/configs`;
    const answer = await world.get(path);
    expect([answer.status, answer.type]).toEqual([200, JSON_TYPE]);
    const { data, metadata } = schemas.topicConfigList.parse(answer.body);
    expect(metadata.self).toBe(`${ORIGIN}${path}`);
    expect(data).toHaveLength(61 * TOPIC_CONFIGS.length);
    expect(new Set(data.map((config) => config.topic_name)).size).toBe(61);
  });

  test("of no topics", async () => {
    await send("DELETE", `${C}/topics/t`);
    const { body } = await world.get(`${C}/topics/-/configs`);
    expect(schemas.topicConfigList.parse(body).data).toEqual([]);
  });
});

describe("brokers' configs", () => {
  const B = `${C}/brokers/2/configs`;
  const ALL = `${C}/broker-configs`;
  const NAME = "message.max.bytes";

  test("REST19: a broker's are set over those of all brokers", async () => {
    expect((await send("PUT", `${ALL}/${NAME}`, { value: "2000" })).status).toBe(204);
    expect((await send("PUT", `${B}/${NAME}`, { value: "3000" })).status).toBe(204);
    const one = schemas.brokerConfig.parse((await world.get(`${B}/${NAME}`)).body);
    expect(one).toMatchObject({
      metadata: {
        self: `${ORIGIN}${B}/${NAME}`,
        resource_name: `crn:///kafka=kedge/broker=2/config=${NAME}`,
      },
      ...{ broker_id: 2, value: "3000", source: "DYNAMIC_BROKER_CONFIG", is_read_only: false },
    });
    expect(one.synonyms.map(({ value, source }) => [source, value])).toEqual([
      ["DYNAMIC_BROKER_CONFIG", "3000"],
      ["DYNAMIC_DEFAULT_BROKER_CONFIG", "2000"],
      ["DEFAULT_CONFIG", "1048588"],
    ]);
    const every = schemas.brokerConfigList.parse((await world.get(`${C}/brokers/-/configs`)).body);
    expect(every.data).toHaveLength(3 * BROKER_CONFIGS.length);
    const sizes = every.data.filter(({ name }) => name === NAME);
    expect(sizes.map((config) => [config.broker_id, config.value])).toEqual([
      [1, "2000"],
      [2, "3000"],
      [3, "2000"],
    ]);
    const data = [{ name: NAME, operation: "DELETE" }];
    expect((await send("POST", `${B}:alter`, { data })).status).toBe(204);
    expect((await world.get(`${B}/${NAME}`)).body).toMatchObject({ value: "2000" });
    const list = schemas.brokerConfigList.parse((await world.get(B)).body);
    expect(list.data.map(({ name }) => name)).toEqual(BROKER_CONFIGS.map(({ name }) => name));
    expect(list.data.find(({ name }) => name === "broker.rack")).toMatchObject({
      ...{ value: "weur", is_read_only: true, source: "STATIC_BROKER_CONFIG" },
    });
  });

  test("REST19: the cluster's are those that are set for all brokers", async () => {
    expect(schemas.clusterConfigList.parse((await world.get(ALL)).body).data).toEqual([]);
    expect((await send("GET", `${ALL}/${NAME}`)).body).toMatchObject({ error_code: 404 });
    const data = [{ name: NAME, value: "2000" }];
    expect((await send("POST", `${ALL}:alter`, { data })).status).toBe(204);
    const list = schemas.clusterConfigList.parse((await world.get(ALL)).body);
    expect(list.data).toMatchObject([
      {
        ...{ kind: "KafkaClusterConfig", config_type: "BROKER", name: NAME, value: "2000" },
        metadata: {
          self: `${ORIGIN}${ALL}/${NAME}`,
          resource_name: `crn:///kafka=kedge/broker-config=${NAME}`,
        },
        source: "DYNAMIC_DEFAULT_BROKER_CONFIG",
      },
    ]);
    expect((await send("DELETE", `${ALL}/${NAME}`)).status).toBe(204);
    expect(schemas.clusterConfigList.parse((await world.get(ALL)).body).data).toEqual([]);
  });

  test.each<[string, string, unknown, number, number]>([
    ["GET", `${C}/brokers/9/configs`, undefined, 404, 404],
    ["GET", `${C}/brokers/x/configs`, undefined, 404, 404],
    ["PUT", `${C}/brokers/9/configs/${NAME}`, { value: "1" }, 404, 404],
    ["GET", `${B}/nope`, undefined, 404, 404],
    ["PUT", `${B}/nope`, { value: "1" }, 404, 404],
    ["PUT", `${B}/num.partitions`, { value: "1" }, 400, 40002],
    ["PUT", `${B}/${NAME}`, { value: "-1" }, 400, 40002],
    ["PUT", `${ALL}/linger.ms`, { value: "1" }, 400, 40002],
    ["PUT", `${ALL}/${NAME}`, { value: "many" }, 400, 40002],
  ])("REST19: %s %s %j is refused", async (method, path, body, status, code) => {
    const answer = await send(method, path, body);
    expect([answer.status, answer.body.error_code]).toEqual([status, code]);
  });
});

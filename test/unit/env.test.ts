/** KEDGE_BROKER_CONFIG: static broker configs under Kafka's names. */
import { describe, expect, test } from "vitest";
import { parseBrokerConfig } from "../../src/env.ts";
import { GROUP_CONFIG_DEFAULT } from "../../src/group/config.ts";

const parse = (configs: Record<string, unknown>) => parseBrokerConfig(JSON.stringify(configs));

describe("KEDGE_BROKER_CONFIG", () => {
  test("nothing said is Kafka's defaults", () => {
    expect(parseBrokerConfig("")).toMatchObject({
      offsetsTopicPartitions: 50,
      offsetsTopicReplicationFactor: 3,
      group: GROUP_CONFIG_DEFAULT,
    });
  });

  test("the configs of groups add up", () => {
    const { group, ...rest } = parse({
      "offsets.topic.num.partitions": 5,
      "offsets.topic.replication.factor": "1",
      "offsets.retention.minutes": 60,
      "offset.metadata.max.bytes": 10,
      "group.initial.rebalance.delay.ms": 0,
      "group.min.session.timeout.ms": 100,
      "group.max.session.timeout.ms": 200,
      "group.max.size": 7,
      "group.consumer.session.timeout.ms": 300,
      "group.consumer.heartbeat.interval.ms": 30,
      "group.consumer.max.size": 8,
      "group.consumer.migration.policy": "UPGRADE",
    });
    expect(rest).toMatchObject({ offsetsTopicPartitions: 5, offsetsTopicReplicationFactor: 1 });
    expect(group).toEqual({
      ...GROUP_CONFIG_DEFAULT,
      ...{ offsetsRetentionMs: 3_600_000, offsetMetadataMaxBytes: 10, initialRebalanceDelayMs: 0 },
      ...{ minSessionTimeoutMs: 100, maxSessionTimeoutMs: 200, maxSize: 7 },
      ...{ consumerSessionTimeoutMs: 300, consumerHeartbeatIntervalMs: 30, consumerMaxSize: 8 },
      consumerMigrationPolicy: "upgrade",
    });
  });

  test.each([
    [{ "offsets.topic.num.partitions": 0 }, "partitions: it must be an integer from 1 to 10000"],
    [
      { "offsets.topic.num.partitions": 10_001 },
      "partitions: it must be an integer from 1 to 10000",
    ],
    [{ "offset.metadata.max.bytes": 40_000 }, "bytes: it must be an integer from 0 to 32767"],
    [{ "group.max.size": 1.5 }, "configuration group.max.size: it must be an integer from 1"],
    [{ "group.max.session.timeout.ms": 10 }, "group.min.session.timeout.ms=6000 above"],
    [
      { "group.consumer.migration.policy": "sideways" },
      "group.consumer.migration.policy: it must be one of",
    ],
    [{ "group.consumer.assignors": "range" }, "group.consumer.assignors is not a broker config"],
  ])("%j is refused, and says why", (configs, reason) => {
    expect(() => parse(configs)).toThrow(reason);
  });
});

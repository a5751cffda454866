import { describe, expect, test } from "vitest";
import { BROKER_CONFIGS, staticConfigProblem } from "../../../src/cluster/broker-configs.ts";
import { configValueProblem } from "../../../src/cluster/config-def.ts";
import {
  brokerConfigValue,
  ConfigSource,
  NO_SOURCES,
  resolveBrokerConfigs,
  resolveTopicConfigs,
  topicConfigValue,
} from "../../../src/cluster/config-sources.ts";
import { TOPIC_CONFIGS } from "../../../src/cluster/topic-configs.ts";

describe("CLU16: where a config's value comes from", () => {
  test("topic, then broker, then all brokers, then the deployment, then what is built in", () => {
    const sources = {
      broker: { "log.retention.ms": "2" },
      cluster: { "log.retention.ms": "3" },
      static: { "log.retention.ms": "4" },
    };
    const value = (topic: Record<string, string>, from: Partial<typeof sources>) =>
      topicConfigValue("retention.ms", topic, { ...NO_SOURCES, ...from });
    expect(value({ "retention.ms": "1" }, sources)).toBe("1");
    expect(value({}, sources)).toBe("2");
    expect(value({}, { cluster: sources.cluster, static: sources.static })).toBe("3");
    expect(value({}, { static: sources.static })).toBe("4");
    expect(value({}, {})).toBe("604800000");
  });

  test("within one source the finer unit wins, and units are converted", () => {
    const from = (statics: Record<string, string>) =>
      topicConfigValue("retention.ms", {}, { ...NO_SOURCES, static: statics });
    expect(from({ "log.retention.hours": "2" })).toBe("7200000");
    expect(from({ "log.retention.hours": "2", "log.retention.minutes": "3" })).toBe("180000");
    expect(from({ "log.retention.hours": "-1" })).toBe("-1");
  });

  test("every synonym is named with its own value and source, the one that holds first", () => {
    const retention = resolveTopicConfigs(
      { "retention.ms": "1" },
      {
        broker: {},
        cluster: { "log.retention.ms": "3" },
        static: { "log.retention.minutes": "5" },
      },
    ).find(({ name }) => name === "retention.ms");
    expect(retention).toEqual({
      name: "retention.ms",
      value: "1",
      source: ConfigSource.DYNAMIC_TOPIC_CONFIG,
      synonyms: [
        { name: "retention.ms", value: "1", source: ConfigSource.DYNAMIC_TOPIC_CONFIG },
        {
          name: "log.retention.ms",
          value: "3",
          source: ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG,
        },
        { name: "log.retention.minutes", value: "5", source: ConfigSource.STATIC_BROKER_CONFIG },
        { name: "log.retention.hours", value: "168", source: ConfigSource.DEFAULT_CONFIG },
      ],
    });
  });

  test("without any source every topic config has its built-in default", () => {
    const resolved = resolveTopicConfigs({}, NO_SOURCES);
    expect(resolved.map(({ name, value }) => [name, value])).toEqual(
      TOPIC_CONFIGS.map((def) => [def.name, def.default]),
    );
    expect(new Set(resolved.map(({ source }) => source))).toEqual(
      new Set([ConfigSource.DEFAULT_CONFIG]),
    );
  });

  test("a broker config that nobody set is null where Kafka has no default", () => {
    const resolved = resolveBrokerConfigs(NO_SOURCES);
    expect(resolved.find(({ name }) => name === "log.retention.ms")?.value).toBeNull();
    expect(brokerConfigValue("num.partitions", NO_SOURCES)).toBe("1");
    expect(() => brokerConfigValue("no.such", NO_SOURCES)).toThrow("no broker config is called");
  });
});

describe("CLU17: the broker configs", () => {
  test("the table is ordered by name, without repeats, and every default is allowed", () => {
    const names = BROKER_CONFIGS.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)].sort());
    for (const def of BROKER_CONFIGS) {
      if (def.default !== null) expect(configValueProblem(def, def.default)).toBeNull();
    }
  });

  test("every synonym of a topic config is a broker config with the same default", () => {
    for (const { synonyms } of TOPIC_CONFIGS) {
      for (const { name } of synonyms) {
        expect(BROKER_CONFIGS.map((def) => def.name)).toContain(name);
      }
    }
  });

  test("a static config must be known, settable and in range", () => {
    expect(staticConfigProblem("num.partitions", "3")).toBeNull();
    expect(staticConfigProblem("num.partitions", "0")).toContain("an integer from 1");
    expect(staticConfigProblem("broker.id", "9")).toContain("not a broker config that can be set");
    expect(staticConfigProblem("zookeeper.connect", "x")).toContain("zookeeper.connect");
  });
});

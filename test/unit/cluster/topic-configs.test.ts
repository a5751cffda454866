import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  TOPIC_CONFIGS,
  topicConfigsProblem,
  topicConfigText,
} from "../../../src/cluster/topic-configs.ts";

describe("CLU7: topic configs", () => {
  test("the table is ordered by name, without repeats, and every default is allowed", () => {
    const names = TOPIC_CONFIGS.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)].sort());
    for (const def of TOPIC_CONFIGS) {
      expect(topicConfigsProblem({ [def.name]: def.default })).toBeNull();
    }
  });

  test.each([
    ["cleanup.policy", "compact"],
    ["cleanup.policy", "compact,delete"],
    ["cleanup.policy", " delete , compact "],
    ["compression.type", "zstd"],
    ["max.message.bytes", "0"],
    ["message.timestamp.type", "LogAppendTime"],
    ["min.cleanable.dirty.ratio", "0.01"],
    ["min.cleanable.dirty.ratio", "1e-2"],
    ["retention.ms", "-1"],
    ["retention.ms", "9223372036854775807"],
    ["retention.ms", " 1000 "],
    ["min.compaction.lag.ms", "+5"],
    ["retention.bytes", "-9223372036854775808"],
    ["segment.bytes", "1048576"],
    ["unclean.leader.election.enable", "TRUE"],
    ["leader.replication.throttled.replicas", "*"],
  ])("%s=%s is allowed", (name, value) => {
    expect(topicConfigsProblem({ [name]: value })).toBeNull();
  });

  test.each([
    ["cleanup.policy", "", "one or more of compact, delete"],
    ["cleanup.policy", "delete,shred", "one or more of compact, delete"],
    ["compression.type", "brotli", "one of uncompressed, zstd, lz4, snappy, gzip, producer"],
    ["max.message.bytes", "-1", "an integer from 0 to 25165824"],
    ["max.message.bytes", "25165825", "an integer from 0 to 25165824"],
    ["message.timestamp.type", "createtime", "one of CreateTime, LogAppendTime"],
    ["min.cleanable.dirty.ratio", "1.1", "a number from 0 to 1"],
    ["min.cleanable.dirty.ratio", "", "a number from 0 to 1"],
    ["min.insync.replicas", "0", "an integer from 1 to 2147483647"],
    ["min.insync.replicas", "2147483648", "an integer from 1 to 2147483647"],
    ["retention.ms", "-2", "an integer from -1 to 9223372036854775807"],
    ["retention.ms", "9223372036854775808", "an integer from -1 to"],
    ["retention.ms", "7d", "an integer from -1 to"],
    ["retention.ms", "1.0", "an integer from -1 to"],
    ["retention.ms", "", "an integer from -1 to"],
    ["retention.ms", "0x10", "an integer from -1 to"],
    ["segment.bytes", "14", "an integer from 1048576 to 2147483647"],
    ["preallocate", "yes", "true or false"],
  ])("%s=%s is refused: it must be %s", (name, value, expected) => {
    const problem = topicConfigsProblem({ [name]: value });
    expect(problem).toContain(`Invalid value '${value}' for configuration ${name}: it must be`);
    expect(problem).toContain(expected);
  });

  test("an unknown name is refused by name, with the known ones", () => {
    const problem = topicConfigsProblem({ "retention.ms": "1", "retention.hours": "1" });
    expect(problem).toContain("Unknown topic config name: retention.hours.");
    expect(problem).toContain("retention.ms");
    expect(topicConfigsProblem({ ["__proto__"]: "1" })).toContain("Unknown topic config name");
    expect(topicConfigsProblem({ constructor: "1" })).toContain("Unknown topic config name");
  });

  test("values that contradict each other are refused", () => {
    const lags = { "min.compaction.lag.ms": "10", "max.compaction.lag.ms": "9" };
    expect(topicConfigsProblem(lags)).toContain("min.compaction.lag.ms (10) must not be greater");
    expect(topicConfigsProblem({ "remote.storage.enable": "true" })).toContain("tiered storage");
  });

  test("no names and values make it throw", () => {
    const names = fc.oneof(fc.string(), fc.constantFrom(...TOPIC_CONFIGS.map(({ name }) => name)));
    fc.assert(
      fc.property(fc.dictionary(names, fc.string()), (configs) => {
        const problem = topicConfigsProblem(configs);
        expect(problem === null || problem.length > 0).toBe(true);
      }),
    );
  });

  test("what holds for a topic is its own value, or the default", () => {
    expect(topicConfigText({ "retention.ms": " 5 " }, "retention.ms")).toBe("5");
    expect(topicConfigText({}, "retention.ms")).toBe("604800000");
    expect(() => topicConfigText({}, "nonsense")).toThrow("no topic config is called nonsense");
  });
});

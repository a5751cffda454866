import { describe, expect, test } from "vitest";
import { consumerGroupsCommand } from "../../../src/cli/commands/consumer-groups.ts";
import { assignorName, consumedOf } from "../../../src/cli/commands/verifiable-consumer.ts";
import { recordAt } from "../../../src/cli/commands/verifiable-producer.ts";
import { topicPattern } from "../../../src/cli/topic-filter.ts";

describe("what consumer-groups refuses before it asks anybody", () => {
  test.each([
    ["", "Command must include exactly one action"],
    ["--list --describe", "Command must include exactly one action"],
    ["--describe", "Option --describe takes one of these options: --group, --all-groups"],
    ["--delete", "Option --delete takes one of these options: --group, --all-groups"],
    ["--delete --group g --topic t", "--delete removes whole groups"],
    ["--describe --group g --all-groups", "--group and --all-groups: give one of them"],
    ["--describe --group g --members --state", "takes at most one of these options"],
    ["--describe --group g --state Stable", "does not take a value for --state"],
    ["--reset-offsets --group g --topic t", "it was given none"],
    ["--reset-offsets --group g --to-latest", "One of the reset scopes should be defined"],
    [
      "--reset-offsets --group g --topic t --to-latest --shift-by -1",
      "it was given --to-latest, --shift-by",
    ],
    [
      "--reset-offsets --group g --topic t --to-latest --dry-run --execute",
      "only accepts one of --execute and --dry-run",
    ],
    ["--delete-offsets --group g", "Option --delete-offsets takes one --group, and --topic"],
    ["--delete-offsets --group g --group h --topic t", "takes one --group, and --topic"],
  ])("%s", async (line, message) => {
    const args = line.split(" ").filter((word) => word !== "");
    await expect(consumerGroupsCommand().parseAsync(args, { from: "user" })).rejects.toThrow(
      message,
    );
  });
});

describe("the verifiable tools", () => {
  test("values count, with a prefix; keys repeat", () => {
    expect(recordAt({}, 7)).toEqual({ key: null, value: "7" });
    expect(recordAt({ valuePrefix: 3, repeatingKeys: 5 }, 7)).toEqual({ key: "2", value: "3.7" });
  });

  test("Java's names of assignors are taken", () => {
    expect(assignorName("org.apache.kafka.clients.consumer.RoundRobinAssignor")).toBe("roundrobin");
    expect(assignorName("CooperativeStickyAssignor")).toBe("cooperative-sticky");
    expect(assignorName("range")).toBe("range");
  });

  test("what was consumed, by partition, ends at the bound", () => {
    const record = (partition: number, offset: number) => ({
      ...{ topic: "t", partition, offset, timestamp: 0, timestampType: "CreateTime" as const },
      ...{ key: "k", value: "v", headers: [], leaderEpoch: 0 },
      ...{ serializedKeySize: 1, serializedValueSize: 1 },
    });
    const records = [record(0, 4), record(1, 7), record(0, 6), record(1, 8)];
    const summary = (most: number) =>
      consumedOf(records, most).map(({ partition, count, minOffset, maxOffset }) => [
        ...[partition, count, minOffset, maxOffset],
      ]);
    expect(summary(Number.POSITIVE_INFINITY)).toEqual([
      [0, 2, 4, 6],
      [1, 2, 7, 8],
    ]);
    expect(summary(3)).toEqual([
      [0, 2, 4, 6],
      [1, 1, 7, 7],
    ]);
    expect(summary(0)).toEqual([]);
  });

  test("--include is a pattern for the whole name, a comma stands for or", () => {
    expect(topicPattern(" a.*,b ").source).toBe("^(?:a.*|b)$");
    expect(() => topicPattern("(")).toThrow("( is an invalid regex.");
  });
});

import { describe, expect, test } from "vitest";
import { parseResetCsv, resetCsv } from "../../../src/cli/reset-csv.ts";
import { parseTopicArgument } from "../../../src/cli/topic-arguments.ts";

const PLAN = new Map([
  ["g1", [{ topic: "orders", partition: 0, offset: 7 }]],
  [
    "odd, group",
    [
      { topic: "orders", partition: 1, offset: 0 },
      { topic: "payments", partition: 0, offset: 12_345_678_901 },
    ],
  ],
]);

describe("the CSV of --export and --from-file", () => {
  test("of one group has topic, partition and offset", () => {
    const one = new Map([["g1", PLAN.get("g1") ?? []]]);
    expect(resetCsv(one, false)).toBe("orders,0,7\n");
    expect(parseResetCsv("f.csv", "orders,0,7\n", "g1")).toEqual(one);
  });

  test("of several begins with the group, quoted where it must be, and reads back", () => {
    const text = resetCsv(PLAN, true);
    expect(text).toBe(
      'g1,orders,0,7\n"odd, group",orders,1,0\n"odd, group",payments,0,12345678901\n',
    );
    expect(parseResetCsv("f.csv", text, null)).toEqual(PLAN);
    expect(parseResetCsv("f.csv", text, "g1")).toEqual(PLAN);
  });

  test("blanks, empty lines, quoted quotes and Windows' line ends do no harm", () => {
    const text = '\r\n orders , 0 ,7\r\n\r\n"a ""b""",orders,1,2\r\n';
    expect([...parseResetCsv("f.csv", text, "g")]).toEqual([
      ["g", [{ topic: "orders", partition: 0, offset: 7 }]],
      ['a "b"', [{ topic: "orders", partition: 1, offset: 2 }]],
    ]);
  });

  test.each([
    ["orders,0", "g", "f.csv:1: topic,partition,offset is needed: orders,0"],
    ["orders,0,1", null, "f.csv:1: group,topic,partition,offset is needed: orders,0,1"],
    ["\norders,x,1", "g", "f.csv:2: x is no partition number: orders,x,1"],
    ["orders,0,1.5", "g", "f.csv:1: 1.5 is no offset: orders,0,1.5"],
    ['"orders,0,1', "g", 'f.csv:1: a quote is not closed: "orders,0,1'],
  ])("%j is refused with its line", (text, group, message) => {
    expect(() => parseResetCsv("f.csv", text, group)).toThrow(message);
  });
});

describe("--topic", () => {
  test("names a topic, or partitions of it", () => {
    expect(parseTopicArgument("orders")).toEqual({ topic: "orders", partitions: null });
    expect(parseTopicArgument("orders:0,12")).toEqual({ topic: "orders", partitions: [0, 12] });
  });

  test.each([
    ["orders:", "Invalid topic arg 'orders:', expected topic name and partitions"],
    [":0", "Invalid topic arg ':0', expected topic name and partitions"],
    ["a:0:1", "Invalid topic arg 'a:0:1', expected topic name and partitions"],
    ["a:0,x", "Invalid partition 'x' specified in topic arg 'a:0,x'"],
    ["a:-1", "Invalid partition '-1' specified in topic arg 'a:-1'"],
  ])("%j is refused", (text, message) => {
    expect(() => parseTopicArgument(text)).toThrow(message);
  });
});

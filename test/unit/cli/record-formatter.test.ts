import { describe, expect, test } from "vitest";
import { recordFormatter, type ShownRecord } from "../../../src/cli/record-formatter.ts";

const record: ShownRecord = {
  topic: "t",
  partition: 2,
  offset: 41,
  timestamp: 1_700_000_000_000,
  timestampType: "CreateTime",
  key: Buffer.from("k"),
  value: Buffer.from("v"),
  headers: [
    { key: "a", value: Buffer.from("1") },
    { key: "b", value: null },
  ],
};
const plain = { key: null, value: null, headers: null };
const ALL = {
  "print.timestamp": "true",
  "print.partition": "true",
  "print.offset": "true",
  "print.headers": "true",
  "print.key": "true",
};

function print(properties: Record<string, string>, over: Partial<ShownRecord> = {}): string {
  return recordFormatter(properties, plain)({ ...record, ...over }).toString();
}

describe("console-consumer's lines", () => {
  test("the value alone by default", () => {
    expect(print({})).toBe("v\n");
  });

  test("every column, in Kafka's order", () => {
    expect(print(ALL)).toBe("CreateTime:1700000000000\tPartition:2\tOffset:41\ta:1,b:null\tk\tv\n");
  });

  test("without the value the last column ends the line", () => {
    expect(print({ "print.key": "true", "print.value": "false" })).toBe("k\n");
    expect(print({ "print.offset": "true", "print.value": "false" })).toBe("Offset:41\n");
  });

  test("separators and the null literal are the user's", () => {
    const properties = {
      ...ALL,
      "key.separator": " | ",
      "line.separator": ";",
      "headers.separator": "&",
      "null.literal": "<nil>",
    };
    expect(print(properties, { key: null, value: null })).toBe(
      "CreateTime:1700000000000 | Partition:2 | Offset:41 | a:1&b:<nil> | <nil> | <nil>;",
    );
  });

  test("no headers, LogAppendTime, deliveries", () => {
    expect(print({ "print.headers": "true" }, { headers: [] })).toBe("NO_HEADERS\tv\n");
    expect(print({ "print.timestamp": "true" }, { timestampType: "LogAppendTime" })).toBe(
      "LogAppendTime:1700000000000\tv\n",
    );
    expect(print({ "print.delivery": "true" })).toBe("Delivery:NONE\tv\n");
  });

  test("deserializers see what is not null, bytes pass unchanged without one", () => {
    const shout = (_topic: string, bytes: Uint8Array) =>
      Buffer.from(Buffer.from(bytes).toString().toUpperCase());
    const write = recordFormatter(ALL, { key: shout, value: shout, headers: shout });
    expect(write({ ...record, value: null }).toString()).toContain("a:1,b:null\tK\tnull\n");
    expect(recordFormatter({}, plain)({ ...record, value: Buffer.from([0xff, 0x00]) })).toEqual(
      Buffer.from([0xff, 0x00, 0x0a]),
    );
  });

  test("an unknown property is refused", () => {
    expect(() => recordFormatter({ "print.kye": "true" }, plain)).toThrow("print.kye");
  });
});

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { addProperty, readProperties } from "../../../src/cli/properties.ts";
import {
  partitionNumbers,
  topicFilter,
  topicPartitionFilter,
} from "../../../src/cli/topic-filter.ts";

describe("topic patterns", () => {
  test("the whole name must match, a comma stands for or", () => {
    expect(["a", "b", "ab", "c"].filter(topicFilter("a,b"))).toEqual(["a", "b"]);
    expect(["logs-1", "logs", "xlogs-1"].filter(topicFilter("logs-.*"))).toEqual(["logs-1"]);
    expect(topicFilter("'quoted'")("quoted")).toBe(true);
    expect(() => topicFilter("a(")).toThrow("invalid regex");
  });

  test("topic-partitions: number, range, open ends, any topic", () => {
    const all = [0, 1, 2, 3, 4, 5];
    const chosen = (list: string, topic = "t") =>
      all.filter((partition) => topicPartitionFilter(list)(topic, partition));
    expect(chosen("t:1")).toEqual([1]);
    expect(chosen("t:1-3")).toEqual([1, 2]);
    expect(chosen("t:4-")).toEqual([4, 5]);
    expect(chosen("t:-2")).toEqual([0, 1]);
    expect(chosen("t")).toEqual(all);
    expect(chosen(":0")).toEqual([0]);
    expect(chosen("u:0,t:5")).toEqual([5]);
    expect(chosen("u")).toEqual([]);
    expect(() => topicPartitionFilter("t:x")).toThrow("Invalid rule specification: t:x");
  });

  test("partition numbers", () => {
    expect(partitionNumbers("0,2")).toEqual(new Set([0, 2]));
    expect(() => partitionNumbers("0,x")).toThrow("numeric partition ids");
  });
});

describe("properties", () => {
  test("name=value, the value may hold more equals signs", () => {
    expect(addProperty("a=b=c", addProperty("x="))).toEqual({ x: "", a: "b=c" });
    expect(() => addProperty("nothing")).toThrow("name=value");
    expect(() => addProperty("=v")).toThrow("name=value");
  });

  test("a file of them, as Java reads it", () => {
    const file = join(mkdtempSync(join(tmpdir(), "kedge-")), "client.properties");
    writeFileSync(
      file,
      "# comment\n! another\nacks=all\nlinger.ms : 5\nbatch.size 100\n\nkey\\u003d=1\nsep=\\t\\\n   end\n",
    );
    expect(readProperties(file)).toMatchObject({
      acks: "all",
      "linger.ms": "5",
      "batch.size": "100",
      sep: "\tend",
    });
    expect(() => readProperties(`${file}.none`)).toThrow("cannot read the properties file");
  });
});

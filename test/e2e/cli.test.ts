import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { discard, kedge, type Service, startService, temporaryFolder } from "./service.ts";

let service: Service;
const folder = temporaryFolder();

beforeAll(async () => {
  service = await startService();
});

afterAll(async () => {
  await discard(service);
  rmSync(folder, { recursive: true });
});

const run = (line: string, input = "", env: Record<string, string> = {}) =>
  kedge(service, line.split(" "), { input, env });

/** Runs, expects success, and gives the output. */
async function ok(line: string, input = ""): Promise<string> {
  const { code, stdout, stderr } = await run(line, input);
  expect(code, `${line}: ${stderr}`).toBe(0);
  return stdout;
}

async function fails(line: string, input = ""): Promise<string> {
  const { code, stderr } = await run(line, input);
  expect(code, line).toBe(1);
  return stderr;
}

describe("kedge topics", () => {
  test("create, list, describe, alter, delete print what kafka-topics prints", async () => {
    expect(await ok("topics --create --topic t1 --partitions 3 --replication-factor 1")).toBe(
      "Created topic t1.\n",
    );
    expect(await ok("topics --create --topic t1 --if-not-exists")).toBe("");
    expect(await ok("topics --list")).toBe("t1\n");
    const [topic, ...partitions] = (await ok("topics --describe --topic t1"))
      .split("\n")
      .slice(0, -1);
    expect(topic).toMatch(
      /^Topic: t1\tTopicId: [\w-]{22}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: /,
    );
    expect(partitions).toHaveLength(3);
    partitions.forEach((line, partition) => {
      expect(line).toMatch(
        new RegExp(
          `^\\tTopic: t1\\tPartition: ${partition}\\tLeader: (\\d)\\tReplicas: \\1\\tIsr: \\1\\tElr: .*\\tLastKnownElr: `,
        ),
      );
    });
    expect(await ok("topics --describe --under-replicated-partitions")).toBe("");
    expect(await ok("topics --describe --unavailable-partitions")).toBe("");
    await ok("topics --alter --topic t1 --partitions 5");
    expect(await ok("topics --describe --topic t1")).toContain("PartitionCount: 5");
    await ok("topics --delete --topic t1");
    expect(await ok("topics --list")).toBe("");
  });

  test("what cannot be done is said on stderr, with exit code 1", async () => {
    await ok("topics --create --topic taken");
    expect(await fails("topics --create --topic taken")).toContain("Topic 'taken' already exists.");
    expect(await fails("topics --describe --topic none")).toContain(
      "Topic 'none' does not exist as expected",
    );
    expect(await ok("topics --describe --topic none --if-exists")).toBe("");
    expect(await fails("topics --alter --topic taken --partitions 1")).toContain(
      "already has 1 partition",
    );
    expect(await fails("topics --create --topic c --config no.such=1")).toContain("no.such");
    expect(await fails("topics --create --list")).toContain("exactly one action");
    expect(await fails("topics --list --partitions 3")).toContain('"--partitions" can\'t be used');
    expect(await fails("topics --list --bootstrap-server localhost:9092")).toContain(
      "--bootstrap-server http://127.0.0.1:8787",
    );
    expect(await fails("topics --list --bootstrap-server http://127.0.0.1:59999")).toContain(
      "nothing listens at http://127.0.0.1:59999",
    );
    expect(await fails("topics --frobnicate")).toContain("unknown option '--frobnicate'");
  });
});

describe("console producer and consumer", () => {
  test("keys, headers and nulls come back as they went in", async () => {
    await ok("topics --create --topic full --partitions 1");
    await ok(
      "console-producer --topic full --property parse.key=true --property parse.headers=true " +
        "--property null.marker=NULL --compression-codec lz4",
      "a:1,b:NULL\tk1\tv1\nNULL\tNULL\tv2\nNULL\tk3\tNULL\n",
    );
    const read = await run(
      "console-consumer --topic full --from-beginning --max-messages 3 --property print.key=true " +
        "--property print.headers=true --property print.offset=true --property print.partition=true",
    );
    expect(read.stdout).toBe(
      "Partition:0\tOffset:0\ta:1,b:null\tk1\tv1\n" +
        "Partition:0\tOffset:1\tNO_HEADERS\tnull\tv2\n" +
        "Partition:0\tOffset:2\tNO_HEADERS\tk3\tnull\n",
    );
    expect(read.stderr).toContain("Processed a total of 3 messages");
    const one = await run(
      "console-consumer --topic full --partition 0 --offset 1 --max-messages 1",
    );
    expect(one.stdout).toBe("v2\n");
  });

  test("a consumer of what comes now, and its timeout", async () => {
    await ok("topics --create --topic now --partitions 2");
    await ok("console-producer --topic now", "old\n");
    const read = run("console-consumer --topic now --timeout-ms 4000");
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await ok("console-producer --topic now --sync", "new\nnewer\n");
    const { stdout, stderr, code } = await read;
    expect(stdout.split("\n").filter(Boolean).sort()).toEqual(["new", "newer"]);
    expect(stderr).toContain("Processed a total of 2 messages");
    expect(code).toBe(0);
  });

  test("deserializers print numbers, and what they cannot read ends it or is skipped", async () => {
    await ok("topics --create --topic numbers --partitions 1");
    await ok("console-producer --topic numbers", "12345678\nnine nine\n");
    const base = "console-consumer --topic numbers --from-beginning --timeout-ms 1000";
    const long = `${base} --value-deserializer org.apache.kafka.common.serialization.LongDeserializer`;
    const expected = `${Buffer.from("12345678").readBigInt64BE()}\n`;
    expect((await run(`${long} --skip-message-on-error`)).stdout).toBe(expected);
    expect(await fails(long)).toContain("LongDeserializer");
    expect(await fails(`${base} --value-deserializer Money`)).toContain(
      "unknown deserializer Money",
    );
  });

  test("bad input and bad options are refused", async () => {
    expect(
      await fails("console-producer --topic full --property parse.key=true", "no tab here\n"),
    ).toContain("No key separator found on line number 1: 'no tab here'");
    expect(await fails("console-producer --topic full --producer-property ack=1")).toContain(
      "did you mean acks",
    );
    expect(await fails("console-consumer --topic a --offset 3")).toContain("partition is required");
    expect(await fails("console-consumer")).toContain("Exactly one of");
    expect(await fails("console-producer --topic full --compression-codec rar", "x\n")).toContain(
      "compression.type",
    );
  });
});

describe("offsets and records", () => {
  test("get-offsets and delete-records", async () => {
    await ok("topics --create --topic o --partitions 2");
    await ok(
      "console-producer --topic o --property parse.key=true",
      Array.from({ length: 20 }, (_, i) => `k${i}\tv${i}\n`).join(""),
    );
    const latest = (await ok("get-offsets --topic o")).trimEnd().split("\n");
    const counts = latest.map((line) => Number(/^o:\d:(\d+)$/.exec(line)?.[1]));
    expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(20);
    expect(await ok("get-offsets --topic-partitions o:1")).toBe(`${latest[1]}\n`);
    expect(await ok("get-offsets --topic o --time earliest")).toBe("o:0:0\no:1:0\n");
    const file = join(folder, "offsets.json");
    const before = { topic: "o", partition: 0, offset: 3 };
    writeFileSync(file, JSON.stringify({ version: 1, partitions: [before] }));
    expect(await ok(`delete-records --offset-json-file ${file}`)).toBe(
      "Executing records delete operation\nRecords delete operation completed:\n" +
        "partition: o-0\tlow_watermark: 3\n",
    );
    expect(await ok("get-offsets --topic o --time -2")).toBe("o:0:3\no:1:0\n");
    expect(await fails("get-offsets --topic none")).toContain(
      "Could not match any topic-partitions",
    );
    expect(await fails("get-offsets --time noon")).toContain("Malformed time argument noon");
    writeFileSync(file, '{"partitions":[{"topic":"o"}]}');
    expect(await fails(`delete-records --offset-json-file ${file}`)).toContain("partition");
    expect(await fails("delete-records --offset-json-file /no/such.json")).toContain(
      "/no/such.json",
    );
  });

  test("cluster and api-versions", async () => {
    expect(await ok("cluster cluster-id")).toBe("Cluster ID: kedge\n");
    expect(await ok("cluster list-endpoints")).toMatch(/^ID +HOST +PORT +RACK +STATE/);
    const versions = await ok("api-versions");
    expect(versions).toMatch(/^127\.0\.0\.1:\d+ \(id: 1 rack: wnam isFenced: false\) -> \(\n/);
    expect(versions).toMatch(/\n\tProduce\(0\): 0 to \d+ \[usable: \d+\],\n/);
  });
});

describe("perf tests", () => {
  test("print their lines as Kafka's do", async () => {
    await ok("topics --create --topic perf --partitions 2");
    const produced = await ok(
      "producer-perf-test --topic perf --num-records 20000 --record-size 100 --throughput -1 " +
        "--producer-props acks=all linger.ms=10 --print-metrics",
    );
    expect(produced).toMatch(
      /^20000 records sent, [\d.]+ records\/sec \([\d.]+ MB\/sec\), [\d.]+ ms avg latency, [\d.]+ ms max latency, \d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99.9th\.$/m,
    );
    expect(produced).toContain("record-send-total:{client-id=perf-producer-client}");
    const consumed = await ok("consumer-perf-test --topic perf --messages 20000");
    const [header, line] = consumed.split("\n");
    expect(header).toBe(
      "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, " +
        "rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec",
    );
    expect(line).toMatch(
      /^\d{4}-\d\d-\d\d [\d:]+, \d{4}-\d\d-\d\d [\d:]+, 1\.9073, [\d.]+, 20000, /,
    );
    const short = await ok("consumer-perf-test --topic perf --messages 30000 --timeout 500");
    expect(short).toContain("WARNING: Exiting before consuming the expected number of messages");
  });

  test("throttling holds the rate", async () => {
    const startMs = performance.now();
    await ok("producer-perf-test --topic perf --num-records 300 --record-size 10 --throughput 150");
    expect(performance.now() - startMs).toBeGreaterThan(1_800);
  });

  test("contradictions are refused", async () => {
    const base = "producer-perf-test --topic perf --num-records 10 --throughput -1";
    expect(await fails(base)).toContain("exactly one of --record-size");
    expect(await fails(`${base} --record-size 1 --payload-monotonic`)).toContain("exactly one of");
    expect(await fails(`${base} --record-size 1 --warmup-records 10`)).toContain("strictly fewer");
  });
});

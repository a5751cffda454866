/** kcat (librdkafka), unchanged, through the gateway. A missing kcat fails: see .ci/run. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { discard, kedge, run, type Service, startService, temporaryFolder } from "./service.ts";

const RECORDS = 10_000;
const PARTITIONS = 3;

let service: Service;
const folder = temporaryFolder();
const input = join(folder, "input.txt");
const lines = Array.from(
  { length: RECORDS },
  (_, i) => `key-${(i * 7919) % 997}\tvalue ${i} äöü ✓`,
);

beforeAll(async () => {
  writeFileSync(input, `${lines.join("\n")}\n`);
  service = await startService();
});

afterAll(async () => {
  await discard(service);
  rmSync(folder, { recursive: true });
});

async function kcat(...args: string[]): Promise<{ stdout: string; bytes: Buffer }> {
  const outcome = await run("kcat", ["-b", service.kafka, ...args], { timeoutMs: 60_000 });
  expect(outcome.code, `kcat ${args.join(" ")}: ${outcome.stderr}`).toBe(0);
  return outcome;
}

describe("kcat", () => {
  test("-L lists brokers and topics", async () => {
    await kedge(service, ["topics", "--create", "--topic", "listed", "--partitions", "2"]);
    const { stdout } = await kcat("-L");
    expect(stdout).toMatch(/broker \d at 127\.0\.0\.1:\d+ \(controller\)/);
    expect(stdout).toContain('topic "listed" with 2 partitions:');
    expect(stdout).toMatch(/partition 1, leader \d, replicas: \d, isrs: \d/);
    const { stdout: json } = await kcat("-L", "-J", "-t", "listed");
    expect(JSON.parse(json)).toMatchObject({ topics: [{ topic: "listed" }] });
  });

  test.each(["none", "gzip", "snappy", "lz4", "zstd"])(
    "a file of 10,000 keyed lines comes back byte for byte: %s",
    async (codec) => {
      const topic = `file-${codec}`;
      await kedge(service, [
        ...["topics", "--create", "--topic", topic, "--partitions", String(PARTITIONS)],
      ]);
      await kcat("-P", "-t", topic, "-K", "\t", "-z", codec, "-l", input);
      const all: string[] = [];
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const { stdout } = await kcat(
          ...["-C", "-t", topic, "-p", String(partition), "-o", "beginning", "-e", "-q"],
          ...["-f", "%k\t%s\n"],
        );
        const seen = stdout.split("\n").slice(0, -1);
        // Ordered: the lines of a partition are the file's, in the file's order.
        const here = new Set(seen);
        expect(seen).toEqual(lines.filter((line) => here.has(line)));
        all.push(...seen);
      }
      expect(all.sort()).toEqual([...lines].sort());
    },
  );

  test("a file into one partition comes back the same file", async () => {
    await kedge(service, ["topics", "--create", "--topic", "one", "--partitions", "1"]);
    await kcat("-P", "-t", "one", "-K", "\t", "-z", "zstd", "-l", input);
    const { bytes } = await kcat("-C", "-t", "one", "-K", "\t", "-e", "-q");
    expect(bytes.equals(Buffer.from(`${lines.join("\n")}\n`))).toBe(true);
  });

  test("headers, tombstones, acks, idempotence, offsets and times", async () => {
    await kedge(service, ["topics", "--create", "--topic", "extras", "--partitions", "1"]);
    const send = (text: string, ...args: string[]) =>
      run("kcat", ["-b", service.kafka, "-P", "-t", "extras", ...args], { input: text });
    for (const [text, ...args] of [
      ["k1:v1\n", "-K:", "-H", "a=1", "-H", "b=2"],
      ["k2:\n", "-K:", "-Z"],
      ["v3\n", "-X", "acks=0"],
      ["v4\n", "-X", "acks=1"],
      ["v5\n", "-X", "enable.idempotence=true"],
    ] as const) {
      const outcome = await send(text, ...args);
      expect(outcome.code, outcome.stderr).toBe(0);
    }
    const format = "%o|%k|%s|%S|%h|%T\n";
    const { stdout } = await kcat("-C", "-t", "extras", "-e", "-q", "-f", format);
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((row) => row.split("|"));
    expect(rows.map((row) => row.slice(0, 5))).toEqual([
      ["0", "k1", "v1", "2", "a=1,b=2"],
      ["1", "k2", "", "-1", ""],
      ["2", "", "v3", "2", ""],
      ["3", "", "v4", "2", ""],
      ["4", "", "v5", "2", ""],
    ]);
    const times = rows.map((row) => Number(row[5]));
    expect(times.every((ms) => Math.abs(ms - Date.now()) < 60_000)).toBe(true);
    const { stdout: end } = await kcat("-Q", "-t", "extras:0:-1");
    expect(end).toContain("extras [0] offset 5");
    const { stdout: byTime } = await kcat("-Q", "-t", `extras:0:${times[3]}`);
    expect(byTime).toMatch(/extras \[0\] offset [123]\b/);
    const { stdout: tail } = await kcat("-C", "-t", "extras", "-o", "-2", "-e", "-q");
    expect(tail).toBe("v4\nv5\n");
  });

  test("a consumer that waits gets what is produced then", async () => {
    await kedge(service, ["topics", "--create", "--topic", "tail", "--partitions", "1"]);
    const waiting = kcat("-C", "-t", "tail", "-o", "end", "-c", "2", "-q", "-u");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await kedge(service, ["console-producer", "--topic", "tail"], { input: "a\nb\n" });
    expect((await waiting).stdout).toBe("a\nb\n");
  });

  test("a topic that nobody created is created by the first record", async () => {
    await run("kcat", ["-b", service.kafka, "-P", "-t", "auto"], { input: "x\n" });
    expect((await kcat("-C", "-t", "auto", "-e", "-q")).stdout).toBe("x\n");
  });
});

/** `kedge consumer-groups`, `console-consumer --group` and the verifiable tools against the running service. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  discard,
  kedge,
  ROOT,
  type Service,
  startService,
  temporaryFolder,
  until,
} from "./service.ts";

let service: Service;
const folder = temporaryFolder();

beforeAll(async () => {
  const config = JSON.stringify({ "group.initial.rebalance.delay.ms": "0" });
  service = await startService({ env: { KEDGE_BROKER_CONFIG: config } });
});

afterAll(async () => {
  await discard(service);
  rmSync(folder, { recursive: true });
});

async function ok(line: string, input = ""): Promise<string> {
  const { code, stdout, stderr } = await kedge(service, line.split(" "), { input });
  expect(code, `${line}: ${stderr}`).toBe(0);
  return stdout;
}

async function fails(line: string): Promise<string> {
  const { code, stdout, stderr } = await kedge(service, line.split(" "));
  expect(code, line).toBe(1);
  return stdout + stderr;
}

/** The cells of a table, its header first. */
function cells(output: string): string[][] {
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.trim().split(/\s{2,}|(?<=\S) (?=\S)/));
}

interface Event {
  name: string;
  [field: string]: unknown;
}

/** A tool that runs until it is told to stop. */
class Tool {
  readonly child: ChildProcess;
  text = "";

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [join(ROOT, "src/cli/kedge.mjs"), ...args], {
      env: { ...process.env, KEDGE_URL: service.url },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on("data", (data) => {
        this.text += data;
      });
    }
    running.add(this);
  }

  events(name: string): Event[] {
    return this.text
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Event)
      .filter((event) => event.name === name);
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    running.delete(this);
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill(signal);
    await ended;
  }
}

const running = new Set<Tool>();
afterEach(async () => {
  for (const tool of running) await tool.stop("SIGKILL");
});

describe("kedge console-consumer --group", () => {
  test("commits what it printed, and the next one goes on there", async () => {
    await ok("topics --create --topic c1 --partitions 2");
    await ok("console-producer --topic c1", "1\n2\n3\n4\n5\n");
    const first = await ok(
      "console-consumer --topic c1 --group cg1 --from-beginning --max-messages 3 --timeout-ms 20000",
    );
    expect(first.trim().split("\n")).toHaveLength(3);
    const second = await ok(
      "console-consumer --topic c1 --group cg1 --from-beginning --max-messages 2 --timeout-ms 20000",
    );
    expect(`${first}${second}`.trim().split("\n").sort()).toEqual(["1", "2", "3", "4", "5"]);
    expect(await ok("consumer-groups --list")).toContain("cg1\n");
  });

  test("--include subscribes by a pattern; a group and a partition exclude each other", async () => {
    await ok("topics --create --topic inc-a");
    await ok("topics --create --topic inc-b");
    await ok("console-producer --topic inc-a", "a\n");
    await ok("console-producer --topic inc-b", "b\n");
    const printed = await ok(
      "console-consumer --include inc-.* --group cg2 --from-beginning --max-messages 2 --timeout-ms 20000",
    );
    expect(printed.trim().split("\n").sort()).toEqual(["a", "b"]);
    expect(await fails("console-consumer --topic c1 --group cg2 --partition 0")).toContain(
      "Options group and partition cannot be specified together.",
    );
    expect(
      await fails("console-consumer --topic c1 --group a --consumer-property group.id=b"),
    ).toContain("do not match. Detected group ids: 'a', 'b'");
  });
});

describe("kedge verifiable-producer and verifiable-consumer", () => {
  test("every record that was acknowledged is consumed once, by two members between them", async () => {
    await ok("topics --create --topic v1 --partitions 4");
    const consumer = () =>
      new Tool("verifiable-consumer", "--topic", "v1", "--group-id", "vg1", "--verbose");
    const [a, b] = [consumer(), consumer()];
    await until(
      () => [a, b].every((one) => one.events("partitions_assigned").length > 0),
      () => `both are assigned: ${a.text}\n${b.text}`,
      60_000,
    );
    const produced = await ok(
      "verifiable-producer --topic v1 --max-messages 200 --value-prefix 7 --repeating-keys 10",
    );
    const events = produced
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Event);
    expect(events[0]).toEqual({ timestamp: expect.any(Number), name: "startup_complete" });
    const acked = events.filter(({ name }) => name === "producer_send_success");
    expect(acked[0]).toEqual({
      ...{ timestamp: expect.any(Number), name: "producer_send_success", topic: "v1" },
      ...{ key: expect.stringMatching(/^\d$/), value: expect.stringMatching(/^7\.\d+$/) },
      ...{ partition: expect.any(Number), offset: expect.any(Number) },
    });
    expect(events.at(-1)).toMatchObject({
      ...{ name: "tool_data", sent: 200, acked: 200, target_throughput: -1 },
    });
    const read = () => [a, b].flatMap((one) => one.events("record_data"));
    await until(
      () => read().length >= 200,
      () => `200 are read: ${read().length}`,
      60_000,
    );
    await Promise.all([a.stop(), b.stop()]);
    const placeOf = ({ topic, partition, offset, value }: Event) =>
      JSON.stringify([topic, partition, offset, value]);
    expect(read().map(placeOf).sort()).toEqual(acked.map(placeOf).sort());
    for (const one of [a, b]) {
      expect(one.events("shutdown_complete")).toHaveLength(1);
      const committed = one.events("offsets_committed");
      expect(committed.every(({ success }) => success === true)).toBe(true);
      for (const { partitions } of one.events("records_consumed")) {
        expect(partitions).toEqual(
          expect.arrayContaining([
            {
              ...{ topic: "v1", partition: expect.any(Number), count: expect.any(Number) },
              ...{ minOffset: expect.any(Number), maxOffset: expect.any(Number) },
            },
          ]),
        );
      }
    }
    const described = cells(await ok("consumer-groups --describe --group vg1"));
    expect(described.slice(1).map((row) => row[5])).toEqual(["0", "0", "0", "0"]);
  });

  test("--max-messages ends it, and commits no more than it told", async () => {
    await ok("topics --create --topic v2");
    await ok("verifiable-producer --topic v2 --max-messages 10");
    const printed = await ok(
      "verifiable-consumer --topic v2 --group-id vg2 --max-messages 4 --group-protocol consumer",
    );
    const lines = printed.trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as Event).name)).toEqual(
      expect.arrayContaining(["startup_complete", "records_consumed", "offsets_committed"]),
    );
    const described = cells(await ok("consumer-groups --describe --group vg2"));
    expect(described[1]?.slice(0, 6)).toEqual(["vg2", "v2", "0", "4", "10", "6"]);
  });
});

describe("kedge consumer-groups", () => {
  beforeAll(async () => {
    await ok("topics --create --topic r1 --partitions 2");
    // By key, so that both partitions have some: a goes to partition 0, d to partition 1.
    const keyed = "--property parse.key=true --property key.separator=:";
    await ok(`console-producer --topic r1 ${keyed}`, "a:1\na:2\na:3\nd:4\nd:5\nd:6\n");
  });

  const reset = (rest: string) =>
    ok(`consumer-groups --reset-offsets --group rg --topic r1 ${rest}`);
  const offsets = async () =>
    cells(await ok("consumer-groups --describe --group rg"))
      .slice(1)
      .map((row) => Number(row[3]))
      .sort();

  test("a live group: members, state, offsets; it can be neither reset nor deleted", async () => {
    const member = new Tool("verifiable-consumer", "--topic", "r1", "--group-id", "live");
    await until(
      () => member.events("offsets_committed").length > 0,
      () => member.text,
      60_000,
    );
    const table = cells(await ok("consumer-groups --describe --group live --offsets"));
    expect(table[0]).toEqual([
      ...["GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG"],
      ...["CONSUMER-ID", "HOST", "CLIENT-ID"],
    ]);
    expect(table[1]?.slice(0, 3)).toEqual(["live", "r1", "0"]);
    expect(table[1]?.at(-1)).toBe("verifiable-consumer");
    const members = await ok("consumer-groups --describe --group live --members --verbose");
    expect(members).toMatch(/GROUP +CONSUMER-ID +HOST +CLIENT-ID +#PARTITIONS +CURRENT-EPOCH/);
    expect(members).toContain("r1:0,1");
    const state = await ok("consumer-groups --describe --group live --state");
    expect(state).toMatch(/live +\S+:\d+ {2}\(\d\) +range +Stable +1/);
    expect(await ok("consumer-groups --list --state stable --type classic")).toMatch(
      /^GROUP +TYPE +STATE +\nlive +Classic +Stable/,
    );
    expect(
      await fails(
        "consumer-groups --reset-offsets --group live --topic r1 --to-earliest --execute",
      ),
    ).toContain(
      "Assignments can only be reset if the group 'live' is inactive, but the current state is Stable.",
    );
    expect(await fails("consumer-groups --delete --group live")).toContain(
      "* Group 'live' could not be deleted due to: ",
    );
    expect(await fails("consumer-groups --delete-offsets --group live --topic r1")).toContain(
      "Encounter some partition level error, see the follow-up details:",
    );
    await member.stop();
  });

  test("reset: dry run changes nothing, --execute does, in every way there is", async () => {
    const dry = await reset("--to-earliest --dry-run");
    expect(cells(dry)).toEqual([
      ["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"],
      ["rg", "r1", "0", "0"],
      ["rg", "r1", "1", "0"],
    ]);
    expect(await ok("consumer-groups --list")).not.toContain("rg\n");
    await reset("--to-latest --execute");
    const ends = await offsets();
    expect(ends[0] !== undefined && ends[1] !== undefined && ends[0] + ends[1]).toBe(6);
    await reset("--shift-by -1 --execute");
    expect(await offsets()).toEqual(ends.map((end) => Math.max(0, end - 1)));
    await reset("--to-current --execute");
    expect(await offsets()).toEqual(ends.map((end) => Math.max(0, end - 1)));
    await reset("--to-offset 1000 --execute");
    expect(await offsets()).toEqual(ends);
    await reset("--by-duration PT1H --execute");
    expect(await offsets()).toEqual([0, 0]);
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    await reset(`--to-datetime ${soon} --execute`);
    expect(await offsets()).toEqual(ends);
    await ok("consumer-groups --reset-offsets --group rg --topic r1:0 --to-earliest --execute");
    const file = join(folder, "plan.csv");
    const csv = await ok(
      "consumer-groups --reset-offsets --group rg --all-topics --to-current --export --dry-run",
    );
    expect(csv).toMatch(/^r1,0,0\nr1,1,\d\n$/);
    writeFileSync(file, csv.replace("r1,0,0", "r1,0,1"));
    const before = await offsets();
    await ok(`consumer-groups --reset-offsets --group rg --from-file ${file} --execute`);
    expect(await offsets()).not.toEqual(before);
    expect(readFileSync(file, "utf8")).toContain("r1,0,1");
  });

  test("delete-offsets and delete", async () => {
    await reset("--to-earliest --execute");
    const gone = cells(await ok("consumer-groups --delete-offsets --group rg --topic r1:0"));
    expect(gone.slice(1)).toEqual([
      ["TOPIC", "PARTITION", "STATUS"],
      ["r1", "0", "Successful"],
    ]);
    expect(cells(await ok("consumer-groups --describe --group rg"))).toHaveLength(2);
    expect(await ok("consumer-groups --delete --group rg")).toBe(
      "Deletion of requested consumer groups ('rg') was successful.\n",
    );
    expect(await fails("consumer-groups --describe --group rg")).toContain(
      "Error: Consumer group 'rg' does not exist.",
    );
    expect(await fails("consumer-groups --delete --group rg")).toContain(
      "* Group 'rg' could not be deleted due to: ",
    );
  });
});

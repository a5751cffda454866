/** `kedge configs` and what shows configs, against the running service. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runStep, stepsOf, titleOf } from "./readme-steps.ts";
import { discard, kedge, type Service, startService } from "./service.ts";

let service: Service;

beforeAll(async () => {
  const config = JSON.stringify({ "log.retention.hours": "24" });
  service = await startService({ env: { KEDGE_BROKER_CONFIG: config } });
});

afterAll(async () => {
  await discard(service);
});

async function ok(line: string): Promise<string> {
  const { code, stdout, stderr } = await kedge(service, line.split(" "));
  expect(code, `${line}: ${stderr}`).toBe(0);
  return stdout;
}

async function fails(line: string): Promise<string> {
  const { code, stderr } = await kedge(service, line.split(" "));
  expect(code, line).toBe(1);
  return stderr;
}

describe("kedge configs prints what kafka-configs prints", () => {
  test("a topic's configs are set, shown and taken away", async () => {
    await ok("topics --create --topic t --config segment.ms=60000");
    const of = "--entity-type topics --entity-name t";
    expect(
      await ok(
        `configs --alter ${of} --add-config retention.ms=5000,cleanup.policy=[compact,delete]`,
      ),
    ).toBe("Completed updating config for topic t.\n");
    expect(await ok(`configs --describe ${of}`)).toBe(
      [
        "Dynamic configs for topic t are:",
        "  cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}",
        "  retention.ms=5000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=5000, STATIC_BROKER_CONFIG:log.retention.hours=24, DEFAULT_CONFIG:log.retention.hours=168}",
        "  segment.ms=60000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:segment.ms=60000, DEFAULT_CONFIG:log.roll.hours=168}",
        "",
      ].join("\n"),
    );
    expect(await ok("topics --describe --topic t")).toMatch(
      /^Topic: t\t.*\tConfigs: cleanup.policy=compact,delete,retention.ms=5000,segment.ms=60000\n/,
    );
    await ok(`configs --alter ${of} --delete-config retention.ms,segment.ms`);
    const all = await ok(`configs --describe --all ${of}`);
    expect(all).toMatch(/^All configs for topic t are:\n {2}cleanup.policy=compact,delete /);
    expect(all).toContain(
      "\n  retention.ms=86400000 sensitive=false synonyms={STATIC_BROKER_CONFIG:log.retention.hours=24, DEFAULT_CONFIG:log.retention.hours=168}\n",
    );
    expect(await fails(`configs --alter ${of} --delete-config retention.ms`)).toBe(
      "Invalid config(s): retention.ms\n",
    );
    expect(await ok("configs --describe --topic no")).toBe(
      "The topic 'no' doesn't exist and doesn't have dynamic config.\n",
    );
  });

  test("the precedence is topic, broker, all brokers, deployment, built in", async () => {
    await ok("topics --create --topic p --config max.message.bytes=4000");
    expect(await ok("configs --alter --broker-defaults --add-config message.max.bytes=2000")).toBe(
      "Completed updating default config for brokers in the cluster.\n",
    );
    expect(await ok("configs --alter --broker 1 --add-config message.max.bytes=3000")).toBe(
      "Completed updating config for broker 1.\n",
    );
    expect(await ok("configs --describe --entity-type brokers --entity-default")).toBe(
      "Default configs for brokers in the cluster are:\n" +
        "  message.max.bytes=2000 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=2000, DEFAULT_CONFIG:message.max.bytes=1048588}\n",
    );
    const brokers = await ok("configs --describe --entity-type brokers");
    expect(brokers.split("\n")).toEqual([
      "Dynamic configs for broker 1 are:",
      "  message.max.bytes=3000 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:message.max.bytes=3000, DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=2000, DEFAULT_CONFIG:message.max.bytes=1048588}",
      "Dynamic configs for broker 2 are:",
      "Dynamic configs for broker 3 are:",
      "Default configs for brokers in the cluster are:",
      expect.stringContaining("  message.max.bytes=2000 "),
      "",
    ]);
    expect(await ok("configs --describe --topic p")).toContain(
      "synonyms={DYNAMIC_TOPIC_CONFIG:max.message.bytes=4000, DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=2000, DEFAULT_CONFIG:message.max.bytes=1048588}",
    );
    await ok("configs --alter --broker 1 --delete-config message.max.bytes");
    await ok("configs --alter --broker-defaults --delete-config message.max.bytes");
  });

  test("what is not allowed is refused with its range, and changes nothing", async () => {
    await ok("topics --create --topic refused");
    const alter = "configs --alter --topic refused --add-config";
    expect(await fails(`${alter} retention.ms=-2`)).toContain(
      "Invalid value '-2' for configuration retention.ms: it must be an integer from -1 to",
    );
    expect(await fails(`${alter} segment.ms=60000,no.such=1`)).toContain("no.such");
    expect(await fails("configs --alter --broker 1 --add-config num.partitions=3")).toContain(
      "Cannot update these configs dynamically: [num.partitions]",
    );
    expect(await fails("configs --alter --broker 1 --add-config linger.ms=3")).toContain(
      "linger.ms is a config of clients",
    );
    expect(await fails("configs --alter --topic no --add-config segment.ms=60000")).toContain(
      "The topic 'no' does not exist",
    );
    expect(await fails("configs --describe --user bob")).toContain("quotas are not there yet");
    expect(await ok("configs --describe --topic refused")).toBe(
      "Dynamic configs for topic refused are:\n",
    );
  });
});

describe("an operator sees", () => {
  test("metrics of the catalogue, and of logs when they are asked for", async () => {
    await ok("topics --create --topic seen --partitions 1");
    const scrape = async (query: string) => (await fetch(`${service.url}/metrics${query}`)).text();
    const plain = await scrape("");
    expect(plain).toContain(
      'kafka_cluster_partition_replicascount{topic="seen",partition="0"} 1\n',
    );
    expect(plain).toMatch(
      /kafka_network_requestmetrics_requests_total\{isolate="\w+",request="CreateTopics"\} \d+\n/,
    );
    expect(plain).not.toContain("kafka_log_log_size{");
    expect(await scrape("?topic=seen")).toContain(
      'kafka_log_log_logendoffset{topic="seen",partition="0"} 0\n',
    );
  });

  test("that nothing is wrong, or what is and what to do", async () => {
    const doctor = async (...args: string[]) => kedge(service, ["doctor", ...args]);
    const well = await doctor("--gateway", service.kafka);
    expect([well.code, well.stdout]).toEqual([0, expect.stringContaining("Nothing is wrong.\n")]);
    expect(well.stdout).toContain(`ok       gateway: ${service.kafka} speaks Kafka\n`);
    await ok("brokers --fence 2");
    const ill = await doctor("--json");
    await ok("brokers --unfence 2");
    expect(ill.code).toBe(1);
    const { healthy, findings } = JSON.parse(ill.stdout);
    expect(healthy).toBe(false);
    expect(findings.find(({ check }: { check: string }) => check === "brokers")).toEqual({
      ...{ check: "brokers", status: "problem", found: "fenced: 2 (weur)" },
      advice: expect.stringContaining("`kedge brokers --unfence 2`"),
    });
    const gone = await kedge({ url: "http://127.0.0.1:1" }, ["doctor"]);
    expect([gone.code, gone.stdout]).toEqual([1, expect.stringContaining("npm start")]);
  });
});

describe("README's section on operations", () => {
  let own: Service;

  beforeAll(async () => {
    own = await startService();
    await kedge(own, ["topics", "--create", "--topic", "orders", "--partitions", "3"]);
  });

  afterAll(() => discard(own));

  const steps = stepsOf("Operations");

  test("has commands", () => {
    expect(steps.length).toBeGreaterThan(5);
  });

  for (const step of steps) test(titleOf(step), () => runStep(step, own));
});

/** A closed service as a user runs it: keys, users and ACLs by the command line, clients by SASL. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Kafka, logLevel, type SASLOptions } from "kafkajs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { discard, kedge, type RunOptions, run, type Service, startService } from "./service.ts";

const ADMIN_KEY = "an-admin's-key-that-nobody-guesses-7f3a";
const PASSWORD = "a-pencil-of-gold-91c2";
const WRONG = "a-pencil-of-lead-91c2";
const PATIENCE_MS = 60_000;

let service: Service;
let key: { id: string; secret: string };

async function asAdmin(args: string[], options: RunOptions = {}) {
  const outcome = await kedge(service, args, { ...options, env: { KEDGE_API_KEY: ADMIN_KEY } });
  expect(outcome.code, `kedge ${args.join(" ")}: ${outcome.stderr}`).toBe(0);
  return outcome.stdout;
}

function kafka(sasl: SASLOptions | null, retries = 0): Kafka {
  return new Kafka({
    ...{ clientId: "e2e", brokers: [service.kafka], logLevel: logLevel.NOTHING },
    ...(sasl === null ? {} : { sasl }),
    retry: { retries, initialRetryTime: 100 },
  });
}

async function write(sasl: SASLOptions | null, topic: string, value: string): Promise<void> {
  const producer = kafka(sasl).producer({ allowAutoTopicCreation: false });
  try {
    await producer.connect();
    await producer.send({ topic, messages: [{ value }] });
  } finally {
    await producer.disconnect();
  }
}

async function readOne(sasl: SASLOptions, topic: string, groupId: string): Promise<string> {
  const consumer = kafka(sasl, 5).consumer({ groupId });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    return await new Promise<string>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer
        .run({ eachMessage: async ({ message }) => resolve(String(message.value)) })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}

const plain = (username: string, password: string): SASLOptions => ({
  ...{ mechanism: "plain", username, password },
});

beforeAll(async () => {
  service = await startService({ env: { KEDGE_API_KEY: ADMIN_KEY } });
  const created = await asAdmin(["api-keys", "--create", "--principal", "User:app"]);
  const [, id = "", secret = ""] = /key (\S+) for User:app\.\nSecret: (\S+)/.exec(created) ?? [];
  key = { id, secret };
  expect([id.length, secret.length]).toEqual([16, 43]);
  await asAdmin(["users", "--set-password", "sam"], { input: `${PASSWORD}\n` });
  for (const topic of ["open", "shut"]) await asAdmin(["topics", "--create", "--topic", topic]);
  await asAdmin([
    ...["acls", "--add", "--allow-principal", "User:sam", "--allow-principal", "User:app"],
    ...["--producer", "--consumer", "--topic", "open", "--group", "*"],
  ]);
}, PATIENCE_MS);

afterAll(async () => {
  await discard(service);
});

describe("clients", () => {
  const users: (() => readonly [string, SASLOptions])[] = [
    () => ["an API key by PLAIN", plain(key.id, key.secret)],
    () => ["a user by PLAIN", plain("sam", PASSWORD)],
    () => ["SCRAM-SHA-256", { mechanism: "scram-sha-256", username: "sam", password: PASSWORD }],
    () => ["SCRAM-SHA-512", { mechanism: "scram-sha-512", username: "sam", password: PASSWORD }],
  ];

  test.each([0, 1, 2, 3])(
    "kafkajs writes and reads what it may, in its way no. %i",
    async (at) => {
      const [what, sasl] = users[at]?.() ?? ["", plain("", "")];
      await write(sasl, "open", what);
      expect(await readOne(sasl, "open", `group-${at}`)).toBe("an API key by PLAIN");
      await expect(write(sasl, "shut", what)).rejects.toThrow(/not authorized/i);
      const admin = kafka(sasl).admin();
      await admin.connect();
      expect(await admin.listTopics()).toEqual(["open"]);
      await admin.disconnect();
    },
    PATIENCE_MS,
  );

  test("kafkajs is told of a wrong password, and left alone without any", async () => {
    const wrong: SASLOptions[] = [
      plain("sam", WRONG),
      plain(key.id, WRONG),
      plain("nobody", PASSWORD),
      { mechanism: "scram-sha-256", username: "sam", password: WRONG },
    ];
    for (const sasl of wrong) {
      await expect(write(sasl, "open", "x")).rejects.toThrow(/Authentication failed/i);
    }
    await expect(write(null, "open", "x")).rejects.toThrow();
  }, 60_000);

  test("kcat (librdkafka) by PLAIN and both SCRAMs", async () => {
    for (const [mechanism, user, password, works] of [
      ["PLAIN", key.id, key.secret, true],
      ["PLAIN", "x", ADMIN_KEY, true],
      ["SCRAM-SHA-256", "sam", PASSWORD, true],
      ["SCRAM-SHA-512", "sam", PASSWORD, true],
      ["SCRAM-SHA-512", "sam", WRONG, false],
    ] as const) {
      const outcome = await run("kcat", [
        ...["-b", service.kafka, "-L", "-t", "open", "-m", "10"],
        ...["-X", "security.protocol=SASL_PLAINTEXT", "-X", `sasl.mechanisms=${mechanism}`],
        ...["-X", `sasl.username=${user}`, "-X", `sasl.password=${password}`],
      ]);
      const seen = outcome.stdout.includes('topic "open" with 1 partitions');
      expect([mechanism, user, seen]).toEqual([mechanism, user, works]);
    }
  }, 60_000);
});

describe("the command line", () => {
  test("kedge is an API key's principal with KEDGE_API_KEY=<key id>.<secret>", async () => {
    const env = { KEDGE_API_KEY: `${key.id}.${key.secret}` };
    const list = await kedge(service, ["topics", "--list"], { env });
    expect(list.stdout).toBe("open\n");
    const refused = await kedge(service, ["acls", "--list"], { env });
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining("Error while executing ACL command: Cluster authorization failed."),
    ]);
    const wrong = await kedge(service, ["topics", "--list"], { env: { KEDGE_API_KEY: WRONG } });
    expect([wrong.code, wrong.stderr]).toEqual([
      1,
      expect.stringContaining("credentials are wrong"),
    ]);
  });

  test("acls prints as kafka-acls does", async () => {
    const resource = "ResourcePattern(resourceType=TOPIC, name=deep-, patternType=PREFIXED)";
    const target = ["--topic", "deep-", "--resource-pattern-type", "prefixed"];
    const rule = ["--deny-principal", "User:eve", "--deny-host", "192.0.2.1"];
    const read = [...target, ...rule, "--operation", "Read"];
    const entry = "(principal=User:eve, host=192.0.2.1, operation=READ, permissionType=DENY)";
    expect(await asAdmin(["acls", "--add", ...read])).toBe(
      `Adding ACLs for resource \`${resource}\`: \n \t${entry}\n\n`,
    );
    expect(await asAdmin(["acls", "--add", ...read])).toBe(
      `Acl (pattern=${resource}, entry=${entry}) already exists.\n`,
    );
    const listed = `Current ACLs for resource \`${resource}\`:\n\t${entry}\n\n`;
    expect(await asAdmin(["acls", "--list", ...target])).toBe(listed);
    expect(
      await asAdmin(["acls", "--list", "--topic", "deep-sea", "--resource-pattern-type", "match"]),
    ).toBe(listed);
    expect(await asAdmin(["acls", "--list", "--principal", "User:eve"])).toBe(
      `ACLs for principal \`User:eve\`\n${listed}`,
    );
    const asked = await asAdmin(["acls", "--remove", ...read], { input: "n\n" });
    expect(asked).toContain(`from resource filter \`${resource}\`? (y/n)`);
    expect(await asAdmin(["acls", "--list", ...target])).toBe(listed);
    await asAdmin(["acls", "--remove", ...read, "--force"]);
    expect(await asAdmin(["acls", "--list", ...target])).toBe("");
  }, 60_000);

  test("a key that is deleted and a password that is taken away open nothing any more", async () => {
    const created = await asAdmin([
      ...["api-keys", "--create", "--principal", "User:app", "--description", "for a while"],
    ]);
    const [, id = "", secret = ""] = /key (\S+) for User:app\.\nSecret: (\S+)/.exec(created) ?? [];
    expect(await asAdmin(["api-keys", "--list"])).toMatch(
      new RegExp(`^${id} +User:app +\\S+ +never +for a while$`, "m"),
    );
    await write(plain(id, secret), "open", "for a while");
    expect(await asAdmin(["api-keys", "--delete", id])).toBe(`Deleted API key ${id}.\n`);
    await expect(write(plain(id, secret), "open", "x")).rejects.toThrow(/Authentication failed/i);
    await asAdmin(["users", "--set-password", "tom"], { input: PASSWORD });
    expect(await asAdmin(["users", "--list"])).toContain(
      "SCRAM credential configs for user-principal 'tom' are SCRAM-SHA-256=iterations=4096, " +
        "SCRAM-SHA-512=iterations=4096",
    );
    await asAdmin(["users", "--delete", "tom"]);
    expect(await asAdmin(["users", "--list"])).not.toContain("tom");
    await expect(write(plain("tom", PASSWORD), "open", "x")).rejects.toThrow(/Authentication/i);
  }, 60_000);

  test("kedge gateway --api-key without a key is refused", async () => {
    const refused = await kedge(service, ["gateway", "--url", service.url, "--api-key"], {
      env: { KEDGE_API_KEY: "" },
    });
    expect(refused.stderr).toContain("--api-key has no key");
  });
});

test("SEC1: after all of this no log line and no file of the service has a secret in the clear", async () => {
  const secrets = [ADMIN_KEY, PASSWORD, WRONG, key.secret];
  for (const secret of secrets) expect(service.output()).not.toContain(secret);
  const files = readdirSync(service.dataFolder, { recursive: true, withFileTypes: true });
  const texts = files
    .filter((file) => file.isFile())
    .map((file) => readFileSync(join(file.parentPath, file.name)));
  expect(texts.some((bytes) => bytes.includes(key.id))).toBe(true);
  for (const secret of secrets) {
    expect(texts.filter((bytes) => bytes.includes(secret)).length).toBe(0);
  }
});

/**
 * Records what real clients send: `node test/golden/record.ts` rewrites the JSON files beside it.
 * Run once per client release; the tests read the files and need no network.
 *
 * The clients run against a broker that advertises version 0 and up, then 1 and up, and so on, so that
 * each request is met at every version that the client speaks.
 */
import { writeFileSync } from "node:fs";
import { Admin, Consumer, MessagesStreamModes, Producer } from "@platformatic/kafka";
import kafkajs from "kafkajs";
import { apiByKey } from "../../src/protocol/api/registry.ts";
import { type Captured, startScriptedBroker } from "./scripted-broker.ts";

const {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  CompressionTypes,
  ConfigResourceTypes,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} = kafkajs;

const HIGHEST_CEILING = 18;
/** A client may hang on an answer that is only just good enough: what it sent by then is kept. */
const STEP_TIMEOUT_MS = 1_500;
/** Frames kept for one API and version: the first ones, which differ in their bodies. */
const FRAMES_PER_VERSION = 3;

async function attempt(label: string, work: () => Promise<unknown>): Promise<void> {
  const timeout = new Promise((resolve) => setTimeout(resolve, STEP_TIMEOUT_MS, "timed out"));
  const outcome = await Promise.race([
    work().then(
      () => "done",
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    ),
    timeout,
  ]);
  if (outcome !== "done") console.error(`  ${label}: ${outcome}`);
}

async function driveKafkajs(port: number): Promise<void> {
  const kafka = new Kafka({
    clientId: "kedge-golden",
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  await attempt("connect", () => admin.connect());
  const resource = { type: ConfigResourceTypes.TOPIC, name: "topic" };
  const acl = {
    resourceType: AclResourceTypes.TOPIC,
    resourceName: "topic",
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: "User:ana",
    host: "*",
    operation: AclOperationTypes.READ,
    permissionType: AclPermissionTypes.ALLOW,
  };
  const steps: [string, () => Promise<unknown>][] = [
    [
      "createTopics",
      () =>
        admin.createTopics({
          topics: [
            {
              topic: "topic",
              numPartitions: 2,
              configEntries: [{ name: "retention.ms", value: "1000" }],
            },
            { topic: "placed", replicaAssignment: [{ partition: 0, replicas: [1, 2] }] },
          ],
        }),
    ],
    [
      "createPartitions",
      () =>
        admin.createPartitions({
          topicPartitions: [{ topic: "topic", count: 4, assignments: [[1], [2]] }],
        }),
    ],
    ["listTopics", () => admin.listTopics()],
    ["fetchTopicMetadata", () => admin.fetchTopicMetadata({ topics: ["topic"] })],
    ["fetchTopicOffsets", () => admin.fetchTopicOffsets("topic")],
    [
      "fetchTopicOffsetsByTimestamp",
      () => admin.fetchTopicOffsetsByTimestamp("topic", 1_700_000_000_000),
    ],
    [
      "deleteTopicRecords",
      () =>
        admin.deleteTopicRecords({ topic: "topic", partitions: [{ partition: 0, offset: "-1" }] }),
    ],
    [
      "describeConfigs",
      () =>
        admin.describeConfigs({
          includeSynonyms: true,
          resources: [{ ...resource, configNames: ["retention.ms"] }, resource],
        }),
    ],
    [
      "alterConfigs",
      () =>
        admin.alterConfigs({
          validateOnly: false,
          resources: [{ ...resource, configEntries: [{ name: "retention.ms", value: "5" }] }],
        }),
    ],
    ["listGroups", () => admin.listGroups()],
    ["describeGroups", () => admin.describeGroups(["group"])],
    ["fetchOffsets", () => admin.fetchOffsets({ groupId: "group", topics: ["topic"] })],
    [
      "setOffsets",
      () =>
        admin.setOffsets({
          groupId: "group",
          topic: "topic",
          partitions: [{ partition: 0, offset: "7" }],
        }),
    ],
    ["deleteGroups", () => admin.deleteGroups(["group"])],
    ["createAcls", () => admin.createAcls({ acl: [acl] })],
    ["describeAcls", () => admin.describeAcls(acl)],
    ["deleteAcls", () => admin.deleteAcls({ filters: [acl] })],
    [
      "alterPartitionReassignments",
      () =>
        admin.alterPartitionReassignments({
          topics: [{ topic: "topic", partitionAssignment: [{ partition: 0, replicas: [1, 2] }] }],
        }),
    ],
    [
      "listPartitionReassignments",
      () => admin.listPartitionReassignments({ topics: [{ topic: "topic", partitions: [0] }] }),
    ],
    ["deleteTopics", () => admin.deleteTopics({ topics: ["topic"] })],
  ];
  for (const [label, work] of steps) await attempt(label, work);
  await attempt("admin.disconnect", () => admin.disconnect());
  await driveKafkajsData(kafka);
}

async function driveKafkajsData(kafka: kafkajs.Kafka): Promise<void> {
  const messages = [
    {
      key: "key",
      value: "value",
      headers: { trace: "abc", list: ["x", "y"] },
      timestamp: "1700000000000",
    },
    { key: null, value: null, timestamp: "1700000000005" },
  ];
  const plain = kafka.producer();
  await attempt("producer.connect", () => plain.connect());
  await attempt("send", () => plain.send({ topic: "topic", messages }));
  await attempt("send gzip", () =>
    plain.send({ topic: "topic", compression: CompressionTypes.GZIP, messages }),
  );
  await attempt("send acks=0", () => plain.send({ topic: "topic", acks: 0, messages }));
  await attempt("producer.disconnect", () => plain.disconnect());
  const idempotent = kafka.producer({ idempotent: true, retry: { retries: 1 } });
  await attempt("idempotent.connect", () => idempotent.connect());
  await attempt("idempotent.send", () => idempotent.send({ topic: "topic", messages }));
  await attempt("idempotent.disconnect", () => idempotent.disconnect());

  const consumer = kafka.consumer({
    groupId: "group",
    heartbeatInterval: 50,
    rackId: "weur",
    maxWaitTimeInMs: 50,
  });
  await attempt("consumer.connect", () => consumer.connect());
  await attempt("subscribe", () => consumer.subscribe({ topics: ["topic"], fromBeginning: true }));
  await attempt("run", async () => {
    await new Promise<void>((resolve) => {
      void consumer.run({
        eachMessage: async ({ heartbeat }) => {
          await new Promise((wait) => setTimeout(wait, 60));
          await heartbeat();
          setTimeout(resolve, 200);
        },
      });
    });
  });
  await attempt("consumer.disconnect", () => consumer.disconnect());
}

async function drivePlatformatic(port: number): Promise<void> {
  const options = {
    clientId: "kedge-golden",
    bootstrapBrokers: [`127.0.0.1:${port}`],
    retries: 0,
    timeout: 1_000,
  };
  const admin = new Admin(options);
  const resource = { resourceType: 2 as const, resourceName: "topic" };
  const steps: [string, () => Promise<unknown>][] = [
    [
      "createTopics",
      () =>
        admin.createTopics({
          topics: ["topic"],
          partitions: 2,
          replicas: 1,
          configs: [{ name: "retention.ms", value: "1000" }],
        }),
    ],
    [
      "createPartitions",
      () =>
        admin.createPartitions({
          topics: [{ name: "topic", count: 4, assignments: [{ brokerIds: [1] }] }],
        }),
    ],
    ["listTopics", () => admin.listTopics({ includeInternals: true })],
    ["listGroups", () => admin.listGroups({ states: ["STABLE"], types: ["classic"] })],
    [
      "describeGroups",
      () => admin.describeGroups({ groups: ["group"], includeAuthorizedOperations: true }),
    ],
    ["deleteGroups", () => admin.deleteGroups({ groups: ["group"] })],
    [
      "describeConfigs",
      () =>
        admin.describeConfigs({
          resources: [{ ...resource, configurationKeys: ["retention.ms"] }],
          includeSynonyms: true,
          includeDocumentation: true,
        }),
    ],
    [
      "alterConfigs",
      () =>
        admin.alterConfigs({
          resources: [{ ...resource, configs: [{ name: "retention.ms", value: "5" }] }],
          validateOnly: true,
        }),
    ],
    [
      "incrementalAlterConfigs",
      () =>
        admin.incrementalAlterConfigs({
          resources: [
            { ...resource, configs: [{ name: "retention.ms", configOperation: 0, value: "5" }] },
          ],
          validateOnly: true,
        }),
    ],
    [
      "describeClientQuotas",
      () =>
        admin.describeClientQuotas({
          components: [{ entityType: "client-id", matchType: 0, match: "x" }],
        }),
    ],
    [
      "describeLogDirs",
      () => admin.describeLogDirs({ topics: [{ name: "topic", partitions: [0] }] }),
    ],
    [
      "deleteRecords",
      () =>
        admin.deleteRecords({
          topics: [{ name: "topic", partitions: [{ partition: 0, offset: 5n }] }],
        }),
    ],
    [
      "listOffsets",
      () =>
        admin.listOffsets({
          topics: [{ name: "topic", partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
        }),
    ],
    ["listConsumerGroupOffsets", () => admin.listConsumerGroupOffsets({ groups: ["group"] })],
    ["deleteTopics", () => admin.deleteTopics({ topics: ["topic"] })],
  ];
  for (const [label, work] of steps) await attempt(label, work);
  await attempt("admin.close", () => admin.close());
  await drivePlatformaticData(options);
}

async function drivePlatformaticData(options: {
  bootstrapBrokers: string[];
  clientId: string;
}): Promise<void> {
  const messages = [
    {
      topic: "topic",
      key: Buffer.from("key"),
      value: Buffer.from("value"),
      headers: new Map([[Buffer.from("trace"), Buffer.from("abc")]]),
      timestamp: 1_700_000_000_000n,
      partition: 0,
    },
    { topic: "topic", value: Buffer.from("second"), timestamp: 1_700_000_000_005n, partition: 1 },
  ];
  const producer = new Producer(options);
  await attempt("send", () => producer.send({ messages, acks: -1 }));
  await attempt("send gzip", () => producer.send({ messages, acks: 1, compression: "gzip" }));
  await attempt("producer.close", () => producer.close());
  const idempotent = new Producer({ ...options, idempotent: true });
  await attempt("idempotent.send", () => idempotent.send({ messages, acks: -1 }));
  await attempt("idempotent.close", () => idempotent.close());
  for (const groupProtocol of ["classic", "consumer"] as const) {
    const consumer = new Consumer({
      ...options,
      groupId: "group",
      groupProtocol,
      heartbeatInterval: 100,
      maxWaitTime: 50,
    });
    await attempt(`${groupProtocol} consume`, async () => {
      const stream = await consumer.consume({
        topics: ["topic"],
        mode: MessagesStreamModes.EARLIEST,
        autocommit: false,
      });
      for await (const message of stream) {
        await message.commit();
        await new Promise((wait) => setTimeout(wait, 250));
        break;
      }
    });
    await attempt(`${groupProtocol} close`, () => consumer.close(true));
  }
}

/** One line a frame: easy to read, easy to compare in a diff. */
function save(file: string, captured: readonly Captured[]): void {
  const kept = new Map<string, Captured[]>();
  for (const one of captured) {
    const key = `${one.key} ${one.version}`;
    const frames = kept.get(key) ?? [];
    const bodies = frames.map(({ frame }) => bodyHex(frame));
    if (frames.length < FRAMES_PER_VERSION && !bodies.includes(bodyHex(one.frame)))
      frames.push(one);
    kept.set(key, frames);
  }
  const lines = [...kept.values()]
    .flat()
    .sort((a, b) => a.key - b.key || a.version - b.version)
    .map(({ key, version, frame }) =>
      JSON.stringify({
        api: apiByKey(key)?.name,
        key,
        version,
        frame: Buffer.from(frame).toString("hex"),
      }),
    );
  writeFileSync(new URL(file, import.meta.url), `[\n  ${lines.join(",\n  ")}\n]\n`);
  console.log(`${file}: ${lines.length} frames, ${kept.size} API versions`);
}

/** Without the size and the correlation id. */
function bodyHex(frame: Uint8Array): string {
  return Buffer.from(frame.subarray(12)).toString("hex");
}

// A client whose broker has gone may fail where nobody waits; what it sent before is what counts.
process.on("uncaughtException", (error) => console.error(`  afterwards: ${error.message}`));
process.on("unhandledRejection", (error) => console.error(`  afterwards: ${String(error)}`));

for (const [file, drive] of [
  ["kafkajs.json", driveKafkajs],
  ["platformatic.json", drivePlatformatic],
] as const) {
  const all: Captured[] = [];
  for (let ceiling = 0; ceiling <= HIGHEST_CEILING; ceiling++) {
    console.error(`${file}: versions up to ${ceiling}`);
    const broker = await startScriptedBroker(ceiling);
    await drive(broker.port);
    broker.close();
    all.push(...broker.captured);
  }
  save(file, all);
}
process.exit(0);

/** The catalogue in D1, inside workerd: its contract, what it costs, what it remembers. */
import { beforeAll, describe, expect, test } from "vitest";
import { createCatalogue, D1Catalogue } from "../../src/catalogue/catalogue.ts";
import { newTopicId } from "../../src/cluster/topic-id.ts";
import type { PartitionInfo } from "../../src/cluster/types.ts";
import { PARTITIONS_PER_TOPIC_MAX } from "../../src/constants.ts";
import { KafkaError } from "../../src/protocol/errors.ts";
import { catalogueContract } from "../contract/catalogue.ts";
import { addCluster, migratedDatabase } from "../support/d1.ts";

let db: D1Database;
beforeAll(async () => {
  db = await migratedDatabase();
  await addCluster(db, "other");
});

catalogueContract("the catalogue in D1", () => ({
  catalogue: new D1Catalogue(db),
  clusterId: "kedge",
  otherClusterId: "other",
}));

catalogueContract("the catalogue in D1 that never trusts its cache", async () => {
  await addCluster(db, "third");
  await addCluster(db, "fourth");
  return {
    catalogue: new D1Catalogue(db, { ttlMs: 0, staleMsMax: 0 }),
    clusterId: "third",
    otherClusterId: "fourth",
  };
});

function topicOf(name: string, count: number) {
  const partitions = Array.from({ length: count }, (_, partition): PartitionInfo => {
    const leader = 1 + (partition % 3);
    return {
      partition,
      leader,
      leaderEpoch: 0,
      partitionEpoch: 0,
      replicas: [leader],
      isr: [leader],
    };
  });
  return { name, topicId: newTopicId(Math.random), internal: false, partitions, configs: {} };
}

interface Bill {
  queries: number;
  rowsRead: number;
  rowsWritten: number;
}

/** The database with a meter on it: what D1 would put on the bill. */
function metered(database: D1Database): { db: D1Database; bill: Bill } {
  const bill: Bill = { queries: 0, rowsRead: 0, rowsWritten: 0 };
  const count = <T extends D1Result>(result: T): T => {
    bill.rowsRead += result.meta.rows_read;
    bill.rowsWritten += result.meta.rows_written;
    return result;
  };
  const statement = (inner: D1PreparedStatement): D1PreparedStatement =>
    new Proxy(inner, {
      get(target, property) {
        if (property === "inner") return target;
        if (property === "bind") return (...values: unknown[]) => statement(target.bind(...values));
        if (property === "all" || property === "run") {
          return async () => {
            bill.queries++;
            return count(await target[property]());
          };
        }
        return Reflect.get(target, property);
      },
    });
  const session = (inner: D1DatabaseSession): D1DatabaseSession =>
    new Proxy(inner, {
      get(target, property) {
        if (property === "prepare") return (sql: string) => statement(target.prepare(sql));
        if (property === "batch") {
          return async (statements: { inner: D1PreparedStatement }[]) => {
            bill.queries++;
            return (await target.batch(statements.map((s) => s.inner))).map(count);
          };
        }
        return () => target.getBookmark();
      },
    });
  const withMeter = new Proxy(database, {
    get: (target, property) =>
      property === "withSession"
        ? (constraint: string) => session(target.withSession(constraint))
        : Reflect.get(target, property),
  });
  return { db: withMeter, bill };
}

describe("what it costs", () => {
  test("CAT11: a topic of 1,000 partitions is created with 1,002 rows and read with one query", async () => {
    const meter = metered(db);
    const catalogue = new D1Catalogue(meter.db);
    const topic = topicOf("a-thousand", 1_000);
    expect(await catalogue.createTopic("kedge", topic)).toBe(true);
    expect(meter.bill).toMatchObject({ queries: 1, rowsWritten: 1_002 });
    Object.assign(meter.bill, { queries: 0, rowsRead: 0, rowsWritten: 0 });
    const found = await catalogue.topics("kedge", [topic.name]);
    expect(found.get(topic.name)).toEqual(topic);
    expect(meter.bill.queries).toBe(1);
    expect(meter.bill.rowsRead).toBeLessThan(1_100);
    expect(meter.bill.rowsWritten).toBe(0);
    await catalogue.topics("kedge", [topic.name]);
    expect(meter.bill.queries).toBe(1);
  });

  test("CAT11: reading one topic does not read the others", async () => {
    const meter = metered(db);
    const catalogue = new D1Catalogue(meter.db);
    const small = topicOf("small", 1);
    await catalogue.createTopic("kedge", small);
    meter.bill.rowsRead = 0;
    await catalogue.topics("kedge", [small.name], { fresh: true });
    expect(meter.bill.rowsRead).toBeLessThan(10);
    meter.bill.rowsRead = 0;
    await catalogue.topicsById("kedge", [small.topicId], { fresh: true });
    expect(meter.bill.rowsRead).toBeLessThan(10);
  });

  test("CAT11: a change of leader writes one row", async () => {
    const meter = metered(db);
    const catalogue = new D1Catalogue(meter.db);
    const topic = topicOf("led", 100);
    await catalogue.createTopic("kedge", topic);
    Object.assign(meter.bill, { rowsRead: 0, rowsWritten: 0 });
    const next = { leader: 2, leaderEpoch: 1, replicas: [1, 2], isr: [2] };
    expect(await catalogue.changePartition("kedge", topic.topicId, 50, 0, next)).toBe("done");
    expect(meter.bill.rowsWritten).toBe(1);
    expect(meter.bill.rowsRead).toBeLessThan(10);
  });

  test("CAT12: a thousand changes are one statement, and each looks up its own row", async () => {
    const meter = metered(db);
    const catalogue = new D1Catalogue(meter.db);
    const topic = topicOf("moved", 1_000);
    await catalogue.createTopic("kedge", topic);
    await catalogue.createTopic("kedge", topicOf("beside", 3_000));
    Object.assign(meter.bill, { queries: 0, rowsRead: 0, rowsWritten: 0 });
    const changes = topic.partitions.map(({ partition }) => ({
      ...{ topicId: topic.topicId, partition, expectedPartitionEpoch: 0 },
      next: { leader: 2, leaderEpoch: 1, replicas: [1, 2], isr: [2] },
    }));
    const done = await catalogue.changePartitions("kedge", changes);
    expect(done).toEqual(Array(1_000).fill(true));
    expect(meter.bill).toMatchObject({ queries: 1, rowsWritten: 1_000 });
    expect(meter.bill.rowsRead).toBeLessThan(10_000);
  });

  test("the largest topic can be created, read and deleted", async () => {
    const catalogue = new D1Catalogue(db);
    const topic = topicOf("largest", PARTITIONS_PER_TOPIC_MAX);
    expect(await catalogue.createTopic("kedge", topic)).toBe(true);
    const found = await catalogue.topics("kedge", [topic.name]);
    expect(found.get(topic.name)?.partitions).toHaveLength(PARTITIONS_PER_TOPIC_MAX);
    const deleted = await catalogue.deleteTopic("kedge", topic.name, topic.topicId);
    expect(deleted?.partitions).toHaveLength(PARTITIONS_PER_TOPIC_MAX);
    const left = await db
      .prepare("SELECT count(*) AS n FROM partitions WHERE topic_id = ?1")
      .bind(topic.topicId)
      .first("n");
    expect(left).toBe(0);
  });
});

describe("what it remembers", () => {
  test("CAT7: what another isolate changed is seen when it is asked for fresh, or after the TTL", async () => {
    let nowMs = 1_000;
    const here = new D1Catalogue(db, { now: () => nowMs, ttlMs: 5_000 });
    const there = new D1Catalogue(db);
    const topic = topicOf("shared", 1);
    await there.createTopic("kedge", topic);
    const leader = async (fresh: boolean) =>
      (await here.topics("kedge", [topic.name], { fresh })).get(topic.name)?.partitions[0]?.leader;
    const change = (epoch: number, to: number) =>
      there.changePartition("kedge", topic.topicId, 0, epoch, {
        leader: to,
        leaderEpoch: epoch + 1,
        replicas: [1, 2, 3],
        isr: [1, 2, 3],
      });
    expect(await leader(false)).toBe(1);
    await change(0, 2);
    expect(await leader(false)).toBe(1);
    expect(await leader(true)).toBe(2);
    expect(await leader(false)).toBe(2);
    await change(1, 3);
    nowMs += 4_999;
    expect(await leader(false)).toBe(2);
    nowMs += 1;
    expect(await leader(false)).toBe(3);
  });

  test("CAT8: a topic that was absent is found as soon as another isolate made it", async () => {
    const here = new D1Catalogue(db);
    const topic = topicOf("late", 1);
    expect((await here.topics("kedge", [topic.name])).size).toBe(0);
    expect((await here.topicsById("kedge", [topic.topicId])).size).toBe(0);
    await new D1Catalogue(db).createTopic("kedge", topic);
    expect((await here.topics("kedge", [topic.name])).size).toBe(1);
    expect((await here.topicsById("kedge", [topic.topicId])).size).toBe(1);
  });

  test("CAT10: a hundred readers of one topic share one query", async () => {
    const topic = topicOf("popular", 10);
    await new D1Catalogue(db).createTopic("kedge", topic);
    const meter = metered(db);
    const catalogue = new D1Catalogue(meter.db);
    const reads = Array.from({ length: 100 }, () => catalogue.topics("kedge", [topic.name]));
    const found = await Promise.all(reads);
    expect(found.every((topics) => topics.size === 1)).toBe(true);
    expect(meter.bill.queries).toBe(1);
  });

  test("one database has one catalogue", () => {
    expect(createCatalogue(db)).toBe(createCatalogue(db));
  });

  test("fencing is seen, and the controller is a broker that is not fenced", async () => {
    await addCluster(db, "fenced");
    await db
      .prepare("UPDATE brokers SET fenced = 1 WHERE cluster_id = 'fenced' AND broker_id = 1")
      .run();
    const cluster = await new D1Catalogue(db).cluster("fenced");
    expect(cluster?.brokers.map((broker) => broker.fenced)).toEqual([true, false, false]);
    expect(cluster?.controllerId).toBe(2);
    await db.prepare("UPDATE brokers SET fenced = 1 WHERE cluster_id = 'fenced'").run();
    expect((await new D1Catalogue(db).cluster("fenced"))?.controllerId).toBe(-1);
  });

  test("a cluster without brokers is a cluster", async () => {
    await db.prepare("INSERT INTO clusters (cluster_id) VALUES ('empty')").run();
    const cluster = await new D1Catalogue(db).cluster("empty");
    expect(cluster).toEqual({ clusterId: "empty", controllerId: -1, brokers: [], configs: {} });
  });
});

describe("when D1 fails", () => {
  /** Runs out of order at the flip of a switch. */
  function breakable(database: D1Database): {
    db: D1Database;
    fail: (message: string | null) => void;
  } {
    let failure: string | null = null;
    const broken = new Proxy(database, {
      get: (target, property) => {
        if (property !== "withSession") return Reflect.get(target, property);
        return (constraint: string) => {
          const session = target.withSession(constraint);
          return new Proxy(session, {
            get: (inner, name: "prepare" | "batch" | "getBookmark") => {
              if (failure !== null && name === "prepare") {
                return () => {
                  throw new Error(failure ?? "");
                };
              }
              return inner[name].bind(inner);
            },
          });
        };
      },
    });
    return {
      db: broken,
      fail: (message) => {
        failure = message;
      },
    };
  }

  test("CAT8, CAT9: the error is retriable, says what failed and why, and is not kept", async () => {
    const { db: broken, fail } = breakable(db);
    const catalogue = new D1Catalogue(broken);
    const topic = topicOf("unlucky", 1);
    fail("D1_ERROR: Network connection lost.");
    const error = await catalogue.topics("kedge", [topic.name]).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(KafkaError);
    expect(error).toMatchObject({ code: 7, retriable: true });
    expect(String(error)).toContain("read topics unlucky: D1_ERROR: Network connection lost.");
    await expect(catalogue.createTopic("kedge", topic)).rejects.toMatchObject({ code: 7 });
    await expect(catalogue.cluster("kedge")).rejects.toMatchObject({ code: 7 });
    fail(null);
    expect(await catalogue.createTopic("kedge", topic)).toBe(true);
    expect((await catalogue.topics("kedge", [topic.name])).size).toBe(1);
  });

  test("CAT9: what is known goes on being used for a while, but never passed off as fresh", async () => {
    let nowMs = 0;
    const { db: broken, fail } = breakable(db);
    const catalogue = new D1Catalogue(broken, { now: () => nowMs, ttlMs: 10, staleMsMax: 100 });
    const topic = topicOf("known", 1);
    await catalogue.createTopic("kedge", topic);
    await catalogue.topics("kedge", [topic.name]);
    fail("D1_ERROR: overloaded");
    nowMs = 99;
    expect((await catalogue.topics("kedge", [topic.name])).get(topic.name)).toEqual(topic);
    await expect(catalogue.topics("kedge", [topic.name, "other"])).rejects.toThrow("overloaded");
    const fresh = catalogue.topics("kedge", [topic.name], { fresh: true });
    await expect(fresh).rejects.toThrow("overloaded");
    nowMs = 100;
    await expect(catalogue.topics("kedge", [topic.name])).rejects.toThrow("overloaded");
  });

  test("a database without the tables says to apply the migrations", async () => {
    const { db: broken, fail } = breakable(db);
    fail("D1_ERROR: no such table: topics: SQLITE_ERROR");
    const read = new D1Catalogue(broken).listTopics("kedge");
    await expect(read).rejects.toMatchObject({ code: -1 });
    await expect(read).rejects.toThrow("Apply the D1 migrations");
  });
});

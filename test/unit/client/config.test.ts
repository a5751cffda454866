import { describe, expect, it } from "vitest";
import { Admin } from "../../../src/client/admin.ts";
import { Consumer } from "../../../src/client/consumer.ts";
import { parseConsumerConfig } from "../../../src/client/consumer-config.ts";
import { ConfigError } from "../../../src/client/errors.ts";
import { Producer } from "../../../src/client/producer.ts";
import { parseProducerConfig } from "../../../src/client/producer-config.ts";

const at = { "bootstrap.servers": "https://kedge.test" };

function errorOf(config: object, parse: (config: object) => unknown = parseProducerConfig): string {
  try {
    parse({ ...at, ...config });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error("it was accepted");
}

describe("defaults are Kafka's", () => {
  it("producer", () => {
    expect(parseProducerConfig(at)).toMatchObject({
      acks: -1,
      "batch.size": 16384,
      "linger.ms": 5,
      "compression.type": 0,
      "enable.idempotence": true,
      "max.in.flight.requests.per.connection": 5,
      "delivery.timeout.ms": 120000,
      "request.timeout.ms": 30000,
      retries: 2147483647,
      "retry.backoff.ms": 100,
      "retry.backoff.max.ms": 1000,
      "buffer.memory": 33554432,
      "max.block.ms": 60000,
      "max.request.size": 1048576,
      "metadata.max.age.ms": 300000,
      "partitioner.class": "sticky",
      "partitioner.ignore.keys": false,
    });
  });

  it("consumer", () => {
    expect(parseConsumerConfig(at)).toMatchObject({
      "fetch.min.bytes": 1,
      "fetch.max.bytes": 52428800,
      "fetch.max.wait.ms": 500,
      "max.partition.fetch.bytes": 1048576,
      "max.poll.records": 500,
      "auto.offset.reset": "latest",
      "isolation.level": "read_uncommitted",
      "check.crcs": true,
      "default.api.timeout.ms": 60000,
      "group.id": null,
      "group.instance.id": null,
      "group.protocol": "classic",
      "group.remote.assignor": null,
      "enable.auto.commit": false,
      "auto.commit.interval.ms": 5000,
      "session.timeout.ms": 45000,
      "heartbeat.interval.ms": 3000,
      "max.poll.interval.ms": 300000,
      "exclude.internal.topics": true,
      "allow.auto.create.topics": true,
    });
    const inGroup = parseConsumerConfig({ ...at, "group.id": "g" });
    expect(inGroup["enable.auto.commit"]).toBe(true);
    const names = inGroup["partition.assignment.strategy"].map(({ name }) => name);
    expect(names).toEqual(["range", "cooperative-sticky"]);
  });
});

describe("what is wrong is named, with what would be right", () => {
  it("ranges", () => {
    expect(errorOf({ "linger.ms": -1 })).toBe(
      "invalid value -1 for linger.ms: it must be an integer, at least 0",
    );
    expect(errorOf({ "batch.size": "16k" })).toBe(
      'invalid value "16k" for batch.size: it must be an integer, at least 0',
    );
    expect(errorOf({ "max.poll.records": 0 }, parseConsumerConfig)).toMatch(/at least 1/);
    expect(errorOf({ retries: 1.5 })).toMatch(/1.5 for retries/);
    expect(errorOf({ "batch.size": "" })).toMatch(/batch.size/);
    expect(errorOf({ "batch.size": null })).toMatch(/batch.size/);
  });

  it("words", () => {
    expect(errorOf({ acks: 2 })).toBe("invalid value 2 for acks: it must be one of 0, 1, all, -1");
    expect(errorOf({ "compression.type": "brotli" })).toMatch(/none, gzip, snappy, lz4, zstd/);
    expect(errorOf({ "enable.idempotence": "yes" })).toMatch(/true or false/);
    expect(errorOf({ "partitioner.class": "random" })).toMatch(
      /sticky, round-robin, or a function/,
    );
    expect(errorOf({ acks: "toString" })).toMatch(/toString/);
  });

  it("serializers", () => {
    expect(errorOf({ "key.serializer": "string" })).toMatch(/serialize\(\) function/);
    expect(errorOf({ "value.deserializer": {} }, parseConsumerConfig)).toMatch(/deserialize\(\)/);
  });

  it("unknown names, with the nearest known one", () => {
    expect(errorOf({ "linger.msec": 5 })).toBe(
      'unknown config "linger.msec": did you mean linger.ms?',
    );
    expect(errorOf({ bootstrap_servers: "x" })).toMatch(/did you mean bootstrap.servers/);
    expect(errorOf({ colour: "red" })).toMatch(/known are bootstrap.servers, client.id/);
    expect(errorOf({ "group.ids": "g" }, parseConsumerConfig)).toMatch(/did you mean group.id/);
  });

  it("addresses", () => {
    expect(errorOf({ "bootstrap.servers": "localhost:9092" })).toMatch(
      /"localhost:9092" for bootstrap.servers: it must be an https:\/\/.*gateway/,
    );
    expect(errorOf({ "bootstrap.servers": undefined })).toMatch(/bootstrap.servers is missing/);
    expect(errorOf({ "bootstrap.servers": " , " })).toMatch(/at least one/);
    expect(errorOf({ "bootstrap.servers": "https://" })).toMatch(/https:\/\//);
  });

  it("by the constructors of all clients", () => {
    const wrong = { "bootstrap.servers": "x" };
    expect(() => new Producer(wrong)).toThrow(ConfigError);
    expect(() => new Consumer(wrong)).toThrow(ConfigError);
    expect(() => new Admin(wrong)).toThrow(ConfigError);
  });
});

describe("values", () => {
  it("may be given as strings, as property files have them", () => {
    const settings = parseProducerConfig({
      ...at,
      "linger.ms": "20",
      "enable.idempotence": "false",
    });
    expect(settings).toMatchObject({ "linger.ms": 20, "enable.idempotence": false });
  });

  it("may be several addresses", () => {
    const several = { "bootstrap.servers": "https://a.test, http://b.test:8787/base" };
    expect(parseProducerConfig(several)["bootstrap.servers"]).toEqual([
      "https://a.test",
      "http://b.test:8787/base",
    ]);
  });
});

describe("configs of groups", () => {
  const read = (config: object) => parseConsumerConfig({ ...at, "group.id": "g", ...config });
  const wrong = (config: object) => errorOf({ "group.id": "g", ...config }, parseConsumerConfig);

  it("name assignors as Kafka's do, or by their classes", () => {
    const names = (value: unknown) =>
      read({ "partition.assignment.strategy": value })["partition.assignment.strategy"].map(
        ({ name }) => name,
      );
    expect(names("sticky, roundrobin,sticky")).toEqual(["sticky", "roundrobin"]);
    expect(
      names([
        "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
        "org.apache.kafka.clients.consumer.RangeAssignor",
      ]),
    ).toEqual(["cooperative-sticky", "range"]);
    for (const value of ["", [], 5, "uniform", "toString"]) {
      expect(wrong({ "partition.assignment.strategy": value })).toMatch(
        /one or more of range, roundrobin, sticky, cooperative-sticky/,
      );
    }
  });

  it("auto.offset.reset may be a duration", () => {
    const ms = (text: string) => read({ "auto.offset.reset": `by_duration:${text}` });
    const expected = { PT1H: 3_600_000, "P1DT2H3M4.5S": 93_784_500, PT0S: 0, P7D: 604_800_000 };
    for (const [text, byDurationMs] of Object.entries(expected)) {
      expect(ms(text)["auto.offset.reset"]).toEqual({ byDurationMs });
    }
    for (const text of ["", "P", "PT", "P1DT", "1h", "-PT1H", "P1M", "PT1H "]) {
      expect(wrong({ "auto.offset.reset": `by_duration:${text}` })).toMatch(/such as by_duration:/);
    }
    expect(wrong({ "auto.offset.reset": "first" })).toMatch(/one of latest, earliest, none/);
  });

  it("depend on each other", () => {
    expect(wrong({ "heartbeat.interval.ms": 45_000 })).toMatch(/less than session.timeout.ms/);
    expect(errorOf({ "enable.auto.commit": true }, parseConsumerConfig)).toMatch(
      /cannot be true without a group.id/,
    );
    const consumer = { "group.protocol": "consumer" };
    const classicOnly = {
      "session.timeout.ms": 10_000,
      "heartbeat.interval.ms": 10,
      "partition.assignment.strategy": "range",
    };
    for (const [name, value] of Object.entries(classicOnly)) {
      expect(wrong({ ...consumer, [name]: value })).toBe(
        `${name} cannot be set when group.protocol is consumer`,
      );
    }
    expect(read({ ...consumer, "group.remote.assignor": "range" })).toMatchObject(consumer);
    expect(wrong({ "group.remote.assignor": "range" })).toMatch(/group.protocol is classic/);
    expect(wrong({ "group.id": "" })).toMatch(/"" for group.id.*not empty/);
  });
});

describe("configs that depend on each other", () => {
  it("delivery.timeout.ms covers linger.ms and a request", () => {
    expect(errorOf({ "delivery.timeout.ms": 30_000 })).toMatch(
      /delivery.timeout.ms is 30000: it must be at least linger.ms \+ request.timeout.ms, which is 30005/,
    );
    const longer = parseProducerConfig({ ...at, "request.timeout.ms": 200_000 });
    expect(longer["delivery.timeout.ms"]).toBe(200_005);
  });

  it("idempotence is off where it cannot be, and refused if it was asked for", () => {
    expect(parseProducerConfig({ ...at, acks: "1" })["enable.idempotence"]).toBe(false);
    expect(parseProducerConfig({ ...at, retries: 0 })["enable.idempotence"]).toBe(false);
    const asked = { "enable.idempotence": true };
    expect(errorOf({ ...asked, acks: 0 })).toMatch(/acks must be all/);
    expect(errorOf({ ...asked, retries: 0 })).toMatch(/retries must not be 0/);
    expect(errorOf({ ...asked, "max.in.flight.requests.per.connection": 6 })).toMatch(/at most 5/);
  });
});

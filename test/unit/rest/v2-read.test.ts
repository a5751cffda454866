import { beforeEach, describe, expect, test } from "vitest";
import { type Point, readerAt } from "../../../src/cluster/nearest.ts";
import { base64Encode } from "../../../src/lib/base64.ts";
import { utf8Encode } from "../../../src/lib/bytes.ts";
import { compress } from "../../../src/protocol/compression/compress.ts";
import { encodeRecordBatch } from "../../../src/protocol/record-batch.ts";
import { consumedRecords } from "../../../src/rest/v2/schemas.ts";
import { RestWorld } from "../../support/rest-world.ts";

const STRING = "application/vnd.kafka.string.v2+json";
const JSON_V2 = "application/vnd.kafka.json.v2+json";

interface Shown {
  key: unknown;
  value: unknown;
  offset: number;
  timestamp: number;
  headers: { key: string; value: string | null }[];
}

let world: RestWorld;
beforeEach(async () => {
  world = new RestWorld();
  await world.createTopic("t", 1);
});

const RECORDS = "/topics/t/partitions/0/records";

async function produce(values: unknown[], type = STRING) {
  const records = values.map((value) => ({ value }));
  const { status } = await world.request("POST", "/topics/t", { type, body: { records } });
  expect(status).toBe(200);
}

function read(query = "", accept = STRING) {
  return world.get<Shown[]>(RECORDS + query, { accept });
}

async function values(query = "", accept = STRING): Promise<unknown[]> {
  return (await read(query, accept)).body.map((record) => record.value);
}

describe("where to start", () => {
  beforeEach(async () => {
    for (const value of ["a", "b", "c"]) {
      await produce([value]);
      world.nowMs += 1000;
    }
  });

  test("an offset, earliest, latest; earliest when nothing is said", async () => {
    expect(await values()).toEqual(["a", "b", "c"]);
    expect(await values("?offset=earliest")).toEqual(["a", "b", "c"]);
    expect(await values("?offset=1")).toEqual(["b", "c"]);
    expect(await values("?offset=3")).toEqual([]);
    expect(await values("?offset=latest")).toEqual([]);
  });

  test("the middle of a batch", async () => {
    await produce(["d", "e", "f"]);
    expect(await values("?offset=4")).toEqual(["e", "f"]);
  });

  test("a time, in milliseconds or RFC 3339; the end when no record is that young", async () => {
    const first = world.nowMs - 3000;
    expect(await values(`?timestamp=${first + 1}`)).toEqual(["b", "c"]);
    expect(await values(`?timestamp=${new Date(first + 2000).toISOString()}`)).toEqual(["c"]);
    expect(await values("?timestamp=2023-11-14T22:13:20%2B00:00")).toEqual(["a", "b", "c"]);
    const late = await read(`?timestamp=${world.nowMs}`);
    expect([late.body, late.headers.get("kedge-next-offset")]).toEqual([[], "3"]);
  });

  test("an offset out of range says what the range is", async () => {
    const { status, body } = await read("?offset=4");
    expect([status, body]).toEqual([
      400,
      {
        error_code: 40002,
        message: expect.stringContaining("Offset 4 of t-0 is not from 0 to 3"),
        kafka_error: "OFFSET_OUT_OF_RANGE",
        retriable: false,
      },
    ]);
  });
});

describe("an answer", () => {
  test("REST10: tells the next offset, the high watermark and the log start", async () => {
    await produce(["a", "b", "c"]);
    const { headers } = await read("?max_records=2");
    expect(headers.get("kedge-next-offset")).toBe("2");
    expect(headers.get("kedge-high-watermark")).toBe("3");
    expect(headers.get("kedge-log-start-offset")).toBe("0");
  });

  test("REST6: is what the schema says, in every format", async () => {
    const headers = [
      { key: "h", value: "eA==" },
      { key: "n", value: null },
    ];
    const body = { records: [{ key: "aw==", value: "MQ==", headers, timestamp: 5 }] };
    await world.request("POST", "/topics/t", { type: "application/json", body });
    const binary = await read("", "application/vnd.kafka.binary.v2+json");
    expect(consumedRecords.parse(binary.body)).toEqual([
      { topic: "t", key: "aw==", value: "MQ==", partition: 0, offset: 0, timestamp: 5, headers },
    ]);
    expect((await read("?key_format=string", JSON_V2)).body).toMatchObject([
      { key: "k", value: 1, headers },
    ]);
    const text = await read("", STRING);
    expect(text.body).toMatchObject([
      { key: "k", value: "1", headers: [{ value: "x" }, { value: null }] },
    ]);
    expect((await read("?header_format=binary")).body[0]?.headers).toEqual(headers);
  });

  test("REST10: pages through everything, whatever the bounds", async () => {
    const all = Array.from({ length: 30 }, (_, i) => `${i}-${"x".repeat(i * 7)}`);
    for (let i = 0; i < all.length; i += 3) await produce(all.slice(i, i + 3));
    for (const bounds of ["max_bytes=1", "max_bytes=200", "max_records=1", "max_records=4", ""]) {
      const seen: unknown[] = [];
      let offset = "0";
      for (let page = 0; seen.length < all.length && page < 100; page++) {
        const { body, headers } = await read(`?offset=${offset}&${bounds}`);
        expect(body.length).toBeGreaterThan(0);
        seen.push(...body.map((record) => record.value));
        offset = headers.get("kedge-next-offset") ?? "";
      }
      expect(seen).toEqual(all);
    }
  });

  test("REST10: max_bytes counts keys and values; the first record is shown whatever its size", async () => {
    await produce(["xxxx", "yyyy", "zzzz"]);
    expect(await values("?max_bytes=8")).toEqual(["xxxx", "yyyy"]);
    expect(await values("?max_bytes=1")).toEqual(["xxxx"]);
    expect((await values("?max_bytes=999999999")).length).toBe(3);
  });

  test.each([1, 2, 3, 4])("reads batches compressed with codec %i", async (compression) => {
    const records = ["a", "b"].map((text) => ({
      ...{ timestamp: world.nowMs, key: null, value: utf8Encode(text.repeat(500)) },
    }));
    const batch = encodeRecordBatch({ records, compression, compress });
    const topic = (await world.catalogue.topics("kedge", ["t"])).get("t");
    const address = {
      clusterId: "kedge",
      topicId: topic?.topicId ?? "",
      partition: 0,
      brokerId: 1,
    };
    const append = { batch, acks: -1, timeoutMs: 1, leaderEpoch: -1, logAppendTime: false };
    await world.partitions.at(address).append(append);
    expect(await values()).toEqual(["a".repeat(500), "b".repeat(500)]);
  });
});

describe("waiting", () => {
  test("REST10: ends when a record comes, long before the time is over", async () => {
    const started = Date.now();
    const waiting = read("?offset=latest&timeout=20000");
    setTimeout(() => void produce(["new"]), 30);
    const { body } = await waiting;
    expect(body.map((record) => record.value)).toEqual(["new"]);
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  test("ends with nothing when the time is over, and does not start without one", async () => {
    world = new RestWorld();
    await world.createTopic("t", 1);
    expect(await values("?offset=latest")).toEqual([]);
    const { status, body, headers } = await read("?offset=0&timeout=20");
    expect([status, body, headers.get("kedge-next-offset")]).toEqual([200, [], "0"]);
  });
});

describe("a record that is not of the format asked for", () => {
  test("REST11: ends the page before it; as the first it is 406, 40601, and says where to go on", async () => {
    await produce(['{"a":1}', "2", "not json", '"z"']);
    const page = await read("", JSON_V2);
    expect(page.body.map((record) => record.value)).toEqual([{ a: 1 }, 2]);
    expect(page.headers.get("kedge-next-offset")).toBe("2");
    const { status, body, headers } = await read("?offset=2", JSON_V2);
    expect([status, body]).toEqual([
      406,
      { error_code: 40601, message: expect.stringContaining("offset 2 of t-0") },
    ]);
    expect(headers.get("kedge-next-offset")).toBe("3");
    expect(await values("?offset=3", JSON_V2)).toEqual(["z"]);
    expect(await values("?offset=2", "application/json")).toEqual(
      ["not json", '"z"'].map((text) => base64Encode(utf8Encode(text))),
    );
  });

  test("REST11: bytes that are not UTF-8 are not shown as a string", async () => {
    await produce([base64Encode(Uint8Array.of(0xff))], "application/json");
    expect((await read()).body).toMatchObject({ error_code: 40601 });
  });
});

describe("parameters", () => {
  test.each([
    ["?offset=-5", 'offset: Too small: expected number to be >=0, it is "-5"'],
    ["?offset=x", 'offset: must be a whole number from 0, earliest or latest, not "x"'],
    ["?timeout=-1", "timeout"],
    ["?timeout=300001", "timeout"],
    ["?timeout=soon", 'timeout must be a number, not "soon"'],
    ["?max_bytes=0", "max_bytes"],
    ["?max_records=0", "max_records"],
    ["?isolation=dirty", "isolation"],
    ["?key_format=avro", "key_format"],
    ["?timestamp=yesterday", "timestamp must be milliseconds or RFC 3339"],
    ["?timestamp=1&offset=1", "give one of them"],
    ["?ofset=1", "Unrecognized field: ofset"],
  ])("%s is 400, 40002", async (query, says) => {
    const { status, body } = await read(query);
    expect([status, body]).toEqual([
      400,
      { error_code: 40002, message: expect.stringContaining(says) },
    ]);
  });

  test("REST8: Accept picks the best of what is offered", async () => {
    await produce(["1"]);
    const typeFor = async (accept: string) => (await read("", accept)).type;
    expect(await typeFor("*/*")).toBe("application/vnd.kafka.binary.v2+json");
    expect(await typeFor("application/vnd.kafka.v2+json")).toBe(
      "application/vnd.kafka.binary.v2+json",
    );
    expect(await typeFor("application/json")).toBe("application/json");
    expect(await typeFor(`text/html, ${JSON_V2};q=0.5, ${STRING};q=0.9`)).toBe(STRING);
    expect(await typeFor(`application/vnd.kafka.avro.v2+json, ${JSON_V2};q=0.1`)).toBe(JSON_V2);
    const avro = await read("", "application/vnd.kafka.avro.v2+json");
    expect([avro.status, avro.body]).toMatchObject([406, { error_code: 40601 }]);
    const html = await read("", "text/html");
    expect([html.status, html.body]).toMatchObject([406, { error_code: 406 }]);
    const refused = await read("", `${JSON_V2};q=0`);
    expect(refused.status).toBe(406);
  });

  test("REST9: what is not there is 404: 40401 and 40402", async () => {
    const topic = await world.get("/topics/none/partitions/0/records");
    expect([topic.status, topic.body]).toMatchObject([404, { error_code: 40401 }]);
    const partition = await world.get("/topics/t/partitions/1/records");
    expect([partition.status, partition.body]).toMatchObject([404, { error_code: 40402 }]);
  });
});

describe("REST31: which replica is read", () => {
  async function replicated(reader: Point | null): Promise<number> {
    world = new RestWorld({ reader });
    await world.createTopic("t", 1, {}, 3);
    await produce(["a", "b"]);
    const row = (await world.catalogue.topics("kedge", ["t"])).get("t")?.partitions[0];
    return row?.leader ?? -1;
  }

  const from = async (query = "") => Number((await read(query)).headers.get("kedge-read-from"));

  test("the nearest, unless the leader is asked for; the answer says which it was", async () => {
    const leader = await replicated(readerAt({ continent: "EU" }));
    expect(await from()).toBe(2);
    expect(await from("?read_from=nearest&offset=1")).toBe(2);
    expect(await from("?read_from=leader")).toBe(leader);
    expect(await values("?read_from=leader")).toEqual(["a", "b"]);
    world.catalogue.setFenced("kedge", 2, true);
    expect(await from()).not.toBe(2);
    expect(await values()).toEqual(["a", "b"]);
  });

  test("the leader for a reader who is nowhere", async () => {
    const leader = await replicated(null);
    expect(await from()).toBe(leader);
  });

  test("DOOR8: a broker that the request addresses is no reason to be sent away", async () => {
    await replicated(readerAt({ continent: "EU" }));
    const { headers, body } = await world.get(RECORDS, { accept: STRING, "x-kedge-broker": "1" });
    expect([headers.get("kedge-read-from"), body]).toMatchObject(["2", [{}, {}]]);
  });

  test("nothing else is taken for read_from", async () => {
    await replicated(null);
    const wrong = await read("?read_from=follower");
    expect([wrong.status, wrong.body]).toMatchObject([
      400,
      { error_code: 40002, message: expect.stringContaining("read_from") },
    ]);
  });
});

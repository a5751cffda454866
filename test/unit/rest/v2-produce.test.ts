import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { base64Decode, base64Encode } from "../../../src/lib/base64.ts";
import { utf8Encode } from "../../../src/lib/bytes.ts";
import { partitionForKey } from "../../../src/lib/murmur2.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { REST_BODY_BYTES_MAX } from "../../../src/rest/limits.ts";
import { produceResponse } from "../../../src/rest/v2/schemas.ts";
import { RestWorld } from "../../support/rest-world.ts";

const BINARY = "application/vnd.kafka.binary.v2+json";
const JSON_V2 = "application/vnd.kafka.json.v2+json";
const STRING = "application/vnd.kafka.string.v2+json";

interface Offsets {
  offsets: {
    partition: number | null;
    offset: number | null;
    error_code: number | null;
    error: string | null;
    kafka_error?: string;
    retriable?: boolean;
  }[];
}
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
  await world.createTopic("t", 3);
});

function produce(records: unknown[], type = JSON_V2, path = "/topics/t", headers = {}) {
  return world.request<Offsets>("POST", path, { type, body: { records }, headers });
}

function read(partition: number, accept = JSON_V2) {
  return world.get<Shown[]>(`/topics/t/partitions/${partition}/records`, { accept });
}

describe("an answer", () => {
  test("REST1: has an offset for each record, in the order of the request, and the dialect's shape", async () => {
    const keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const { status, type, body } = await produce(keys.map((key) => ({ key, value: key })));
    expect([status, type]).toEqual([200, "application/vnd.kafka.v2+json"]);
    expect(produceResponse.parse(body)).toEqual(body);
    const wanted = keys.map((key) => partitionForKey(utf8Encode(JSON.stringify(key)), 3));
    expect(body.offsets.map((o) => o.partition)).toEqual(wanted);
    body.offsets.forEach(({ partition, offset, error_code, error }, i) => {
      const before = wanted.slice(0, i).filter((other) => other === partition).length;
      expect([offset, error_code, error]).toEqual([before, null, null]);
    });
  });

  test("REST5: is one Produce request with one batch a partition", async () => {
    await produce([0, 1, 2, 0, 1, 2].map((partition) => ({ partition, value: partition })));
    expect(world.partitions.appends).toBe(3);
    expect((await read(1)).body.map((r) => [r.offset, r.value])).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });

  test("REST4: to a partition needs no partition in the records, and refuses another one", async () => {
    const { body } = await produce([{ value: 1 }, { value: 2 }], JSON_V2, "/topics/t/partitions/2");
    expect(body.offsets.map((o) => [o.partition, o.offset])).toEqual([
      [2, 0],
      [2, 1],
    ]);
    const wrong = await produce([{ value: 1, partition: 1 }], JSON_V2, "/topics/t/partitions/2/");
    expect([wrong.status, wrong.text]).toEqual([422, expect.stringContaining("the path says 2")]);
    expect(
      (await produce([{ value: 1, partition: 2 }], JSON_V2, "/topics/t/partitions/2")).status,
    ).toBe(200);
  });

  test("REST8: is application/json when only that is accepted", async () => {
    const { type } = await produce([{ value: 1 }], JSON_V2, "/topics/t", {
      accept: "application/json",
    });
    expect(type).toBe("application/json");
    const refused = await produce([{ value: 1 }], JSON_V2, "/topics/t", { accept: "text/html" });
    expect([refused.status, refused.body]).toMatchObject([406, { error_code: 406 }]);
    expect(
      (await read(0)).body.length + (await read(1)).body.length + (await read(2)).body.length,
    ).toBe(1);
  });
});

describe("formats", () => {
  test("REST6: binary is base64, and what the unspecific types mean", async () => {
    const value = base64Encode(Uint8Array.of(0, 1, 2, 255));
    for (const type of [
      BINARY,
      "application/vnd.kafka.v2+json",
      "application/json; charset=utf-8",
    ]) {
      expect((await produce([{ value, partition: 0 }], type)).status).toBe(200);
    }
    expect((await read(0, BINARY)).body.map((r) => r.value)).toEqual([value, value, value]);
  });

  test("REST6: any bytes come back as they were, headers and timestamp too", async () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 20 }).map(base64Encode));
    const record = fc.record({
      key: bytes,
      value: bytes,
      timestamp: fc.nat(world.nowMs),
      headers: fc.array(fc.record({ key: fc.string({ unit: "grapheme" }), value: bytes }), {
        maxLength: 3,
      }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 5 }), async (records) => {
        const fresh = new RestWorld();
        await fresh.createTopic("t", 1);
        await fresh.request("POST", "/topics/t", { type: BINARY, body: { records } });
        const shown = await fresh.get<Shown[]>("/topics/t/partitions/0/records");
        const wanted = records.map((r, offset) => ({ topic: "t", partition: 0, offset, ...r }));
        expect(shown.body).toEqual(wanted);
      }),
      { numRuns: 40 },
    );
  });

  test("REST6: json keeps every digit, string is text as it is", async () => {
    const text = '{"records":[{"partition":0,"value":{"id":12345678901234567890,"price":19.90}}]}';
    await world.request("POST", "/topics/t", { type: JSON_V2, body: text });
    expect((await read(0)).text).toContain('"value":{"id":12345678901234567890,"price":19.90}');
    for (const type of [STRING, "application/vnd.kafka.text.v2+json"]) {
      await produce(
        [{ partition: 1, key: "k", value: "é\n", headers: [{ key: "h", value: "v" }] }],
        type,
      );
    }
    const shown = await read(1, STRING);
    expect(shown.body).toMatchObject([
      { key: "k", value: "é\n", headers: [{ key: "h", value: "v" }] },
      { key: "k", value: "é\n" },
    ]);
    expect(shown.type).toBe(STRING);
  });

  test("REST6: key_format and value_format override Content-Type", async () => {
    await produce(
      [{ key: "a", value: { b: 1 } }],
      JSON_V2,
      "/topics/t/partitions/0?key_format=string",
    );
    const { body } = await read(0, BINARY);
    expect(body.map((r) => [r.key, r.value].map((v) => base64Decode(v as string)))).toEqual([
      [utf8Encode("a"), utf8Encode('{"b":1}')],
    ]);
  });

  test("REST6: null, absent and empty are told apart", async () => {
    await produce([{ partition: 0 }, { partition: 0, key: null, value: "" }], STRING);
    expect((await read(0, STRING)).body.map((r) => [r.key, r.value])).toEqual([
      [null, null],
      [null, ""],
    ]);
  });
});

describe("partitioners", () => {
  const partitionsOf = async (path: string, count: number) => {
    const { body } = await produce(
      Array.from({ length: count }, () => ({ value: 1 })),
      JSON_V2,
      path,
    );
    return body.offsets.map((o) => o.partition);
  };

  test("REST4: sticky keeps small requests together and moves on after batch.size bytes", async () => {
    await world.createTopic("wide", 50);
    expect(new Set(await partitionsOf("/topics/wide", 10)).size).toBe(1);
    const big = { value: "x".repeat(16_384) };
    const seen = new Set<number | null>();
    for (let i = 0; i < 20; i++) {
      const { body } = await produce([big], STRING, "/topics/wide");
      seen.add(body.offsets[0]?.partition ?? null);
    }
    expect(seen.size).toBeGreaterThan(5);
  });

  test("REST4: round robin goes around, by query or by the deployment's default", async () => {
    const first = await partitionsOf("/topics/t?partitioner=round-robin", 6);
    expect(first.slice(3)).toEqual(first.slice(0, 3));
    expect([...first.slice(0, 3)].sort()).toEqual([0, 1, 2]);
    world = new RestWorld({ vars: { KEDGE_OPEN: "loopback", KEDGE_PARTITIONER: "round-robin" } });
    await world.createTopic("t", 3);
    expect(new Set(await partitionsOf("/topics/t", 3)).size).toBe(3);
  });

  test("an unknown one is refused, in the query and in the variable", async () => {
    const { status, body } = await produce([{ value: 1 }], JSON_V2, "/topics/t?partitioner=murmur");
    expect([status, body]).toMatchObject([400, { error_code: 40002 }]);
    world = new RestWorld({ vars: { KEDGE_OPEN: "loopback", KEDGE_PARTITIONER: "x" } });
    const broken = await world.get("/topics");
    expect([broken.status, broken.text]).toEqual([
      500,
      expect.stringContaining('KEDGE_PARTITIONER is \\"x\\"'),
    ]);
  });
});

describe("a bad request writes nothing and says what is wrong", () => {
  const cases: [name: string, body: unknown, status: number, code: number, says: string][] = [
    ["no records", {}, 422, 422, "records is missing"],
    ["empty records", { records: [] }, 422, 422, "records: must not be empty"],
    ["records of another type", { records: "a" }, 400, 400, 'records must be a list, not "a"'],
    ["a list", [], 400, 400, "the body must be an object, not []"],
    ["null", null, 400, 400, "the body must be an object, not null"],
    [
      "an unknown field",
      { records: [{ valeu: 1 }] },
      422,
      422,
      "Unrecognized field: records[0].valeu",
    ],
    ["a negative partition", { records: [{ partition: -1 }] }, 422, 422, "records[0].partition"],
    ["a text for a partition", { records: [{ partition: "0" }] }, 400, 400, 'not "0"'],
    [
      "a fraction",
      { records: [{ partition: 0.5 }] },
      400,
      400,
      "records[0].partition must be a whole number, not 0.5",
    ],
    ["a negative timestamp", { records: [{ timestamp: -5 }] }, 422, 422, "records[0].timestamp"],
    [
      "a header without key",
      { records: [{ headers: [{ value: "" }] }] },
      422,
      422,
      "headers[0].key",
    ],
    ["half of it JSON", '{"records":[{"value":1}', 400, 400, "the body is not JSON"],
    ["nothing", "", 400, 400, "the body is not JSON"],
  ];
  test.each(cases)("%s", async (_, body, status, code, says) => {
    const answer = await world.request("POST", "/topics/t", { type: JSON_V2, body });
    expect([answer.status, answer.body, answer.type]).toEqual([
      status,
      { error_code: code, message: expect.stringContaining(says) },
      "application/json",
    ]);
    expect(world.partitions.appends).toBe(0);
  });

  test("REST3: bad base64 in the last record keeps the first from being written", async () => {
    const { status, body } = await produce(
      [{ value: "aGk=" }, { key: "***", value: "aGk=" }],
      BINARY,
    );
    expect([status, body]).toEqual([
      400,
      {
        error_code: 400,
        message: 'Bad Request: records[1]: data="***" is not a valid base64 string.',
      },
    ]);
    expect(world.partitions.appends).toBe(0);
  });

  test("REST14: JSON that would take too much memory or stack is refused", async () => {
    const bomb = `{"records":[${"{},".repeat(250_000)}{}]}`;
    const many = await world.request("POST", "/topics/t", { type: JSON_V2, body: bomb });
    expect([many.status, many.text]).toEqual([413, expect.stringContaining("250000 objects")]);
    const nested = "[".repeat(50_000) + "]".repeat(50_000);
    for (const body of [
      `{"records":[{"value":${nested}}]}`,
      `{"records":[{"partition":${nested}}]}`,
      nested,
    ]) {
      const deep = await world.request("POST", "/topics/t", { type: JSON_V2, body });
      expect([deep.status, deep.body]).toMatchObject([400, { error_code: 400 }]);
    }
    expect(world.partitions.appends).toBe(0);
  });

  test("REST8: a compressed body is 415, not garbage", async () => {
    const headers = { "content-encoding": "gzip" };
    const { status, text } = await produce([{ value: 1 }], JSON_V2, "/topics/t", headers);
    expect([status, text]).toEqual([415, expect.stringContaining("Content-Encoding gzip")]);
    const kafka = await world.request("POST", "/kafka", { body: new Uint8Array(8), headers });
    expect([kafka.status, kafka.text]).toEqual([415, expect.stringContaining("gzip")]);
  });

  test("REST8: media types: 415 with what to send, also without any", async () => {
    for (const [type, says] of [
      ["application/vnd.kafka.avro.v2+json", "no schema registry"],
      ["application/vnd.kafka.jsonschema.v2+json", "no schema registry"],
      ["application/vnd.kafka.protobuf.v2+json", "no schema registry"],
      ["text/plain", "application/vnd.kafka.json.v2+json"],
      ["application/vnd.kafka.json.v1+json", "application/vnd.kafka.json.v2+json"],
      [`${JSON_V2}; charset=iso-8859-1`, "charset"],
    ] as const) {
      const { status, body } = await produce([{ value: 1 }], type);
      expect([status, body]).toEqual([
        415,
        { error_code: 415, message: expect.stringContaining(says) },
      ]);
    }
    const bare = await world.request("POST", "/topics/t", { body: new Uint8Array([0x7b, 0x7d]) });
    expect(bare.status).toBe(415);
  });

  test("REST14: a body over the bound is 413, with Content-Length or without", async () => {
    const big = new Uint8Array(REST_BODY_BYTES_MAX + 1);
    const declared = await world.request("POST", "/topics/t", { type: JSON_V2, body: big });
    expect([declared.status, declared.body]).toMatchObject([413, { error_code: 413 }]);
    const stream = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(1024 * 1024));
      },
    });
    const init = { method: "POST", headers: { "content-type": JSON_V2 }, body: stream };
    const response = await world.fetch("/topics/t", { ...init, duplex: "half" });
    expect(response.status).toBe(413);
  });

  test("REST9: an unknown topic is 40401 unless topics are made on demand", async () => {
    world = new RestWorld({ config: { autoCreateTopicsEnable: false } });
    const missing = await produce([{ value: 1 }], JSON_V2, "/topics/none");
    expect([missing.status, missing.body]).toEqual([
      404,
      {
        error_code: 40401,
        message: 'Topic not found: "none"',
        kafka_error: "UNKNOWN_TOPIC_OR_PARTITION",
        retriable: true,
      },
    ]);
    world = new RestWorld({ config: { numPartitions: 2 } });
    expect((await produce([{ value: 1 }], JSON_V2, "/topics/none")).status).toBe(200);
    const bad = await produce([{ value: 1 }], JSON_V2, "/topics/no%20such");
    expect([bad.status, bad.body]).toMatchObject([400, { error_code: 40002 }]);
  });

  test("REST9: an unknown partition: 40402 in the path, an error of its record in the body", async () => {
    const inPath = await produce([{ value: 1 }], JSON_V2, "/topics/t/partitions/3");
    expect([inPath.status, inPath.body]).toMatchObject([404, { error_code: 40402 }]);
    for (const text of ["-1", "x", "1.5", "99999999999"]) {
      expect((await produce([{ value: 1 }], JSON_V2, `/topics/t/partitions/${text}`)).status).toBe(
        404,
      );
    }
    const { status, body } = await produce([
      { value: 1, partition: 7 },
      { value: 2, partition: 0 },
    ]);
    expect(status).toBe(200);
    expect(body.offsets).toMatchObject([
      {
        partition: null,
        offset: null,
        error_code: 50003,
        kafka_error: "UNKNOWN_TOPIC_OR_PARTITION",
      },
      { partition: 0, offset: 0, error_code: null },
    ]);
  });
});

describe("failures of the log", () => {
  test("REST2: a record too large fails alone; the answer is 200", async () => {
    await world.createTopic("small", 1, { "max.message.bytes": "200" });
    const values = ["a", "x".repeat(300), "b"];
    const { status, body } = await produce(
      values.map((value) => ({ value })),
      STRING,
      "/topics/small",
    );
    expect(status).toBe(200);
    expect(body.offsets).toMatchObject([
      { offset: 0, error_code: null },
      { offset: null, error_code: 50002, kafka_error: "MESSAGE_TOO_LARGE", retriable: false },
      { offset: 1, error_code: null },
    ]);
  });

  test("REST5: records over max.message.bytes together are several batches, in order", async () => {
    await world.createTopic("small", 1, { "max.message.bytes": "300" });
    const values = Array.from({ length: 20 }, (_, i) => `${i}-${"x".repeat(60)}`);
    const { body } = await produce(
      values.map((value) => ({ value })),
      STRING,
      "/topics/small",
    );
    expect(body.offsets.map((o) => o.offset)).toEqual(values.map((_, i) => i));
    expect(world.partitions.appends).toBeGreaterThan(1);
    const shown = await world.get<Shown[]>("/topics/small/partitions/0/records", {
      accept: STRING,
    });
    expect(shown.body.map((r) => r.value)).toEqual(values);
  });

  test("REST5: after a retriable failure nothing overtakes: later batches of the partition are not sent", async () => {
    await world.createTopic("small", 2, { "max.message.bytes": "200" });
    world.partitions.intercept = ({ partition }) =>
      partition === 0
        ? {
            errorCode: ErrorCode.THROTTLING_QUOTA_EXCEEDED,
            errorMessage: "later",
            baseOffset: -1,
            logAppendTimeMs: -1,
            logStartOffset: -1,
          }
        : null;
    const value = "x".repeat(100);
    const records = [0, 1, 0, 1, 0].map((partition) => ({ partition, value }));
    const { body } = await produce(records, STRING, "/topics/small");
    expect(body.offsets.map((o) => [o.error_code, o.error, o.retriable])).toEqual([
      [50003, "later", true],
      [null, null, undefined],
      [50003, "later", true],
      [null, null, undefined],
      [50003, "later", true],
    ]);
    expect(world.partitions.appends).toBe(3);
  });

  test("REST2: a record without a key on a compacted topic says which and why", async () => {
    await world.createTopic("compacted", 1, { "cleanup.policy": "compact" });
    const { body } = await produce(
      [{ key: "k", value: 1 }, { value: 2 }],
      JSON_V2,
      "/topics/compacted",
    );
    expect(body.offsets.map((o) => [o.error_code, o.kafka_error])).toEqual([
      [50002, "INVALID_RECORD"],
      [50002, "INVALID_RECORD"],
    ]);
    expect(body.offsets[1]?.error).toContain("key");
  });

  test("REST2: authorization is the one failure that changes the status", async () => {
    world.partitions.intercept = () => ({
      ...{ errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED, errorMessage: null },
      ...{ baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 },
    });
    const { status, body } = await produce([{ value: 1 }]);
    expect([status, body.offsets[0]?.error_code]).toEqual([403, 40301]);
  });

  test("acks go to the log as asked; all is the default", async () => {
    const seen: number[] = [];
    world.partitions.intercept = (_, { acks }) => {
      seen.push(acks);
      return null;
    };
    for (const query of ["", "?acks=1", "?acks=all", "?acks=-1"]) {
      await produce([{ value: 1 }], JSON_V2, `/topics/t${query}`);
    }
    expect(seen).toEqual([-1, 1, -1, -1]);
    expect((await produce([{ value: 1 }], JSON_V2, "/topics/t?acks=0")).status).toBe(400);
  });
});

describe("idempotent produce", () => {
  const numbers = (id: number, sequence: number, epoch = 0) => ({
    "kedge-producer-id": `${id}`,
    "kedge-producer-epoch": `${epoch}`,
    "kedge-sequence": `${sequence}`,
  });
  const newId = async () => {
    const { body } = await world.request<{ producer_id: number; producer_epoch: number }>(
      "POST",
      "/producers",
    );
    return body;
  };
  const send = (
    values: number[],
    headers: Record<string, string>,
    path = "/topics/t/partitions/0",
  ) =>
    produce(
      values.map((value) => ({ value })),
      JSON_V2,
      path,
      headers,
    );

  test("ids are never given twice", async () => {
    const [a, b] = [await newId(), await newId()];
    expect(a.producer_epoch).toBe(0);
    expect(a.producer_id).not.toBe(b.producer_id);
  });

  test("REST7: a request sent again is answered with the offsets of the first time", async () => {
    const { producer_id } = await newId();
    const first = await send([1, 2], numbers(producer_id, 0));
    const again = await send([1, 2], numbers(producer_id, 0));
    const next = await send([3], numbers(producer_id, 2));
    expect(again.body).toEqual(first.body);
    expect(next.body.offsets[0]?.offset).toBe(2);
    expect((await read(0)).body.map((r) => r.value)).toEqual([1, 2, 3]);
  });

  test("REST7: a gap and an old epoch are errors of the records", async () => {
    await send([1], numbers(7, 0, 1));
    const gap = await send([2], numbers(7, 5, 1));
    expect(gap.body.offsets[0]).toMatchObject({
      error_code: 50002,
      kafka_error: "OUT_OF_ORDER_SEQUENCE_NUMBER",
    });
    const old = await send([2], numbers(7, 1, 0));
    expect(old.body.offsets[0]).toMatchObject({ kafka_error: "INVALID_PRODUCER_EPOCH" });
  });

  test("REST7: what is not one batch for one named partition is refused whole", async () => {
    const twoPartitions = [
      { value: 1, partition: 0 },
      { value: 1, partition: 1 },
    ];
    const refused = [
      await produce(twoPartitions, JSON_V2, "/topics/t", numbers(1, 0)),
      await send([1], numbers(1, 0), "/topics/t"),
      await produce([{ value: 1, partition: 9 }], JSON_V2, "/topics/t", numbers(1, 0)),
      await send([1], { "kedge-producer-id": "1" }),
      await send([1], { ...numbers(1, 0), "kedge-sequence": "-1" }),
      await send([1], { ...numbers(1, 0), "kedge-producer-epoch": "40000" }),
    ];
    expect(refused.map((r) => r.status)).toEqual([422, 422, 422, 422, 422, 422]);
    expect(world.partitions.appends).toBe(0);
  });

  test("REST7: records that need two batches are refused whole", async () => {
    await world.createTopic("small", 1, { "max.message.bytes": "200" });
    const records = [1, 2, 3].map(() => ({ value: "x".repeat(100) }));
    const { status, text } = await produce(
      records,
      STRING,
      "/topics/small/partitions/0",
      numbers(1, 0),
    );
    expect([status, text]).toEqual([422, expect.stringContaining("max.message.bytes")]);
    expect(world.partitions.appends).toBe(0);
  });
});

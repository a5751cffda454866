import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { base64Decode, base64Encode } from "../../../src/lib/base64.ts";
import { utf8Encode } from "../../../src/lib/bytes.ts";
import { partitionForKey } from "../../../src/lib/murmur2.ts";
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

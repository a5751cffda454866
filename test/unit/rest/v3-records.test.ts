import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { base64Encode } from "../../../src/lib/base64.ts";
import { utf8Encode } from "../../../src/lib/bytes.ts";
import { partitionForKey } from "../../../src/lib/murmur2.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { STREAM_BYTES_MIN, STREAM_DURATION_MS_MAX } from "../../../src/rest/limits.ts";
import { deliveryReport, produceBatchResponse } from "../../../src/rest/v3/schemas.ts";
import { RestWorld } from "../../support/rest-world.ts";

const C = "/v3/clusters/kedge";
const RECORDS = `${C}/topics/t/records`;
const JSON_TYPE = "application/json";

interface Report {
  error_code: number;
  message?: string;
  partition_id?: number;
  offset?: number;
}
interface Shown {
  key: unknown;
  value: unknown;
  timestamp: number;
  headers: { key: string; value: string | null }[];
}

let world: RestWorld;
beforeEach(async () => {
  world = new RestWorld();
  await world.createTopic("t", 3);
});

const str = (data: unknown) => ({ type: "STRING", data });

/** Concatenated reports, a line each. */
function reportsOf(text: string): Report[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => deliveryReport.parse(JSON.parse(line)) as Report);
}

async function produce(body: unknown, path = RECORDS) {
  const { status, text, type } = await world.request("POST", path, { type: JSON_TYPE, body });
  expect([status, type]).toEqual([200, JSON_TYPE]);
  return reportsOf(text);
}

/** Sends the chunks as a chunked body, waiting between them as `pause` says. */
async function stream(chunks: Iterable<Uint8Array | string>, pause = () => Promise.resolve()) {
  const iterator = chunks[Symbol.iterator]();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = iterator.next();
        await pause();
        if (done === true) controller.close();
        else controller.enqueue(typeof value === "string" ? utf8Encode(value) : value);
      },
    },
    { highWaterMark: 0 },
  );
  return world.fetch(RECORDS, {
    method: "POST",
    headers: { "content-type": JSON_TYPE },
    body,
    duplex: "half",
  });
}

function read(partition: number) {
  const accept = "application/vnd.kafka.string.v2+json";
  return world.get<Shown[]>(`/topics/t/partitions/${partition}/records`, { accept });
}

describe("one record", () => {
  test("its report has place, time, types and sizes", async () => {
    const reports = await produce({
      partition_id: 1,
      headers: [{ name: "h", value: "eA==" }, { name: "n" }],
      key: { type: "BINARY", data: "Zm9vYmFy" },
      value: { type: "JSON", data: { foo: "bar" } },
      timestamp: "2021-02-05T19:14:42.123+01:00",
    });
    expect(reports).toEqual([
      {
        error_code: 200,
        cluster_id: "kedge",
        topic_name: "t",
        partition_id: 1,
        offset: 0,
        timestamp: "2021-02-05T18:14:42.123Z",
        key: { type: "BINARY", size: 6 },
        value: { type: "JSON", size: 13 },
      },
    ]);
    expect((await read(1)).body).toMatchObject([
      {
        key: "foobar",
        value: '{"foo":"bar"}',
        timestamp: Date.parse("2021-02-05T18:14:42.123Z"),
        headers: [
          { key: "h", value: "x" },
          { key: "n", value: null },
        ],
      },
    ]);
  });

  test("REST4: a key goes where the Java client puts its bytes; under /kafka/v3 too", async () => {
    for (const data of ["a", "b", "foobar"]) {
      const [report] = await produce({ key: str(data), value: str("v") }, `/kafka${RECORDS}`);
      expect(report?.partition_id).toBe(partitionForKey(utf8Encode(data), 3));
    }
  });

  test("a key or value may be left out or null, with a type or without", async () => {
    const bodies = [
      {},
      { value: null },
      { key: { data: null }, value: { type: "JSON", data: null } },
    ];
    for (const body of bodies)
      expect(await produce({ partition_id: 0, ...body })).toMatchObject([{ error_code: 200 }]);
    expect((await read(0)).body.map((r) => [r.key, r.value])).toEqual([
      [null, null],
      [null, null],
      [null, null],
    ]);
  });

  test("REST6: numbers keep their digits", async () => {
    await produce('{"partition_id":0,"value":{"type":"JSON","data":[1.50,12345678901234567890]}}');
    expect((await read(0)).body[0]?.value).toBe("[1.50,12345678901234567890]");
  });

  const wrong: [name: string, record: unknown, code: number, says: string][] = [
    ["bad base64", { value: { type: "BINARY", data: "1" } }, 400, 'data="1" is not a valid base64'],
    [
      "a number as base64",
      { value: { type: "BINARY", data: 1 } },
      400,
      "data=1 is not a base64 string",
    ],
    ["a number as a string", { key: str(1) }, 400, "key: data=1 is not a string"],
    ["a header that is no base64", { headers: [{ name: "h", value: "*" }] }, 400, 'header "h"'],
    ["a bad timestamp", { timestamp: "yesterday" }, 400, "RFC 3339"],
    ["a negative partition", { partition_id: -1 }, 40402, "Partition not found"],
    ["a partition that is not there", { partition_id: 3 }, 40403, "Partition 3 of topic t"],
    ["no type", { value: { data: 1 } }, 422, "Error: 42206 : Payload error. value has no type"],
    ["a schema type", { value: { type: "AVRO", data: 1 } }, 422, "no schema registry"],
    [
      "a type and a schema id",
      { value: { ...str("a"), schema_id: 1 } },
      400,
      "'type=STRING' cannot be used with 'schema_id'",
    ],
    ["an unknown type", { value: { type: "XML", data: "" } }, 400, "value.type"],
    ["an unknown field", { records: [] }, 400, "Unrecognized field: records"],
    ["a text for a partition", { partition_id: "1" }, 400, "partition_id must be"],
  ];
  test.each(wrong)(
    "REST1: %s is in the report; the status is 200",
    async (_, record, code, says) => {
      const reports = await produce(record);
      expect(reports).toMatchObject([{ error_code: code, message: expect.stringContaining(says) }]);
      expect(world.partitions.appends).toBe(0);
    },
  );

  test("an empty body is 422, 42206, with a length and without", async () => {
    for (const body of [undefined, "", "  \n "]) {
      const { status, body: error } = await world.request("POST", RECORDS, {
        type: JSON_TYPE,
        body,
      });
      expect([status, error]).toMatchObject([422, { error_code: 42206 }]);
    }
    expect((await stream([])).status).toBe(422);
  });

  test("another cluster is 404, another media type 415, before anything is read", async () => {
    const cluster = await world.request("POST", "/v3/clusters/x/topics/t/records", {
      type: JSON_TYPE,
      body: {},
    });
    expect([cluster.status, cluster.body]).toMatchObject([404, { error_code: 404 }]);
    const type = await world.request("POST", RECORDS, {
      type: "application/x-www-form-urlencoded",
      body: "{}",
    });
    expect([type.status, type.body]).toMatchObject([415, { error_code: 415 }]);
  });

  test("an unknown topic is made on demand, or is in the report", async () => {
    const path = `${C}/topics/new/records`;
    expect(await produce({ value: str("a") }, path)).toMatchObject([{ error_code: 200 }]);
    world = new RestWorld({ config: { autoCreateTopicsEnable: false } });
    expect(await produce({ value: str("a") }, path)).toMatchObject([
      { error_code: 40403, kafka_error: "UNKNOWN_TOPIC_OR_PARTITION" },
    ]);
  });

  test("REST9: failures of the log have v3's codes", async () => {
    await world.createTopic("small", 1, { "max.message.bytes": "100" });
    const [large] = await produce({ value: str("x".repeat(200)) }, `${C}/topics/small/records`);
    expect(large).toMatchObject({ error_code: 413, kafka_error: "MESSAGE_TOO_LARGE" });
    const failed = { errorMessage: null, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 };
    for (const [errorCode, code] of [
      [ErrorCode.THROTTLING_QUOTA_EXCEEDED, 42901],
      [ErrorCode.NOT_ENOUGH_REPLICAS, 50003],
      [ErrorCode.TOPIC_AUTHORIZATION_FAILED, 40301],
      [ErrorCode.INVALID_RECORD, 50002],
    ] as const) {
      world.partitions.intercept = () => ({ ...failed, errorCode });
      expect(await produce({ value: str("a") })).toMatchObject([{ error_code: code }]);
    }
  });
});

describe("concatenated records", () => {
  const body = (records: unknown[]) => records.map((r) => JSON.stringify(r)).join("");

  test("REST12: are answered in order, the bad ones among the good, in one Produce", async () => {
    const records = [
      { partition_id: 0, value: str("a") },
      { value: { type: "BINARY", data: "*" } },
      { partition_id: 0, value: str("b") },
      { partition_id: -4 },
      { partition_id: 1, value: str("c") },
    ];
    const reports = await produce(body(records));
    expect(reports.map((r) => [r.error_code, r.partition_id, r.offset])).toEqual([
      [200, 0, 0],
      [400, undefined, undefined],
      [200, 0, 1],
      [40402, undefined, undefined],
      [200, 1, 0],
    ]);
    expect(world.partitions.appends).toBe(2);
  });

  test.each([
    ["garbage", '{"partition_id":0,"value":{"type":"STRING","data":"a"}} x {"partition_id":0}'],
    ["a list", '{"partition_id":0,"value":{"type":"STRING","data":"a"}} [{"partition_id":0}]'],
    ["half a record", '{"partition_id":0,"value":{"type":"STRING","data":"a"}}{"partition_id":0'],
    ["braces that are not JSON", '{"partition_id":0,"value":{"type":"STRING","data":"a"}}{a}{}'],
  ])(
    "REST12: %s ends the stream with a last 400; what came before is in the log",
    async (_, text) => {
      const reports = await produce(text);
      expect(reports.map((r) => r.error_code)).toEqual([200, 400]);
      expect(reports[1]?.message).toContain("Bad Request: Error processing message: ");
      expect((await read(0)).body.map((r) => r.value)).toEqual(["a"]);
    },
  );

  test("REST12: a chunked body in any pieces gives the same reports and the same log", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ p: fc.nat(2), v: fc.string({ maxLength: 30 }) }), {
          minLength: 1,
          maxLength: 40,
        }),
        fc.integer({ min: 1, max: 60 }),
        async (records, size) => {
          world = new RestWorld();
          await world.createTopic("t", 3);
          const bytes = utf8Encode(
            body(records.map(({ p, v }) => ({ partition_id: p, value: str(v) }))),
          );
          const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
            bytes.slice(i * size, (i + 1) * size),
          );
          const reports = reportsOf(await (await stream(pieces)).text());
          expect(reports.map((r) => r.partition_id)).toEqual(records.map(({ p }) => p));
          for (const p of [0, 1, 2]) {
            const mine = records.filter((record) => record.p === p).map(({ v }) => v);
            expect((await read(p)).body.map((r) => r.value)).toEqual(mine);
            const offsets = reports.filter((r) => r.partition_id === p).map((r) => r.offset);
            expect(offsets).toEqual(mine.map((_, i) => i));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("REST12: reports come while records are still being sent", async () => {
    const seen: string[] = [];
    let next: (() => void) | null = null;
    let sent = 0;
    function* records() {
      for (let i = 0; i < 5; i++) {
        sent++;
        yield JSON.stringify({ partition_id: 0, value: str(`${i}`) });
      }
    }
    // The next record is sent only after the report of the one before it was read.
    const response = await stream(records(), () =>
      sent <= 1
        ? Promise.resolve()
        : new Promise((resolve) => {
            next = resolve;
          }),
    );
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      seen.push(...reportsOf(new TextDecoder().decode(value)).map((r) => `${r.offset} of ${sent}`));
      await new Promise((resolve) => setTimeout(resolve, 5));
      (next as (() => void) | null)?.();
    }
    expect(seen).toEqual(["0 of 2", "1 of 3", "2 of 4", "3 of 5", "4 of 5"]);
  });

  test("REST12: many records at once become few appends, in order", async () => {
    const one = JSON.stringify({ partition_id: 0, value: str("x".repeat(100)) });
    const count = 5_000;
    const response = await stream(Array.from({ length: count / 50 }, () => one.repeat(50)));
    const reports = reportsOf(await response.text());
    expect(reports.map((r) => r.offset)).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(world.partitions.appends).toBeLessThan(count / 10);
  });

  test("a body with a length over the streaming bound streams as well", async () => {
    const records = Array.from({ length: 100 }, () => ({
      partition_id: 2,
      value: str("x".repeat(1000)),
    }));
    const text = body(records);
    expect(text.length).toBeGreaterThan(STREAM_BYTES_MIN);
    const reports = await produce(text);
    expect(reports.map((r) => r.offset)).toEqual(records.map((_, i) => i));
  });

  test("a client that goes away ends it", async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(utf8Encode(JSON.stringify({ value: str("a") })));
        return new Promise((resolve) => setTimeout(resolve, 1));
      },
      cancel() {
        cancelled = true;
      },
    });
    const headers = { "content-type": JSON_TYPE };
    const response = await world.fetch(RECORDS, { method: "POST", headers, body, duplex: "half" });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await reader.cancel();
    await expect.poll(() => cancelled).toBe(true);
  });

  test("a connection older than a day ends with a 408 report", async () => {
    function* records() {
      yield JSON.stringify({ partition_id: 0, value: str("a") });
      world.nowMs += STREAM_DURATION_MS_MAX + 1;
      yield JSON.stringify({ partition_id: 0, value: str("b") });
      yield JSON.stringify({ partition_id: 0, value: str("c") });
    }
    const response = await stream(
      records(),
      () => new Promise((resolve) => setTimeout(resolve, 5)),
    );
    expect(reportsOf(await response.text()).map((r) => r.error_code)).toEqual([200, 408]);
    expect((await read(0)).body.map((r) => r.value)).toEqual(["a"]);
  });
});

describe("records:batch", () => {
  const batch = (entries: unknown) =>
    world.request<{ successes: unknown[]; failures: unknown[] }>("POST", `${RECORDS}:batch`, {
      type: JSON_TYPE,
      body: { entries },
    });

  test("REST13: 207 tells what became of each entry, by its id", async () => {
    const { status, body } = await batch([
      { id: "1", partition_id: 0, value: str("a") },
      { id: "two", value: { type: "BINARY", data: "1" } },
      { id: "3", partition_id: 0, key: str("k"), value: str("b") },
      { id: "4", value: { type: "PROTOBUF", data: "" } },
    ]);
    expect(status).toBe(207);
    expect(produceBatchResponse.parse(body)).toEqual(body);
    expect(body.successes).toMatchObject([
      { id: "1", partition_id: 0, offset: 0, value: { type: "STRING", size: 1 } },
      { id: "3", partition_id: 0, offset: 1, key: { type: "STRING", size: 1 } },
    ]);
    expect(body.failures).toMatchObject([
      { id: "two", error_code: 400 },
      { id: "4", error_code: 422, message: expect.stringContaining("Error: 42206 :") },
    ]);
    expect(world.partitions.appends).toBe(1);
  });

  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ id: `${i}`, value: str("a") }));

  test.each([
    ["too many entries", many(11), 42208, "Too many entries"],
    ["no entries", [], 42208, "Empty batch"],
    ["an id twice", [...many(1), ...many(1)], 42208, "not distinct"],
    ["an id too long", [{ id: "x".repeat(81) }], 42208, "identifier"],
    ["no id", [{ value: str("a") }], 42208, "identifier"],
    ["a number as id", [{ id: 1 }], 42208, "identifier"],
    ["an unknown field", [{ id: "1", valeu: 1 }], 422, "entries[0].valeu"],
  ])("REST13: %s is refused whole: 422", async (_, entries, code, says) => {
    const { status, body } = await batch(entries);
    expect([status, body]).toMatchObject([
      422,
      { error_code: code, message: expect.stringContaining(says) },
    ]);
    expect(world.partitions.appends).toBe(0);
  });

  test("REST13: ten entries are taken; only this path is a batch", async () => {
    expect((await batch(many(10))).body.successes.length).toBe(10);
    const other = await world.request("POST", `${RECORDS}:batches`, { type: JSON_TYPE, body: {} });
    expect(other.status).toBe(404);
    const none = await world.request("POST", `${RECORDS}:batch`, { type: JSON_TYPE });
    expect([none.status, none.body]).toMatchObject([422, { error_code: 42206 }]);
  });

  test("binary data of any bytes arrives", async () => {
    const data = base64Encode(Uint8Array.of(0, 255, 128));
    await batch([{ id: "1", partition_id: 2, value: { type: "BINARY", data } }]);
    const { body } = await world.get<Shown[]>("/topics/t/partitions/2/records");
    expect(body[0]?.value).toBe(data);
  });
});

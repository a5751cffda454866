/** REST v2 produce: what the log answers, and idempotent produce. */
import { beforeEach, describe, expect, test } from "vitest";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { RestWorld } from "../../support/rest-world.ts";

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
            errorCode: ErrorCode.NOT_ENOUGH_REPLICAS,
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

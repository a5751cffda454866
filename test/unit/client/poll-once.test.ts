import { beforeEach, describe, expect, it } from "vitest";
import { ErrorCode, type KafkaError, TransportError } from "../../../src/client/errors.ts";
import { type PollOnceRequest, pollOnce } from "../../../src/client/poll-once.ts";
import { JSONDeserializer, StringDeserializer } from "../../../src/client/serializers.ts";
import type { FetchFunction } from "../../../src/client/transport.ts";
import { VirtualClock } from "./virtual-clock.ts";

let clock: VirtualClock;
let asked: { url: string; body: Record<string, unknown>; headers: Headers }[];
/** What the service answers, one after the other; the last again and again. */
let answers: (() => Promise<Response> | Response)[];

const base64 = (text: string) => Buffer.from(text).toString("base64");
const ok = {
  instance: "w 1",
  member_id: "m",
  member_epoch: 3,
  sequence: 8,
  records: [
    {
      topic: "t",
      partition: 2,
      offset: 41,
      timestamp: 1000,
      key: base64("k"),
      value: base64('{"a":1}'),
      headers: [
        { key: "h", value: base64("x") },
        { key: "none", value: null },
      ],
    },
    { topic: "t", partition: 2, offset: 42, timestamp: -1, key: null, value: null, headers: [] },
  ],
  assignment: [{ topic: "t", partition: 2 }],
  positions: [{ topic: "t", partition: 2, offset: 43 }],
  committed: [{ topic: "t", partition: 2, offset: 41 }],
};
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });
const broken = () => Promise.reject(new Error("connection reset"));

beforeEach(() => {
  clock = new VirtualClock();
  asked = [];
  answers = [() => json(ok)];
});

const send: FetchFunction = async (url, init) => {
  const body = JSON.parse(String(init.body)) as Record<string, unknown>;
  asked.push({ url, body, headers: new Headers(init.headers) });
  await clock.sleep(1);
  const answer = answers.length > 1 ? answers.shift() : answers[0];
  if (answer === undefined) throw new Error("nothing to answer");
  return answer();
};

function poll(more: Partial<PollOnceRequest<string, unknown>> = {}, fetch = send) {
  const request = {
    "bootstrap.servers": "https://kedge.test/base/",
    group: "g/1",
    instance: "w 1",
    keyDeserializer: StringDeserializer,
    valueDeserializer: JSONDeserializer,
    ...more,
  } as PollOnceRequest<string, unknown>;
  const options = { fetch, headers: { authorization: "Bearer x" }, clock, random: () => 0.5 };
  return clock.run(pollOnce(request, options));
}

const failing = (promise: Promise<unknown>): Promise<KafkaError> =>
  promise.then(
    () => Promise.reject(new Error("it was answered")),
    (error: KafkaError) => error,
  );

describe("pollOnce", () => {
  it("gives records whole, and what the group says", async () => {
    const result = await poll({ topics: ["t"] });
    expect(result).toEqual({
      sequence: 8,
      memberId: "m",
      memberEpoch: 3,
      assignment: ok.assignment,
      positions: ok.positions,
      committed: ok.committed,
      records: [
        {
          topic: "t",
          partition: 2,
          offset: 41,
          timestamp: 1000,
          timestampType: "CreateTime",
          key: "k",
          value: { a: 1 },
          headers: [
            { key: "h", value: new Uint8Array([120]) },
            { key: "none", value: null },
          ],
          serializedKeySize: 1,
          serializedValueSize: 7,
          leaderEpoch: -1,
        },
        expect.objectContaining({ offset: 42, key: null, value: null, serializedValueSize: -1 }),
      ],
    });
  });

  it("asks in one request, for bytes", async () => {
    await poll({
      topics: ["t"],
      after: 7,
      commit: "auto",
      offsets: [{ topic: "t", partition: 0, offset: 5, metadata: "m" }],
      timeoutMs: 500,
      minBytes: 10,
      maxBytes: 1000,
      maxRecords: 20,
      isolationLevel: "read_committed",
      autoOffsetReset: "earliest",
      instanceTimeoutMs: 60_000,
    });
    expect(asked.length).toBe(1);
    expect(asked[0]?.url).toBe("https://kedge.test/base/consumers/g%2F1/instances/w%201/poll");
    expect(asked[0]?.headers.get("authorization")).toBe("Bearer x");
    expect(asked[0]?.headers.get("content-type")).toBe("application/json");
    expect(asked[0]?.body).toEqual({
      topics: ["t"],
      format: "binary",
      header_format: "binary",
      after: 7,
      commit: "auto",
      offsets: [{ topic: "t", partition: 0, offset: 5, metadata: "m" }],
      timeout: 500,
      min_bytes: 10,
      max_bytes: 1000,
      max_records: 20,
      isolation: "read_committed",
      "auto.offset.reset": "earliest",
      "consumer.instance.timeout.ms": 60_000,
    });
    await poll({ topicPattern: /^orders-/i });
    expect(asked[1]?.body).toEqual({
      topic_pattern: ".*(?:(?i:^orders-)).*",
      format: "binary",
      header_format: "binary",
      timeout: 1000,
    });
  });

  it("CONS16 asks again for an answer that was lost, when it was told what is processed", async () => {
    answers = [broken, () => json({ error_code: 50002, message: "busy" }, 503), () => json(ok)];
    expect((await poll({ topics: ["t"], after: 7 })).sequence).toBe(8);
    expect(asked.map(({ body }) => body.after)).toEqual([7, 7, 7]);
  });

  it("CONS16 does not ask again otherwise: the lost records would count as processed", async () => {
    answers = [broken];
    const error = await failing(poll({ topics: ["t"] }));
    expect(error).toBeInstanceOf(TransportError);
    expect(error.message).toMatch(
      /^no answer from https:\/\/kedge.test\/base\/consumers\/.*reset$/,
    );
    expect(asked.length).toBe(1);
  });

  it("throws the service's error under its code", async () => {
    const message = 'group g speaks "connect"';
    const kafka_error = "INCONSISTENT_GROUP_PROTOCOL";
    answers = [() => json({ error_code: 40903, message, kafka_error, retriable: false }, 409)];
    const error = await failing(poll({ after: 0 }));
    expect(error).toMatchObject({ code: ErrorCode.INCONSISTENT_GROUP_PROTOCOL, message });
    answers = [() => json({ error_code: 40002, message: "timeout must be at most 60000" }, 400)];
    expect(await failing(poll({ after: 0 }))).toMatchObject({
      code: ErrorCode.INVALID_REQUEST,
      message: expect.stringMatching(/HTTP 400: timeout must be at most 60000/),
    });
    answers = [() => new Response("<html>no such page</html>", { status: 404 })];
    expect(await failing(poll())).toMatchObject({ message: expect.stringMatching(/no such page/) });
    expect(asked.length).toBe(3);
  });

  it("gives up when nothing comes", async () => {
    const before = clock.now();
    const error = await failing(poll({ timeoutMs: 5000 }, () => new Promise(() => {})));
    expect(error.code).toBe(ErrorCode.REQUEST_TIMED_OUT);
    expect(clock.now() - before).toBe(35_000);
  });

  it("tries the next address when one cannot be reached", async () => {
    answers = [broken, () => json(ok)];
    const several = { "bootstrap.servers": "https://a.test,https://b.test" };
    expect((await poll({ ...several, after: 7 })).sequence).toBe(8);
    expect(asked.map(({ url }) => new URL(url).host)).toEqual(["a.test", "b.test"]);
    answers = [broken, () => json(ok)];
    await failing(poll(several));
    expect(asked.length).toBe(3);
  });

  it("names the record that cannot be deserialized", async () => {
    answers = [() => json({ ...ok, records: [{ ...ok.records[0], value: base64("{") }] })];
    expect(await failing(poll())).toMatchObject({ topic: "t", partition: 2, offset: 41 });
    answers = [() => json({ ...ok, records: [{ ...ok.records[0], value: "*" }] })];
    expect(await failing(poll())).toMatchObject({ code: ErrorCode.CORRUPT_MESSAGE });
  });
});

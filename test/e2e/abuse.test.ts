/** What no client should send: the listeners stay up, and others are served meanwhile. */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Admin, Consumer, Producer } from "../../src/client/mod.ts";
import { discard, type Service, startService } from "./service.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
  await new Admin({ "bootstrap.servers": service.url }).createTopics([{ name: "t" }]);
});

afterAll(() => discard(service));

/** Sends bytes to the Kafka port; resolves with what came back once the connection is closed. */
function send(parts: readonly Buffer[], { end = false } = {}): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = connect(service.kafkaPort, "127.0.0.1");
    const back: Buffer[] = [];
    socket.on("data", (data) => back.push(data));
    socket.on("error", () => {});
    socket.on("close", () => resolve(Buffer.concat(back)));
    for (const part of parts) socket.write(part);
    if (end) socket.end();
  });
}

function prefix(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(length);
  return bytes;
}

/** ApiVersions v0 with a correlation id. */
function apiVersions(correlationId: number): Buffer {
  const body = Buffer.from([0, 18, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
  body.writeInt32BE(correlationId, 4);
  return Buffer.concat([prefix(body.length), body]);
}

let before: number;
beforeEach(async () => {
  const { "0": end } = await new Admin({ "bootstrap.servers": service.url }).listOffsets([
    { topic: "t", partition: 0, spec: "latest" },
  ]);
  before = end?.offset ?? -1;
});

/** After each attack: nothing was written by it, and a record still goes in and comes out. */
afterEach(async () => {
  expect(service.process.exitCode).toBeNull();
  const config = { "bootstrap.servers": service.url };
  const producer = new Producer(config);
  const { offset } = await producer.send({ topic: "t", value: "alive" });
  expect(offset).toBe(before);
  await producer.close();
  const consumer = new Consumer(config);
  consumer.assign([{ topic: "t", partition: 0 }]);
  consumer.seek({ topic: "t", partition: 0 }, offset);
  expect(await consumer.poll(5_000)).toMatchObject([{ offset }]);
  await consumer.close();
  const alive = await send([apiVersions(7)], { end: true });
  expect(alive.readInt32BE(4)).toBe(7);
});

describe("the Kafka port", () => {
  test("random bytes, 200 connections of them", async () => {
    await Promise.all(
      Array.from({ length: 200 }, () =>
        send([randomBytes(1 + Math.random() * 5_000)], { end: true }),
      ),
    );
  });

  test("random bytes in well-formed frames", async () => {
    for (let i = 0; i < 100; i++) {
      const body = randomBytes(8 + Math.floor(Math.random() * 300));
      await send([prefix(body.length), body], { end: true });
    }
  });

  test("random bodies under real headers of every API and many versions", async () => {
    const attacks: Promise<Buffer>[] = [];
    for (let key = 0; key <= 80; key++) {
      for (const version of [0, 1, 5, 9, 12, 13, 16, 99]) {
        const body = randomBytes(10 + Math.floor(Math.random() * 120));
        body.writeInt16BE(key, 0);
        body.writeInt16BE(version, 2);
        body.writeInt16BE(-1, 8);
        attacks.push(send([prefix(body.length), body], { end: true }));
      }
      await Promise.all(attacks.splice(0));
    }
  });

  test("lengths that lie", async () => {
    for (const length of [-1, 0, 1, 7, 100 * 1024 * 1024 + 1, 0x7fffffff, -0x80000000]) {
      expect(await send([prefix(length)])).toHaveLength(0);
    }
    const announced = await send([prefix(100 * 1024 * 1024), randomBytes(1_000)], { end: true });
    expect(announced).toHaveLength(0);
  });

  test("a frame that stops in the middle", async () => {
    const whole = apiVersions(3);
    for (let cut = 1; cut < whole.length; cut++) {
      expect(await send([whole.subarray(0, cut)], { end: true })).toHaveLength(0);
    }
  });

  test("whole frames before a broken one are answered in order", async () => {
    const back = await send([apiVersions(1), apiVersions(2)], { end: true });
    const first = back.readInt32BE(0) + 4;
    expect(back.readInt32BE(4)).toBe(1);
    expect(back.readInt32BE(first + 4)).toBe(2);
  });

  test("100 MiB that nobody asked for", async () => {
    const body = Buffer.alloc(100 * 1024 * 1024);
    body.writeInt16BE(0, 0);
    body.writeInt16BE(9, 2);
    await send([prefix(body.length), body], { end: true });
  });

  test("300 connections that say nothing do not keep others out", async () => {
    const idle = Array.from({ length: 300 }, () => connect(service.kafkaPort, "127.0.0.1"));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const answer = await send([apiVersions(5)], { end: true });
    expect(answer.readInt32BE(4)).toBe(5);
    for (const socket of idle) socket.destroy();
  });
});

describe("POST /kafka", () => {
  const post = (body: Buffer) =>
    fetch(`${service.url}/kafka`, { method: "POST", body: new Uint8Array(body) });

  test("random bodies give a clear 4xx, or an answer, never a 5xx", async () => {
    for (let i = 0; i < 150; i++) {
      const response = await post(randomBytes(Math.floor(Math.random() * 400)));
      expect(response.status, await response.text()).toBeLessThan(500);
    }
  });
});

/** Large fetches at the same time: workerd's memory stays bounded, and all of them are served. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { produceApi } from "../../src/protocol/api/00-produce.ts";
import { fetchApi } from "../../src/protocol/api/01-fetch.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../src/protocol/frame.ts";
import { encodeRecordBatch } from "../../src/protocol/record-batch.ts";
import { discard, kedge, type Service, startService, until } from "./service.ts";

const TOPIC = "large";
const PARTITIONS = 4;
const BATCHES = 24;
const BATCH_RECORDS = 10;
const RECORD_BYTES = 99_000;
const READERS = 64;
const ROUNDS = 3;
/** Without a bound it was 1,600 MB; what is left is garbage that V8 has not collected yet. */
const GROWTH_MB_MAX = 800;

let service: Service;

beforeAll(async () => {
  service = await startService();
  const partitions = ["--partitions", String(PARTITIONS)];
  await kedge(service, ["topics", "--create", "--topic", TOPIC, ...partitions]);
  for (let i = 0; i < PARTITIONS * BATCHES; i++) await produce(i % PARTITIONS);
});

afterAll(() => discard(service));

async function produce(index: number): Promise<void> {
  const records = Array.from({ length: BATCH_RECORDS }, () => {
    return {
      timestamp: 0,
      key: null,
      value: new Uint8Array(randomBytes(RECORD_BYTES)),
      headers: [],
    };
  });
  const batch = encodeRecordBatch({ records, compress: (_, bytes) => bytes });
  const partitionData = [{ index, records: batch }];
  const request = { acks: -1, timeoutMs: 30_000, topicData: [{ name: TOPIC, partitionData }] };
  const response = await post(encodeRequestFrame(produceApi, 9, 1, "load", request));
  expect(response.status).toBe(200);
  await response.arrayBuffer();
}

function post(frame: Uint8Array): Promise<Response> {
  return fetch(`${service.url}/kafka`, { method: "POST", body: frame as Uint8Array<ArrayBuffer> });
}

function fetchFrame(partition: number, fetchOffset: number, more: { minBytes?: number } = {}) {
  const partitions = [{ partition, fetchOffset, partitionMaxBytes: 16 << 20 }];
  return encodeRequestFrame(fetchApi, 12, 1, "load", {
    ...{ maxWaitMs: 20_000, minBytes: 1, maxBytes: 50 << 20, isolationLevel: 0, ...more },
    ...{ sessionId: 0, sessionEpoch: -1, rackId: "", topics: [{ topic: TOPIC, partitions }] },
  });
}

async function fetchBytes(partition: number, fetchOffset: number): Promise<number> {
  const response = await post(fetchFrame(partition, fetchOffset));
  expect(response.status).toBe(200);
  const frame = new Uint8Array(await response.arrayBuffer());
  const { responses, errorCode } = decodeResponseFrame(fetchApi, 12, frame).body;
  const answer = responses[0]?.partitions[0];
  expect([errorCode, answer?.errorCode, answer?.highWatermark]).toEqual([
    ...[0, 0],
    BATCHES * BATCH_RECORDS,
  ]);
  return answer?.records?.byteLength ?? 0;
}

/** Resident memory of the service's workerd. */
function workerdMegabytes(): number {
  const status = descendants(service.process.pid ?? 0)
    .map((pid) => readFileSync(`/proc/${pid}/status`, "utf8"))
    .find((text) => /^Name:\s+workerd/m.test(text));
  return Number(/VmRSS:\s+(\d+)/.exec(status ?? "")?.[1]) / 1024;
}

function descendants(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")
      .split(" ")
      .filter(Boolean)
      .map(Number),
  );
  return children.flatMap((child) => [child, ...descendants(child)]);
}

describe("DOOR9: large fetches at the same time", () => {
  test("have a bound on what workerd holds, and every one is answered", async () => {
    const before = workerdMegabytes();
    let peak = before;
    const watch = setInterval(() => {
      peak = Math.max(peak, workerdMegabytes());
    }, 50);
    const sizes: number[] = [];
    const reader = async (at: number): Promise<void> => {
      for (let round = 0; round < ROUNDS; round++) {
        sizes.push(await fetchBytes(at % PARTITIONS, ((at + round) % 10) * BATCH_RECORDS));
      }
    };
    await Promise.all(Array.from({ length: READERS }, (_, at) => reader(at)));
    clearInterval(watch);
    const after = workerdMegabytes();
    const mean = sizes.reduce((a, b) => a + b, 0) / sizes.length / 1e6;
    console.log(
      `workerd with ${READERS} readers: ${before.toFixed(0)} MB before, ${peak.toFixed(0)} at the ` +
        `most, ${after.toFixed(0)} after; ${sizes.length} fetches of ${mean.toFixed(1)} MB on average`,
    );
    expect(Math.min(...sizes)).toBeGreaterThan(RECORD_BYTES);
    expect(peak - before).toBeLessThan(GROWTH_MB_MAX);
  });

  /** A client that reads nothing of the answer and goes. */
  function goneAfter(ms: number, frame: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(service.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.pause();
      const length = `content-length: ${frame.length}`;
      socket.write(`POST /kafka HTTP/1.1\r\nhost: 127.0.0.1:${service.port}\r\n${length}\r\n\r\n`);
      socket.write(frame);
      setTimeout(() => {
        socket.resetAndDestroy();
        resolve();
      }, ms);
    });
  }

  test.each([
    ["do not read their answer", 300, fetchFrame(0, 0)],
    ["leave at once", 0, fetchFrame(0, 0)],
    ["leave while they wait for more", 300, fetchFrame(0, 200, { minBytes: 50 << 20 })],
  ])("of clients that %s leave nothing behind", async (_, ms, frame) => {
    await Promise.all(Array.from({ length: 40 }, () => goneAfter(ms, frame)));
    // Half of what is free is more than a fetch takes only if nearly all of it came back.
    await until(
      async () => {
        const sizes = await Promise.all([0, 1, 2, 3].map((partition) => fetchBytes(partition, 0)));
        return sizes.every((bytes) => bytes > 3_500_000);
      },
      "fetches get all that they ask for again",
      20_000,
    );
  });
});

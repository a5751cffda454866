/** `POST /kafka` inside workerd: short replies, and long ones that are followed until they are sent. */
import { createExecutionContext } from "cloudflare:test";
import { beforeAll, expect, test } from "vitest";
import { concatBytes, equalBytes } from "../../src/lib/bytes.ts";
import { produceApi } from "../../src/protocol/api/00-produce.ts";
import { fetchApi } from "../../src/protocol/api/01-fetch.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../src/protocol/frame.ts";
import { createApp } from "../../src/router/app.ts";
import { migratedDatabase } from "../support/d1.ts";
import { batchOf } from "../unit/log/harness.ts";
import { createTopic, topicOf, workerEnv } from "./partition-topics.ts";

const app = createApp();

beforeAll(async () => {
  await migratedDatabase();
});

function send(frame: Uint8Array): Promise<Response> {
  const headers = { "content-type": "application/vnd.kafka.protocol" };
  const request = new Request("http://localhost:8787/kafka", {
    ...{ method: "POST", headers, body: frame },
  });
  return app.fetch(request, { ...workerEnv, KEDGE_OPEN: "loopback" }, createExecutionContext());
}

test.each([100, 200_000])("a fetch of batches of %i bytes comes whole", async (valueBytes) => {
  const { topicId } = await createTopic(topicOf());
  const batch = batchOf({ valueBytes });
  for (let at = 0; at < 2; at++) {
    const produce = { acks: -1, timeoutMs: 10_000 };
    const partitionData = [{ index: 0, records: batch.slice() }];
    const frame = { ...produce, topicData: [{ topicId, partitionData }] };
    const sent = await send(encodeRequestFrame(produceApi, 13, 1, "test", frame));
    const { body } = decodeResponseFrame(produceApi, 13, new Uint8Array(await sent.arrayBuffer()));
    expect(body.responses[0]?.partitionResponses[0]).toMatchObject({
      errorCode: 0,
      baseOffset: at,
    });
  }
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }];
  const request = {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1 << 20,
    topics: [{ topicId, partitions }],
  };
  const fetched = encodeRequestFrame(fetchApi, 13, 7, "test", request);
  for (const frame of [fetched, fetched.subarray(4)]) {
    const response = await send(frame);
    const bytes = new Uint8Array(await response.arrayBuffer());
    // Clients that keep a connection open like to know, and a chunked body takes the platform longer.
    expect(response.headers.get("content-length")).toBe(String(bytes.byteLength));
    const prefixed = frame === fetched ? bytes : concatBytes([sizeOf(bytes), bytes]);
    const { correlationId, body } = decodeResponseFrame(fetchApi, 13, prefixed);
    expect(correlationId).toBe(7);
    const records = body.responses[0]?.partitions[0]?.records ?? new Uint8Array(0);
    // What comes after base offset and leader epoch is the producer's.
    expect(records.byteLength).toBe(2 * batch.byteLength);
    expect(equalBytes(records.subarray(16, batch.byteLength), batch.subarray(16))).toBe(true);
  }
  // A client that goes away ends it, and nobody hears of that.
  await (await send(fetched)).body?.cancel();
});

function sizeOf(bytes: Uint8Array): Uint8Array {
  const size = new Uint8Array(4);
  new DataView(size.buffer).setInt32(0, bytes.byteLength);
  return size;
}

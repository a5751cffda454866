/** Frames that real clients sent (test/golden/record.ts): read, and written again, byte for byte. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { ProduceRequest } from "../../../src/protocol/api/00-produce.ts";
import { apiByKey } from "../../../src/protocol/api/registry.ts";
import { decodeRequestHeader, encodeRequestFrame } from "../../../src/protocol/frame.ts";
import { Reader } from "../../../src/protocol/reader.ts";
import {
  batchBaseSequence,
  batchCompression,
  batchCrc,
  batchPartitionLeaderEpoch,
  batchProducerEpoch,
  batchProducerId,
  computeBatchCrc,
  decodeRecordBatch,
  encodeRecordBatch,
  iterateBatches,
} from "../../../src/protocol/record-batch.ts";

interface Golden {
  readonly client: string;
  readonly api: string;
  readonly key: number;
  readonly version: number;
  readonly frame: Uint8Array;
}

function load(client: string): Golden[] {
  const text = readFileSync(new URL(`../../golden/${client}.json`, import.meta.url), "utf8");
  const frames = JSON.parse(text) as { api: string; key: number; version: number; frame: string }[];
  return frames.map((one) => ({
    ...one,
    client,
    frame: new Uint8Array(Buffer.from(one.frame, "hex")),
  }));
}

const golden = ["kafkajs", "platformatic"].flatMap(load);

function decode({ key, version, frame }: Golden): unknown {
  const api = apiByKey(key);
  const header = decodeRequestHeader(frame, 4);
  expect(header).toMatchObject({ apiKey: key, apiVersion: version });
  const reader = new Reader(frame, header.bodyOffset);
  const request = api?.request.decode(reader, version);
  expect(reader.remaining).toBe(0);
  return request;
}

test.each(golden)("$client $api v$version", (one) => {
  const api = apiByKey(one.key);
  if (api === undefined) throw new Error(`no schema for key ${one.key}`);
  const { correlationId, clientId } = decodeRequestHeader(one.frame, 4);
  const again = encodeRequestFrame(api, one.version, correlationId, clientId, decode(one));
  expect(Buffer.from(again).toString("hex")).toBe(Buffer.from(one.frame).toString("hex"));
});

test("both encodings of every core API are among them", () => {
  const seen = new Set(golden.map(({ key, version }) => `${key} ${version}`));
  for (const version of [3, 7, 9, 11]) expect(seen).toContain(`0 ${version}`);
  for (const version of [4, 11, 12, 17]) expect(seen).toContain(`1 ${version}`);
  for (const version of [1, 3, 9]) expect(seen).toContain(`2 ${version}`);
  for (const version of [1, 6, 9, 12]) expect(seen).toContain(`3 ${version}`);
  expect(seen.size).toBeGreaterThan(150);
});

test("a request says what its client was told to say", () => {
  const produce = golden.find(
    ({ client, key, version }) => client === "kafkajs" && key === 0 && version === 7,
  );
  if (produce === undefined) throw new Error("no Produce v7 was recorded");
  expect(decode(produce)).toMatchObject({
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: "topic" }],
  });
});

const decompress = (codec: number, bytes: Uint8Array): Uint8Array => {
  expect(codec).toBe(1);
  return new Uint8Array(gunzipSync(bytes));
};

test.each(golden.filter(({ key }) => key === 0))(
  "$client Produce v$version: its batches are valid, and written again byte for byte",
  (one) => {
    const { topicData } = decode(one) as ProduceRequest;
    const all = topicData.flatMap((topic) => topic.partitionData.map(({ records }) => records));
    expect(all.length).toBeGreaterThan(0);
    for (const bytes of all) {
      if (bytes === null) throw new Error("a partition without records");
      expect([...iterateBatches(bytes)]).toEqual([0]);
      expect(batchCrc(bytes, 0)).toBe(computeBatchCrc(bytes, 0));
      const records = decodeRecordBatch(bytes, 0, decompress);
      expect(records[0]?.timestamp).toBeGreaterThanOrEqual(1_700_000_000_000);
      if (batchCompression(bytes, 0) !== 0) continue;
      const again = encodeRecordBatch({
        records,
        producerId: batchProducerId(bytes, 0),
        producerEpoch: batchProducerEpoch(bytes, 0),
        baseSequence: batchBaseSequence(bytes, 0),
        partitionLeaderEpoch: batchPartitionLeaderEpoch(bytes, 0),
      });
      expect(again).toEqual(bytes);
    }
  },
);

/** Limits: those of Kafka and of the platform as they are, ours as they hang together. */
import { expect, test } from "vitest";
import * as constants from "../../src/constants.ts";

const {
  APPEND_IN_FLIGHT_BYTES_MAX,
  CHUNK_BYTES_MAX,
  CHUNK_PARTS_MAX,
  DECOMPRESSED_BYTES_MAX,
  FETCH_BYTES_MAX,
  FETCH_PARTITION_BYTES_MAX,
  MAX_MESSAGE_BYTES_DEFAULT,
  MAX_MESSAGE_BYTES_LIMIT,
  OFFSET_MAX,
  REQUEST_BYTES_MAX,
  ROW_BYTES_MAX,
  RPC_MESSAGE_BYTES_MAX,
  TRIM_ROWS_PER_TURN,
} = constants;
const byName: ReadonlyMap<string, unknown> = new Map(Object.entries(constants));

test.each([
  // Cloudflare: durable-objects/platform/limits, and workerd's MAX_JS_RPC_MESSAGE_SIZE.
  ["ROW_BYTES_MAX", 2_000_000],
  ["RPC_MESSAGE_BYTES_MAX", 33_554_432],
  // Kafka: LogConfig, ServerLogConfigs, SocketServerConfigs.
  ["MAX_MESSAGE_BYTES_DEFAULT", 1_048_588],
  ["SEGMENT_BYTES_DEFAULT", 1_073_741_824],
  ["REQUEST_BYTES_MAX", 104_857_600],
  ["TIMESTAMP_AFTER_MAX_MS", 3_600_000],
  ["TOPIC_NAME_CHARS_MAX", 249],
  ["BATCH_SIZE_DEFAULT", 16_384],
  // Kafka: ProducerStateEntry, TransactionLogConfig, ProducerIdsBlock.
  ["PRODUCER_BATCHES_RETAINED", 5],
  ["PRODUCER_ID_EXPIRATION_MS", 86_400_000],
  ["PRODUCER_ID_BLOCK", 1_000],
])("%s is %i, as its source says", (name, value) => {
  expect(byName.get(name)).toBe(value);
});

test("every constant is a positive whole number with its unit in its name", () => {
  const units = new RegExp(
    `(^|_)(${[
      ...["BYTES", "MS", "ROWS", "CHUNKS", "PARTS", "CHARS", "OFFSETS?", "PARTITIONS", "TOPICS"],
      ...["BATCHES", "REPLICAS", "IDS?", "GROUPS", "CALLS", "MEMBERS", "PROTOCOLS"],
      "INSTRUCTIONS",
    ].join("|")})(_|$)|FACTOR|^BATCH_SIZE`,
  );
  for (const [name, value] of byName) {
    expect(Number.isSafeInteger(value) && Number(value) > 0, name).toBe(true);
    expect(name).toMatch(units);
  }
});

test("every rowid is an exact number, that of the bound behind the last offset too", () => {
  const last = (OFFSET_MAX - 1) * CHUNK_PARTS_MAX + CHUNK_PARTS_MAX - 1;
  expect(Math.floor(last / CHUNK_PARTS_MAX)).toBe(OFFSET_MAX - 1);
  expect(last % CHUNK_PARTS_MAX).toBe(CHUNK_PARTS_MAX - 1);
  expect((OFFSET_MAX + 1) * CHUNK_PARTS_MAX).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
});

test("a chunk leaves room in its row for five integers and the header of the row", () => {
  expect(CHUNK_BYTES_MAX + 5 * 9 + 20).toBeLessThanOrEqual(ROW_BYTES_MAX);
});

test("the largest batch goes through every door", () => {
  expect(MAX_MESSAGE_BYTES_DEFAULT).toBeLessThanOrEqual(MAX_MESSAGE_BYTES_LIMIT);
  expect(MAX_MESSAGE_BYTES_LIMIT).toBeLessThan(REQUEST_BYTES_MAX);
  expect(MAX_MESSAGE_BYTES_LIMIT).toBeLessThan(APPEND_IN_FLIGHT_BYTES_MAX);
  expect(MAX_MESSAGE_BYTES_LIMIT).toBeLessThan(RPC_MESSAGE_BYTES_MAX);
  expect(MAX_MESSAGE_BYTES_LIMIT).toBeLessThan(FETCH_PARTITION_BYTES_MAX);
  expect(MAX_MESSAGE_BYTES_LIMIT).toBeLessThanOrEqual(CHUNK_BYTES_MAX * CHUNK_PARTS_MAX);
  expect(MAX_MESSAGE_BYTES_LIMIT).toBeLessThan(DECOMPRESSED_BYTES_MAX);
  // A read takes the first batch whole, or up to fetch.max.bytes: both fit one RPC message.
  expect(Math.max(FETCH_BYTES_MAX, MAX_MESSAGE_BYTES_LIMIT)).toBeLessThan(RPC_MESSAGE_BYTES_MAX);
});

test("a trim can always pass the largest chunk within its rows", () => {
  expect(TRIM_ROWS_PER_TURN).toBeGreaterThanOrEqual(CHUNK_PARTS_MAX);
});

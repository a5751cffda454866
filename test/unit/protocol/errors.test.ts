import { expect, test } from "vitest";
import { ERROR_MESSAGES } from "../../../src/protocol/error-messages.ts";
import {
  ErrorCode,
  errorMessage,
  errorName,
  isRetriable,
  KafkaError,
  ProtocolError,
} from "../../../src/protocol/errors.ts";

const codes: readonly number[] = Object.values(ErrorCode);

test("every code from -1 to Kafka 4.2's last is there once, with a sentence", () => {
  expect(codes.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 135 }, (_, i) => i - 1));
  for (const code of codes) expect(ERROR_MESSAGES[code]).toMatch(/\.$/);
});

test.each([
  [-1, "UNKNOWN_SERVER_ERROR", false],
  [0, "NONE", false],
  [1, "OFFSET_OUT_OF_RANGE", false],
  [3, "UNKNOWN_TOPIC_OR_PARTITION", true],
  [6, "NOT_LEADER_OR_FOLLOWER", true],
  [7, "REQUEST_TIMED_OUT", true],
  [10, "MESSAGE_TOO_LARGE", false],
  [19, "NOT_ENOUGH_REPLICAS", true],
  [45, "OUT_OF_ORDER_SEQUENCE_NUMBER", false],
  [47, "INVALID_PRODUCER_EPOCH", false],
  [74, "FENCED_LEADER_EPOCH", true],
  [87, "INVALID_RECORD", false],
  [89, "THROTTLING_QUOTA_EXCEEDED", true],
  [100, "UNKNOWN_TOPIC_ID", true],
  [113, "STALE_MEMBER_EPOCH", false],
])("%i is %s", (code, name, retriable) => {
  expect(errorName(code)).toBe(name);
  expect(isRetriable(code)).toBe(retriable);
});

test("a code that nobody knows still has a name and a sentence", () => {
  expect(errorName(999)).toBe("UNKNOWN_ERROR_CODE_999");
  expect(errorMessage(999)).toContain("999");
  expect(isRetriable(999)).toBe(false);
});

test("a KafkaError says Kafka's sentence unless it is given a better one", () => {
  const plain = new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  expect(plain).toBeInstanceOf(Error);
  expect(plain.name).toBe("KafkaError");
  expect(plain.message).toBe("This server does not host this topic-partition.");
  expect(plain.retriable).toBe(true);
  const told = new KafkaError(ErrorCode.INVALID_CONFIG, "retention.ms must be a number, got x");
  expect(told.message).toBe("retention.ms must be a number, got x");
  expect(told.retriable).toBe(false);
});

test("a ProtocolError is not a KafkaError", () => {
  const error = new ProtocolError("cut");
  expect(error.name).toBe("ProtocolError");
  expect(error).not.toBeInstanceOf(KafkaError);
});

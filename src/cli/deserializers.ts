/** The SDK's deserializers by the names of Kafka's classes, for printing. */
import {
  BytesDeserializer,
  type Deserializer,
  DoubleDeserializer,
  FloatDeserializer,
  IntegerDeserializer,
  JSONDeserializer,
  LongDeserializer,
  ShortDeserializer,
  StringDeserializer,
  UUIDDeserializer,
  VoidDeserializer,
} from "../client/mod.ts";
import { CommandFailure } from "./failure.ts";
import type { Show } from "./record-formatter.ts";

const BY_NAME: Readonly<Record<string, Deserializer<unknown>>> = {
  string: StringDeserializer,
  short: ShortDeserializer,
  integer: IntegerDeserializer,
  long: LongDeserializer,
  float: FloatDeserializer,
  double: DoubleDeserializer,
  bytes: BytesDeserializer,
  bytearray: BytesDeserializer,
  uuid: UUIDDeserializer,
  json: JSONDeserializer,
  void: VoidDeserializer,
};

/**
 * `org.apache.kafka.common.serialization.LongDeserializer`, `LongDeserializer` or `Long`.
 *
 * @throws CommandFailure for a class that is not one of Kafka's own.
 */
export function showWith(name: string | undefined): Show | null {
  if (name === undefined) return null;
  const short = (name.split(".").at(-1) ?? "").replace(/Deserializer$/, "").toLowerCase();
  const deserializer = BY_NAME[short];
  if (deserializer === undefined) {
    const known = "String, Short, Integer, Long, Float, Double, Bytes, ByteArray, UUID, JSON, Void";
    throw new CommandFailure(`unknown deserializer ${name}; known are ${known}`);
  }
  if (deserializer === BytesDeserializer) return (_topic, bytes) => bytes;
  return (topic, bytes) => {
    const value = deserializer.deserialize(topic, bytes, []);
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    return Buffer.from(text, "utf8");
  };
}

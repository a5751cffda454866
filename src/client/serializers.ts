import { utf8Decode, utf8Encode, utf8Length, utf8Write } from "../lib/bytes.ts";
import type { KafkaHeader } from "../protocol/record-batch.ts";
import { SerializationError } from "./errors.ts";

/**
 * Makes a key or value into bytes. Those exported here write the bytes that the classes of the same
 * name in org.apache.kafka.common.serialization write.
 */
export interface Serializer<T> {
  /** null stays null: it is never passed in. Throws SerializationError for what it cannot take. */
  serialize(topic: string, data: T, headers: readonly KafkaHeader[]): Uint8Array | null;
}

export interface Deserializer<T> {
  /** null stays null: it is never passed in. Throws SerializationError for what it cannot read. */
  deserialize(topic: string, bytes: Uint8Array, headers: readonly KafkaHeader[]): T;
}

type Read<T> = (view: DataView) => T;
type Write<T> = (view: DataView, data: T) => void;

function fixedSerializer<T>(
  bytes: number,
  what: string,
  accepts: (data: T) => boolean,
  write: Write<T>,
): Serializer<T> {
  return {
    serialize(_topic, data) {
      if (!accepts(data)) throw new SerializationError(`${String(data)} is not ${what}`);
      const out = new Uint8Array(bytes);
      write(new DataView(out.buffer), data);
      return out;
    },
  };
}

function fixedDeserializer<T>(bytes: number, name: string, read: Read<T>): Deserializer<T> {
  return {
    deserialize(_topic, data) {
      if (data.length !== bytes) {
        throw new SerializationError(
          `the size of data received by the ${name} is ${data.length}, not ${bytes}`,
        );
      }
      return read(new DataView(data.buffer, data.byteOffset, bytes));
    },
  };
}

const isInteger = (bits: number) => (data: number) =>
  Number.isInteger(data) && data >= -(2 ** (bits - 1)) && data < 2 ** (bits - 1);
const isNumber = (data: number) => typeof data === "number";

/** Up to this many characters a loop beats the call into the runtime's TextEncoder. */
const SHORT_TEXT_CHARS = 48;

function encodeText(text: string): Uint8Array {
  if (text.length > SHORT_TEXT_CHARS) return utf8Encode(text);
  const bytes = new Uint8Array(utf8Length(text));
  utf8Write(text, bytes, 0);
  return bytes;
}

/** UTF-8. */
export const StringSerializer: Serializer<string> = {
  serialize(_topic, data) {
    if (typeof data !== "string") throw new SerializationError(`${typeof data} is not a string`);
    return encodeText(data);
  },
};
export const StringDeserializer: Deserializer<string> = {
  deserialize: (_topic, bytes) => utf8Decode(bytes),
};

/** Two bytes, big-endian. */
export const ShortSerializer = fixedSerializer<number>(
  2,
  "a 16-bit integer",
  isInteger(16),
  (view, data) => view.setInt16(0, data),
);
export const ShortDeserializer = fixedDeserializer(2, "ShortDeserializer", (view) =>
  view.getInt16(0),
);

/** Four bytes, big-endian. */
export const IntegerSerializer = fixedSerializer<number>(
  4,
  "a 32-bit integer",
  isInteger(32),
  (view, data) => view.setInt32(0, data),
);
export const IntegerDeserializer = fixedDeserializer(4, "IntegerDeserializer", (view) =>
  view.getInt32(0),
);

/** Eight bytes, big-endian. Takes safe integers too; gives bigints. */
export const LongSerializer = fixedSerializer<bigint | number>(
  8,
  "a 64-bit integer",
  (data) =>
    typeof data === "bigint" ? BigInt.asIntN(64, data) === data : Number.isSafeInteger(data),
  (view, data) => view.setBigInt64(0, BigInt(data)),
);
export const LongDeserializer = fixedDeserializer(8, "LongDeserializer", (view) =>
  view.getBigInt64(0),
);

/** IEEE 754 single precision, four bytes, big-endian. */
export const FloatSerializer = fixedSerializer<number>(4, "a number", isNumber, (view, data) =>
  view.setFloat32(0, data),
);
export const FloatDeserializer = fixedDeserializer(4, "FloatDeserializer", (view) =>
  view.getFloat32(0),
);

/** IEEE 754 double precision, eight bytes, big-endian. */
export const DoubleSerializer = fixedSerializer<number>(8, "a number", isNumber, (view, data) =>
  view.setFloat64(0, data),
);
export const DoubleDeserializer = fixedDeserializer(8, "DoubleDeserializer", (view) =>
  view.getFloat64(0),
);

/** The bytes as they are (Kafka's ByteArraySerializer and BytesSerializer). */
export const BytesSerializer: Serializer<Uint8Array> = {
  serialize(_topic, data) {
    if (!(data instanceof Uint8Array))
      throw new SerializationError(`${typeof data} is not a Uint8Array`);
    return data;
  },
};
/** A view, not a copy: keep a slice() if the rest of a large fetch should not be kept with it. */
export const BytesDeserializer: Deserializer<Uint8Array> = {
  deserialize: (_topic, bytes) => bytes,
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The 36 characters of java.util.UUID.toString, in UTF-8. */
export const UUIDSerializer: Serializer<string> = {
  serialize(_topic, data) {
    if (typeof data !== "string" || !UUID.test(data)) {
      throw new SerializationError(`${String(data)} is not a UUID of 36 characters`);
    }
    return utf8Encode(data.toLowerCase());
  },
};
export const UUIDDeserializer: Deserializer<string> = {
  deserialize(_topic, bytes) {
    const text = utf8Decode(bytes);
    if (!UUID.test(text)) throw new SerializationError(`${JSON.stringify(text)} is not a UUID`);
    return text.toLowerCase();
  },
};

/** JSON text in UTF-8, as Kafka's JsonSerializer. */
export const JSONSerializer: Serializer<unknown> = {
  serialize(_topic, data) {
    let text: string | undefined;
    try {
      text = JSON.stringify(data);
    } catch (cause) {
      throw new SerializationError(`no JSON can be made of it: ${String(cause)}`, { cause });
    }
    if (text === undefined) throw new SerializationError(`${typeof data} has no JSON form`);
    return utf8Encode(text);
  },
};
export const JSONDeserializer: Deserializer<unknown> = {
  deserialize(_topic, bytes) {
    try {
      return JSON.parse(utf8Decode(bytes)) as unknown;
    } catch (cause) {
      throw new SerializationError(`it is not JSON: ${String(cause)}`, { cause });
    }
  },
};

/** Takes nothing but null. */
export const VoidSerializer: Serializer<never> = {
  serialize() {
    throw new SerializationError("data should be null for a VoidSerializer");
  },
};
export const VoidDeserializer: Deserializer<null> = {
  deserialize() {
    throw new SerializationError("data should be null for a VoidDeserializer");
  },
};

/** The producer's default: text as UTF-8, bytes as they are. */
export const TextOrBytesSerializer: Serializer<string | Uint8Array> = {
  serialize(_topic, data) {
    if (typeof data === "string") return encodeText(data);
    if (data instanceof Uint8Array) return data;
    throw new SerializationError(
      `${data === null ? "null" : typeof data} is neither a string nor a Uint8Array: ` +
        "give the producer a key.serializer or value.serializer",
    );
  },
};

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SerializationError } from "../../../src/client/errors.ts";
import * as s from "../../../src/client/serializers.ts";

const hex = (bytes: Uint8Array | null) =>
  bytes === null ? null : Buffer.from(bytes).toString("hex");
const write = <T>(serializer: s.Serializer<T>, data: T) => hex(serializer.serialize("t", data, []));
const read = <T>(deserializer: s.Deserializer<T>, text: string) =>
  deserializer.deserialize("t", Uint8Array.from(Buffer.from(text, "hex")), []);

describe("the bytes are those of Kafka's classes", () => {
  it("String", () => {
    expect(write(s.StringSerializer, "é€😀")).toBe("c3a9e282acf09f9880");
    expect(read(s.StringDeserializer, "c3a9e282acf09f9880")).toBe("é€😀");
  });

  it("Short, Integer, Long: big-endian two's complement", () => {
    expect(write(s.ShortSerializer, -2)).toBe("fffe");
    expect(write(s.IntegerSerializer, 0x01020304)).toBe("01020304");
    expect(write(s.IntegerSerializer, -1)).toBe("ffffffff");
    expect(write(s.LongSerializer, 0x0102030405060708n)).toBe("0102030405060708");
    expect(write(s.LongSerializer, -1)).toBe("ffffffffffffffff");
    expect(read(s.LongDeserializer, "8000000000000000")).toBe(-(2n ** 63n));
  });

  it("Float and Double: IEEE 754, big-endian", () => {
    expect(write(s.FloatSerializer, 1.5)).toBe("3fc00000");
    expect(write(s.DoubleSerializer, -2.5)).toBe("c004000000000000");
    expect(read(s.FloatDeserializer, "7f800000")).toBe(Number.POSITIVE_INFINITY);
  });

  it("UUID: its 36 characters", () => {
    const uuid = "123E4567-e89b-12d3-a456-426614174000";
    const text = Buffer.from(uuid.toLowerCase()).toString("hex");
    expect(write(s.UUIDSerializer, uuid)).toBe(text);
    expect(read(s.UUIDDeserializer, text)).toBe(uuid.toLowerCase());
  });

  it("Bytes: themselves", () => {
    expect(write(s.BytesSerializer, Uint8Array.of(0, 255))).toBe("00ff");
    expect(hex(read(s.BytesDeserializer, "00ff"))).toBe("00ff");
  });

  it("JSON: its text", () => {
    expect(write(s.JSONSerializer, { a: ["é"] })).toBe(Buffer.from('{"a":["é"]}').toString("hex"));
    expect(read(s.JSONDeserializer, Buffer.from(" [1, null] ").toString("hex"))).toEqual([1, null]);
  });
});

describe("there and back", () => {
  const cases: [string, fc.Arbitrary<unknown>, s.Serializer<never>, s.Deserializer<unknown>][] = [
    ["String", fc.string({ unit: "grapheme" }), s.StringSerializer as never, s.StringDeserializer],
    [
      "Short",
      fc.integer({ min: -32768, max: 32767 }),
      s.ShortSerializer as never,
      s.ShortDeserializer,
    ],
    ["Integer", fc.integer(), s.IntegerSerializer as never, s.IntegerDeserializer],
    [
      "Long",
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      s.LongSerializer as never,
      s.LongDeserializer,
    ],
    ["Float", fc.float(), s.FloatSerializer as never, s.FloatDeserializer],
    ["Double", fc.double(), s.DoubleSerializer as never, s.DoubleDeserializer],
    ["UUID", fc.uuid(), s.UUIDSerializer as never, s.UUIDDeserializer],
    ["JSON", fc.jsonValue(), s.JSONSerializer as never, s.JSONDeserializer],
  ];

  it.each(cases)("%s", (_name, values, serializer, deserializer) => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = serializer.serialize("t", value as never, []) as Uint8Array;
        const back = deserializer.deserialize("t", bytes, []);
        // JSON has no -0.
        expect(back).toEqual(_name === "JSON" ? JSON.parse(JSON.stringify(value)) : value);
      }),
    );
  });
});

describe("what does not fit is refused", () => {
  it.each([
    ["a string for bytes", () => write(s.BytesSerializer, "x" as never)],
    ["a number for a string", () => write(s.StringSerializer, 1 as never)],
    ["40000 as a short", () => write(s.ShortSerializer, 40_000)],
    ["1.5 as an integer", () => write(s.IntegerSerializer, 1.5)],
    ["2^31 as an integer", () => write(s.IntegerSerializer, 2 ** 31)],
    ["2^63 as a long", () => write(s.LongSerializer, 2n ** 63n)],
    ["2^60 + 1 as a long by a double", () => write(s.LongSerializer, 2 ** 60)],
    ["text that is no UUID", () => write(s.UUIDSerializer, "x")],
    ["a function as JSON", () => write(s.JSONSerializer, () => 1)],
    [
      "a circle as JSON",
      () => {
        const circle: Record<string, unknown> = {};
        circle.self = circle;
        write(s.JSONSerializer, circle);
      },
    ],
    ["anything as void", () => write(s.VoidSerializer, 1 as never)],
    ["an object without a serializer", () => write(s.TextOrBytesSerializer, {} as never)],
    ["3 bytes as a short", () => read(s.ShortDeserializer, "000102")],
    ["3 bytes as an integer", () => read(s.IntegerDeserializer, "000102")],
    ["no bytes as a long", () => read(s.LongDeserializer, "")],
    ["7 bytes as a double", () => read(s.DoubleDeserializer, "00010203040506")],
    ["bytes that are no UUID", () => read(s.UUIDDeserializer, "00")],
    ["bytes that are no JSON", () => read(s.JSONDeserializer, "7b")],
    ["bytes as void", () => read(s.VoidDeserializer, "00")],
  ])("%s", (_what, attempt) => {
    expect(attempt).toThrow(SerializationError);
  });
});

import { expect, expectTypeOf, test } from "vitest";
import { ZERO_UUID } from "../../../src/lib/uuid.ts";
import type { ProduceRequest, ProduceRequestInput } from "../../../src/protocol/api/00-produce.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { joinGroupApi } from "../../../src/protocol/api/11-join-group.ts";
import { apiByKey, apis } from "../../../src/protocol/api/registry.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { Reader } from "../../../src/protocol/reader.ts";
import type { AnyApi, RequestOf, ResponseInputOf } from "../../../src/protocol/schema.ts";
import { defineApi, f, struct } from "../../../src/protocol/schema.ts";
import { parseVersions } from "../../../src/protocol/versions.ts";
import { Writer } from "../../../src/protocol/writer.ts";

const point = struct({ x: f.int32({ default: -1 }), y: f.int32({ default: -1 }) });

const exampleApi = defineApi({
  key: 999,
  name: "Example",
  versions: [1, 4],
  flexible: 3,
  request: struct({
    name: f.string({ nullable: "2+" }),
    count: f.int32(),
    old: f.int16({ versions: "1-2", default: 7 }),
    cursor: f.struct(struct({ at: f.int64() }), { versions: "2+", nullable: "2+" }),
    late: f.string({ versions: "3+", tag: 5, taggedVersions: "3+" }),
    where: f.struct(point, { versions: "3+", tag: 1, taggedVersions: "3+" }),
    port: f.uint16({ versions: "4+" }),
    ratio: f.float64({ versions: "4+" }),
  }),
  response: struct({ ids: f.array(f.uuid()) }),
});

const squeeze = (hex: string): string => hex.replaceAll(" ", "");

function encodeHex(
  version: number,
  value: Parameters<typeof exampleApi.request.encode>[2],
): string {
  const writer = new Writer();
  exampleApi.request.encode(writer, version, value);
  return Buffer.from(writer.finish()).toString("hex");
}

function decodeHex(version: number, hex: string): RequestOf<typeof exampleApi> {
  return exampleApi.request.decode(
    new Reader(new Uint8Array(Buffer.from(squeeze(hex), "hex"))),
    version,
  );
}

test("plain versions: int16 strings, int32 arrays, no tags", () => {
  expect(encodeHex(1, { name: "ab", count: 1 })).toBe(squeeze("00026162 00000001 0007"));
  expect(encodeHex(2, { name: null, count: 1, old: 2, cursor: { at: -2 } })).toBe(
    squeeze("ffff 00000001 0002 01 fffffffffffffffe"),
  );
  expect(encodeHex(2, { count: 1 })).toBe(squeeze("ffff 00000001 0007 ff"));
});

test("flexible versions: lengths plus one, tags in order, defaults left out", () => {
  expect(encodeHex(3, { name: "ab", count: 1 })).toBe(squeeze("036162 00000001 ff 00"));
  expect(encodeHex(3, { name: null, count: 1, late: "z", where: { x: 4 } })).toBe(
    squeeze("00 00000001 ff 02 0109 00000004ffffffff00 0502 027a"),
  );
  expect(encodeHex(3, { count: 1, late: "", where: { x: -1, y: -1 } })).toBe(
    squeeze("00 00000001 ff 00"),
  );
  expect(encodeHex(4, { count: 1, port: 65_535, ratio: -2 })).toBe(
    squeeze("00 00000001 ff ffff c000000000000000 00"),
  );
});

test("a decoded struct has every field, those of other versions at their defaults", () => {
  expect(decodeHex(1, "00026162000000010002")).toEqual({
    name: "ab",
    count: 1,
    old: 2,
    cursor: null,
    late: "",
    where: { x: -1, y: -1 },
    port: 0,
    ratio: 0,
  });
});

test("unknown tags are skipped, known ones must be used up", () => {
  const body = "00 00000001 ff";
  expect(decodeHex(3, `${body} 02 0403aabbcc 0502027a`).late).toBe("z");
  expect(() => decodeHex(3, `${body} 01 0503027a00`)).toThrow(
    "Example request v3 late has 1 bytes more than it should",
  );
  expect(() => decodeHex(3, `${body} 01 05017a`)).toThrow(ProtocolError);
  expect(() => decodeHex(3, `${body} 01 0505027a`)).toThrow(ProtocolError);
});

test("null where it is not allowed: an error when read, the empty value when written", () => {
  expect(() => decodeHex(1, "ffff000000010002")).toThrow(
    "Example request v1 name is null, which this version does not allow",
  );
  expect(encodeHex(1, { name: null, count: 1 })).toBe(squeeze("0000 00000001 0007"));
  expect(exampleApi.request.normalize(1, { name: null, count: 1 }).name).toBe("");
  const joined = joinGroupApi.response.normalize(6, {
    errorCode: 0,
    protocolName: null,
    leader: "a",
    memberId: "a",
    members: [],
  });
  expect(joined.protocolName).toBe("");
});

test("a version that the schema does not speak", () => {
  for (const version of [0, 5, -1, 1.5]) {
    expect(() => decodeHex(version, "")).toThrow(
      `Example request: version ${version} is not known, 1 to 4 are`,
    );
  }
});

test("strings have Kafka's bound in both directions", () => {
  const long = "x".repeat(32_768);
  expect(() => encodeHex(3, { name: long, count: 1 })).toThrow("32768 bytes");
  const writer = new Writer();
  writer.unsignedVarint(32_769);
  writer.raw(new Uint8Array(40_000));
  const reader = new Reader(writer.finish());
  expect(() => exampleApi.request.decode(reader, 3)).toThrow("32768 bytes");
});

test("a topic id must be one", () => {
  const writer = new Writer();
  expect(() => exampleApi.response.encode(writer, 1, { ids: ["nonsense"] })).toThrow(
    '"nonsense" is no topic id',
  );
});

test("int64 saturates at its ends", () => {
  const cursor = (at: number): string => encodeHex(2, { count: 1, cursor: { at } }).slice(-16);
  expect(cursor(2 ** 63)).toBe("7fffffffffffffff");
  expect(cursor(2 ** 70)).toBe("7fffffffffffffff");
  expect(cursor(-(2 ** 63))).toBe("8000000000000000");
  expect(cursor(-(2 ** 70))).toBe("8000000000000000");
});

test("byte strings are decoded without a copy", () => {
  const produce = apiByKey(0);
  const bytes = new Uint8Array(
    Buffer.from("ffff000100000005000000010001740000000100000000000000030a0b0c", "hex"),
  );
  const request = produce?.request.decode(new Reader(bytes), 3) as ProduceRequest;
  const records = request.topicData[0]?.partitionData[0]?.records;
  expect(records).toEqual(Uint8Array.of(10, 11, 12));
  expect(records?.buffer).toBe(bytes.buffer);
});

test("the registry has every API under its key, with a range that makes sense", () => {
  expect(apis.size).toBe(43);
  for (const [key, api] of apis) {
    expect(api.key).toBe(key);
    expect(api.versions[0]).toBeLessThanOrEqual(api.versions[1]);
  }
  expect(apiByKey(4)).toBeUndefined();
});

test("ranges of versions", () => {
  expect(parseVersions("3+")).toEqual({ min: 3, max: Number.POSITIVE_INFINITY });
  expect(parseVersions("0-12")).toEqual({ min: 0, max: 12 });
  expect(parseVersions("7")).toEqual({ min: 7, max: 7 });
  expect(() => parseVersions("3-")).toThrow('"3-" is no range of versions');
  expect(() => parseVersions("4-3")).toThrow("is empty");
});

test("types: decoded values are whole, values to encode may leave out what has options", () => {
  expectTypeOf<ProduceRequest["transactionalId"]>().toEqualTypeOf<string | null>();
  expectTypeOf<ProduceRequest["topicData"][number]["topicId"]>().toEqualTypeOf<string>();
  expectTypeOf<ProduceRequestInput["acks"]>().toEqualTypeOf<number>();
  expectTypeOf<{ acks: 1; timeoutMs: 1; topicData: [] }>().toExtend<ProduceRequestInput>();
  expectTypeOf<{ acks: 1; timeoutMs: 1 }>().not.toExtend<ProduceRequestInput>();
  expectTypeOf(metadataApi).toExtend<AnyApi>();
  expectTypeOf<RequestOf<AnyApi>>().toEqualTypeOf<unknown>();
  const response: ResponseInputOf<typeof metadataApi> = { brokers: [], topics: [] };
  expect(metadataApi.response.normalize(10, response)).toMatchObject({ controllerId: -1 });
  const topic = metadataApi.request.normalize(10, { topics: [{ name: "t" }] }).topics?.[0];
  expect(topic).toEqual({ name: "t", topicId: ZERO_UUID });
});

import zlib from "node:zlib";
import fc from "fast-check";
import { compressFrameSync } from "lz4-napi";
import { describe, expect, it } from "vitest";
import { compress } from "../../../../src/protocol/compression/compress.ts";
import { decompress } from "../../../../src/protocol/compression/decompress.ts";
import { ProtocolError } from "../../../../src/protocol/errors.ts";
import { samples } from "./samples.ts";

const codecs = [
  { codec: 1, name: "gzip", magic: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0] },
  { codec: 2, name: "snappy", magic: [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0] },
  { codec: 3, name: "lz4", magic: [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82] },
  { codec: 4, name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58] },
];

/** The output, or null after a ProtocolError; anything else thrown fails the test. */
function attempt(codec: number, bytes: Uint8Array, max: number): Uint8Array | null {
  try {
    const out = decompress(codec, bytes, max);
    expect(out.length).toBeLessThanOrEqual(max);
    return out;
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return null;
  }
}

describe.each(codecs)("$name, given hostile bytes", ({ codec, magic }) => {
  it("throws only ProtocolError at random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, withMagic) => {
        attempt(codec, withMagic ? Uint8Array.from([...magic, ...bytes]) : bytes, 100_000);
      }),
      { numRuns: 1500 },
    );
  });

  it("throws only ProtocolError at damaged data, and stays in its bound", () => {
    const json = (samples().get("json") as Uint8Array).subarray(0, 40_000);
    const packed = compress(codec, json);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 })), {
          minLength: 1,
          maxLength: 4,
        }),
        (changes) => {
          const damaged = packed.slice();
          for (const [at, flip] of changes) damaged[at] = (damaged[at] as number) ^ flip;
          attempt(codec, damaged, 60_000);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it("refuses data that was cut short, at any point", () => {
    const packed = compress(codec, (samples().get("a little json") as Uint8Array).subarray(0, 400));
    for (let size = 0; size < packed.length; size++) {
      // A xerial stream may end after any of its blocks, and after the header.
      if (codec === 2 && size === 16) continue;
      expect(attempt(codec, packed.subarray(0, size), 10_000), `${size} bytes`).toBeNull();
    }
  });

  it("allows an output of exactly the bound, and not one byte more", () => {
    for (const name of ["json", "zeros", "noise", "one byte"]) {
      const data = samples().get(name) as Uint8Array;
      const packed = compress(codec, data);
      expect(attempt(codec, packed, data.length)?.length, name).toBe(data.length);
      expect(() => decompress(codec, packed, data.length - 1), name).toThrow(ProtocolError);
    }
  });

  it("refuses a bomb before it has grown", () => {
    const bomb = compress(codec, new Uint8Array(64 << 20));
    const before = process.memoryUsage().arrayBuffers;
    expect(() => decompress(codec, bomb, 1 << 20)).toThrow(/larger than 1048576 bytes/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
  });
});

it("names an unknown codec", () => {
  expect(() => decompress(5, new Uint8Array(1), 10)).toThrow(/codec 5/);
  expect(() => compress(-1, new Uint8Array(1))).toThrow(/codec -1/);
});

it("notices a wrong checksum where there is one", () => {
  const json = samples().get("json") as Uint8Array;
  const wrong = (packed: Uint8Array, at: number) => {
    const copy = Uint8Array.from(packed);
    copy[at] = (copy[at] as number) ^ 1;
    return copy;
  };
  const gz = zlib.gzipSync(json);
  expect(() => decompress(1, wrong(gz, gz.length - 8), 1 << 24)).toThrow(/checksum/);
  expect(() => decompress(1, wrong(gz, gz.length - 4), 1 << 24)).toThrow(/length/);
  const lz4 = compressFrameSync(Buffer.from(json), { contentChecksum: true });
  expect(() => decompress(3, wrong(lz4, lz4.length - 1), 1 << 24)).toThrow(/content checksum/);
  const blocks = compressFrameSync(Buffer.from(json), { blockChecksums: true });
  expect(() => decompress(3, wrong(blocks, 300), 1 << 24)).toThrow(/block checksum/);
  const header = compress(3, json);
  expect(() => decompress(3, wrong(header, 6), 1 << 24)).toThrow(/header checksum/);
  const zstd = zlib.zstdCompressSync(json, {
    params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 },
  });
  expect(() => decompress(4, wrong(zstd, zstd.length - 1), 1 << 24)).toThrow(/checksum/);
});

it("refuses dictionaries and unknown frame versions", () => {
  expect(() => decompress(4, Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x21, 9, 0), 10)).toThrow(
    /dictionary/,
  );
  expect(() => decompress(3, Uint8Array.of(4, 0x22, 0x4d, 0x18, 0x61, 0x40, 0, 0), 10)).toThrow(
    /dictionary/,
  );
  expect(() => decompress(3, Uint8Array.of(4, 0x22, 0x4d, 0x18, 0xa0, 0x40, 0, 0), 10)).toThrow(
    /version/,
  );
});

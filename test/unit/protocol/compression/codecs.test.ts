import zlib from "node:zlib";
import fc from "fast-check";
import { compressFrameSync, decompressFrameSync } from "lz4-napi";
import * as nativeSnappy from "snappy";
import { describe, expect, it } from "vitest";
import { compress } from "../../../../src/protocol/compression/compress.ts";
import { decompress } from "../../../../src/protocol/compression/decompress.ts";
import { samples } from "./samples.ts";

const MAX = 1 << 24;
const codecs = [
  { codec: 1, name: "gzip" },
  { codec: 2, name: "snappy" },
  { codec: 3, name: "lz4" },
  { codec: 4, name: "zstd" },
];
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

describe.each(codecs)("$name", ({ codec }) => {
  it("gives back what it was given", () => {
    for (const [sample, data] of samples()) {
      expect(same(decompress(codec, compress(codec, data), MAX), data), sample).toBe(true);
    }
  });

  it("gives back any bytes, whatever their repeats", () => {
    const piece = fc.uint8Array({ minLength: 1, maxLength: 60 });
    const repetitive = fc
      .array(fc.tuple(piece, fc.integer({ min: 1, max: 40 })), { maxLength: 40 })
      .map((pieces) => Buffer.concat(pieces.flatMap(([p, n]) => new Array<Uint8Array>(n).fill(p))));
    fc.assert(
      fc.property(repetitive, (data) => {
        expect(same(decompress(codec, compress(codec, data), MAX), data)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it("really compresses, and never swells by more than its frame", () => {
    const data = samples();
    const json = data.get("json") as Uint8Array;
    const noise = data.get("noise") as Uint8Array;
    const ratio = json.length / compress(codec, json).length;
    expect(ratio).toBeGreaterThan({ 1: 3, 2: 1.9, 3: 1.9, 4: 3 }[codec] as number);
    expect(compress(codec, noise).length).toBeLessThan(noise.length * 1.001 + 64);
  });

  it("is deterministic", () => {
    const json = samples().get("json") as Uint8Array;
    compress(codec, samples().get("zeros") as Uint8Array);
    expect(same(compress(codec, json), compress(codec, json.slice()))).toBe(true);
  });

  it("reads a view into a larger buffer", () => {
    const json = samples().get("a little json") as Uint8Array;
    const packed = compress(codec, json);
    const larger = new Uint8Array(packed.length + 20).fill(255);
    larger.set(packed, 11);
    expect(same(decompress(codec, larger.subarray(11, 11 + packed.length), MAX), json)).toBe(true);
  });
});

describe("against other implementations", () => {
  it("zlib reads our gzip, we read its levels and several members", () => {
    for (const [sample, data] of samples()) {
      expect(same(zlib.gunzipSync(compress(1, data)), data), sample).toBe(true);
      for (const level of [0, 1, 6, 9]) {
        const packed = zlib.gzipSync(data, { level });
        expect(same(decompress(1, packed, MAX), data), `${sample} level ${level}`).toBe(true);
      }
      const fixed = zlib.gzipSync(data, { strategy: zlib.constants.Z_FIXED });
      expect(same(decompress(1, fixed, MAX), data), `${sample} fixed codes`).toBe(true);
    }
    const twice = Buffer.concat([zlib.gzipSync("first "), zlib.gzipSync("second")]);
    expect(Buffer.from(decompress(1, twice, MAX)).toString()).toBe("first second");
  });

  it("reads gzip headers with a name, a comment, extra bytes and a header checksum", () => {
    const plain = zlib.gzipSync("hello");
    const header = Buffer.from(plain.subarray(0, 10));
    header[3] = 2 | 4 | 8 | 16;
    const fields = Buffer.from("\x03\x00abcname\0comment\0\x00\x00", "latin1");
    const packed = Buffer.concat([header, fields, plain.subarray(10)]);
    expect(Buffer.from(decompress(1, packed, MAX)).toString()).toBe("hello");
  });

  it("zstd's own library reads ours, we read all its levels, with and without checksum", () => {
    for (const [sample, data] of samples()) {
      expect(same(zlib.zstdDecompressSync(compress(4, data)), data), sample).toBe(true);
      for (const level of [-5, 1, 3, 12, 19, 22]) {
        const packed = zlib.zstdCompressSync(data, {
          params: {
            [zlib.constants.ZSTD_c_compressionLevel]: level,
            [zlib.constants.ZSTD_c_checksumFlag]: level & 1,
          },
        });
        expect(same(decompress(4, packed, MAX), data), `${sample} level ${level}`).toBe(true);
      }
    }
  });

  it("zstd's own library reads ours, whatever the repeats and the bytes' frequencies", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(1000), { maxLength: 200 }),
        fc.integer({ min: 1, max: 255 }),
        (pieces, order, mask) => {
          const parts = order.map((i) => pieces[i % pieces.length] as Uint8Array);
          const data = Buffer.concat(parts).map((byte: number) => byte & mask);
          expect(same(zlib.zstdDecompressSync(compress(4, data)), data)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("reads several zstd frames and skippable ones", () => {
    const skippable = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9]);
    const frames = [zlib.zstdCompressSync("one "), skippable, zlib.zstdCompressSync("two")];
    expect(Buffer.from(decompress(4, Buffer.concat(frames), MAX)).toString()).toBe("one two");
  });

  it("snappy's own library reads our blocks, we read its raw blocks", () => {
    for (const [sample, data] of samples()) {
      const packed = compress(2, data);
      expect([...packed.subarray(0, 16)]).toEqual([
        ...[0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0],
        ...[0, 0, 0, 1, 0, 0, 0, 1],
      ]);
      const view = Buffer.from(packed);
      const blocks: Buffer[] = [];
      for (let at = 16; at < view.length; at += 4 + view.readInt32BE(at)) {
        const block = view.subarray(at + 4, at + 4 + view.readInt32BE(at));
        blocks.push(nativeSnappy.uncompressSync(block) as Buffer);
      }
      expect(same(Buffer.concat(blocks), data), sample).toBe(true);
      const raw = nativeSnappy.compressSync(Buffer.from(data));
      expect(same(decompress(2, raw, MAX), data), `${sample} raw`).toBe(true);
    }
  });

  it("reads concatenated xerial streams", () => {
    const encode = (text: string) => compress(2, new TextEncoder().encode(text));
    const both = Buffer.concat([encode("one "), encode("two")]);
    expect(Buffer.from(decompress(2, both, MAX)).toString()).toBe("one two");
  });

  it("lz4_flex reads our frames, we read its linked blocks and checksums", () => {
    for (const [sample, data] of samples()) {
      expect(same(decompressFrameSync(Buffer.from(compress(3, data))), data), sample).toBe(true);
      for (const checksums of [false, true]) {
        const packed = compressFrameSync(Buffer.from(data), {
          contentChecksum: checksums,
          blockChecksums: checksums,
        });
        expect(same(decompress(3, packed, MAX), data), `${sample} ${checksums}`).toBe(true);
      }
    }
  });

  it("reads several lz4 frames in a row", () => {
    const encode = (text: string) => compress(3, new TextEncoder().encode(text));
    const both = Buffer.concat([encode("one "), encode("two")]);
    expect(Buffer.from(decompress(3, both, MAX)).toString()).toBe("one two");
  });
});

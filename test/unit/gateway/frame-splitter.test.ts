import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Frame, FrameError, FrameSplitter } from "../../../src/gateway/frame-splitter.ts";

const LIMIT = 1_000_000;

function frame(body: Uint8Array): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeInt32BE(body.length);
  return Buffer.concat([prefix, body]);
}

function joined(frames: readonly Frame[]): Buffer[] {
  return frames.map((one) => Buffer.concat(one.chunks as Buffer[]));
}

/** Cuts bytes at the given places, each piece in memory of its own, as a socket delivers them. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, i) => Buffer.from(bytes.subarray(start, at[i])));
}

describe("frame splitter", () => {
  test("frames come out whole and in order however the stream was cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 8, maxLength: 9_000 }), { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 40 }),
        (bodies, cuts) => {
          const frames = bodies.map(frame);
          const splitter = new FrameSplitter(LIMIT);
          const seen = pieces(Buffer.concat(frames), cuts).flatMap((piece) => {
            const out = splitter.push(piece);
            for (const one of out) {
              expect(one.bytes).toBe(one.chunks.reduce((sum, chunk) => sum + chunk.length, 0));
            }
            return joined(out);
          });
          expect(seen).toEqual(frames);
          expect(splitter.pendingBytes).toBe(0);
        },
      ),
    );
  });

  test("a frame that comes byte by byte is gathered in few pieces", () => {
    const whole = frame(Buffer.alloc(100_000, 7));
    const splitter = new FrameSplitter(LIMIT);
    const frames: Frame[] = [];
    for (let at = 0; at < whole.length; at++) {
      frames.push(...splitter.push(Buffer.from(whole.subarray(at, at + 1))));
    }
    expect(joined(frames)).toEqual([whole]);
    expect(frames[0]?.chunks.length).toBeLessThan(1_000);
  });

  test("a frame that lies in one buffer is not copied", () => {
    const whole = frame(Buffer.alloc(50_000, 1));
    const [only] = new FrameSplitter(LIMIT).push(whole);
    expect(only?.chunks).toHaveLength(1);
    expect(only?.chunks[0]?.buffer).toBe(whole.buffer);
  });

  test.each([-1, -2_147_483_648, 0, 7, LIMIT + 1, 2_147_483_647])(
    "a length of %i is refused as soon as its fourth byte is there",
    (length) => {
      const prefix = Buffer.alloc(4);
      prefix.writeInt32BE(length);
      const splitter = new FrameSplitter(LIMIT);
      expect(splitter.push(prefix.subarray(0, 3))).toEqual([]);
      expect(() => splitter.push(prefix.subarray(3))).toThrow(FrameError);
      expect(() => new FrameSplitter(LIMIT).push(prefix)).toThrow(String(length));
    },
  );

  test("the largest length allowed holds no memory before its bytes come", () => {
    const splitter = new FrameSplitter(LIMIT);
    const prefix = Buffer.alloc(4);
    prefix.writeInt32BE(LIMIT);
    expect(splitter.push(prefix)).toEqual([]);
    expect(splitter.pendingBytes).toBe(4);
  });

  test("a browser and a TLS client are told apart in the message", () => {
    expect(() => new FrameSplitter(LIMIT).push(Buffer.from("GET / HTTP/1.1"))).toThrow("HTTP");
    const hello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);
    expect(() => new FrameSplitter(LIMIT).push(hello)).toThrow("TLS");
  });

  test("random bytes either make frames or a FrameError, never anything else", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (parts) => {
        const splitter = new FrameSplitter(64);
        try {
          for (const part of parts) splitter.push(Buffer.from(part));
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
    );
  });
});

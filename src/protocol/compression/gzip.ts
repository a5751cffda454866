import { gzipSync } from "fflate";
import { ProtocolError } from "../errors.ts";
import { crc32 } from "./crc32.ts";
import { inflate } from "./inflate.ts";
import { readU16, readU32 } from "./little-endian.ts";
import { Sink } from "./sink.ts";

/** RFC 1952. Several members one after the other are one stream, as for java.util.zip. */

const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
const FLAG_HEADER_CRC = 2;
const FLAG_EXTRA = 4;
const FLAG_NAME = 8;
const FLAG_COMMENT = 16;
/** Deflate cannot shrink by more, so a trailer that promises more is not believed. */
const RATIO_MAX = 1032;

/** One member; no time stamp in it, so that equal input gives equal bytes. */
export function gzipCompress(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes, { level: 6, mtime: 0 });
}

export function gzipDecompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length < HEADER_BYTES + TRAILER_BYTES) throw bad("truncated");
  const promised = readU32(bytes, bytes.length - 4);
  const sink = new Sink(Math.min(promised, bytes.length * RATIO_MAX), maxBytes);
  let at = 0;
  while (at < bytes.length) {
    const start = sink.length;
    const end = inflate(bytes, skipHeader(bytes, at), sink);
    if (end + TRAILER_BYTES > bytes.length) throw bad("truncated");
    if (readU32(bytes, end) !== crc32(sink.bytes, start, sink.length)) throw bad("checksum");
    if (readU32(bytes, end + 4) !== (sink.length - start) >>> 0) throw bad("length");
    at = end + TRAILER_BYTES;
  }
  return sink.finish();
}

const bad = (what: string) => new ProtocolError(`corrupt gzip data: ${what}`);

function skipHeader(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== 0x1f || bytes[start + 1] !== 0x8b) throw bad("not a gzip header");
  if (bytes[start + 2] !== 8) throw bad("not deflate");
  const flags = bytes[start + 3] ?? 0;
  if (flags & 0xe0) throw bad("reserved flags");
  let at = start + HEADER_BYTES;
  if (flags & FLAG_EXTRA) at += 2 + readU16(bytes, at);
  if (flags & FLAG_NAME) at = afterZero(bytes, at);
  if (flags & FLAG_COMMENT) at = afterZero(bytes, at);
  if (flags & FLAG_HEADER_CRC) at += 2;
  if (at > bytes.length) throw bad("truncated");
  return at;
}

function afterZero(bytes: Uint8Array, start: number): number {
  const zero = bytes.indexOf(0, start);
  if (zero < 0) throw bad("truncated");
  return zero + 1;
}

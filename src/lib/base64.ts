/** Base64 (RFC 4648) in both alphabets, without the runtime's atob, which speaks strings. */
import { EMPTY_BYTES } from "./bytes.ts";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const STANDARD = `${LETTERS}+/`;
const URL_SAFE = `${LETTERS}-_`;
const INVALID = 0xff;
const PAD = 0x3d;

/** Characters joined at a time: String.fromCharCode has a bound on its arguments. */
const CHUNK_CHARS = 8_192;

export function base64Encode(bytes: Uint8Array): string {
  return encode(bytes, STANDARD_CODES, true);
}

/** Null when the text is not base64. Padding is required, white space refused. */
export function base64Decode(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  return decode(text, STANDARD_VALUES);
}

/** Without padding, as Kafka writes topic ids. */
export function base64UrlEncode(bytes: Uint8Array): string {
  return encode(bytes, URL_SAFE_CODES, false);
}

/** Null when the text is not base64url. Padding may be there or not. */
export function base64UrlDecode(text: string): Uint8Array | null {
  return decode(text, URL_SAFE_VALUES);
}

const STANDARD_CODES = codesOf(STANDARD);
const STANDARD_VALUES = valuesOf(STANDARD);
const URL_SAFE_CODES = codesOf(URL_SAFE);
const URL_SAFE_VALUES = valuesOf(URL_SAFE);

function codesOf(alphabet: string): Uint8Array {
  return Uint8Array.from(alphabet, (letter) => letter.charCodeAt(0));
}

function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(256).fill(INVALID);
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  return values;
}

function encode(bytes: Uint8Array, codes: Uint8Array, padded: boolean): string {
  const groups = Math.ceil(bytes.length / 3);
  const out = new Uint8Array(groups * 4);
  let to = 0;
  for (let from = 0; from < bytes.length; from += 3) {
    const a = bytes[from] as number;
    const b = from + 1 < bytes.length ? (bytes[from + 1] as number) : 0;
    const c = from + 2 < bytes.length ? (bytes[from + 2] as number) : 0;
    out[to] = codes[a >> 2] as number;
    out[to + 1] = codes[((a & 3) << 4) | (b >> 4)] as number;
    out[to + 2] = codes[((b & 15) << 2) | (c >> 6)] as number;
    out[to + 3] = codes[c & 63] as number;
    to += 4;
  }
  const missing = groups * 3 - bytes.length;
  out.fill(PAD, out.length - missing);
  return asciiText(padded ? out : out.subarray(0, out.length - missing));
}

function asciiText(codes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < codes.length; at += CHUNK_CHARS) {
    text += String.fromCharCode(...codes.subarray(at, at + CHUNK_CHARS));
  }
  return text;
}

function decode(text: string, values: Uint8Array): Uint8Array | null {
  let length = text.length;
  if (length % 4 === 0 && length > 0 && text.charCodeAt(length - 1) === PAD) {
    length -= text.charCodeAt(length - 2) === PAD ? 2 : 1;
  }
  if (length === 0) return text.length === 0 ? EMPTY_BYTES : null;
  const tail = length % 4;
  if (tail === 1) return null;
  const out = new Uint8Array((length >> 2) * 3 + (tail === 0 ? 0 : tail - 1));
  let to = 0;
  let group = 0;
  for (let from = 0; from < length; from++) {
    const code = text.charCodeAt(from);
    const value = code < 256 ? (values[code] as number) : INVALID;
    if (value === INVALID) return null;
    group = (group << 6) | value;
    if ((from & 3) === 3) {
      out[to] = group >> 16;
      out[to + 1] = group >> 8;
      out[to + 2] = group;
      to += 3;
      group = 0;
    }
  }
  // The bits that the last character has too many must be zero: one text per byte string.
  if (tail === 2) {
    if ((group & 15) !== 0) return null;
    out[to] = group >> 4;
  } else if (tail === 3) {
    if ((group & 3) !== 0) return null;
    out[to] = group >> 10;
    out[to + 1] = group >> 2;
  }
  return out;
}

/** Byte arrays and UTF-8. */

export const EMPTY_BYTES: Uint8Array = new Uint8Array(0);

const encoder = new TextEncoder();
// ignoreBOM: a leading U+FEFF is part of a topic name or a header key like any other character.
const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/** Up to this many bytes a loop over ASCII beats the call into the runtime's TextDecoder. */
const SHORT_TEXT_BYTES = 24;

/** One exact-size copy of all parts, in order. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** UTF-8. A lone surrogate becomes U+FFFD, as TextEncoder has it. */
export function utf8Encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Non-fatal: bytes that are not UTF-8 become U+FFFD, as in Java's String. */
export function utf8Decode(bytes: Uint8Array): string {
  return utf8DecodeRange(bytes, 0, bytes.length);
}

/** As `utf8Decode`, over `bytes[start, end)`: no view is made for short ASCII. */
export function utf8DecodeRange(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= SHORT_TEXT_BYTES) {
    let text = "";
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (at === end) return text;
  }
  return decoder.decode(bytes.subarray(start, end));
}

/** Bytes that `utf8Encode(text)` has, without making them. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      length += 1;
    } else {
      length += 2;
      // A pair of surrogates is two units and four bytes: one each was counted by text.length.
      if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1))) i += 1;
    }
  }
  return length;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** Writes UTF-8 into `target` at `at` and returns where it ends. The caller made room. */
export function utf8Write(text: string, target: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) {
      const { written } = encoder.encodeInto(text.slice(i), target.subarray(at + i));
      return at + i + written;
    }
    target[at + i] = unit;
  }
  return at + text.length;
}

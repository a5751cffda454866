/**
 * Topic ids in Kafka's own form (org.apache.kafka.common.Uuid): 16 bytes on the wire, 22 characters
 * of base64url without padding everywhere else. On the hot path of Produce 13 and Fetch 13, hence not
 * by way of the general base64.
 */

export const UUID_BYTES = 16;
const UUID_CHARS = 22;

/** Kafka's "no id". */
export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const INVALID = 0xff;

const codes = Uint8Array.from(ALPHABET, (letter) => letter.charCodeAt(0));
const values = new Uint8Array(128).fill(INVALID);
for (let i = 0; i < ALPHABET.length; i++) values[ALPHABET.charCodeAt(i)] = i;

/** The 16 bytes, or null when the text is not a Kafka uuid. */
export function uuidToBytes(text: string): Uint8Array | null {
  const bytes = new Uint8Array(UUID_BYTES);
  return uuidWrite(text, bytes, 0) ? bytes : null;
}

/** Writes the 16 bytes at `at`; false, and anything written, when the text is not a Kafka uuid. */
export function uuidWrite(text: string, target: Uint8Array, at: number): boolean {
  if (text.length !== UUID_CHARS) return false;
  let bits = 0;
  let count = 0;
  let to = at;
  for (let i = 0; i < UUID_CHARS; i++) {
    const code = text.charCodeAt(i);
    const value = code < 128 ? (values[code] as number) : INVALID;
    if (value === INVALID) return false;
    bits = (bits << 6) | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      target[to++] = bits >> count;
    }
  }
  // 22 characters are four bits more than 16 bytes: they must be zero, so that an id has one text.
  return (bits & 0xf) === 0;
}

/** The text of the 16 bytes at `at`; the caller checked that they are there. */
export function uuidFromBytes(bytes: Uint8Array, at = 0): string {
  return (
    threeBytes(bytes, at) +
    threeBytes(bytes, at + 3) +
    threeBytes(bytes, at + 6) +
    threeBytes(bytes, at + 9) +
    threeBytes(bytes, at + 12) +
    lastByte(bytes[at + 15] as number)
  );
}

function threeBytes(bytes: Uint8Array, at: number): string {
  const group =
    ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
  return String.fromCharCode(
    codes[group >> 18] as number,
    codes[(group >> 12) & 63] as number,
    codes[(group >> 6) & 63] as number,
    codes[group & 63] as number,
  );
}

function lastByte(byte: number): string {
  return String.fromCharCode(codes[byte >> 2] as number, codes[(byte & 3) << 4] as number);
}

/** RFC 9562's text of a random UUID (version 4) of 16 bytes that anything may be in. */
export function randomUuidText(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte, at) => {
    const marked = at === 6 ? (byte & 0x0f) | 0x40 : at === 8 ? (byte & 0x3f) | 0x80 : byte;
    return marked.toString(16).padStart(2, "0");
  }).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** Reading a request's body whole, and never more of it than a bound. */
import { concatBytes } from "../lib/bytes.ts";
import { RestError } from "./rest-error.ts";

/** Thrown before a body over the bound is read, or as soon as it turns out to be. */
export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
  readonly maxBytes: number;

  constructor(size: number | null, maxBytes: number) {
    const what = size === null ? "the body is larger than" : `the body of ${size} bytes is over`;
    super(`${what} the ${maxBytes} bytes that one request may have: send it in smaller parts`);
    this.maxBytes = maxBytes;
  }
}

/** The declared length, null when there is none (a chunked body). */
export function contentLength(request: Request): number | null {
  const header = request.headers.get("content-length");
  if (header === null) return null;
  const length = Number(header);
  return Number.isSafeInteger(length) && length >= 0 ? length : null;
}

/** A body that is compressed would be read as if it were not. Throws RestError 415. */
export function throwIfEncoded(request: Request): void {
  const encoding = request.headers.get("content-encoding");
  if (encoding === null || encoding.toLowerCase() === "identity") return;
  const what = `HTTP 415 Unsupported Media Type: Content-Encoding ${encoding}`;
  throw new RestError(415, 415, `${what}: send the body as it is`);
}

/** Throws BodyTooLargeError, and RestError 415. */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  throwIfEncoded(request);
  const length = contentLength(request);
  if (length !== null) {
    if (length > maxBytes) throw new BodyTooLargeError(length, maxBytes);
    const bytes = new Uint8Array(await request.arrayBuffer());
    // The runtime keeps a network client to its content-length; a caller in this process may lie.
    if (bytes.length > maxBytes) throw new BodyTooLargeError(bytes.length, maxBytes);
    return bytes;
  }
  return request.body === null ? new Uint8Array(0) : readStream(request.body, maxBytes);
}

async function readStream(
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array> {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > maxBytes) {
      const error = new BodyTooLargeError(null, maxBytes);
      // The client may be gone already; what it still sends is of no interest.
      reader.cancel(error).catch(() => {});
      throw error;
    }
    parts.push(value);
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : concatBytes(parts);
}

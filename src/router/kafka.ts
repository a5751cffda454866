/** `POST /kafka`: one request frame in, one response frame out. Errors are text: people read them. */
import type { RequestContextBase } from "../broker/context.ts";
import { dispatchPieces } from "../broker/dispatch.ts";
import { ConnectionError } from "../broker/handler.ts";
import { REQUEST_BYTES_MAX } from "../constants.ts";
import { concatBytes } from "../lib/bytes.ts";
import { BodyTooLargeError, readBody } from "../rest/body.ts";
import { RestError } from "../rest/rest-error.ts";

const KAFKA_PROTOCOL = "application/vnd.kafka.protocol";
const SIZE_PREFIX_BYTES = 4;
/** Below this a stream costs more than the copy. */
const STREAMED_BYTES_MIN = 64 * 1024;
const FRAME_HEADERS = { "content-type": KAFKA_PROTOCOL, "cache-control": "no-store" } as const;

export async function handleKafka(base: RequestContextBase, request: Request): Promise<Response> {
  if (request.method !== "POST") {
    const text = `/kafka takes POST with one Kafka request frame, not ${request.method}\n`;
    return textResponse(405, text, { allow: "POST" });
  }
  try {
    const bytes = await readBody(request, REQUEST_BYTES_MAX + SIZE_PREFIX_BYTES);
    if (bytes.length < SIZE_PREFIX_BYTES) {
      return textResponse(400, `a Kafka request frame is missing: ${bytes.length} bytes came\n`);
    }
    const reply = await dispatchPieces(base, bytes);
    return reply === null ? new Response(null, { status: 204 }) : frameResponse(reply);
  } catch (error) {
    if (error instanceof ConnectionError) {
      return textResponse(error.internal ? 500 : 400, `${error.message}\n`);
    }
    if (error instanceof BodyTooLargeError) return textResponse(413, `${error.message}\n`);
    if (error instanceof RestError) return textResponse(error.status, `${error.message}\n`);
    throw error;
  }
}

/**
 * A long reply is written piece by piece: it is held once, and not a second time as one array. That saves
 * memory and not time, 1 MB takes as long either way.
 */
function frameResponse(pieces: readonly Uint8Array[]): Response {
  const size = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  if (size < STREAMED_BYTES_MIN) {
    const [only] = pieces;
    const whole = pieces.length === 1 && only !== undefined ? only : concatBytes(pieces);
    return new Response(whole, { headers: FRAME_HEADERS });
  }
  const { readable, writable } = new FixedLengthStream(size);
  // It fails when the client has gone: there is nobody to tell.
  writeAll(writable, pieces).catch(() => undefined);
  return new Response(readable, { headers: FRAME_HEADERS });
}

async function writeAll(
  writable: WritableStream<Uint8Array>,
  pieces: readonly Uint8Array[],
): Promise<void> {
  const writer = writable.getWriter();
  for (const piece of pieces) await writer.write(piece);
  await writer.close();
}

export function textResponse(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(text, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      ...headers,
    },
  });
}

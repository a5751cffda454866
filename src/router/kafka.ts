/** `POST /kafka`: one request frame in, one response frame out. Errors are text: people read them. */
import type { RequestContextBase } from "../broker/context.ts";
import { dispatchPieces } from "../broker/dispatch.ts";
import { ConnectionError } from "../broker/handler.ts";
import { REQUEST_BYTES_MAX, UNAUTHENTICATED_REQUEST_BYTES_MAX } from "../constants.ts";
import { concatBytes } from "../lib/bytes.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { BodyTooLargeError, readBody } from "../rest/body.ts";
import { RestError } from "../rest/rest-error.ts";
import { type SaslSession, SESSION_HEADER } from "./sasl.ts";

const KAFKA_PROTOCOL = "application/vnd.kafka.protocol";
const SIZE_PREFIX_BYTES = 4;
/** Below this a stream costs more than the copy. */
const STREAMED_BYTES_MIN = 64 * 1024;
const FRAME_HEADERS = { "content-type": KAFKA_PROTOCOL, "cache-control": "no-store" } as const;

/** @param sasl of the connection that the frame came by, null when the request says who it is itself */
export async function handleKafka(
  base: RequestContextBase,
  request: Request,
  sasl: SaslSession | null,
): Promise<Response> {
  const response = await answerFrame(base, request, sasl);
  const next = await sasl?.next();
  if (next != null) response.headers.set(SESSION_HEADER, next);
  return response;
}

async function answerFrame(
  base: RequestContextBase,
  request: Request,
  sasl: SaslSession | null,
): Promise<Response> {
  if (request.method !== "POST") {
    const text = `/kafka takes POST with one Kafka request frame, not ${request.method}\n`;
    return textResponse(405, text, { allow: "POST" });
  }
  try {
    const bytesMax =
      sasl?.required === true ? UNAUTHENTICATED_REQUEST_BYTES_MAX : REQUEST_BYTES_MAX;
    const bytes = await readBody(request, bytesMax + SIZE_PREFIX_BYTES);
    if (bytes.length < SIZE_PREFIX_BYTES) {
      return textResponse(400, `a Kafka request frame is missing: ${bytes.length} bytes came\n`);
    }
    if (sasl?.expectsRawToken === true) return await answerToken(sasl, bytes);
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
 * After SaslHandshake 0 tokens come without Kafka's headers, each behind its length, and so they are
 * answered. A failure has no answer: the connection is closed (SaslServerAuthenticator).
 */
async function answerToken(sasl: SaslSession, bytes: Uint8Array): Promise<Response> {
  const { errorCode, errorMessage, authBytes } = await sasl.authenticate(
    bytes.subarray(SIZE_PREFIX_BYTES),
  );
  if (errorCode !== ErrorCode.NONE) return textResponse(401, `${errorMessage}\n`);
  const prefix = new Uint8Array(SIZE_PREFIX_BYTES);
  new DataView(prefix.buffer).setInt32(0, authBytes.length);
  return frameResponse([prefix, authBytes]);
}

/**
 * A long reply is written piece by piece, so that its records are not copied into one array first: for
 * 1 MB that is 1.5 times the MB/s, in turns in one process.
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

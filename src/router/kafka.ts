/** `POST /kafka`: one request frame in, one response frame out. Errors are text: people read them. */
import type { RequestContextBase } from "../broker/context.ts";
import { dispatchFrame } from "../broker/dispatch.ts";
import { ConnectionError } from "../broker/handler.ts";
import { REQUEST_BYTES_MAX, UNAUTHENTICATED_REQUEST_BYTES_MAX } from "../constants.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { BodyTooLargeError, readBody } from "../rest/body.ts";
import { RestError } from "../rest/rest-error.ts";
import { type SaslSession, SESSION_HEADER } from "./sasl.ts";

const KAFKA_PROTOCOL = "application/vnd.kafka.protocol";
const SIZE_PREFIX_BYTES = 4;
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
    const reply = await dispatchFrame(base, bytes);
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
  const answer = new Uint8Array(SIZE_PREFIX_BYTES + authBytes.length);
  new DataView(answer.buffer).setInt32(0, authBytes.length);
  answer.set(authBytes, SIZE_PREFIX_BYTES);
  return frameResponse(answer);
}

function frameResponse(reply: Uint8Array): Response {
  const headers = { ...FRAME_HEADERS, "content-length": String(reply.byteLength) };
  return new Response(reply, { headers });
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

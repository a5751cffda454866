/** `POST /kafka`: one request frame in, one response frame out. Errors are text: people read them. */
import type { RequestContextBase } from "../broker/context.ts";
import { dispatchFrame } from "../broker/dispatch.ts";
import { ConnectionError } from "../broker/handler.ts";
import { REQUEST_BYTES_MAX } from "../constants.ts";
import { BodyTooLargeError, readBody } from "../rest/body.ts";
import { RestError } from "../rest/rest-error.ts";

const KAFKA_PROTOCOL = "application/vnd.kafka.protocol";
const SIZE_PREFIX_BYTES = 4;
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
    const reply = await dispatchFrame(base, bytes);
    return reply === null
      ? new Response(null, { status: 204 })
      : new Response(reply, {
          headers: { ...FRAME_HEADERS, "content-length": String(reply.byteLength) },
        });
  } catch (error) {
    if (error instanceof ConnectionError) {
      return textResponse(error.internal ? 500 : 400, `${error.message}\n`);
    }
    if (error instanceof BodyTooLargeError) return textResponse(413, `${error.message}\n`);
    if (error instanceof RestError) return textResponse(error.status, `${error.message}\n`);
    throw error;
  }
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

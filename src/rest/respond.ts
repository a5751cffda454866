/** Answers of the REST routes: JSON with the headers that keep browsers and caches from guessing. */
import type { RestError } from "./rest-error.ts";

const COMMON_HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
} as const;

export function jsonText(
  text: string,
  status: number,
  contentType: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(text, {
    status,
    headers: { "content-type": contentType, ...COMMON_HEADERS, ...headers },
  });
}

export function json(
  body: unknown,
  status: number,
  contentType: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return jsonText(JSON.stringify(body), status, contentType, headers);
}

/** A text that is sent while it is made. The first piece is there, or it has failed, before the answer. */
export async function streamedText(
  pieces: AsyncGenerator<string>,
  contentType: string,
): Promise<Response> {
  const encoder = new TextEncoder();
  let next: IteratorResult<string> = await pieces.next();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (next.done) return controller.close();
      controller.enqueue(encoder.encode(next.value));
      next = await pieces.next();
    },
    async cancel() {
      await pieces.return(undefined);
    },
  });
  return new Response(body, { headers: { "content-type": contentType, ...COMMON_HEADERS } });
}

/** 204. */
export function noContent(): Response {
  return new Response(null, { status: 204, headers: COMMON_HEADERS });
}

/** Errors are `application/json` in both dialects, whatever was accepted. */
export function errorResponse(error: RestError): Response {
  return json(error.toBody(), error.status, "application/json", error.headers);
}

/**
 * A response whose end is noticed: what its body takes of the isolate's memory is free only once it
 * was sent. The platform's own pipe does it, without a turn of JavaScript for each piece: as fast as
 * the body alone, where the standard TransformStream took seven times as long for a fetch of 4 MiB.
 */

/**
 * `done` is called once: when the last byte was taken, or nobody wants the rest. A Content-Length that
 * the response has stays true, without one the body is chunked.
 */
export function whenSent(response: Response, done: () => void): Response {
  const { body } = response;
  if (body === null) {
    done();
    return response;
  }
  const length = response.headers.get("content-length");
  const { readable, writable } =
    length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length));
  body.pipeTo(writable).then(done, done);
  return new Response(readable, response);
}

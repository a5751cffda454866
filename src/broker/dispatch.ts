/**
 * From a request frame to its handler and back to a response frame; and the same for callers in
 * this process (REST), who have values and not bytes.
 */
import { assert } from "../lib/assert.ts";
import { ErrorCode, errorName, KafkaError, ProtocolError } from "../protocol/errors.ts";
import type { RequestHeader } from "../protocol/frame.ts";
import { decodeRequestHeader, encodeResponseFrame } from "../protocol/frame.ts";
import { Reader } from "../protocol/reader.ts";
import type { AnyApi, RequestInputOf, ResponseOf } from "../protocol/schema.ts";
import type { RequestContext, RequestContextBase } from "./context.ts";
import { logEntry } from "./context.ts";
import type { Handler } from "./handler.ts";
import { ConnectionError } from "./handler.ts";
import { handlerByKey } from "./handlers.ts";

const API_VERSIONS_KEY = 18;
const SIZE_PREFIX_BYTES = 4;

/**
 * Answers one request frame.
 *
 * `bytes` may or may not begin with the 4-byte size prefix; the reply has one exactly when the
 * request had. Null means "no reply" (Produce with acks=0).
 *
 * Throws ConnectionError where Kafka closes the connection: an unknown key, an unsupported version
 * of anything but ApiVersions, a body that cannot be decoded, and a failure that the API has no
 * error response for.
 */
export async function dispatchFrame(
  base: RequestContextBase,
  bytes: Uint8Array,
): Promise<Uint8Array | null> {
  const prefixed = hasSizePrefix(bytes);
  const header = decodeHeader(bytes, prefixed ? SIZE_PREFIX_BYTES : 0);
  const handler = handlerByKey(header.apiKey);
  if (handler === undefined) {
    throw new ConnectionError(`API key ${header.apiKey} is not supported${prefixHint(bytes)}`);
  }
  const { api } = handler;
  const [min, max] = handler.versions;
  if (header.apiVersion < min || header.apiVersion > max) {
    if (header.apiKey === API_VERSIONS_KEY) {
      return reframe(apiVersionsFallback(handler, header.correlationId), prefixed);
    }
    throw new ConnectionError(
      `${api.name} version ${header.apiVersion} is not supported: use ${min} to ${max}${prefixHint(bytes)}`,
    );
  }
  const request = decodeBody(api, header, bytes);
  const { clientId, apiVersion } = header;
  const ctx = { ...base, clientId, apiVersion, byFrame: true };
  const response = await run(handler, ctx, header.correlationId, request);
  return response === null ? null : reframe(response, prefixed);
}

export interface CallOptions {
  /** The highest that the handler answers, unless given. */
  readonly version?: number;
  readonly clientId?: string | null;
}

/**
 * A typed call in this process: the same handler, no bytes. Missing fields of `request` take the
 * schema's defaults, and so do the response's.
 *
 * Throws KafkaError when the API has no error response of its own for what happened, and
 * InvariantError when the request is one that has no response (acks=0).
 */
export async function call<A extends AnyApi>(
  base: RequestContextBase,
  api: A,
  request: RequestInputOf<A>,
  options: CallOptions = {},
): Promise<ResponseOf<A>> {
  const handler = handlerByKey(api.key);
  assert(handler !== undefined, `no handler answers ${api.name}`);
  const version = options.version ?? handler.versions[1];
  const clientId = options.clientId ?? null;
  const ctx = { ...base, clientId, apiVersion: version, byFrame: false };
  const response = await answer(handler, ctx, api.request.normalize(version, request));
  assert(response !== null, `${api.name} has no response to this request: send it as a frame`);
  return api.response.normalize(version, response) as ResponseOf<A>;
}

/** The first int32 equals what follows it: no frame without a prefix looks like that by itself. */
function hasSizePrefix(bytes: Uint8Array): boolean {
  return (
    bytes.length >= SIZE_PREFIX_BYTES && firstInt32(bytes) === bytes.length - SIZE_PREFIX_BYTES
  );
}

function firstInt32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getInt32(0);
}

/** A frame cut short, or two in one body, shows as a nonsense key: say what the prefix would mean. */
function prefixHint(bytes: Uint8Array): string {
  if (hasSizePrefix(bytes)) return "";
  const size = firstInt32(bytes);
  return ` (if the first four bytes are a size, it says ${size} and ${bytes.length - SIZE_PREFIX_BYTES} bytes follow)`;
}

function decodeHeader(bytes: Uint8Array, at: number): RequestHeader {
  try {
    return decodeRequestHeader(bytes, at);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ConnectionError(`the request header cannot be read: ${error.message}`);
  }
}

function decodeBody(api: AnyApi, header: RequestHeader, bytes: Uint8Array): unknown {
  const name = `${api.name} version ${header.apiVersion}`;
  try {
    // Bytes after the body are ignored, as Kafka does (RequestContext.parseRequest): librdkafka from
    // 2.1 on sends three too many when it asks for all topics (its issue 5049).
    return api.request.decode(new Reader(bytes, header.bodyOffset), header.apiVersion);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ConnectionError(`${name}: the request cannot be read: ${error.message}`);
  }
}

/** The v0 body with error 35 and our range, so that the client can ask again (KIP-511). */
function apiVersionsFallback(handler: Handler, correlationId: number): Uint8Array {
  const [minVersion, maxVersion] = handler.advertised;
  return encodeResponseFrame(handler.api, 0, correlationId, {
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: API_VERSIONS_KEY, minVersion, maxVersion }],
  });
}

function reframe(frame: Uint8Array, prefixed: boolean): Uint8Array {
  return prefixed ? frame : frame.subarray(SIZE_PREFIX_BYTES);
}

/**
 * A failure becomes the API's own error response where it has one: a KafkaError with its code, any
 * other as UNKNOWN_SERVER_ERROR (KafkaApis.handleError). Otherwise it is thrown on.
 */
async function answer(handler: Handler, ctx: RequestContext, request: unknown): Promise<unknown> {
  const { requestMetrics: metrics } = ctx;
  const { name } = handler.api;
  const startedMs = ctx.now();
  try {
    const response = await answerOrFail(handler, ctx, request);
    metrics?.answered(name, ctx.now() - startedMs, response);
    return response;
  } catch (error) {
    metrics?.failed(name, ctx.now() - startedMs);
    throw error;
  }
}

async function answerOrFail(
  handler: Handler,
  ctx: RequestContext,
  request: unknown,
): Promise<unknown> {
  try {
    return await handler.handle(ctx, request);
  } catch (error) {
    if (handler.failure === null || error instanceof ConnectionError) throw error;
    if (error instanceof KafkaError) return handler.failure(error, request);
    logFailure(handler, ctx, error);
    const text = `${handler.api.name} failed inside the broker: ${describe(error)}`;
    return handler.failure(new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, text), request);
  }
}

/** The response frame, if there is to be one. The last resort: log, and have the connection closed. */
async function run(
  handler: Handler,
  ctx: RequestContext,
  correlationId: number,
  request: unknown,
): Promise<Uint8Array | null> {
  try {
    const response = await answer(handler, ctx, request);
    if (response === null) return null;
    return encodeResponseFrame(handler.api, ctx.apiVersion, correlationId, response);
  } catch (error) {
    if (error instanceof ConnectionError) throw error;
    logFailure(handler, ctx, error);
    throw new ConnectionError(
      `${handler.api.name} version ${ctx.apiVersion} failed: ${describe(error)}`,
      true,
    );
  }
}

function describe(error: unknown): string {
  if (error instanceof KafkaError) return `${errorName(error.code)}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

function logFailure(handler: Handler, ctx: RequestContext, error: unknown): void {
  logEntry(ctx, {
    level: "error",
    message: `${handler.api.name} failed`,
    api: handler.api.name,
    apiVersion: ctx.apiVersion,
    clientId: ctx.clientId,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
}

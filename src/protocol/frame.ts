/**
 * Frames: a 4-byte size, a header, a body.
 *
 * Request header: v1 (key, version, correlation id, client id) or v2, which adds a tag buffer. The
 * client id is an int16-length string in both. Response header: v0 (correlation id) or v1, which adds
 * a tag buffer; ApiVersions always answers with v0 (KIP-511).
 */
import { apiByKey } from "./api/registry.ts";
import { ProtocolError } from "./errors.ts";
import { Reader } from "./reader.ts";
import type { AnyApi, RequestInputOf, ResponseInputOf, ResponseOf } from "./schema.ts";
import { Writer } from "./writer.ts";

export const SIZE_PREFIX_BYTES = 4;

const API_VERSIONS_KEY = 18;

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  /** Where the body begins; -1 when the key or the version has no schema, so that nobody knows. */
  readonly bodyOffset: number;
}

/** 2 for a flexible version, else 1. */
export function requestHeaderVersion(api: AnyApi, version: number): 1 | 2 {
  return version >= api.flexible ? 2 : 1;
}

/** 1 for a flexible version, else 0; always 0 for ApiVersions. */
export function responseHeaderVersion(api: AnyApi, version: number): 0 | 1 {
  return version >= api.flexible && api.key !== API_VERSIONS_KEY ? 1 : 0;
}

/**
 * Reads the header that begins at `offset`, after the size prefix. For a key or version without a
 * schema it gives what can be known: the client id is null if it does not look like one, and there
 * is no body. Throws ProtocolError when the bytes end inside the header.
 */
export function decodeRequestHeader(bytes: Uint8Array, offset = 0): RequestHeader {
  const reader = new Reader(bytes, offset);
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  const api = apiByKey(apiKey);
  if (api === undefined || apiVersion < api.versions[0] || apiVersion > api.versions[1]) {
    const clientId = clientIdOrNull(reader);
    return { apiKey, apiVersion, correlationId, clientId, bodyOffset: -1 };
  }
  const clientId = reader.string();
  if (requestHeaderVersion(api, apiVersion) === 2) skipTags(reader);
  return { apiKey, apiVersion, correlationId, clientId, bodyOffset: reader.position };
}

function clientIdOrNull(reader: Reader): string | null {
  try {
    return reader.string();
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

function skipTags(reader: Reader): void {
  const count = reader.unsignedVarint();
  for (let i = 0; i < count; i++) {
    reader.unsignedVarint();
    reader.take(reader.unsignedVarint());
  }
}

/** A whole request, with its size prefix. */
export function encodeRequestFrame<A extends AnyApi>(
  api: A,
  version: number,
  correlationId: number,
  clientId: string | null,
  body: RequestInputOf<A>,
): Uint8Array {
  return frame((writer) => {
    writer.int16(api.key);
    writer.int16(version);
    writer.int32(correlationId);
    writer.string(clientId);
    if (requestHeaderVersion(api, version) === 2) writer.unsignedVarint(0);
    api.request.encode(writer, version, body);
  });
}

/** A whole response, with its size prefix. */
export function encodeResponseFrame<A extends AnyApi>(
  api: A,
  version: number,
  correlationId: number,
  body: ResponseInputOf<A>,
): Uint8Array {
  return frame((writer) => {
    writer.int32(correlationId);
    if (responseHeaderVersion(api, version) === 1) writer.unsignedVarint(0);
    api.response.encode(writer, version, body);
  });
}

/** Where every frame begins to be written: `finish` copies out of it, so one serves them all. */
const scratch = new Uint8Array(4_096);

function frame(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer(scratch);
  writer.int32(0);
  write(writer);
  const bytes = writer.finish();
  const size = bytes.length - SIZE_PREFIX_BYTES;
  bytes[0] = size >> 24;
  bytes[1] = size >> 16;
  bytes[2] = size >> 8;
  bytes[3] = size;
  return bytes;
}

export interface DecodedResponse<Body> {
  readonly correlationId: number;
  readonly body: Body;
}

/**
 * Reads a whole response, with its size prefix. Throws ProtocolError for a size that is not that of
 * the bytes, and for bytes left over.
 */
export function decodeResponseFrame<A extends AnyApi>(
  api: A,
  version: number,
  bytes: Uint8Array,
): DecodedResponse<ResponseOf<A>> {
  const reader = new Reader(bytes);
  const size = reader.int32();
  if (size !== reader.remaining) {
    throw new ProtocolError(
      `${api.name} response: the size prefix says ${size} bytes, ${reader.remaining} came`,
    );
  }
  const correlationId = reader.int32();
  if (responseHeaderVersion(api, version) === 1) skipTags(reader);
  const body = api.response.decode(reader, version) as ResponseOf<A>;
  if (reader.remaining > 0) {
    throw new ProtocolError(
      `${api.name} response v${version}: ${reader.remaining} bytes are left over after the body`,
    );
  }
  return { correlationId, body };
}

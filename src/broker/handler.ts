/**
 * The shape of a handler: one Kafka API key, the versions it answers, and a function from request
 * to response. The dispatcher and ApiVersions both read the same list of these, so what is
 * advertised is what is answered.
 */
import { assert } from "../lib/assert.ts";
import type { KafkaError } from "../protocol/errors.ts";
import type { AnyApi, RequestOf, ResponseInputOf } from "../protocol/schema.ts";
import type { RequestContext } from "./context.ts";

export type VersionRange = readonly [min: number, max: number];

/** A handler with its types erased, as lists and the dispatcher hold it. */
export interface Handler {
  readonly api: AnyApi;
  /** The versions that are answered. */
  readonly versions: VersionRange;
  /** The versions that ApiVersions names; differs from `versions` only for Produce. */
  readonly advertised: VersionRange;
  /** Null: this request has no response (Produce with acks=0). */
  readonly handle: (ctx: RequestContext, request: unknown) => Promise<unknown>;
  /** The response that says "the whole request failed", where the API has a place for it. */
  readonly failure: ((error: KafkaError, request: unknown) => unknown) | null;
}

export interface HandlerOptions<A extends AnyApi> {
  /**
   * The range to advertise when it is not the one answered. Produce advertises from 0 and answers
   * from 3, because librdkafka <= 2.10 otherwise stops compressing (librdkafka issue 4956).
   */
  readonly advertised?: VersionRange;
  /** Turns a thrown KafkaError into this API's own error response. */
  readonly failure?: (error: KafkaError, request: RequestOf<A>) => ResponseInputOf<A>;
}

/** Throws InvariantError when the ranges promise what the schema or the handler cannot keep. */
export function defineHandler<A extends AnyApi>(
  api: A,
  versions: VersionRange,
  handle: (ctx: RequestContext, request: RequestOf<A>) => Promise<ResponseInputOf<A> | null>,
  options: HandlerOptions<A> = {},
): Handler {
  const advertised = options.advertised ?? versions;
  const [min, max] = versions;
  assert(min <= max, `${api.name}: the version range ${min}-${max} is empty`);
  assert(
    api.versions[0] <= min && max <= api.versions[1],
    `${api.name}: versions ${min}-${max} are outside the schema's ${api.versions.join("-")}`,
  );
  assert(
    advertised[0] <= min && advertised[1] === max,
    `${api.name}: the advertised range may only start lower than the one answered`,
  );
  return {
    api,
    versions,
    advertised,
    handle: handle as Handler["handle"],
    failure: (options.failure ?? null) as Handler["failure"],
  };
}

/**
 * "Close the connection": what Kafka does when no parseable response is possible. Over HTTP it
 * becomes status 400, or 500 when the fault is ours.
 */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  /** True when the request was sound and the broker failed: the client may send it again. */
  readonly internal: boolean;

  constructor(message: string, internal = false) {
    super(message);
    this.internal = internal;
  }
}

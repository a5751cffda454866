import { apiVersionsApi } from "../protocol/api/18-api-versions.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../protocol/frame.ts";
import type { AnyApi, RequestInputOf, ResponseOf } from "../protocol/schema.ts";
import { type Backoff, backoffMs } from "./backoff.ts";
import { type Clock, sleep, systemClock } from "./clock.ts";
import { backoffOf, type CommonSettings } from "./common-config.ts";
import { ErrorCode, KafkaError, TimeoutError, TransportError } from "./errors.ts";
import type { ClientOptions } from "./options.ts";
import { HttpTransport, type Transport } from "./transport.ts";

/** What ApiVersions says of itself; Kafka refuses other characters. */
const SOFTWARE_NAME = "kedge";
const SOFTWARE_VERSION = "0.1.0";
/** The version that every broker answers, if only with its own maximum (KIP-511). */
const API_VERSIONS_VERSION = 3;

export interface VersionRange {
  readonly minVersion: number;
  readonly maxVersion: number;
}

export interface RequestOptions {
  /** Bound on the whole exchange; request.timeout.ms unless said otherwise. */
  readonly timeoutMs?: number | undefined;
  /** Use no later version than this. */
  readonly maxVersion?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The broker that it is for, where that matters. */
  readonly brokerId?: number | undefined;
}

/** Requests and responses as values: framing, versions, correlation ids and timeouts are done here. */
export class BrokerClient {
  readonly clock: Clock;
  readonly random: () => number;
  readonly backoff: Backoff;
  readonly #transport: Transport;
  readonly #clientId: string;
  readonly #requestTimeoutMs: number;
  #correlationId = 0;
  #versions: Promise<ReadonlyMap<number, VersionRange>> | null = null;

  constructor(settings: CommonSettings, options: ClientOptions) {
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.backoff = backoffOf(settings);
    this.#clientId = settings["client.id"];
    this.#requestTimeoutMs = settings["request.timeout.ms"];
    this.#transport =
      options.transport ??
      new HttpTransport({
        urls: settings["bootstrap.servers"],
        fetch: options.fetch,
        headers: options.headers,
      });
  }

  /** What the server speaks, by API key; asked once. */
  versions(): Promise<ReadonlyMap<number, VersionRange>> {
    if (this.#versions === null) {
      const asked = this.#askVersions();
      this.#versions = asked;
      asked.catch(() => {
        this.#versions = null;
      });
    }
    return this.#versions;
  }

  async #askVersions(): Promise<ReadonlyMap<number, VersionRange>> {
    const body = { clientSoftwareName: SOFTWARE_NAME, clientSoftwareVersion: SOFTWARE_VERSION };
    const { errorCode, apiKeys } = await this.#exchange(
      apiVersionsApi,
      API_VERSIONS_VERSION,
      body,
      {},
    );
    if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode);
    return new Map(apiKeys.map(({ apiKey, ...range }) => [apiKey, range]));
  }

  /** The highest version that both sides speak; throws KafkaError when there is none. */
  async version(api: AnyApi, maxVersion = Number.POSITIVE_INFINITY): Promise<number> {
    const range = (await this.versions()).get(api.key);
    const version = Math.min(range?.maxVersion ?? -1, api.versions[1], maxVersion);
    if (range === undefined || version < Math.max(range.minVersion, api.versions[0])) {
      const theirs =
        range === undefined ? "not at all" : `${range.minVersion} to ${range.maxVersion}`;
      throw new KafkaError(
        ErrorCode.UNSUPPORTED_VERSION,
        `the server speaks ${api.name} ${theirs}, this client ${api.versions[0]} to ${api.versions[1]}`,
      );
    }
    return version;
  }

  /**
   * One request, one response.
   *
   * @throws TransportError when it may or may not have been carried out; TimeoutError likewise
   */
  async request<A extends AnyApi>(
    api: A,
    body: RequestInputOf<A>,
    options: RequestOptions = {},
  ): Promise<ResponseOf<A>> {
    const version = await this.version(api, options.maxVersion);
    return this.#exchange(api, version, body, options);
  }

  /** As `request`, for a version that the caller has settled. */
  requestAt<A extends AnyApi>(
    api: A,
    version: number,
    body: RequestInputOf<A>,
    options: RequestOptions = {},
  ): Promise<ResponseOf<A>> {
    return this.#exchange(api, version, body, options);
  }

  async #exchange<A extends AnyApi>(
    api: A,
    version: number,
    body: RequestInputOf<A>,
    options: RequestOptions,
  ): Promise<ResponseOf<A>> {
    const correlationId = this.#nextCorrelationId();
    const frame = encodeRequestFrame(api, version, correlationId, this.#clientId, body);
    const bytes = await this.#sendInTime(api.name, frame, options);
    if (bytes === null) {
      throw new TransportError(
        ErrorCode.NETWORK_EXCEPTION,
        `the server answered ${api.name} with nothing`,
      );
    }
    const response = decodeResponseFrame(api, version, bytes);
    if (response.correlationId !== correlationId) {
      throw new TransportError(
        ErrorCode.NETWORK_EXCEPTION,
        `the answer to ${api.name} carries correlation id ${response.correlationId} for ${correlationId}`,
      );
    }
    return response.body;
  }

  /** Sends a request that the server does not answer (acks=0). */
  async sendOnly<A extends AnyApi>(
    api: A,
    version: number,
    body: RequestInputOf<A>,
  ): Promise<void> {
    const frame = encodeRequestFrame(api, version, this.#nextCorrelationId(), this.#clientId, body);
    await this.#sendInTime(api.name, frame, {});
  }

  #nextCorrelationId(): number {
    this.#correlationId = (this.#correlationId + 1) & 0x7fffffff;
    return this.#correlationId;
  }

  async #sendInTime(
    name: string,
    frame: Uint8Array,
    options: RequestOptions,
  ): Promise<Uint8Array | null> {
    const timeoutMs = options.timeoutMs ?? this.#requestTimeoutMs;
    const abort = new AbortController();
    const giveUp = () => abort.abort();
    options.signal?.addEventListener("abort", giveUp);
    if (options.signal?.aborted) abort.abort();
    let cancel = () => {};
    const timedOut = new Promise<never>((_, reject) => {
      cancel = this.clock.setTimeout(timeoutMs, () => {
        reject(new TimeoutError(`${name} was not answered within ${timeoutMs} ms`));
        abort.abort();
      });
    });
    try {
      return await Promise.race([
        this.#transport.send(frame, abort.signal, options.brokerId),
        timedOut,
      ]);
    } catch (error) {
      if (error instanceof KafkaError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new TransportError(ErrorCode.NETWORK_EXCEPTION, `${name} failed: ${reason}`, {
        cause: error,
      });
    } finally {
      cancel();
      options.signal?.removeEventListener("abort", giveUp);
    }
  }

  /**
   * Runs `attempt` until it succeeds, fails for good, or `timeoutMs` is over.
   *
   * @param attempt is told how much time is left
   * @throws its last error, inside a TimeoutError when time ran out
   */
  async retry<T>(
    what: string,
    timeoutMs: number,
    attempt: (leftMs: number) => Promise<T>,
  ): Promise<T> {
    const deadline = this.clock.now() + timeoutMs;
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt(Math.max(1, deadline - this.clock.now()));
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable) throw error;
        const asked = error instanceof TransportError ? (error.retryAfterMs ?? 0) : 0;
        const wait = Math.max(asked, backoffMs(this.backoff, attempts, this.random));
        if (this.clock.now() + wait >= deadline) {
          throw new TimeoutError(
            `${what} did not succeed within ${timeoutMs} ms: ${error.message}`,
            {
              cause: error,
            },
          );
        }
        await sleep(this.clock, wait);
      }
    }
  }
}

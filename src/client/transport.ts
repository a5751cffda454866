import { ErrorCode, TransportError } from "./errors.ts";

export type FetchFunction = (url: string, init: RequestInit) => Promise<Response>;

/** Carries one request frame and brings its response frame. */
export interface Transport {
  /**
   * @param frame a request with its 4-byte size prefix; not to be changed or kept
   * @param brokerId the broker that it is for, where that matters: all share one address
   * @returns the response with its prefix, or null when the server has none to give (acks=0)
   * @throws TransportError; anything else counts as a broken connection
   */
  send(frame: Uint8Array, signal: AbortSignal, brokerId?: number): Promise<Uint8Array | null>;
}

/** As the gateway says it (router/advertised.ts). */
const BROKER_HEADER = "x-kedge-broker";
const CONTENT_TYPE = "application/vnd.kafka.protocol";
/** So much of an error's text is worth repeating. */
const REASON_CHARS_MAX = 300;

export interface HttpTransportOptions {
  /** Base URLs; the next one is tried after a failure to connect. */
  readonly urls: readonly string[];
  readonly fetch?: FetchFunction | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** `POST {url}/kafka`: one frame in, one out, by nothing but fetch. */
export class HttpTransport implements Transport {
  readonly #urls: readonly string[];
  readonly #fetch: FetchFunction;
  readonly #headers: Record<string, string>;
  #current = 0;

  constructor(options: HttpTransportOptions) {
    this.#urls = options.urls.map((url) => `${url.replace(/\/+$/, "")}/kafka`);
    // Called as a plain function: workerd and browsers refuse a fetch with another `this`.
    const { fetch: given } = options;
    this.#fetch = given ?? ((url, init) => fetch(url, init));
    this.#headers = { ...options.headers, "content-type": CONTENT_TYPE };
  }

  async send(
    frame: Uint8Array,
    signal: AbortSignal,
    brokerId?: number,
  ): Promise<Uint8Array | null> {
    const turn = this.#current;
    const url = this.#urls[turn % this.#urls.length] as string;
    let response: Response;
    try {
      response = await this.#fetch(url, {
        method: "POST",
        headers:
          brokerId === undefined
            ? this.#headers
            : { ...this.#headers, [BROKER_HEADER]: String(brokerId) },
        body: frame as Uint8Array<ArrayBuffer>,
        signal,
      });
      if (response.status === 200) return new Uint8Array(await response.arrayBuffer());
      if (response.status === 204) return null;
    } catch (cause) {
      if (this.#current === turn) this.#current++;
      throw new TransportError(
        ErrorCode.NETWORK_EXCEPTION,
        `no answer from ${url}: ${reasonOf(cause)}`,
        { cause },
      );
    }
    throw await errorOf(response, url);
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // Node says "fetch failed" and hides the reason one level down.
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message;
}

async function errorOf(response: Response, url: string): Promise<TransportError> {
  const { status } = response;
  const text = await response.text().catch(() => "");
  const reason = text.length > 0 ? `: ${text.slice(0, REASON_CHARS_MAX).trim()}` : "";
  return new TransportError(codeOf(status), `${url} answered with HTTP ${status}${reason}`, {
    status,
    retryAfterMs: retryAfterMs(response),
  });
}

/** The Kafka error that comes nearest; only NETWORK_EXCEPTION is retried. */
function codeOf(status: number): number {
  if (status === 401) return ErrorCode.SASL_AUTHENTICATION_FAILED;
  if (status === 403) return ErrorCode.CLUSTER_AUTHORIZATION_FAILED;
  if (status === 413) return ErrorCode.MESSAGE_TOO_LARGE;
  if (status === 408 || status === 425 || status === 429) return ErrorCode.NETWORK_EXCEPTION;
  return status >= 500 ? ErrorCode.NETWORK_EXCEPTION : ErrorCode.INVALID_REQUEST;
}

/** Seconds, or null; a date is not worth a clock here. */
function retryAfterMs(response: Response): number | null {
  const header = response.headers.get("retry-after");
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : null;
}

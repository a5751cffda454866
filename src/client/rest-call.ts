import type { BrokerClient } from "./broker-client.ts";
import { ErrorCode, KafkaError, TimeoutError, TransportError } from "./errors.ts";
import type { ClientOptions } from "./options.ts";

export interface RestRequest {
  /** Below the service's address. */
  readonly path: string;
  readonly body: object;
  readonly timeoutMs: number;
}

interface RestErrorBody {
  readonly message?: unknown;
  readonly kafka_error?: unknown;
}

const REASON_CHARS_MAX = 300;

/**
 * One POST of JSON.
 *
 * @param urls tried in turn while no connection comes about
 * @throws KafkaError under the code that the answer names; TransportError, TimeoutError
 */
export async function restCall<T>(
  client: BrokerClient,
  urls: readonly string[],
  request: RestRequest,
  options: ClientOptions,
): Promise<T> {
  let failure: unknown = null;
  for (const url of urls) {
    try {
      return await exchange<T>(
        client,
        `${url.replace(/\/+$/, "")}${request.path}`,
        request,
        options,
      );
    } catch (error) {
      if (!(error instanceof TransportError) || error.status !== null) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function exchange<T>(
  client: BrokerClient,
  url: string,
  { body, timeoutMs }: RestRequest,
  options: ClientOptions,
): Promise<T> {
  const abort = new AbortController();
  const send = options.fetch ?? ((to: string, init: RequestInit) => fetch(to, init));
  let cancel = () => {};
  const timedOut = new Promise<never>((_, reject) => {
    cancel = client.clock.setTimeout(timeoutMs, () => {
      reject(new TimeoutError(`${url} did not answer within ${timeoutMs} ms`));
      abort.abort();
    });
  });
  const headers = { ...options.headers, "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(body), signal: abort.signal };
  try {
    return await Promise.race([
      send(url, init).then((response) => take<T>(url, response)),
      timedOut,
    ]);
  } catch (cause) {
    if (cause instanceof KafkaError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TransportError(ErrorCode.NETWORK_EXCEPTION, `no answer from ${url}: ${reason}`, {
      cause,
    });
  } finally {
    cancel();
  }
}

async function take<T>(url: string, response: Response): Promise<T> {
  const text = await response.text();
  const answer = parsed(text);
  if (response.ok && answer !== undefined) return answer as T;
  throw errorOf(url, response.status, answer as RestErrorBody | null | undefined, text);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorOf(
  url: string,
  status: number,
  body: RestErrorBody | null | undefined,
  text: string,
): KafkaError {
  const message =
    typeof body?.message === "string" ? body.message : text.slice(0, REASON_CHARS_MAX);
  const code = (ErrorCode as Readonly<Record<string, number>>)[String(body?.kafka_error)];
  if (code !== undefined) return new KafkaError(code, message);
  const lasting = status >= 400 && status < 500 && status !== 408 && status !== 429;
  const fallback = lasting ? ErrorCode.INVALID_REQUEST : ErrorCode.NETWORK_EXCEPTION;
  return new TransportError(fallback, `${url} answered with HTTP ${status}: ${message}`, {
    status,
  });
}

/** The HTTPS side of the gateway: one `POST /kafka` a frame, over connections that are kept. */
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, type Dispatcher } from "undici";
import type { Frame } from "./frame-splitter.ts";

/** Takes a response's body piece by piece; false: hold back until `resume` is called. */
export interface BodySink {
  write(chunk: Buffer, resume: () => void): boolean;
}

export interface UpstreamReply {
  readonly status: number;
  /** The Content-Length header's value; null when there was none. */
  readonly contentLength: number | null;
  /** What the Worker said, cut to a line for the log, when the status is not 200. */
  readonly reason: string;
  /** What the Worker gave for the connection's next frame; null: nothing new. */
  readonly session: string | null;
}

/** See connection.ts. */
export const SESSION_HEADER = "x-kedge-session";

export interface UpstreamOptions {
  /** The Worker's URL; `/kafka` is added to its path. */
  readonly url: string;
  /** How long a refused connection is tried again. */
  readonly connectRetryMs: number;
}

/** Idle connections kept; those of parked requests are not idle. */
const IDLE_CLIENTS_MAX = 256;
/** Below workerd's own 5 s, so that a request never meets a connection that is being closed. */
const KEEP_ALIVE_LOCAL_MS = 4_000;
/** Cloudflare's edge keeps them for minutes; setting up TLS anew costs round trips. */
const KEEP_ALIVE_TLS_MS = 60_000;
const REASON_BYTES_MAX = 500;

export class Upstream {
  readonly #origin: string;
  readonly #path: string;
  readonly #keepAliveMs: number;
  readonly #connectRetryMs: number;
  readonly #all = new Set<Client>();
  /** Last in, first out: a quiet gateway ends up with the few connections that it needs. */
  readonly #idle: Client[] = [];

  /** @throws TypeError when the URL is none. */
  constructor(options: UpstreamOptions) {
    const url = new URL(options.url);
    this.#origin = url.origin;
    this.#path = `${url.pathname.replace(/\/+$/, "")}/kafka`;
    this.#keepAliveMs = url.protocol === "https:" ? KEEP_ALIVE_TLS_MS : KEEP_ALIVE_LOCAL_MS;
    this.#connectRetryMs = options.connectRetryMs;
  }

  /**
   * Sends one frame. A 200's body goes to the sink; the promise resolves at its end.
   *
   * @param headers names and values in turn, as undici takes them.
   * @throws Error when the connection failed or broke, or the signal aborted. Only a connection that
   *   could not be made is tried again: after that the frame may have been carried out.
   */
  async send(
    frame: Frame,
    headers: readonly string[],
    sink: BodySink,
    signal: AbortSignal,
  ): Promise<UpstreamReply> {
    const deadline = performance.now() + this.#connectRetryMs;
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
      const client = this.#idle.pop() ?? this.#open();
      try {
        const reply = await exchange(client, this.#path, frame, headers, sink, signal);
        this.#release(client);
        return reply;
      } catch (error) {
        this.#drop(client);
        if (!isConnectFailure(error) || performance.now() + pauseMs > deadline) throw error;
      }
      await sleep(pauseMs, undefined, { signal });
    }
  }

  /** Breaks what is under way and closes every connection. */
  async close(): Promise<void> {
    await Promise.all([...this.#all].map((client) => client.destroy()));
    this.#all.clear();
    this.#idle.length = 0;
  }

  #open(): Client {
    const client = new Client(this.#origin, {
      keepAliveTimeout: this.#keepAliveMs,
      // A long poll may be parked for minutes, and a client that reads slowly holds its response
      // back: it is the Kafka client's own timeout that ends a request.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#all.add(client);
    return client;
  }

  #release(client: Client): void {
    if (this.#idle.length < IDLE_CLIENTS_MAX && this.#all.has(client)) {
      this.#idle.push(client);
    } else {
      this.#drop(client);
    }
  }

  #drop(client: Client): void {
    this.#all.delete(client);
    client.destroy().catch(() => {});
  }
}

function exchange(
  client: Client,
  path: string,
  frame: Frame,
  headers: readonly string[],
  sink: BodySink,
  signal: AbortSignal,
): Promise<UpstreamReply> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null;
    let status = 0;
    let contentLength: number | null = null;
    let reason = "";
    let session: string | null = null;
    const onAbort = (): void => {
      controller?.abort(abortError(signal));
    };
    const settle = (): void => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    client.dispatch(
      {
        path,
        method: "POST",
        headers: [...headers, "content-length", String(frame.bytes)],
        body: frameBody(frame),
      },
      {
        onRequestStart(started) {
          controller = started;
          if (signal.aborted) started.abort(abortError(signal));
        },
        onResponseStart(_controller, code, responseHeaders) {
          status = code;
          const length = responseHeaders["content-length"];
          const given = responseHeaders[SESSION_HEADER];
          session = typeof given === "string" ? given : null;
          contentLength = typeof length === "string" ? Number(length) : null;
        },
        onResponseData(current, chunk) {
          if (status !== 200) {
            if (reason.length < REASON_BYTES_MAX) reason += chunk.toString("utf8");
          } else if (!sink.write(chunk, () => current.resume())) {
            current.pause();
          }
        },
        onResponseEnd() {
          settle();
          const line = reason.replaceAll(/\s+/g, " ").trim().slice(0, REASON_BYTES_MAX);
          resolve({ status, contentLength, reason: line, session });
        },
        onResponseError(_controller, error) {
          settle();
          reject(error);
        },
      },
    );
  });
}

/** A frame of several pieces is written piece by piece under its known length: no copy. */
function frameBody(frame: Frame): Buffer | Readable {
  const [first] = frame.chunks;
  if (frame.chunks.length === 1 && first !== undefined) return first;
  return Readable.from(frame.chunks, { objectMode: false });
}

function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("aborted");
}

const CONNECT_FAILURES = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** True when no connection was made, so that no byte of the request can have been sent. */
function isConnectFailure(error: unknown): boolean {
  return error instanceof Error && "code" in error && CONNECT_FAILURES.has(String(error.code));
}

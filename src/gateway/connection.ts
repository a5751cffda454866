/** One Kafka client: its frames go upstream one at a time, so that the answers keep their order. */
import type { Socket } from "node:net";
import { type Frame, FrameError, FrameSplitter } from "./frame-splitter.ts";
import { SESSION_HEADER, type Upstream } from "./upstream.ts";

export interface ConnectionOptions {
  readonly upstream: Upstream;
  readonly frameBytesMax: number;
  /** The broker whose port this client dialled. */
  readonly brokerId: number;
  /** What this client shall find in Metadata: `1=host:port,2=host:port`. */
  readonly advertised: string;
  /** Everybody who connects is the holder of this key; null: each connection authenticates by SASL. */
  readonly apiKey: string | null;
  readonly log: (line: string) => void;
}

/** Read ahead of the request under way; beyond it the socket is paused, which slows the client. */
const READ_AHEAD_BYTES = 1024 * 1024;
/** Kafka's connections.max.idle.ms. */
const IDLE_MS = 10 * 60 * 1000;
/**
 * A client that closed its side may have sent requests whose effect it wants, though not the answer
 * (acks=0): what it sent is carried out, but a parked request is given up after this time.
 */
const DRAIN_MS = 5_000;

/**
 * The Worker decides who a connection is, and nobody but the connection can keep that between two
 * frames: whatever token the Worker gives back goes along with the next one, unread.
 */
const NEW_SESSION = "new";
/** In place of a token: this answer is the last one. */
const CLOSE_SESSION = "close";

export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #peer: string;
  readonly #headers: readonly string[];
  readonly #splitter: FrameSplitter;
  readonly #abort = new AbortController();
  readonly #queue: Frame[] = [];
  #queuedBytes = 0;
  #session: string | null;
  #busy = false;
  #ended = false;
  #drainTimer: NodeJS.Timeout | null = null;
  #resumeUpstream: (() => void) | null = null;
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#peer = hostAndPort(socket.remoteAddress, socket.remotePort);
    this.#session = options.apiKey === null ? NEW_SESSION : null;
    this.#splitter = new FrameSplitter(options.frameBytesMax);
    this.#headers = [
      "content-type",
      "application/vnd.kafka.protocol",
      "x-kedge-broker",
      String(options.brokerId),
      "x-kedge-advertised",
      options.advertised,
      ...(socket.remoteAddress === undefined ? [] : ["x-kedge-client", socket.remoteAddress]),
      ...(options.apiKey === null ? [] : ["authorization", `Bearer ${options.apiKey}`]),
    ];
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#onClose();
        resolve();
      });
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.setTimeout(IDLE_MS, () => this.#onIdle());
    // Every way in which a socket fails is followed by "close", where the clean-up is.
    socket.on("error", () => {});
    socket.on("data", (data: Buffer) => this.#onData(data));
    socket.on("end", () => this.#onEnd());
    socket.on("drain", () => this.#onDrain());
  }

  /** Finishes the request under way and closes; takes no further one. */
  shutDown(): void {
    this.#queue.length = 0;
    this.#onEnd();
    this.#socket.pause();
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  #onData(data: Buffer): void {
    if (this.#ended) return;
    try {
      for (const frame of this.#splitter.push(data)) {
        this.#queue.push(frame);
        this.#queuedBytes += frame.bytes;
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#fail(error.message);
      return;
    }
    this.#work();
    this.#throttle();
  }

  /** A client too far ahead of its answers is not read from. */
  #throttle(): void {
    const ahead = this.#queuedBytes + this.#splitter.pendingBytes;
    if (this.#busy && ahead >= READ_AHEAD_BYTES) this.#socket.pause();
    else if (!this.#ended) this.#socket.resume();
  }

  #work(): void {
    if (this.#busy) return;
    const frame = this.#queue.shift();
    if (frame === undefined) {
      if (this.#ended) this.#socket.end();
      return;
    }
    this.#queuedBytes -= frame.bytes;
    this.#busy = true;
    this.#forward(frame).then((carryOn) => {
      this.#busy = false;
      if (!carryOn) return;
      this.#work();
      this.#throttle();
    });
  }

  /** False when the connection is of no use any more. Never rejects. */
  async #forward(frame: Frame): Promise<boolean> {
    const { upstream } = this.#options;
    let written = 0;
    let announced = -1;
    const sink = {
      write: (chunk: Buffer, resume: () => void): boolean => {
        if (written === 0 && chunk.length >= 4) announced = chunk.readInt32BE(0) + 4;
        written += chunk.length;
        if (this.#socket.write(chunk)) return true;
        this.#resumeUpstream = resume;
        return false;
      },
    };
    try {
      const reply = await upstream.send(frame, this.#requestHeaders(), sink, this.#abort.signal);
      const last = reply.session === CLOSE_SESSION;
      if (this.#session !== null && !last) this.#session = reply.session ?? this.#session;
      // Kafka answers acks=0 with nothing at all.
      if (reply.status === 204) return true;
      if (reply.status !== 200) {
        this.#fail(`upstream answered ${reply.status}${reply.reason ? `: ${reply.reason}` : ""}`);
        return false;
      }
      if (last) {
        this.#log("the service ended it (authentication)");
        this.#socket.end();
        return false;
      }
      if (announced !== -1 && announced !== written) {
        this.#fail(`upstream's answer says ${announced} bytes and has ${written}`);
        return false;
      }
    } catch (error) {
      if (this.#abort.signal.aborted) this.#socket.destroy();
      else this.#fail(`upstream failed: ${describe(error)}`);
      return false;
    }
    return this.#flushed();
  }

  #requestHeaders(): readonly string[] {
    return this.#session === null
      ? this.#headers
      : [...this.#headers, SESSION_HEADER, this.#session];
  }

  /** The next request waits until the client has taken this answer. */
  #flushed(): Promise<boolean> {
    if (this.#socket.destroyed) return Promise.resolve(false);
    if (!this.#socket.writableNeedDrain) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off("drain", done);
        this.#socket.off("close", done);
        resolve(!this.#socket.destroyed);
      };
      this.#socket.on("drain", done);
      this.#socket.on("close", done);
    });
  }

  #onDrain(): void {
    const resume = this.#resumeUpstream;
    this.#resumeUpstream = null;
    resume?.();
  }

  #onEnd(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#busy) {
      this.#socket.end();
    } else {
      this.#drainTimer = setTimeout(() => this.#abort.abort(new Error("client left")), DRAIN_MS);
    }
  }

  #onIdle(): void {
    if (!this.#busy) this.#socket.destroy();
  }

  #onClose(): void {
    this.#ended = true;
    if (this.#drainTimer !== null) clearTimeout(this.#drainTimer);
    this.#queue.length = 0;
    this.#abort.abort(new Error("client left"));
  }

  #log(reason: string): void {
    this.#options.log(`closing ${this.#peer}: ${reason}`);
  }

  #fail(reason: string): void {
    if (this.#socket.destroyed) return;
    this.#log(reason);
    this.#socket.destroy();
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
  return `${error.message || error.name}${code}`;
}

/** `host:port` as Kafka writes it: IPv6 in brackets, IPv4 never in its IPv6 form. */
export function hostAndPort(address: string | undefined, port: number | undefined): string {
  const host = (address ?? "unknown").replace(/^::ffff:/, "");
  return host.includes(":") ? `[${host}]:${port ?? 0}` : `${host}:${port ?? 0}`;
}

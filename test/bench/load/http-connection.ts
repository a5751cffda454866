/**
 * One keep-alive HTTP/1.1 connection that sends bytes made beforehand and reads just enough of each
 * response. Node's own clients cost several times more per request, and would be what is measured.
 */
import { connect, type Socket } from "node:net";

const READ_BUFFER_BYTES = 256 * 1024;
/** The beginning of a body is kept for the check; the rest is only counted. */
const KEPT_BODY_BYTES = 1_024;
const HEAD_BYTES_MAX = 16 * 1024;
const HEAD_END = "\r\n\r\n";

export interface HttpResponse {
  readonly status: number;
  readonly bodyBytes: number;
  /** At most KEPT_BODY_BYTES; valid until the next request is sent. */
  readonly bodyStart: Buffer;
}

export class HttpConnection {
  readonly #socket: Socket;
  readonly #onResponse: (connection: HttpConnection, response: HttpResponse) => void;
  readonly #onFailure: (message: string) => void;
  /** Null while a body is being read. */
  #head: Buffer | null = Buffer.alloc(0);
  #status = 0;
  #bodyBytes = 0;
  #left = 0;
  #kept = 0;
  readonly #bodyStart = Buffer.alloc(KEPT_BODY_BYTES);

  private constructor(
    socket: (onRead: (bytes: Buffer) => void) => Socket,
    onResponse: (connection: HttpConnection, response: HttpResponse) => void,
    onFailure: (message: string) => void,
  ) {
    this.#onResponse = onResponse;
    this.#onFailure = onFailure;
    this.#socket = socket((bytes) => this.#read(bytes));
  }

  /** Rejects when nobody listens there; later trouble goes to `onFailure`. */
  static open(
    host: string,
    port: number,
    onResponse: (connection: HttpConnection, response: HttpResponse) => void,
    onFailure: (message: string) => void,
  ): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const connection = new HttpConnection(
        (onRead) => {
          const buffer = Buffer.allocUnsafe(READ_BUFFER_BYTES);
          const socket = connect({
            host,
            port,
            noDelay: true,
            onread: {
              buffer,
              callback: (bytes) => {
                onRead(buffer.subarray(0, bytes));
                return true;
              },
            },
          });
          socket.once("connect", () => resolve(connection));
          socket.on("error", (error) => {
            reject(error);
            onFailure(`the connection failed: ${error.message}`);
          });
          socket.on("end", () => onFailure("the server closed the connection"));
          return socket;
        },
        onResponse,
        onFailure,
      );
    });
  }

  send(request: Uint8Array): void {
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.removeAllListeners("end");
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    let body = bytes;
    if (this.#head !== null) {
      const head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
      const end = head.indexOf(HEAD_END);
      if (end < 0) {
        if (head.length > HEAD_BYTES_MAX) this.#onFailure("the response's head does not end");
        this.#head = Buffer.from(head);
        return;
      }
      if (!this.#readHead(head.toString("latin1", 0, end))) return;
      body = head.subarray(end + HEAD_END.length);
    }
    if (this.#kept < KEPT_BODY_BYTES) {
      this.#kept += body.copy(this.#bodyStart, this.#kept, 0, KEPT_BODY_BYTES - this.#kept);
    }
    this.#left -= body.length;
    if (this.#left > 0) return;
    if (this.#left < 0) {
      this.#onFailure("more bytes arrived than the response's Content-Length says");
      return;
    }
    this.#head = Buffer.alloc(0);
    this.#onResponse(this, {
      status: this.#status,
      bodyBytes: this.#bodyBytes,
      bodyStart: this.#bodyStart.subarray(0, this.#kept),
    });
  }

  #readHead(head: string): boolean {
    const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (status === undefined || length === undefined) {
      this.#onFailure(`the response has no Content-Length, or is not HTTP/1.1:\n${head}`);
      return false;
    }
    this.#head = null;
    this.#status = Number(status);
    this.#bodyBytes = Number(length);
    this.#left = this.#bodyBytes;
    this.#kept = 0;
    return true;
  }
}

/**
 * Readers that wait for records. Each is a hibernatable WebSocket: it costs nothing while the
 * partition sleeps, where a parked call would keep the object awake and billed.
 */
export class Waiters {
  readonly #ctx: DurableObjectState;
  /** The offset that each socket waits to see passed. */
  readonly #offsets = new Map<WebSocket, number>();

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    // After hibernation the sockets are still there, and what they wait for is attached to them.
    for (const socket of ctx.getWebSockets()) {
      this.#offsets.set(socket, Number(socket.deserializeAttachment()));
    }
  }

  /** A socket for a reader that waits until `offset` is below the high watermark. */
  add(offset: number): Response {
    const { 0: reader, 1: socket } = new WebSocketPair();
    this.#ctx.acceptWebSocket(socket);
    socket.serializeAttachment(offset);
    this.#offsets.set(socket, offset);
    return new Response(null, { status: 101, webSocket: reader });
  }

  remove(socket: WebSocket): void {
    this.#offsets.delete(socket);
  }

  /** Tells those who have something to read now; the message leaves once the write is durable. */
  wake(highWatermark: number): void {
    for (const [socket, offset] of this.#offsets) {
      if (offset < highWatermark) this.#release(socket);
    }
  }

  wakeAll(): void {
    for (const socket of this.#offsets.keys()) this.#release(socket);
  }

  #release(socket: WebSocket): void {
    this.#offsets.delete(socket);
    try {
      socket.send("ready");
      socket.close(1000, "ready");
    } catch {
      // The reader has gone: there is nobody to tell.
    }
  }
}

/**
 * A Kafka listener in front of a Kedge Worker: TCP on one side, `POST /kafka` on the other. It knows
 * of Kafka what a frame is and nothing else, and keeps no state but its connections.
 */
import { createServer, type Server, type Socket } from "node:net";
import { REQUEST_BYTES_MAX } from "../constants.ts";
import { Connection, hostAndPort } from "./connection.ts";
import { Upstream } from "./upstream.ts";

export interface GatewayOptions {
  /** The Worker, for example `https://kedge.example.workers.dev`. */
  readonly url: string;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** `host:port` that clients shall dial; null: the address on which they came. */
  readonly advertised: string | null;
  readonly apiKey: string | null;
  /** The largest request frame; Kafka's socket.request.max.bytes when left out. */
  readonly frameBytesMax?: number;
  /** How long an upstream that refuses connections is tried again for one request. */
  readonly connectRetryMs?: number;
  readonly log: (line: string) => void;
}

export interface Gateway {
  /** Where it listens, `host:port`. */
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  /** Takes no more clients, lets requests under way finish for `graceMs`, then closes. */
  stop(graceMs?: number): Promise<void>;
}

const CONNECT_RETRY_MS = 10_000;
const STOP_GRACE_MS = 2_000;

/** @throws Error when the address cannot be listened on (EADDRINUSE …) or the URL is none. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const upstream = new Upstream({
    url: options.url,
    connectRetryMs: options.connectRetryMs ?? CONNECT_RETRY_MS,
  });
  const connections = new Set<Connection>();
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    const connection = new Connection(socket, {
      upstream,
      frameBytesMax: options.frameBytesMax ?? REQUEST_BYTES_MAX,
      advertised: options.advertised,
      apiKey: options.apiKey,
      log: options.log,
    });
    connections.add(connection);
    connection.closed.then(() => connections.delete(connection));
  });
  await listen(server, options.host, options.port);
  const bound = server.address();
  const port = bound !== null && typeof bound === "object" ? bound.port : options.port;
  return {
    address: hostAndPort(options.host, port),
    port,
    get connections() {
      return connections.size;
    },
    async stop(graceMs = STOP_GRACE_MS) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.shutDown();
      const timer = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, graceMs);
      await closed;
      clearTimeout(timer);
      await upstream.close();
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // The backlog takes a whole group of clients that start at once.
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve();
    });
  });
}

/**
 * A Kafka listener in front of a Kedge Worker: TCP on one side, `POST /kafka` on the other. It knows
 * of Kafka what a frame is and nothing else, and keeps no state but its connections and no secret.
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
  /**
   * The brokers to listen for; the first is at `port`, each further one at the next port, or, when
   * that is taken, at a free one. Clients find the others in Metadata. librdkafka needs an address
   * for each: it takes two brokers at one host:port for one.
   */
  readonly brokerIds: readonly number[];
  /**
   * `host:port` that clients shall dial, one for each broker; a single one stands for consecutive
   * ports; null: the host on which they came, and the port listened on.
   */
  readonly advertised: readonly string[] | null;
  /** Everybody who connects is the holder of this key; null: each connection authenticates by SASL. */
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
  /** The port of each broker, in the order of `brokerIds`. */
  readonly ports: readonly number[];
  readonly connections: number;
  /** Takes no more clients, lets requests under way finish for `graceMs`, then closes. */
  stop(graceMs?: number): Promise<void>;
}

/** The brokers of a cluster that nobody changed (migrations/0001): three regions. */
export const DEFAULT_BROKER_IDS: readonly number[] = [1, 2, 3];
const CONNECT_RETRY_MS = 10_000;
const STOP_GRACE_MS = 2_000;

/** @throws Error when the address cannot be listened on (EADDRINUSE …) or the URL is none. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const upstream = new Upstream({
    url: options.url,
    connectRetryMs: options.connectRetryMs ?? CONNECT_RETRY_MS,
  });
  const connections = new Set<Connection>();
  const ports: number[] = [];
  const accept = (brokerId: number, socket: Socket): void => {
    const connection = new Connection(socket, {
      upstream,
      frameBytesMax: options.frameBytesMax ?? REQUEST_BYTES_MAX,
      brokerId,
      advertised: advertisedTo(socket, options, ports),
      apiKey: options.apiKey,
      log: options.log,
    });
    connections.add(connection);
    connection.closed.then(() => connections.delete(connection));
  };
  const servers: Server[] = [];
  try {
    for (const [index, brokerId] of options.brokerIds.entries()) {
      const server = createServer({ allowHalfOpen: true }, (socket) => accept(brokerId, socket));
      servers.push(server);
      const wanted = ports[0] === undefined ? options.port : ports[0] + index;
      ports.push(await listen(server, options.host, wanted, index > 0));
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  const port = ports[0] ?? options.port;
  return {
    address: hostAndPort(options.host, port),
    port,
    ports,
    get connections() {
      return connections.size;
    },
    async stop(graceMs = STOP_GRACE_MS) {
      const closed = Promise.all(
        servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
      );
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

/** Listens, and gives the port; with `orAny` on a free one when that is taken. */
async function listen(server: Server, host: string, port: number, orAny: boolean): Promise<number> {
  try {
    await tryListen(server, host, port);
  } catch (error) {
    const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    if (!orAny || !taken) throw error;
    await tryListen(server, host, 0);
  }
  const bound = server.address();
  return bound !== null && typeof bound === "object" ? bound.port : port;
}

function tryListen(server: Server, host: string, port: number): Promise<void> {
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

/** What Metadata shall say of each broker to this client: `1=host:port,2=host:port`. */
function advertisedTo(
  socket: Socket,
  { brokerIds, advertised }: GatewayOptions,
  ports: readonly number[],
): string {
  const [, firstHost, firstPort] = /^(.+):(\d+)$/.exec(advertised?.[0] ?? "") ?? [];
  return brokerIds
    .map((id, index) => {
      const own = advertised?.[index];
      if (own !== undefined) return `${id}=${own}`;
      const address =
        firstHost === undefined
          ? hostAndPort(socket.localAddress, ports[index])
          : `${firstHost}:${Number(firstPort) + index}`;
      return `${id}=${address}`;
    })
    .join(",");
}

/**
 * Where clients reach each broker. Brokers are regions behind one URL, so for HTTP callers they share
 * an address; but librdkafka takes two brokers at one host:port for one, so the gateway listens on a
 * port for each and says so: `x-kedge-advertised: 1=127.0.0.1:9092,2=127.0.0.1:9093`. A single
 * `host:port` stands for all of them.
 */
import type { BrokerAddress } from "../broker/context.ts";
import { originOf, remembered } from "./url.ts";

const HTTPS_PORT = 443;
const HTTP_PORT = 80;

type Advertised = (brokerId: number) => BrokerAddress;

export function advertisedBy(request: Request): Advertised {
  const given = request.headers.get("x-kedge-advertised");
  return (given === null ? null : listed(given)) ?? dialled(originOf(request.url));
}

/** Null when it is not of the form above. A broker that is not in the list has the first address. */
const listed = remembered((text): Advertised | null => {
  const addresses = new Map<number, BrokerAddress>();
  let first: BrokerAddress | null = null;
  for (const entry of text.split(",")) {
    const [, id, host, port] = /^\s*(?:(\d+)=)?(.+):(\d{1,5})\s*$/.exec(entry) ?? [];
    if (host === undefined || port === undefined) return null;
    const address = { host, port: Number(port) };
    first ??= address;
    if (id !== undefined) addresses.set(Number(id), address);
  }
  if (first === null) return null;
  const fallback = first;
  return (brokerId) => addresses.get(brokerId) ?? fallback;
});

const dialled = remembered((origin): Advertised => {
  const { hostname, port, protocol } = new URL(origin);
  const standard = protocol === "http:" ? HTTP_PORT : HTTPS_PORT;
  const address = { host: hostname, port: port === "" ? standard : Number(port) };
  return () => address;
});

/**
 * The broker that a client addresses: the gateway names the one whose port was dialled, a client over
 * HTTP does the same with `x-kedge-broker: 2`. Only reading near the reader depends on it (KIP-392);
 * null: none was named, and whatever replica serves best is read on the spot.
 */
export function addressedBroker(request: Request): number | null {
  const given = request.headers.get("x-kedge-broker");
  return given !== null && /^\d{1,9}$/.test(given) ? Number(given) : null;
}

/** An IP address as text, a zone at its end perhaps. */
const ADDRESS = /^[0-9a-zA-Z.:%]{2,64}$/;

/**
 * The client's address as Kafka shows a group's members, "/192.0.2.1": the gateway's peer, or ours as
 * the platform names it; "" when neither is known. It is shown and nothing else.
 */
export function clientHostOf(request: Request): string {
  const { headers } = request;
  const address = headers.get("x-kedge-client") ?? headers.get("cf-connecting-ip") ?? "";
  return ADDRESS.test(address) ? `/${address}` : "";
}

/**
 * The client's address as ACLs go by it. The platform says where a request comes from; what a gateway
 * says of its clients counts when the request comes from one of the addresses in `trusted` (by commas),
 * or when there is no platform to ask: on a machine of one's own.
 */
export function aclHostOf(request: Request, trusted: string): string {
  const { headers } = request;
  const peer = headers.get("cf-connecting-ip");
  const said = headers.get("x-kedge-client");
  const isGateway = peer === null || trustedAddresses(trusted).has(peer);
  const address = (isGateway ? said : null) ?? peer ?? "";
  return ADDRESS.test(address) ? address.replace(/^::ffff:/, "") : "";
}

const trustedAddresses = remembered(
  (list) => new Set(list.split(",").map((address) => address.trim())),
);

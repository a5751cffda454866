/** PartitionsPort on Durable Objects: every way to a partition passes the same location hint. */
import type {
  CataloguePort,
  PartitionAddress,
  PartitionPort,
  PartitionsPort,
} from "../broker/ports.ts";
import { leftBehind } from "../cluster/reassignment.ts";
import type { PartitionInfo, TopicInfo } from "../cluster/types.ts";
import type { Env } from "../env.ts";
import type { Partition } from "./partition.ts";
import { isHint, namespaceOf, partitionName } from "./partition-name.ts";
import { decodeReadResult, encodeRead } from "./read-message.ts";

/** Objects opened or destroyed at the same time, and the pause after them: others are to be served. */
const WAVE_OBJECTS = 8;
const WAVE_PAUSE_MS = 2;

export function createPartitionsPort(env: Env, catalogue: CataloguePort): PartitionsPort {
  const at = (address: PartitionAddress): PartitionPort =>
    new RemotePartition(env, catalogue, address);
  type Stub = DurableObjectStub<Partition>;
  const each = async (
    addresses: readonly PartitionAddress[],
    what: (stub: Stub) => Promise<unknown>,
  ): Promise<void> => {
    for (let from = 0; from < addresses.length; from += WAVE_OBJECTS) {
      const wave = addresses.slice(from, from + WAVE_OBJECTS);
      await Promise.all(
        wave.map(async (address) => {
          return what(await stubOf(namespaceOf(env, address), catalogue, address));
        }),
      );
      // A pause, and not just a turn: the local runtime serves its sockets when nothing else is due.
      if (from + WAVE_OBJECTS < addresses.length) await pause(WAVE_PAUSE_MS);
    }
  };
  const replicasOf = (
    clusterId: string,
    { topicId }: TopicInfo,
    partitions: readonly PartitionInfo[],
  ): PartitionAddress[] =>
    partitions.flatMap(({ partition, replicas }) =>
      replicas.map((brokerId) => ({ clusterId, topicId, partition, brokerId })),
    );
  return {
    at,
    open: (clusterId, topic, partitions) =>
      each(replicasOf(clusterId, topic, partitions), (stub) => stub.open()),
    destroy: (clusterId, topic) =>
      each(
        [
          ...replicasOf(clusterId, topic, topic.partitions),
          // Replicas that had left a row may not have been destroyed yet when the topic was deleted.
          ...topic.partitions.flatMap((row) =>
            leftBehind(row).map((brokerId) => ({
              ...{ clusterId, topicId: topic.topicId, partition: row.partition, brokerId },
            })),
          ),
        ],
        (stub) => stub.destroy(),
      ),
    destroyReplicas: (clusterId, { topicId }, partition, brokerIds) =>
      each(
        brokerIds.map((brokerId) => ({ clusterId, topicId, partition, brokerId })),
        (stub) => stub.destroy(),
      ),
    // Only a hint: a replica that cannot be told now finds out by itself.
    refresh: (addresses) => each(addresses, (stub) => stub.nudge().catch(() => undefined)),
  };
}

/** A new stub for every call: one that threw may be broken for good. */
export async function stubOf<T extends Partition>(
  namespace: DurableObjectNamespace<T>,
  catalogue: CataloguePort,
  address: PartitionAddress,
): Promise<DurableObjectStub<T>> {
  const cluster = await catalogue.cluster(address.clusterId);
  const hint = cluster?.brokers.find((broker) => broker.brokerId === address.brokerId)?.hint;
  const name = partitionName(address);
  return hint !== undefined && isHint(hint)
    ? namespace.getByName(name, { locationHint: hint })
    : namespace.getByName(name);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

class RemotePartition implements PartitionPort {
  readonly #env: Env;
  readonly #catalogue: CataloguePort;
  readonly #address: PartitionAddress;

  constructor(env: Env, catalogue: CataloguePort, address: PartitionAddress) {
    this.#env = env;
    this.#catalogue = catalogue;
    this.#address = address;
  }

  #stub(): Promise<DurableObjectStub<Partition>> {
    const namespace = namespaceOf(this.#env, this.#address);
    return stubOf(namespace, this.#catalogue, this.#address);
  }

  append: PartitionPort["append"] = async (request) => {
    const { batch } = request;
    // An argument travels with the whole buffer under it: a batch out of a big request goes alone.
    const alone = batch.byteLength * 1.1 < batch.buffer.byteLength ? batch.slice() : batch;
    return (await this.#stub()).append({ ...request, batch: alone });
  };

  read: PartitionPort["read"] = async (request) => {
    const stub = await this.#stub();
    return decodeReadResult(await stub.fetch(encodeRead(request)));
  };

  listOffset: PartitionPort["listOffset"] = async (request) =>
    (await this.#stub()).listOffset(request);

  deleteRecords: PartitionPort["deleteRecords"] = async (offset, timeoutMs) =>
    (await this.#stub()).deleteRecords(offset, timeoutMs);

  epochEnd: PartitionPort["epochEnd"] = async (request) => (await this.#stub()).epochEnd(request);

  status: PartitionPort["status"] = async () => (await this.#stub()).status();

  activeProducers: PartitionPort["activeProducers"] = async () =>
    (await this.#stub()).activeProducers();

  /** Parked here and not in the object, which may sleep meanwhile: it wakes us over a WebSocket. */
  waitForData: PartitionPort["waitForData"] = async (offset, timeoutMs, signal) => {
    if (signal.aborted) return false;
    let socket: WebSocket | null;
    try {
      const stub = await this.#stub();
      const response = await stub.fetch(`https://partition/wait?offset=${offset}`, {
        headers: { Upgrade: "websocket" },
      });
      socket = response.webSocket;
    } catch {
      return true;
    }
    if (socket === null) return true;
    return untilReady(socket, timeoutMs, signal);
  };
}

function untilReady(socket: WebSocket, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timeoutMs);
  const gaveUp = (): void => resolve(false);
  signal.addEventListener("abort", gaveUp);
  socket.accept();
  // A broken wait is a wait that is over: the reader looks for itself.
  for (const event of ["message", "close", "error"] as const) {
    socket.addEventListener(event, () => resolve(true));
  }
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", gaveUp);
    try {
      socket.close(1000);
    } catch {
      // It is closed already.
    }
  });
}

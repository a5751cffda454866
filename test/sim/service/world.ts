/** The service as it stands: isolates, objects, D1 and the network between them. */
import type { PartitionAddress } from "../../../src/broker/ports.ts";
import type { TopicInfo } from "../../../src/cluster/types.ts";
import { FencedFlag } from "../../../src/objects/fenced-flag.ts";
import { REPLICA_CONFIG_DEFAULT, type ReplicaConfig } from "../../../src/replication/config.ts";
import { SimNetwork } from "../cluster/network.ts";
import type { ReplicaNode } from "../cluster/replica-object.ts";
import type { ObjectFaults } from "../object.ts";
import { Scheduler } from "../scheduler.ts";
import { type CacheTimes, CLUSTER, IsolateCatalogue, SimD1, SimRow } from "./catalogue.ts";
import { History, PartitionChecker } from "./history.ts";
import { Isolate } from "./isolate.ts";
import { PartitionObject, type PartitionSurroundings } from "./partition-object.ts";
import type { ServiceBug } from "./planted-bugs.ts";

/** Nodes of the network, beside those that network.ts names. */
export const ISOLATES = [30, 31] as const;
export const BROKERS = [1, 2, 3] as const;

/** One partition, and what is known of it from outside. */
export interface Place {
  /** "topic-partition" */
  readonly name: string;
  readonly topic: Pick<TopicInfo, "name" | "topicId">;
  readonly partition: number;
  readonly replicationFactor: number;
  readonly row: SimRow;
  readonly checker: PartitionChecker;
  readonly replicas: Map<number, ReplicaNode>;
  readonly surroundings: PartitionSurroundings;
}

export class ServiceWorld {
  readonly world: Scheduler;
  readonly network: SimNetwork;
  readonly d1: SimD1;
  readonly history = new History();
  readonly brokers: readonly number[] = BROKERS;
  readonly faults: ObjectFaults = { dropAlarm: 0, lateAlarmMs: 0, loseReplies: 0, skewMs: 0 };
  readonly isolates: readonly Isolate[];
  readonly objects = new Map<string, PartitionObject>();
  /** Of all replicas; who wakes later lives by another. */
  config: ReplicaConfig;
  readonly #places = new Map<string, Place>();
  readonly #bug: ServiceBug | null;
  readonly #cacheTimes: CacheTimes;
  readonly #regions: ReadonlyMap<number, IsolateCatalogue>;

  constructor(seed: number, bug: ServiceBug | null) {
    this.world = new Scheduler(seed);
    this.#bug = bug;
    this.config = drawConfig(this.world);
    this.network = new SimNetwork(this.world);
    this.d1 = new SimD1(this.world, this.network);
    const { world, network, d1 } = this;
    const cacheTimes = drawCacheTimes(world);
    this.#cacheTimes = cacheTimes;
    const objectAt = (address: PartitionAddress): PartitionObject => this.#objectAt(address);
    const violation = (text: string): void => this.history.violation(text);
    const at = { world, network, d1, cacheTimes, bug, objectAt, violation };
    this.isolates = ISOLATES.map((node) => new Isolate(node, at));
    this.#regions = new Map(
      BROKERS.map((id) => [id, new IsolateCatalogue(world, d1, id, cacheTimes)]),
    );
  }

  get places(): readonly Place[] {
    return [...this.#places.values()];
  }

  /** Who lives already goes on with it too. */
  configure(change: Partial<ReplicaConfig>): void {
    this.config = { ...this.config, ...change };
    const { config } = this;
    for (const object of this.objects.values()) object.tell({ kind: "configure", config });
  }

  #objectAt({ topicId, partition, brokerId }: PartitionAddress): PartitionObject {
    const place = this.#place(topicId, partition);
    const key = `${place.name}/${brokerId}`;
    const known = this.objects.get(key);
    if (known !== undefined) return known;
    const object = new PartitionObject(brokerId, place.surroundings, key);
    this.objects.set(key, object);
    place.replicas.set(brokerId, object);
    return object;
  }

  #place(topicId: string, partition: number): Place {
    const key = `${topicId}/${partition}`;
    const place = this.#places.get(key) ?? this.#newPlace(topicId, partition);
    this.#places.set(key, place);
    return place;
  }

  #newPlace(topicId: string, partition: number): Place {
    const { world, d1, network, faults } = this;
    const topic = d1.memory.topicsNow(CLUSTER).find((known) => known.topicId === topicId);
    if (topic === undefined) throw new Error(`no topic has the id ${topicId}`);
    const name = `${topic.name}-${partition}`;
    const checker = new PartitionChecker(this.history, name);
    const replicas = new Map<number, PartitionObject>();
    const flags = new Map<number, FencedFlag>();
    const close = (brokerId: number): void =>
      replicas.get(brokerId)?.close("as its row does not name it");
    const row = new SimRow(world, d1, topic, partition, close, this.#bug);
    const service = this;
    const surroundings: PartitionSurroundings = {
      ...{ world, network, faults, checker, replicas, catalogue: row, bug: null },
      get config() {
        return service.config;
      },
      serviceBug: this.#bug,
      violation: (text) => checker.violation(text),
      isNamed: (brokerId) => row.now.replicas.includes(brokerId),
      isFenced: async (brokerId) => {
        const flag = flags.get(brokerId) ?? this.#fencedFlag(brokerId);
        flags.set(brokerId, flag);
        if (flag.isSet && (await flag.isStillSet())) return true;
        flag.lookIfOld();
        return false;
      },
      objectAt: (brokerId) => this.#objectAt({ clusterId: CLUSTER, topicId, partition, brokerId }),
    };
    const replicationFactor = topic.partitions[partition]?.replicas.length ?? 0;
    return { name, topic, partition, replicationFactor, row, checker, replicas, surroundings };
  }

  /** As the objects of a region know it; the flag outlives an object's life, which costs no rule. */
  #fencedFlag(brokerId: number): FencedFlag {
    const catalogue = this.#regions.get(brokerId);
    if (catalogue === undefined) throw new Error(`no region is broker ${brokerId}'s`);
    const { ttlMs } = this.#cacheTimes;
    const now = (): number => this.world.nowMs;
    return new FencedFlag(catalogue, { clusterId: CLUSTER, brokerId }, { now, ttlMs });
  }
}

function drawConfig({ random }: Scheduler): ReplicaConfig {
  return {
    ...REPLICA_CONFIG_DEFAULT,
    minInsyncReplicas: 1 + random.int(2),
    replicaLagTimeMaxMs: 300 + random.int(600),
    segmentBytes: 2_000 + random.int(20_000),
    sendTimeoutMs: 150 + random.int(200),
    retryMinMs: 10 + random.int(30),
    retryMaxMs: 500,
    fencedBrokers: [],
    fencedRetryMs: 1_500,
    windowBytes: 400 + random.int(4_000),
    messageBytes: 200 + random.int(800),
    quietMs: 100 + random.int(300),
    lingerMs: 5 + random.int(25),
  };
}

function drawCacheTimes({ random }: Scheduler): CacheTimes {
  const ttlMs = 100 + random.int(random.bool(0.2) ? 5_000 : 900);
  return { ttlMs, staleMsMax: 10 * ttlMs };
}

/**
 * D1 behind the network, for many topics: the catalogue in memory that keeps D1's contract, the rows of
 * single partitions as their replicas use them, and what an isolate caches of it by the real cache.
 */
import type {
  CataloguePort,
  FencingOutcome,
  NewTopic,
  PartitionChange,
  PartitionChangeOutcome,
} from "../../../src/broker/ports.ts";
import { ReadThrough } from "../../../src/catalogue/read-through.ts";
import type {
  ClusterInfo,
  ConfigMap,
  PartitionInfo,
  PartitionState,
  TopicInfo,
} from "../../../src/cluster/types.ts";
import { METADATA_CACHE_PARTITIONS_MAX } from "../../../src/constants.ts";
import { ErrorCode, KafkaError } from "../../../src/protocol/errors.ts";
import { MemoryCatalogue } from "../../support/memory-catalogue.ts";
import { CATALOGUE, type SimNetwork } from "../cluster/network.ts";
import type { RowAccess } from "../cluster/replica-object.ts";
import type { Scheduler } from "../scheduler.ts";
import type { ServiceBug } from "./planted-bugs.ts";

export const CLUSTER = "kedge";
/** A query without an answer is given up, as D1 gives it up. */
const PATIENCE_MS = 500;
export const UNREACHABLE = "the catalogue does not answer";

export class SimD1 {
  readonly memory = new MemoryCatalogue([CLUSTER]);
  unreachableUntilMs = 0;
  readonly #world: Scheduler;
  readonly #network: SimNetwork;

  constructor(world: Scheduler, network: SimNetwork) {
    this.#world = world;
    this.#network = network;
  }

  /** `result` gets null when there was no answer: a write may then have happened or may yet. */
  ask<T>(
    from: number,
    work: (memory: MemoryCatalogue) => Promise<T>,
    result: (found: { readonly value: T } | null) => void,
  ): void {
    const world = this.#world;
    let settled = false;
    const settle = (found: { readonly value: T } | null): void => {
      if (settled) return;
      settled = true;
      world.enter(() => result(found));
    };
    this.#network.call<{ readonly value: T }>(
      from,
      CATALOGUE,
      (answer) => {
        if (world.nowMs < this.unreachableUntilMs) answer(null);
        else world.enter(() => void work(this.memory).then((value) => answer({ value })));
      },
      settle,
    );
    world.after(PATIENCE_MS, () => settle(null));
  }

  /** What is true now, for who stands outside of the world. */
  rowNow(topicId: string, partition: number): PartitionInfo | null {
    const topics = this.memory.topicsNow(CLUSTER);
    return topics.find((topic) => topic.topicId === topicId)?.partitions[partition] ?? null;
  }

  fencedNow(): number[] {
    const brokers = this.memory.brokersNow(CLUSTER);
    return brokers.filter((broker) => broker.fenced).map(({ brokerId }) => brokerId);
  }

  isFenced(brokerId: number): boolean {
    return this.fencedNow().includes(brokerId);
  }
}

/** One partition's row, for its replicas. */
export class SimRow implements RowAccess {
  readonly #d1: SimD1;
  readonly #world: Scheduler;
  readonly #topic: Pick<TopicInfo, "name" | "topicId">;
  readonly #partition: number;
  /** The row does not name this broker's replica any more. */
  readonly #onGone: (brokerId: number) => void;
  readonly #bug: ServiceBug | null;

  constructor(
    world: Scheduler,
    d1: SimD1,
    topic: Pick<TopicInfo, "name" | "topicId">,
    partition: number,
    onGone: (brokerId: number) => void,
    bug: ServiceBug | null,
  ) {
    this.#bug = bug;
    this.#world = world;
    this.#d1 = d1;
    this.#topic = topic;
    this.#partition = partition;
    this.#onGone = onGone;
  }

  get fenced(): number[] {
    return this.#d1.fencedNow();
  }

  get now(): PartitionInfo {
    const row = this.#d1.rowNow(this.#topic.topicId, this.#partition);
    if (row === null) throw new Error(`${this.#topic.name}-${this.#partition} is gone`);
    return row;
  }

  read(from: number, result: (row: PartitionInfo | null) => void): void {
    const { topicId } = this.#topic;
    this.#d1.ask(
      from,
      (memory) => memory.topicsById(CLUSTER, [topicId]),
      (found) => {
        const row = found?.value.get(topicId)?.partitions[this.#partition] ?? null;
        if (row?.replicas.includes(from) === false) this.#onGone(from);
        else result(row);
      },
    );
  }

  change(
    from: number,
    why: string,
    expectedPartitionEpoch: number,
    next: PartitionState,
    result: (outcome: PartitionChangeOutcome | "unknown") => void,
  ): void {
    const { topicId, name } = this.#topic;
    this.#d1.ask(
      from,
      async (memory) => {
        const outcome = await memory.changePartition(
          ...[CLUSTER, topicId, this.#partition, expectedPartitionEpoch, next],
        );
        this.#world.note(`${name}-${this.#partition} ${why} [${next.isr}]: ${outcome}`);
        const isMistaken = outcome === "ineligible" && this.#bug?.ineligibleIsConflict === true;
        return isMistaken ? "conflict" : outcome;
      },
      (found) => result(found?.value ?? "unknown"),
    );
  }
}

/** How old an isolate's knowledge may get, ms. */
export interface CacheTimes {
  readonly ttlMs: number;
  readonly staleMsMax: number;
}

/** CataloguePort of one isolate, cached as catalogue/catalogue.ts does it. */
export class IsolateCatalogue implements CataloguePort {
  readonly #d1: SimD1;
  readonly #node: number;
  readonly #clusters: ReadThrough<ClusterInfo>;
  readonly #byName: ReadThrough<TopicInfo>;
  readonly #byId: ReadThrough<TopicInfo>;

  constructor(world: Scheduler, d1: SimD1, node: number, times: CacheTimes) {
    this.#d1 = d1;
    this.#node = node;
    const cache = {
      now: () => world.nowMs,
      after: (ms: number, callback: () => void) =>
        world.timer(ms, () => world.enter(() => callback())),
      patienceMs: PATIENCE_MS,
      weightMax: METADATA_CACHE_PARTITIONS_MAX,
      weigh: () => 1,
      ...times,
    };
    this.#clusters = new ReadThrough({
      ...cache,
      query: async (clusterId) => {
        const cluster = await this.#ask((memory) => memory.cluster(clusterId));
        return new Map(cluster === null ? [] : [["", cluster]]);
      },
    });
    this.#byName = new ReadThrough({
      ...cache,
      query: (clusterId, names) => this.#ask((memory) => memory.topics(clusterId, names)),
    });
    this.#byId = new ReadThrough({
      ...cache,
      query: (clusterId, ids) => this.#ask((memory) => memory.topicsById(clusterId, ids)),
    });
  }

  #ask<T>(work: (memory: MemoryCatalogue) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#d1.ask(this.#node, work, (found) => {
        if (found !== null) resolve(found.value);
        else reject(new KafkaError(ErrorCode.REQUEST_TIMED_OUT, UNREACHABLE));
      });
    });
  }

  async cluster(clusterId: string, { fresh = false } = {}): Promise<ClusterInfo | null> {
    return (await this.#clusters.get(clusterId, [""], fresh)).get("") ?? null;
  }

  listTopics(clusterId: string) {
    return this.#ask((memory) => memory.listTopics(clusterId));
  }

  topics(clusterId: string, names: readonly string[] | null, { fresh = false } = {}) {
    if (names === null) return this.#ask((memory) => memory.topics(clusterId, null));
    return this.#byName.get(clusterId, names, fresh);
  }

  topicsById(clusterId: string, ids: readonly string[], { fresh = false } = {}) {
    return this.#byId.get(clusterId, ids, fresh);
  }

  createTopic(clusterId: string, topic: NewTopic): Promise<boolean> {
    return this.#change((memory) => memory.createTopic(clusterId, topic));
  }

  deleteTopic(clusterId: string, name: string, topicId: string): Promise<TopicInfo | null> {
    return this.#change((memory) => memory.deleteTopic(clusterId, name, topicId));
  }

  addPartitions(
    clusterId: string,
    topicId: string,
    expected: number,
    added: readonly PartitionInfo[],
  ): Promise<boolean> {
    return this.#change((memory) => memory.addPartitions(clusterId, topicId, expected, added));
  }

  changeTopicConfigs(
    clusterId: string,
    topicId: string,
    expected: ConfigMap,
    next: ConfigMap,
  ): Promise<boolean> {
    return this.#change((memory) => memory.changeTopicConfigs(clusterId, topicId, expected, next));
  }

  async changeBrokerConfigs(
    clusterId: string,
    brokerId: number,
    changes: Readonly<Record<string, string | null>>,
  ): Promise<void> {
    await this.#ask((memory) => memory.changeBrokerConfigs(clusterId, brokerId, changes));
    this.#clusters.forget(clusterId, "");
  }

  changePartition(
    clusterId: string,
    topicId: string,
    partition: number,
    expected: number,
    next: PartitionState,
  ): Promise<PartitionChangeOutcome> {
    return this.#change((memory) =>
      memory.changePartition(clusterId, topicId, partition, expected, next),
    );
  }

  async changePartitions(
    clusterId: string,
    changes: readonly PartitionChange[],
  ): Promise<boolean[]> {
    if (changes.length === 0) return [];
    try {
      return await this.#ask((memory) => memory.changePartitions(clusterId, changes));
    } finally {
      this.#forgetTopics();
    }
  }

  async setBrokerFenced(
    clusterId: string,
    brokerId: number,
    fenced: boolean,
    options: { force?: boolean } = {},
  ): Promise<FencingOutcome> {
    const outcome = await this.#ask((memory) =>
      memory.setBrokerFenced(clusterId, brokerId, fenced, options),
    );
    this.#clusters.forget(clusterId, "");
    return outcome;
  }

  deletedTopics(clusterId: string): Promise<TopicInfo[]> {
    return this.#ask((memory) => memory.deletedTopics(clusterId));
  }

  forgetDeletedTopic(clusterId: string, topicId: string): Promise<void> {
    return this.#ask((memory) => memory.forgetDeletedTopic(clusterId, topicId));
  }

  allocateProducerIds(clusterId: string, count: number): Promise<number> {
    return this.#ask((memory) => memory.allocateProducerIds(clusterId, count));
  }

  /** A read is never older than the isolate's own last write (CAT7). */
  async #change<T>(work: (memory: MemoryCatalogue) => Promise<T>): Promise<T> {
    const done = await this.#ask(work);
    this.#forgetTopics();
    return done;
  }

  #forgetTopics(): void {
    this.#byName.forgetWhere(() => true);
    this.#byId.forgetWhere(() => true);
  }
}

/**
 * The catalogue in D1, with what this isolate read of it lately.
 *
 * Every produce and fetch asks where its partition is, and a query to D1 costs milliseconds and
 * money, so topics and clusters are trusted for `ttlMs` after they were read. What was not found is
 * never kept: a topic is there for everybody as soon as it is created. Nor are failures; while D1
 * does not answer, what is known goes on being used for `staleMsMax`.
 */
import type {
  CataloguePort,
  FencingOutcome,
  NewTopic,
  PartitionChange,
  PartitionChangeOutcome,
} from "../broker/ports.ts";
import type {
  ClusterInfo,
  ConfigMap,
  PartitionInfo,
  PartitionState,
  TopicInfo,
} from "../cluster/types.ts";
import {
  METADATA_CACHE_PARTITIONS_MAX,
  METADATA_JOIN_MS_MAX,
  METADATA_STALE_MS_MAX,
  METADATA_TTL_MS,
  TOPIC_NAME_CHARS_MAX,
} from "../constants.ts";
import { changeBrokerConfigs, selectCluster, setBrokerFenced } from "./clusters.ts";
import { deleteTopic, forgetDeletedTopic, selectDeletedTopics } from "./deleted-topics.ts";
import {
  addPartitions,
  BrokerLists,
  comparePartitionAndSet,
  comparePartitionsAndSet,
} from "./partitions.ts";
import { allocateProducerIds } from "./producer-ids.ts";
import { ReadThrough } from "./read-through.ts";
import { Database } from "./session.ts";
import { type After, setTimer } from "./single-flight.ts";
import type { ListedTopic, TopicKey } from "./topics.ts";
import {
  compareTopicConfigsAndSet,
  insertTopic,
  listTopics,
  selectAllTopics,
  selectTopics,
} from "./topics.ts";

export interface D1CatalogueOptions {
  readonly now?: () => number;
  readonly after?: After;
  readonly ttlMs?: number;
  readonly staleMsMax?: number;
  readonly partitionsMax?: number;
}

const KEYS_PER_QUERY = 1_000;

interface ReadOptions {
  readonly fresh?: boolean;
}

export class D1Catalogue implements CataloguePort {
  readonly #db: Database;
  readonly #now: () => number;
  readonly #lists = new BrokerLists();
  readonly #clusters: ReadThrough<ClusterInfo>;
  readonly #topicsByName: ReadThrough<TopicInfo>;
  readonly #topicsById: ReadThrough<TopicInfo>;

  constructor(db: D1Database, options: D1CatalogueOptions = {}) {
    this.#db = new Database(db);
    this.#now = options.now ?? Date.now;
    const cache = {
      now: this.#now,
      after: options.after ?? setTimer,
      patienceMs: METADATA_JOIN_MS_MAX,
      ttlMs: options.ttlMs ?? METADATA_TTL_MS,
      staleMsMax: options.staleMsMax ?? METADATA_STALE_MS_MAX,
      weightMax: options.partitionsMax ?? METADATA_CACHE_PARTITIONS_MAX,
    };
    this.#clusters = new ReadThrough({
      ...cache,
      weigh: (cluster) => 1 + cluster.brokers.length,
      query: (clusterId, _, fresh) => this.#queryCluster(clusterId, fresh),
    });
    const topicCache = (by: TopicKey) =>
      new ReadThrough<TopicInfo>({
        ...cache,
        weigh: (topic) => 1 + topic.partitions.length,
        query: (clusterId, keys, fresh) => this.#queryTopics(clusterId, by, keys, fresh),
      });
    this.#topicsByName = topicCache("name");
    this.#topicsById = topicCache("topicId");
  }

  async cluster(clusterId: string, options: ReadOptions = {}): Promise<ClusterInfo | null> {
    const found = await this.#clusters.get(clusterId, [""], options.fresh === true);
    return found.get("") ?? null;
  }

  listTopics(clusterId: string): Promise<ListedTopic[]> {
    return this.#db.read("the list of topics", (session) => listTopics(session, clusterId));
  }

  async topics(
    clusterId: string,
    names: readonly string[] | null,
    options: ReadOptions = {},
  ): Promise<Map<string, TopicInfo>> {
    const fresh = options.fresh === true;
    return names === null
      ? this.#allTopics(clusterId, fresh)
      : this.#topicsByName.get(clusterId, names, fresh);
  }

  topicsById(
    clusterId: string,
    ids: readonly string[],
    options: ReadOptions = {},
  ): Promise<Map<string, TopicInfo>> {
    return this.#topicsById.get(clusterId, ids, options.fresh === true);
  }

  async createTopic(clusterId: string, topic: NewTopic): Promise<boolean> {
    const created = await this.#db.write(`topic ${topic.name}`, (session) =>
      insertTopic(session, clusterId, topic),
    );
    this.#forgetTopic(clusterId, topic.name, topic.topicId);
    return created;
  }

  async deleteTopic(clusterId: string, name: string, topicId: string): Promise<TopicInfo | null> {
    const nowMs = this.#now();
    const deleted = await this.#db.write(`the deletion of topic ${name}`, (session) =>
      deleteTopic(session, clusterId, name, topicId, nowMs, this.#lists),
    );
    this.#forgetTopic(clusterId, name, topicId);
    return deleted;
  }

  async addPartitions(
    clusterId: string,
    topicId: string,
    expected: number,
    added: readonly PartitionInfo[],
  ): Promise<boolean> {
    const done = await this.#db.write(`partitions of topic ${topicId}`, (session) =>
      addPartitions(session, clusterId, topicId, expected, added),
    );
    this.#forgetTopicId(clusterId, topicId);
    return done;
  }

  async changeTopicConfigs(
    clusterId: string,
    topicId: string,
    expected: ConfigMap,
    next: ConfigMap,
  ): Promise<boolean> {
    const done = await this.#db.write(`the configs of topic ${topicId}`, (session) =>
      compareTopicConfigsAndSet(session, clusterId, topicId, expected, next),
    );
    this.#forgetTopicId(clusterId, topicId);
    return done;
  }

  async changeBrokerConfigs(
    clusterId: string,
    brokerId: number,
    changed: Readonly<Record<string, string | null>>,
  ): Promise<void> {
    await this.#db.write(`the configs of broker ${brokerId}`, (session) =>
      changeBrokerConfigs(session, clusterId, brokerId, changed),
    );
    this.#clusters.forget(clusterId, "");
  }

  async changePartition(
    clusterId: string,
    topicId: string,
    partition: number,
    expectedPartitionEpoch: number,
    next: PartitionState,
  ): Promise<PartitionChangeOutcome> {
    const change = { topicId, partition, expectedPartitionEpoch, next };
    const outcome = await this.#db.write(`partition ${topicId}-${partition}`, (session) =>
      comparePartitionAndSet(session, clusterId, change),
    );
    this.#forgetTopicId(clusterId, topicId);
    return outcome;
  }

  async changePartitions(
    clusterId: string,
    changes: readonly PartitionChange[],
  ): Promise<boolean[]> {
    if (changes.length === 0) return [];
    const topicIds = new Set(changes.map(({ topicId }) => topicId));
    try {
      return await this.#db.write(`${changes.length} partitions`, (session) =>
        comparePartitionsAndSet(session, clusterId, changes),
      );
    } finally {
      // Of several statements the first may have been done when the second fails.
      this.#topicsByName.forgetWhere((topic) => topicIds.has(topic.topicId));
      this.#topicsById.forgetWhere((topic) => topicIds.has(topic.topicId));
    }
  }

  async setBrokerFenced(
    clusterId: string,
    brokerId: number,
    fenced: boolean,
    options: { readonly force?: boolean } = {},
  ): Promise<FencingOutcome> {
    const outcome = await this.#db.write(`broker ${brokerId}`, (session) =>
      setBrokerFenced(session, clusterId, brokerId, fenced, options.force === true),
    );
    this.#clusters.forget(clusterId, "");
    return outcome;
  }

  deletedTopics(clusterId: string): Promise<TopicInfo[]> {
    return this.#db.readFresh("the deleted topics", (session) =>
      selectDeletedTopics(session, clusterId, this.#lists),
    );
  }

  forgetDeletedTopic(clusterId: string, topicId: string): Promise<void> {
    return this.#db.write(`the end of topic ${topicId}`, (session) =>
      forgetDeletedTopic(session, clusterId, topicId),
    );
  }

  allocateProducerIds(clusterId: string, count: number): Promise<number> {
    return this.#db.write("a block of producer ids", (session) =>
      allocateProducerIds(session, clusterId, count),
    );
  }

  async #queryCluster(clusterId: string, fresh: boolean): Promise<Map<string, ClusterInfo>> {
    const cluster = await this.#read(fresh, `cluster ${clusterId}`, (session) =>
      selectCluster(session, clusterId),
    );
    return new Map(cluster === null ? [] : [["", cluster]]);
  }

  async #queryTopics(
    clusterId: string,
    by: TopicKey,
    keys: readonly string[],
    fresh: boolean,
  ): Promise<Map<string, TopicInfo>> {
    // A parameter holds 2 MB at most, and what is longer than a name may be is nobody's.
    const possible = keys.filter((key) => key.length <= TOPIC_NAME_CHARS_MAX);
    const topics: TopicInfo[] = [];
    for (let at = 0; at < possible.length; at += KEYS_PER_QUERY) {
      const some = possible.slice(at, at + KEYS_PER_QUERY);
      const what = `topics ${some.slice(0, 3).join(", ")}`;
      const found = await this.#read(fresh, what, (session) =>
        selectTopics(session, clusterId, by, some, this.#lists),
      );
      topics.push(...found);
    }
    return new Map(topics.map((topic) => [topic[by], topic]));
  }

  async #allTopics(clusterId: string, fresh: boolean): Promise<Map<string, TopicInfo>> {
    const topics = await this.#read(fresh, "all topics", (session) =>
      selectAllTopics(session, clusterId, this.#lists),
    );
    return new Map(topics.map((topic) => [topic.name, topic]));
  }

  #read<T>(
    fresh: boolean,
    what: string,
    query: (session: D1DatabaseSession) => Promise<T>,
  ): Promise<T> {
    return fresh ? this.#db.readFresh(what, query) : this.#db.read(what, query);
  }

  #forgetTopic(clusterId: string, name: string, topicId: string): void {
    this.#topicsByName.forget(clusterId, name);
    this.#topicsById.forget(clusterId, topicId);
  }

  #forgetTopicId(clusterId: string, topicId: string): void {
    this.#topicsByName.forgetWhere((topic) => topic.topicId === topicId);
    this.#topicsById.forget(clusterId, topicId);
  }
}

const perDatabase = new WeakMap<D1Database, D1Catalogue>();

/** The isolate's one catalogue of this database: one made for each request would cache nothing. */
export function createCatalogue(db: D1Database): D1Catalogue {
  const known = perDatabase.get(db);
  if (known !== undefined) return known;
  const catalogue = new D1Catalogue(db);
  perDatabase.set(db, catalogue);
  return catalogue;
}

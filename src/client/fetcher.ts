import { ZERO_UUID } from "../lib/uuid.ts";
import { type FetchResponse, fetchApi } from "../protocol/api/01-fetch.ts";
import { isRetriable } from "../protocol/errors.ts";
import type { AssignedPartition, Assignment } from "./assignment.ts";
import { backoffMs } from "./backoff.ts";
import type { BrokerClient } from "./broker-client.ts";
import { CompletedFetch, type FetchedRecord } from "./completed-fetch.ts";
import type { ConsumerSettings } from "./consumer-config.ts";
import { ErrorCode, errorMessage, KafkaError, OffsetOutOfRangeError } from "./errors.ts";
import { listOffsets, type OffsetAnswer, type OffsetSpec } from "./list-offsets.ts";
import type { Metadata } from "./metadata.ts";
import { PreferredReplicas } from "./preferred-replicas.ts";
import type { ResetStrategy } from "./reset-strategy.ts";

type FetchedPartition = FetchResponse["responses"][number]["partitions"][number];

/** A partition as it was when it was asked for. */
interface Asked {
  readonly assigned: AssignedPartition;
  readonly version: number;
  readonly offset: number;
}

export interface FetcherHooks {
  /** Something came that a poll() may wait for. */
  changed(): void;
}

const NEVER = Number.POSITIVE_INFINITY;
/** The first version without topic names. */
const FETCH_BY_ID_VERSION = 13;
/** Errors that other leaders may not have. */
const STALE_METADATA: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REPLICA_NOT_AVAILABLE,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.OFFSET_NOT_AVAILABLE,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.INCONSISTENT_TOPIC_ID,
]);

/**
 * Looks up positions and fetches: one request per broker at a time, for all partitions that are read
 * there (from the leader, or from a replica near by) and whose records are used up. Works in steps, like the Sender.
 */
export class Fetcher {
  readonly #client: BrokerClient;
  readonly #metadata: Metadata;
  readonly #assignment: Assignment;
  readonly #settings: ConsumerSettings;
  readonly #hooks: FetcherHooks;
  readonly #abort = new AbortController();
  readonly #preferred: PreferredReplicas;
  /** Brokers that owe an answer. */
  readonly #busy = new Set<number>();
  #resetting = false;

  constructor(
    client: BrokerClient,
    metadata: Metadata,
    assignment: Assignment,
    settings: ConsumerSettings,
    hooks: FetcherHooks,
  ) {
    this.#client = client;
    this.#metadata = metadata;
    this.#assignment = assignment;
    this.#settings = settings;
    this.#hooks = hooks;
    this.#preferred = new PreferredReplicas(settings["metadata.max.age.ms"]);
  }

  close(): void {
    this.#abort.abort();
  }

  get #readCommitted(): boolean {
    return this.#settings["isolation.level"] === "read_committed";
  }

  /**
   * Takes up to `max` fetched records, advancing positions.
   *
   * @param take may throw: the record then stays where it is
   * @throws what take throws, or an error of a partition, if there is no record to return
   */
  collect(max: number, take: (assigned: AssignedPartition, record: FetchedRecord) => void): number {
    let count = 0;
    for (const assigned of this.#assignment.partitions) {
      if (assigned.paused || assigned.fetched === null || count >= max) continue;
      try {
        count += this.#drain(assigned, assigned.fetched, max - count, take);
      } catch (error) {
        if (error instanceof Drained) count += error.count;
        if (count > 0) return count;
        throw error instanceof Drained ? error.cause : error;
      }
    }
    if (count === 0) this.#throwPending();
    return count;
  }

  #drain(
    assigned: AssignedPartition,
    fetched: CompletedFetch,
    max: number,
    take: (assigned: AssignedPartition, record: FetchedRecord) => void,
  ): number {
    let count = 0;
    try {
      while (count < max) {
        const record = fetched.peek();
        if (record === null) {
          assigned.fetched = null;
          this.#assignment.moveToEnd(assigned);
          break;
        }
        take(assigned, record);
        fetched.advance();
        assigned.position = fetched.nextOffset;
        count++;
      }
    } catch (error) {
      throw new Drained(count, error);
    }
    assigned.position = fetched.nextOffset;
    return count;
  }

  #throwPending(): void {
    for (const assigned of this.#assignment.partitions) {
      const { error } = assigned;
      if (error === null) continue;
      assigned.error = null;
      throw error;
    }
  }

  /** Asks whatever can be asked now; returns when something else can be. */
  step(now: number): number {
    for (const assigned of this.#assignment.partitions) {
      this.#metadata.use(assigned.topic, now);
      const failure = this.#metadata.failure(assigned.topic);
      if (failure !== null) {
        assigned.error = failure;
        this.#metadata.want(assigned.topic);
      }
    }
    const wakeAt = Math.min(this.#resetPositions(now), this.#fetch(now));
    return Math.min(
      wakeAt,
      this.#metadata.step(now, (topic) => this.#assignment.has(topic)),
    );
  }

  #resetPositions(now: number): number {
    if (this.#resetting) return NEVER;
    let wakeAt = NEVER;
    const due: Asked[] = [];
    for (const assigned of this.#assignment.partitions) {
      if (assigned.position !== null || assigned.awaitsCommitted) continue;
      if (assigned.resetTo === "none") {
        assigned.error ??= new OffsetOutOfRangeError(
          assigned.topic,
          assigned.partition,
          `${assigned.topic}-${assigned.partition} has no position and auto.offset.reset is none: ` +
            "seek to one",
        );
      } else if (assigned.notBeforeMs > now) {
        wakeAt = Math.min(wakeAt, assigned.notBeforeMs);
      } else {
        due.push({ assigned, version: assigned.version, offset: -1 });
      }
    }
    if (due.length > 0) void this.#lookUp(due);
    return wakeAt;
  }

  async #lookUp(due: readonly Asked[]): Promise<void> {
    this.#resetting = true;
    const queries = due.map(({ assigned: { topic, partition, resetTo } }) => ({
      topic,
      partition,
      spec: specOf(resetTo, this.#client.clock.now()),
    }));
    let answers: readonly OffsetAnswer[] | null = null;
    let failure: unknown = null;
    try {
      answers = await listOffsets(this.#client, queries, {
        readCommitted: this.#readCommitted,
        timeoutMs: this.#settings["request.timeout.ms"],
      });
    } catch (error) {
      failure = error;
    }
    this.#resetting = false;
    due.forEach(({ assigned, version }, i) => {
      if (assigned.version !== version) return;
      const answer = answers?.[i];
      const error = answer === undefined ? failure : answer.error;
      if (answer?.result && answer.result.offset < 0) {
        // No record is that young: what comes next is.
        this.#assignment.reset(assigned, "latest");
      } else if (answer?.result) {
        assigned.position = answer.result.offset;
        assigned.failures = 0;
      } else {
        this.#setBack(assigned, error);
      }
    });
    this.#hooks.changed();
  }

  /** Another try later, or an error for poll() if that would not help. */
  #setBack(assigned: AssignedPartition, error: unknown): void {
    assigned.failures++;
    assigned.notBeforeMs =
      this.#client.clock.now() +
      backoffMs(this.#client.backoff, assigned.failures, this.#client.random);
    if (error instanceof KafkaError && error.retriable) {
      if (STALE_METADATA.has(error.code)) this.#metadata.want(assigned.topic);
    } else {
      assigned.error = error instanceof Error ? error : new Error(String(error));
    }
  }

  #fetch(now: number): number {
    let wakeAt = NEVER;
    const byNode = new Map<number, Asked[]>();
    for (const assigned of this.#assignment.partitions) {
      const { topic, partition, position, version } = assigned;
      if (position === null || assigned.paused || assigned.fetched !== null) continue;
      if (assigned.notBeforeMs > now) {
        wakeAt = Math.min(wakeAt, assigned.notBeforeMs);
        continue;
      }
      const leader = this.#metadata.leader(topic, partition);
      if (leader < 0) this.#metadata.want(topic);
      const node = this.#preferred.nodeFor(assigned, leader, now);
      if (node < 0 || this.#busy.has(node)) continue;
      const asked = byNode.get(node) ?? [];
      asked.push({ assigned, version, offset: position });
      byNode.set(node, asked);
    }
    for (const [node, asked] of byNode) void this.#ask(node, asked);
    return wakeAt;
  }

  async #ask(node: number, asked: readonly Asked[]): Promise<void> {
    this.#busy.add(node);
    try {
      this.#take(asked, await this.#exchange(node, asked));
    } catch (error) {
      for (const { assigned, version } of asked) {
        this.#preferred.forget(assigned);
        if (assigned.version !== version) continue;
        this.#setBack(assigned, error);
        this.#metadata.want(assigned.topic);
      }
    }
    this.#busy.delete(node);
    this.#hooks.changed();
  }

  async #exchange(
    node: number,
    asked: readonly Asked[],
  ): Promise<ReadonlyMap<string, FetchedPartition>> {
    const settings = this.#settings;
    const rackId = settings["client.rack"];
    const byTopic = Map.groupBy(asked, ({ assigned }) => assigned.topic);
    const ids = new Map(
      [...byTopic.keys()].map((topic) => [topic, this.#metadata.peek(topic)?.topicId ?? ZERO_UUID]),
    );
    const withoutId = [...ids.values()].includes(ZERO_UUID);
    const body = {
      maxWaitMs: settings["fetch.max.wait.ms"],
      minBytes: settings["fetch.min.bytes"],
      maxBytes: settings["fetch.max.bytes"],
      isolationLevel: this.#readCommitted ? 1 : 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [...byTopic].map(([topic, ofTopic]) => ({
        topic,
        topicId: ids.get(topic) as string,
        partitions: ofTopic.map(({ assigned, offset }) => ({
          partition: assigned.partition,
          currentLeaderEpoch: this.#leaderEpoch(assigned),
          fetchOffset: offset,
          partitionMaxBytes: settings["max.partition.fetch.bytes"],
        })),
      })),
      forgottenTopicsData: [],
      rackId,
    };
    const maxVersion = withoutId ? FETCH_BY_ID_VERSION - 1 : fetchApi.versions[1];
    const version = await this.#client.version(fetchApi, maxVersion);
    const response = await this.#client.requestAt(fetchApi, version, body, {
      timeoutMs: settings["request.timeout.ms"] + settings["fetch.max.wait.ms"],
      signal: this.#abort.signal,
      // Only who says where it is can be sent from one broker to another.
      brokerId: rackId === "" ? undefined : node,
    });
    if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode);
    const names = new Map([...ids].map(([topic, id]) => [id, topic]));
    const answers = new Map<string, FetchedPartition>();
    for (const { topic, topicId, partitions } of response.responses) {
      const name = version >= FETCH_BY_ID_VERSION ? names.get(topicId) : topic;
      for (const answer of partitions) answers.set(`${answer.partitionIndex}/${name}`, answer);
    }
    return answers;
  }

  #leaderEpoch({ topic, partition }: AssignedPartition): number {
    return this.#metadata.peek(topic)?.partitions[partition]?.leaderEpoch ?? -1;
  }

  #take(asked: readonly Asked[], answers: ReadonlyMap<string, FetchedPartition>): void {
    for (const { assigned, version, offset } of asked) {
      // Sought elsewhere, or given away, while the answer was on its way.
      if (assigned.version !== version || assigned.position !== offset) continue;
      const answer = answers.get(`${assigned.partition}/${assigned.topic}`);
      if (answer === undefined) continue;
      if (answer.errorCode === ErrorCode.NONE) this.#takeRecords(assigned, offset, answer);
      else this.#takeError(assigned, offset, answer.errorCode);
    }
  }

  #takeRecords(assigned: AssignedPartition, offset: number, answer: FetchedPartition): void {
    assigned.failures = 0;
    assigned.highWatermark = answer.highWatermark;
    assigned.lastStableOffset = answer.lastStableOffset;
    const { preferredReadReplica } = answer;
    if (preferredReadReplica >= 0) {
      this.#preferred.prefer(assigned, preferredReadReplica, this.#client.clock.now());
    }
    if (answer.records === null || answer.records.length === 0) return;
    assigned.fetched = new CompletedFetch(
      assigned,
      offset,
      answer.records,
      answer.abortedTransactions ?? [],
      { checkCrcs: this.#settings["check.crcs"], readCommitted: this.#readCommitted },
    );
  }

  #takeError(assigned: AssignedPartition, offset: number, code: number): void {
    const { topic, partition } = assigned;
    const wasNear = this.#preferred.forget(assigned);
    if (code === ErrorCode.OFFSET_OUT_OF_RANGE) {
      // Only the leader can tell: it is asked at once.
      if (wasNear) return;
      if (this.#settings["auto.offset.reset"] !== "none") {
        this.#assignment.reset(assigned);
        return;
      }
      assigned.error = new OffsetOutOfRangeError(
        topic,
        partition,
        `offset ${offset} of ${topic}-${partition} is not in the log and auto.offset.reset is none: ` +
          "seek to another",
      );
      this.#waitBeforeAsking(assigned);
      return;
    }
    const retry = isRetriable(code) && code !== ErrorCode.CORRUPT_MESSAGE;
    const message = `fetching ${topic}-${partition} at offset ${offset}: ${errorMessage(code)}`;
    if (retry || code === ErrorCode.UNKNOWN_SERVER_ERROR) {
      this.#waitBeforeAsking(assigned);
      if (STALE_METADATA.has(code)) this.#metadata.want(topic);
    } else {
      this.#setBack(assigned, new KafkaError(code, message));
      assigned.error = new KafkaError(code, message);
    }
  }

  #waitBeforeAsking(assigned: AssignedPartition): void {
    assigned.failures++;
    assigned.notBeforeMs =
      this.#client.clock.now() +
      backoffMs(this.#client.backoff, assigned.failures, this.#client.random);
  }
}

function specOf(resetTo: ResetStrategy, now: number): OffsetSpec {
  if (typeof resetTo === "object") return { timestamp: Math.max(0, now - resetTo.byDurationMs) };
  return resetTo === "earliest" ? "earliest" : "latest";
}

/** An error in the middle of a partition, with how many records came before it. */
class Drained extends Error {
  readonly count: number;

  constructor(count: number, cause: unknown) {
    super("drained", { cause });
    this.count = count;
  }
}

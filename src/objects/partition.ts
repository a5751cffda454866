/**
 * One replica of one partition: a thin shell around the log machine, on SQLite.
 * It belongs to the catalogue: it opens itself only when the catalogue has such a partition.
 */
import { DurableObject } from "cloudflare:workers";
import type {
  AppendRequest,
  AppendResult,
  DeleteRecordsResult,
  ListOffsetRequest,
  ListOffsetResult,
  PartitionAddress,
  ReadRequest,
  ReadResult,
} from "../broker/ports.ts";
import { createCatalogue } from "../catalogue/catalogue.ts";
import type { PartitionInfo } from "../cluster/types.ts";
import { APPEND_IN_FLIGHT_BYTES_MAX, MAX_MESSAGE_BYTES_LIMIT } from "../constants.ts";
import type { Env } from "../env.ts";
import { assert } from "../lib/assert.ts";
import { EMPTY_BYTES } from "../lib/bytes.ts";
import { type LogInput, LogMachine, type LogReply } from "../log/log-machine.ts";
import { LogWriter } from "../log/log-writer.ts";
import { type LogFact, PartitionLog } from "../log/partition-log.ts";
import { findOffset, readBatches } from "../log/read.ts";
import type { ReplyTo } from "../machine/machine.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { parsePartitionName } from "./partition-name.ts";
import { decodeRead, encodeReadResult } from "./read-message.ts";
import { Shell } from "./shell.ts";
import { SqlLogStore } from "./sql-log-store.ts";
import { Waiters } from "./waiters.ts";

/** Kept in the object, so that it knows without the catalogue that it exists. */
interface Identity {
  readonly leaderEpoch: number;
}

/** What lives in memory while the object is awake. */
interface Core {
  readonly store: SqlLogStore;
  readonly machine: LogMachine;
  readonly shell: Shell<LogInput, LogFact, never, LogReply>;
}

const IDENTITY = "identity";

export class Partition extends DurableObject<Env> {
  readonly #address: PartitionAddress;
  readonly #waiters: Waiters;
  #core: Core | null = null;
  #opening: Promise<Core | null> | null = null;
  #inFlightBytes = 0;
  /** How often this instance dropped its storage: who awaited something meanwhile starts over. */
  #destroyed = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#address = parsePartitionName(ctx.id.name);
    this.#waiters = new Waiters(ctx);
    const identity = ctx.storage.kv.get<Identity>(IDENTITY);
    if (identity !== undefined) this.#core = this.#load(identity);
  }

  /** True when the catalogue has this replica; creates its storage if need be. Idempotent. */
  async open(): Promise<boolean> {
    return (this.#core ?? (await this.#findMyself())) !== null;
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    const core = this.#core ?? (await this.#findMyself());
    if (core === null) return REFUSED_APPEND;
    const { batch } = request;
    const size = batch.byteLength;
    if (size > MAX_MESSAGE_BYTES_LIMIT) return oversizeAppend(size);
    if (this.#inFlightBytes + size > APPEND_IN_FLIGHT_BYTES_MAX) return THROTTLED_APPEND;
    this.#inFlightBytes += size;
    try {
      const { leaderEpoch, logAppendTime } = request;
      const reply = await this.#ask(core, (to) => {
        return { kind: "append", to, batch, leaderEpoch, logAppendTime };
      });
      if (reply === null) return REFUSED_APPEND;
      assert(reply.kind === "append", "an append is answered as one");
      return reply;
    } finally {
      this.#inFlightBytes -= size;
    }
  }

  async read(request: ReadRequest): Promise<ReadResult> {
    const core = this.#core ?? (await this.#findMyself());
    if (core === null) return refusedRead(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const { machine, store } = core;
    const { log } = machine;
    const epochError = machine.checkLeaderEpoch(request.currentLeaderEpoch);
    if (epochError !== ErrorCode.NONE) return refusedRead(epochError);
    const { fetchOffset } = request;
    const { logStartOffset, logEndOffset, highWatermark, lastStableOffset } = log;
    const divergingEpoch = divergence(log, request);
    // A reader past the end learns from its last epoch where to go back to, if the log can place it.
    const placed =
      divergingEpoch === null ? fetchOffset <= logEndOffset : divergingEpoch.epoch >= 0;
    if (fetchOffset < logStartOffset || !placed) {
      return refusedRead(ErrorCode.OFFSET_OUT_OF_RANGE, logStartOffset);
    }
    const upperBound = request.readCommitted ? lastStableOffset : highWatermark;
    const records =
      divergingEpoch !== null || fetchOffset >= upperBound
        ? EMPTY_BYTES
        : ownBuffer(readBatches(store, { ...request, upperBound }));
    const errorCode = ErrorCode.NONE;
    return {
      errorCode,
      highWatermark,
      lastStableOffset,
      logStartOffset,
      logEndOffset,
      records,
      divergingEpoch,
    };
  }

  async listOffset(request: ListOffsetRequest): Promise<ListOffsetResult> {
    const core = this.#core ?? (await this.#findMyself());
    if (core === null) return refusedOffset(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const { machine, store } = core;
    const epochError = machine.checkLeaderEpoch(request.currentLeaderEpoch);
    if (epochError !== ErrorCode.NONE) return refusedOffset(epochError);
    const { log } = machine;
    const upperBound = request.readCommitted ? log.lastStableOffset : log.highWatermark;
    return findOffset(log, store, request.timestamp, upperBound);
  }

  async deleteRecords(offset: number): Promise<DeleteRecordsResult> {
    const core = this.#core ?? (await this.#findMyself());
    const reply = core && (await this.#ask(core, (to) => ({ kind: "deleteRecords", to, offset })));
    if (reply === null) {
      return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, lowWatermark: -1 };
    }
    assert(reply.kind === "deleteRecords", "a delete is answered as one");
    return reply;
  }

  /** Drops everything for good: the topic is gone from the catalogue. */
  async destroy(): Promise<void> {
    this.#destroyed++;
    this.#core?.shell.close("the partition was deleted");
    this.#core = null;
    this.#waiters.wakeAll();
    await this.ctx.storage.deleteAll();
  }

  /** What the object has cost since it woke, for the bench and for metrics. */
  async stats(): Promise<{ rowsWritten: number; inFlightBytes: number }> {
    return {
      rowsWritten: this.#core?.store.rowsWritten() ?? 0,
      inFlightBytes: this.#inFlightBytes,
    };
  }

  /**
   * A read (read-message.ts), or `GET ?offset=N` with Upgrade: a socket that says "ready" once the
   * high watermark passes N.
   */
  override async fetch(request: Request): Promise<Response> {
    const asked = decodeRead(request);
    if (asked !== null) return encodeReadResult(await this.read(asked));
    const core = this.#core ?? (await this.#findMyself());
    const offset = Number(new URL(request.url).searchParams.get("offset"));
    if (core === null || offset < core.machine.log.highWatermark) {
      return new Response(null, { status: 204 });
    }
    return this.#waiters.add(offset);
  }

  override webSocketClose(socket: WebSocket): void {
    this.#waiters.remove(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#waiters.remove(socket);
  }

  override async alarm(): Promise<void> {
    const core = this.#core;
    if (core === null) return;
    core.shell.alarm(() => ({ kind: "tick" }));
    await this.ctx.storage.sync();
  }

  /** Null when the partition was destroyed before its turn came. */
  async #ask(core: Core, make: (to: ReplyTo) => LogInput): Promise<LogReply | null> {
    try {
      return await core.shell.ask(make);
    } catch (error) {
      if (this.#core !== core) return null;
      throw error;
    }
  }

  #load(identity: Identity): Core {
    const store = new SqlLogStore(this.ctx.storage.sql);
    const { log, replayed } = PartitionLog.recover(store);
    const machine = new LogMachine(log, store, identity.leaderEpoch);
    const writer = new LogWriter(store, log, replayed);
    const shell = new Shell(this.ctx, machine, {
      store: (facts: readonly LogFact[]) => writer.write(facts),
      send: () => undefined,
      afterTurn: () => this.#waiters.wake(log.highWatermark),
    });
    return { store, machine, shell };
  }

  /** Asks the catalogue once, however many calls wait for the answer. */
  #findMyself(): Promise<Core | null> {
    this.#opening ??= this.#askCatalogue().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #askCatalogue(): Promise<Core | null> {
    const { clusterId, topicId, partition, brokerId } = this.#address;
    const catalogue = createCatalogue(this.env.CATALOGUE);
    const read = async (fresh: boolean): Promise<PartitionInfo | undefined> => {
      const topics = await catalogue.topicsById(clusterId, [topicId], { fresh });
      return topics.get(topicId)?.partitions[partition];
    };
    const destroyed = this.#destroyed;
    // What this isolate read lately serves the thousand objects of a new topic with one query. After
    // a deletion only the catalogue itself can say that there is something to open again.
    const known = destroyed === 0 ? await read(false) : undefined;
    const state = known ?? (await read(true));
    if (this.#destroyed !== destroyed) return null;
    if (state === undefined || !state.replicas.includes(brokerId)) return null;
    const identity: Identity = { leaderEpoch: state.leaderEpoch };
    this.ctx.storage.kv.put(IDENTITY, identity);
    this.#core = this.#load(identity);
    return this.#core;
  }
}

const REFUSED_APPEND: AppendResult = {
  errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  errorMessage: null,
  baseOffset: -1,
  logAppendTimeMs: -1,
  logStartOffset: -1,
};

const THROTTLED_APPEND: AppendResult = {
  ...REFUSED_APPEND,
  errorCode: ErrorCode.THROTTLING_QUOTA_EXCEEDED,
  errorMessage: `the partition has ${APPEND_IN_FLIGHT_BYTES_MAX} bytes of produces under way: send again a little later`,
};

/** Whatever the topic's configs say: the rows of one batch hold no more. */
function oversizeAppend(size: number): AppendResult {
  return {
    ...REFUSED_APPEND,
    errorCode: ErrorCode.MESSAGE_TOO_LARGE,
    errorMessage: `the batch has ${size} bytes, a partition takes at most ${MAX_MESSAGE_BYTES_LIMIT}: send smaller batches`,
  };
}

/** Kafka answers an error with -1 in every offset, but names the log start when it knows it. */
function refusedRead(errorCode: number, logStartOffset = -1): ReadResult {
  return {
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset,
    logEndOffset: -1,
    records: EMPTY_BYTES,
    divergingEpoch: null,
  };
}

function refusedOffset(errorCode: number): ListOffsetResult {
  return { errorCode, timestamp: -1, offset: -1, leaderEpoch: -1 };
}

/**
 * KIP-595: the reader's last epoch ended elsewhere than it believes, so it must truncate first.
 * (-1, -1) when the log does not know that epoch (Partition.readRecords).
 */
function divergence(
  log: PartitionLog,
  { lastFetchedEpoch, fetchOffset }: ReadRequest,
): ReadResult["divergingEpoch"] {
  if (lastFetchedEpoch < 0) return null;
  const end = log.epochs.endOffsetFor(lastFetchedEpoch, log.logEndOffset);
  return end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset ? end : null;
}

/** A reply carries the whole buffer under a view, so a small slice of a big chunk is copied out. */
function ownBuffer(view: Uint8Array): Uint8Array {
  return view.byteLength * 1.1 < view.buffer.byteLength ? view.slice() : view;
}

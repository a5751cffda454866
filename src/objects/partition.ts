/**
 * One replica of one partition: what others may ask of it. The rules are the replica machine's
 * (replication/), the turns its shell's (replica-shell.ts).
 * It belongs to the catalogue: it opens itself only when the catalogue has such a replica.
 */
import { DurableObject } from "cloudflare:workers";
import type {
  AppendRequest,
  AppendResult,
  DeleteRecordsResult,
  EpochEndRequest,
  EpochEndResult,
  ListOffsetRequest,
  ListOffsetResult,
  PartitionAddress,
  ReadRequest,
  ReadResult,
} from "../broker/ports.ts";
import { createCatalogue } from "../catalogue/catalogue.ts";
import { APPEND_IN_FLIGHT_BYTES_MAX, MAX_MESSAGE_BYTES_LIMIT } from "../constants.ts";
import type { Env } from "../env.ts";
import { assert } from "../lib/assert.ts";
import { EMPTY_BYTES } from "../lib/bytes.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { findOffset, readBatches } from "../log/read.ts";
import type { ReplyTo } from "../machine/machine.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { ReplicaInput, ReplicateReply, ReplicateRequest } from "../replication/messages.ts";
import type { Replica } from "../replication/replica.ts";
import {
  oversizeAppend,
  REFUSED_APPEND,
  refusedOffset,
  refusedRead,
  THROTTLED_APPEND,
} from "./partition-answers.ts";
import { namespaceOf, parsePartitionName } from "./partition-name.ts";
import { decodeRead, encodeReadResult } from "./read-message.ts";
import {
  type HostOptions,
  hostReplica,
  type Identity,
  type ReplicaHost,
  readIdentity,
} from "./replica-host.ts";
import { Waiters } from "./waiters.ts";

const IDENTITY = "identity";

export class Partition<Host extends ReplicaHost = ReplicaHost> extends DurableObject<Env> {
  readonly #address: PartitionAddress;
  readonly #hostOf: (options: HostOptions) => Host;
  readonly #waiters: Waiters;
  #host: Host | null = null;
  #opening: Promise<Host | null> | null = null;
  #inFlightBytes = 0;
  /** Calls that a partition under load gets: what the platform bills as requests. */
  #requests = 0;
  /** How often this instance dropped its storage: who awaited something meanwhile starts over. */
  #destroyed = 0;

  constructor(ctx: DurableObjectState, env: Env, hostOf?: (options: HostOptions) => Host) {
    super(ctx, env);
    // The platform passes two arguments; only a class that hosts more than a replica says what.
    this.#hostOf = hostOf ?? (hostReplica as (options: HostOptions) => Host);
    this.#address = parsePartitionName(ctx.id.name);
    this.#waiters = new Waiters(ctx);
    const identity = ctx.storage.kv.get<Identity>(IDENTITY);
    if (identity !== undefined) this.#host = this.#load(identity);
  }

  /** True when the catalogue has this replica; creates its storage if need be. Idempotent. */
  async open(): Promise<boolean> {
    return (this.#host ?? (await this.#findMyself())) !== null;
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    this.#requests++;
    const host = this.#host ?? (await this.#findMyself());
    if (host === null) return REFUSED_APPEND;
    const { batch } = request;
    const size = batch.byteLength;
    if (size > MAX_MESSAGE_BYTES_LIMIT) return oversizeAppend(size);
    if (this.#inFlightBytes + size > APPEND_IN_FLIGHT_BYTES_MAX) return THROTTLED_APPEND;
    this.#inFlightBytes += size;
    try {
      const { acks, timeoutMs, leaderEpoch, logAppendTime } = request;
      const reply = await this.#ask(host, (to) => {
        return { kind: "append", to, batch, acks, timeoutMs, leaderEpoch, logAppendTime };
      });
      if (reply === null) return REFUSED_APPEND;
      assert(reply.kind === "append", "an append is answered as one");
      return reply;
    } finally {
      this.#inFlightBytes -= size;
    }
  }

  /** Leader → follower. Null: this replica is not in the catalogue (any more). */
  async replicate(request: ReplicateRequest): Promise<ReplicateReply | null> {
    this.#requests++;
    const host = this.#host ?? (await this.#findMyself());
    if (host === null || (await this.#isFenced())) return null;
    const reply = await this.#ask(host, (to) => ({ kind: "replicate", to, request }));
    if (reply === null) return null;
    assert(reply.kind === "replicate", "a copy is answered as one");
    return reply.reply;
  }

  /** Somebody changed this partition's row: read it, and try again at once what failed. */
  async nudge(): Promise<void> {
    const host = this.#host ?? (await this.#findMyself());
    host?.shell.tell({ kind: "nudge" });
  }

  async read(request: ReadRequest): Promise<ReadResult> {
    const host = this.#host ?? (await this.#findMyself());
    if (host === null) return refusedRead(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const { replica, store } = host;
    const { log } = replica;
    const error = readError(replica, request.currentLeaderEpoch, request.fromFollower);
    if (error !== ErrorCode.NONE) return refusedRead(error);
    const { fetchOffset } = request;
    const { logStartOffset, logEndOffset, highWatermark, lastStableOffset } = log;
    const divergingEpoch = divergence(log, request);
    // A reader past the end learns from its last epoch where to go back to, if the log can place it.
    const placed =
      divergingEpoch === null ? fetchOffset <= logEndOffset : divergingEpoch.epoch >= 0;
    if (fetchOffset < logStartOffset || !placed) {
      // What the leader has and a follower has not yet is no error: the reader asks again.
      const ahead = request.fromFollower && fetchOffset > logEndOffset;
      const code = ahead ? ErrorCode.OFFSET_NOT_AVAILABLE : ErrorCode.OFFSET_OUT_OF_RANGE;
      return refusedRead(code, logStartOffset);
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
    const host = this.#host ?? (await this.#findMyself());
    if (host === null) return refusedOffset(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const { replica, store } = host;
    const error = readError(replica, request.currentLeaderEpoch, false);
    if (error !== ErrorCode.NONE) return refusedOffset(error);
    const { log } = replica;
    const upperBound = request.readCommitted ? log.lastStableOffset : log.highWatermark;
    return findOffset(log, store, request.timestamp, upperBound);
  }

  /** KIP-320: where an epoch ended in the leader's log. */
  async epochEnd(request: EpochEndRequest): Promise<EpochEndResult> {
    const host = this.#host ?? (await this.#findMyself());
    const error =
      host === null
        ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        : readError(host.replica, request.currentLeaderEpoch, false);
    if (host === null || error !== ErrorCode.NONE) {
      return { errorCode: error, leaderEpoch: -1, endOffset: -1 };
    }
    const { log } = host.replica;
    const { epoch, endOffset } = log.epochs.endOffsetFor(request.leaderEpoch, log.logEndOffset);
    return { errorCode: ErrorCode.NONE, leaderEpoch: epoch, endOffset };
  }

  async deleteRecords(offset: number, timeoutMs: number): Promise<DeleteRecordsResult> {
    const host = this.#host ?? (await this.#findMyself());
    const reply =
      host && (await this.#ask(host, (to) => ({ kind: "deleteRecords", to, offset, timeoutMs })));
    if (reply === null) {
      return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, lowWatermark: -1 };
    }
    assert(reply.kind === "deleteRecords", "a delete is answered as one");
    return reply;
  }

  /** Drops everything for good: the topic, or this replica of it, is gone from the catalogue. */
  async destroy(): Promise<void> {
    // A call that comes late must not take a replica that was put back meanwhile.
    const catalogue = createCatalogue(this.env.CATALOGUE);
    if ((await readIdentity(catalogue, this.#address, true)) !== null) return;
    this.#destroyed++;
    this.#close("the partition was deleted");
    await this.ctx.storage.deleteAll();
  }

  /**
   * Ends this instance in the middle of whatever it does, as the platform may at any time: for tests.
   * No route leads here.
   */
  async crash(): Promise<void> {
    this.ctx.abort("the object was told to crash");
  }

  /**
   * What the object has cost since it woke, for the bench and for metrics: rows (a set alarm is
   * one), and requests (produces, copies and alarms).
   */
  async stats(): Promise<{ rowsWritten: number; requests: number; inFlightBytes: number }> {
    const host = this.#host;
    return {
      rowsWritten: host === null ? 0 : host.store.rowsWritten() + host.shell.alarmsSet,
      requests: this.#requests,
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
    const host = this.#host ?? (await this.#findMyself());
    const offset = Number(new URL(request.url).searchParams.get("offset"));
    if (host === null || offset < host.replica.log.highWatermark) {
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
    this.#requests++;
    const host = this.#host;
    if (host === null) return;
    host.shell.alarm();
    await this.ctx.storage.sync();
  }

  /** Null when the partition was destroyed before its turn came. */
  #ask(host: Host, make: (to: ReplyTo) => ReplicaInput) {
    return this.unlessGone(host, () => host.shell.ask(make));
  }

  protected async unlessGone<T>(host: Host, ask: () => Promise<T>): Promise<T | null> {
    try {
      return await ask();
    } catch (error) {
      if (this.#host !== host) return null;
      throw error;
    }
  }

  /** Null when the catalogue does not have this replica. */
  protected async hosted(): Promise<Host | null> {
    return this.#host ?? (await this.#findMyself());
  }

  protected countRequest(): void {
    this.#requests++;
  }

  /** It was opened at some time: what never was holds nothing. */
  protected get isOpen(): boolean {
    return this.#host !== null;
  }

  #close(why: string): void {
    this.#host?.shell.close(why);
    this.#host = null;
    this.#waiters.wakeAll();
  }

  #load(identity: Identity): Host {
    return this.#hostOf({
      ctx: this.ctx,
      namespace: namespaceOf(this.env, this.#address),
      catalogue: createCatalogue(this.env.CATALOGUE),
      address: this.#address,
      identity,
      onIdentity: (read) => this.#keep(read),
      afterTurn: (highWatermark) => this.#waiters.wake(highWatermark),
    });
  }

  /** What the catalogue said to a replica that read its row again. */
  #keep(identity: Identity | null): void {
    if (identity !== null) this.ctx.storage.kv.put(IDENTITY, identity);
    // Its data stays until somebody destroys it; it serves nobody any more.
    else this.#close("the catalogue does not have this replica any more");
  }

  /** An operator took this broker out: its replicas are as good as away. */
  async #isFenced(): Promise<boolean> {
    const { clusterId, brokerId } = this.#address;
    const cluster = await createCatalogue(this.env.CATALOGUE)
      .cluster(clusterId)
      .catch(() => null);
    return cluster?.brokers.find((broker) => broker.brokerId === brokerId)?.fenced ?? false;
  }

  /** Asks the catalogue once, however many calls wait for the answer. */
  #findMyself(): Promise<Host | null> {
    this.#opening ??= this.#askCatalogue().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #askCatalogue(): Promise<Host | null> {
    const catalogue = createCatalogue(this.env.CATALOGUE);
    const destroyed = this.#destroyed;
    // What this isolate read lately serves the thousand objects of a new topic with one query. After
    // a deletion only the catalogue itself can say that there is something to open again.
    const known = destroyed === 0 ? await readIdentity(catalogue, this.#address, false) : null;
    const found = known ?? (await readIdentity(catalogue, this.#address, true));
    if (this.#destroyed !== destroyed || found === null) return null;
    this.ctx.storage.kv.put(IDENTITY, found.identity);
    this.#host = this.#load(found.identity);
    this.#host.shell.tell({ kind: "catalogue", partition: found.partition });
    return this.#host;
  }
}

/** Consumers read the leader, unless they asked for a replica near them (KIP-392). */
function readError(replica: Replica, leaderEpoch: number, fromFollower: boolean): number {
  const error = replica.checkLeaderEpoch(leaderEpoch);
  if (error !== ErrorCode.NONE) return error;
  return replica.isLeader || fromFollower ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER;
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

/**
 * One replica of one partition: what others may ask of it. The rules are the replica machine's
 * (replication/), the turns its shell's (replica-shell.ts).
 * It belongs to the catalogue: it opens itself only when the catalogue has such a replica.
 */
import { DurableObject } from "cloudflare:workers";
import { logEntry } from "../broker/context.ts";
import type {
  ActiveProducers,
  AppendRequest,
  AppendResult,
  CataloguePort,
  DeleteRecordsResult,
  EpochEndRequest,
  EpochEndResult,
  ListOffsetRequest,
  ListOffsetResult,
  LogStatus,
  PartitionAddress,
  ReadRequest,
  ReadResult,
} from "../broker/ports.ts";
import { createCatalogue } from "../catalogue/catalogue.ts";
import {
  APPEND_IN_FLIGHT_BYTES_MAX,
  MAX_MESSAGE_BYTES_LIMIT,
  PARTITION_BYTES_MAX,
} from "../constants.ts";
import { brokerConfig, type Env } from "../env.ts";
import { assert } from "../lib/assert.ts";
import type { ReplyTo } from "../machine/machine.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { ReplicaInput, ReplicateReply, ReplicateRequest } from "../replication/messages.ts";
import { FencedFlag } from "./fenced-flag.ts";
import {
  LOST_APPEND,
  oversizeAppend,
  REFUSED_APPEND,
  refusedOffset,
  refusedRead,
  refusedStatus,
  THROTTLED_APPEND,
  unusableAppend,
} from "./partition-answers.ts";
import { namespaceOf, parsePartitionName } from "./partition-name.ts";
import {
  answerActiveProducers,
  answerEpochEnd,
  answerListOffset,
  answerRead,
  answerStatus,
} from "./partition-reads.ts";
import { decodeRead, encodeReadResult } from "./read-message.ts";
import {
  type HostOptions,
  hostReplica,
  type Identity,
  type ReplicaHost,
  readIdentity,
} from "./replica-host.ts";
import { formatProblem } from "./storage-format.ts";
import { Waiters } from "./waiters.ts";

const IDENTITY = "identity";

export class Partition<Host extends ReplicaHost = ReplicaHost> extends DurableObject<Env> {
  readonly #address: PartitionAddress;
  readonly #hostOf: (options: HostOptions) => Host;
  readonly #waiters: Waiters;
  /** An operator took this broker out: its replicas are as good as away. */
  readonly #fenced: FencedFlag;
  #host: Host | null = null;
  /** Why the storage that is here cannot be used. */
  #problem: string | null = null;
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
    this.#fenced = new FencedFlag(createCatalogue(env.CATALOGUE), this.#address);
    const identity = ctx.storage.kv.get<Identity>(IDENTITY);
    if (identity === undefined) return;
    this.#problem = formatProblem(identity);
    if (this.#problem === null) this.#host = this.#load(identity);
    else logEntry({}, { level: "error", message: this.#problem, object: ctx.id.name ?? "" });
  }

  /** Why a call finds no replica here. */
  get #whyAbsent(): number {
    return this.#problem === null
      ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      : ErrorCode.KAFKA_STORAGE_ERROR;
  }

  /** True when the catalogue has this replica; creates its storage if need be. Idempotent. */
  async open(): Promise<boolean> {
    return (this.#host ?? (await this.#findMyself())) !== null;
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    this.#requests++;
    const host = this.#host ?? (await this.#findMyself());
    if (host === null) {
      return this.#problem === null ? REFUSED_APPEND : unusableAppend(this.#problem);
    }
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
      if (reply === null) return LOST_APPEND;
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
    if (host === null || (this.#fenced.isSet && (await this.#fenced.isStillSet()))) return null;
    this.#fenced.lookIfOld();
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
    if (host === null) return refusedRead(this.#whyAbsent);
    return answerRead(host, request);
  }

  async listOffset(request: ListOffsetRequest): Promise<ListOffsetResult> {
    const host = this.#host ?? (await this.#findMyself());
    if (host === null) return refusedOffset(this.#whyAbsent);
    return answerListOffset(host, request);
  }

  /** KIP-320: where an epoch ended in the leader's log. */
  async epochEnd(request: EpochEndRequest): Promise<EpochEndResult> {
    const host = this.#host ?? (await this.#findMyself());
    if (host !== null) return answerEpochEnd(host, request);
    return { errorCode: this.#whyAbsent, leaderEpoch: -1, endOffset: -1 };
  }

  async status(): Promise<LogStatus> {
    const host = this.#host ?? (await this.#findMyself());
    return host === null ? refusedStatus(this.#whyAbsent) : answerStatus(host);
  }

  async activeProducers(): Promise<ActiveProducers> {
    const host = this.#host ?? (await this.#findMyself());
    if (host !== null) return answerActiveProducers(host, Date.now());
    return { errorCode: this.#whyAbsent, producers: [] };
  }

  async deleteRecords(offset: number, timeoutMs: number): Promise<DeleteRecordsResult> {
    const host = this.#host ?? (await this.#findMyself());
    const reply =
      host && (await this.#ask(host, (to) => ({ kind: "deleteRecords", to, offset, timeoutMs })));
    if (reply === null) {
      return { errorCode: this.#whyAbsent, lowWatermark: -1 };
    }
    assert(reply.kind === "deleteRecords", "a delete is answered as one");
    return reply;
  }

  /** Drops everything for good: the topic, or this replica of it, is gone from the catalogue. */
  async destroy(): Promise<void> {
    // A call that comes late must not take a replica that was put back meanwhile.
    const catalogue = createCatalogue(this.env.CATALOGUE);
    if ((await this.#readIdentity(catalogue, true)) !== null) return;
    this.#destroyed++;
    this.#problem = null;
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
      staticConfigs: brokerConfig(this.env).static,
      onIdentity: (read) => this.#keep(read),
      onFull: (bytes) => this.#alertFull(bytes),
      afterTurn: (highWatermark) => this.#waiters.wake(highWatermark),
    });
  }

  #readIdentity(catalogue: CataloguePort, fresh: boolean): ReturnType<typeof readIdentity> {
    return readIdentity(catalogue, this.#address, brokerConfig(this.env).static, fresh);
  }

  #alertFull(bytes: number): void {
    const object = this.ctx.id.name ?? "";
    const message = `${object} holds ${bytes} bytes and refuses appends from ${PARTITION_BYTES_MAX} on: lower retention.bytes or retention.ms of its topic, or delete records`;
    logEntry({}, { level: "error", message, object });
  }

  /** What the catalogue said to a replica that read its row again. */
  #keep(identity: Identity | null): void {
    if (identity !== null) this.ctx.storage.kv.put(IDENTITY, identity);
    // Its data stays until somebody destroys it; it serves nobody any more.
    else this.#close("the catalogue does not have this replica any more");
  }

  /** Asks the catalogue once, however many calls wait for the answer. */
  #findMyself(): Promise<Host | null> {
    if (this.#problem !== null) return Promise.resolve(null);
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
    const known = destroyed === 0 ? await this.#readIdentity(catalogue, false) : null;
    const found = known ?? (await this.#readIdentity(catalogue, true));
    if (this.#destroyed !== destroyed || found === null) return null;
    this.ctx.storage.kv.put(IDENTITY, found.identity);
    this.#host = this.#load(found.identity);
    this.#host.shell.tell({ kind: "catalogue", partition: found.partition });
    return this.#host;
  }
}

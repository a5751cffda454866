/**
 * A fetch under way: reads its partitions, within the bytes that it may hold, and waits for more.
 *
 * What it may hold is shared among its partitions, so that they are read side by side, in waves that
 * cannot bring more than that. What the quiet ones left over the others get in a second read.
 */
import type { ClusterInfo } from "../cluster/types.ts";
import {
  FETCH_BYTES_MAX,
  FETCH_PARTITION_BYTES_MAX,
  FETCH_SHARE_BYTES_MIN,
  FETCH_WAIT_MS_MAX,
  METADATA_TTL_MS,
  NEAR_REPLICA_PATIENCE_MS,
} from "../constants.ts";
import { concatBytes } from "../lib/bytes.ts";
import type { FetchRequest } from "../protocol/api/01-fetch.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { RequestContext } from "./context.ts";
import { type Lease, unboundedLease } from "./fetch-budget.ts";
import { bytesOf, nextOffset, nothing, park, type Slot, wholeBatches } from "./fetch-slot.ts";
import { askLeader } from "./leader-call.ts";
import { type NearReplica, replicaSelector } from "./near-replica.ts";
import type { ReadRequest, ReadResult } from "./ports.ts";
import { leaderOf, logRules, lookUpTopics } from "./topics.ts";

/** With min_bytes above 1, let a little more arrive before looking again. */
const GATHER_MS = 5;
/** How long a read looks for a leader, whatever the client's patience. */
const READ_TIMEOUT_MS = 5_000;
/** Partitions asked at the same time: objects that sleep shall not all wake at once. */
const PARTITIONS_AT_ONCE = 32;

const NO_CONFIGS = { configs: {} };

interface Asked {
  readonly fetchOffset: number;
  readonly maxBytes: number;
  readonly minOneBatch: boolean;
}

export class Fetching {
  readonly #ctx: RequestContext;
  readonly #request: FetchRequest;
  readonly #slots: readonly Slot[];
  readonly #byId: boolean;
  readonly #maxBytes: number;
  readonly #lease: Lease;
  readonly #deadline: number;
  #cluster: Pick<ClusterInfo, "configs"> = NO_CONFIGS;

  constructor(ctx: RequestContext, request: FetchRequest, slots: readonly Slot[], byId: boolean) {
    this.#ctx = ctx;
    this.#request = request;
    this.#slots = slots;
    this.#byId = byId;
    this.#maxBytes = Math.min(Math.max(request.maxBytes, 0), FETCH_BYTES_MAX);
    this.#lease = ctx.answerBytes ?? unboundedLease();
    this.#deadline = ctx.now() + Math.min(request.maxWaitMs, FETCH_WAIT_MS_MAX);
  }

  /** Fills the slots' results. */
  async run(): Promise<void> {
    const { minBytes } = this.#request;
    const { catalogue } = this.#ctx.ports;
    // Only a guess depends on it, so a catalogue that is away is in nobody's way.
    this.#cluster = (await catalogue.cluster(this.#ctx.clusterId).catch(() => null)) ?? NO_CONFIGS;
    let hadRoom = await this.#readAll(this.#slots);
    while (hadRoom && !this.#satisfied(minBytes)) {
      const left = this.#leftMs();
      if (left <= 0 || this.#ctx.signal?.aborted === true) break;
      park(this.#slots);
      this.#lease.keep(0);
      const woken = await this.#waitForAny(left);
      if (woken.length === 0) break;
      if (minBytes > 1) await this.#gather(Math.min(GATHER_MS, this.#leftMs()));
      hadRoom = await this.#readAll(woken);
    }
    const parked = this.#slots.filter(({ parkedBytes }) => parkedBytes > 0);
    if (parked.length > 0) await this.#readAll(parked);
    this.#cutToLimit();
    this.#lease.keep(bytesOf(this.#slots));
  }

  #leftMs(): number {
    return this.#deadline - this.#ctx.now();
  }

  #satisfied(minBytes: number): boolean {
    let bytes = 0;
    for (const { result, near, parkedBytes } of this.#slots) {
      if (near?.redirect === true) return true;
      if (result.errorCode !== ErrorCode.NONE || result.divergingEpoch !== null) return true;
      bytes += result.records.byteLength + parkedBytes;
    }
    // No partitions: nothing will ever come.
    return bytes >= Math.min(minBytes, this.#maxBytes) || this.#slots.length === 0;
  }

  /** False when there was not the memory for what is there: the answer is what was read so far. */
  async #readAll(slots: readonly Slot[]): Promise<boolean> {
    const others = bytesOf(this.#slots) - bytesOf(slots);
    const room = Math.max(0, this.#maxBytes - others);
    const wanted = this.#wantedBytes(slots, room);
    const least = FETCH_SHARE_BYTES_MIN * Math.min(slots.length, PARTITIONS_AT_ONCE);
    const taken = await this.#take(wanted, Math.min(wanted, least));
    const left = Math.max(0, taken - (await this.#readWaves(slots, taken)));
    this.#lease.keep(bytesOf(this.#slots) + left);
    const complete = await this.#readOn(slots, taken, left);
    this.#lease.keep(bytesOf(this.#slots));
    return complete && (taken === wanted || bytesOf(this.#slots) === 0);
  }

  async #take(wantedBytes: number, leastBytes: number): Promise<number> {
    if (wantedBytes === 0) return 0;
    const ctx = this.#ctx;
    const bytes = { wantedBytes, leastBytes };
    const wait = { timeoutMs: this.#leftMs(), sleep: (ms: number) => ctx.sleep(ms) };
    return this.#lease.take({ ...bytes, ...wait, signal: ctx.signal });
  }

  /** A lone partition may have a first batch that is larger than what it was asked for. */
  #wantedBytes(slots: readonly Slot[], room: number): number {
    const limits = slots.reduce((sum, slot) => sum + this.#limitOf(slot), 0);
    const [first] = slots;
    const batch = slots.length === 1 && first !== undefined ? this.#largestBatch(first) : 0;
    return Math.max(Math.min(limits, room), batch <= FETCH_BYTES_MAX ? batch : 0);
  }

  /** Returns the bytes that came. A wave never brings more than what is left of `taken`. */
  async #readWaves(all: readonly Slot[], taken: number): Promise<number> {
    // Without any memory a partition is asked only how it is, if that is not known.
    const slots = taken > 0 ? all : all.filter(({ readFrom }) => readFrom < 0);
    const share = shareOf(taken, slots.length);
    const last = (from: number): number => Math.min(slots.length, from + PARTITIONS_AT_ONCE);
    const askOf = (slot: Slot | undefined): number =>
      slot === undefined ? 0 : Math.min(this.#limitOf(slot), share, taken);
    let came = 0;
    for (let from = 0; from < slots.length; ) {
      const left = taken - came;
      let asked = askOf(slots[from]);
      let to = from + 1;
      while (to < last(from) && asked + askOf(slots[to]) <= left) asked += askOf(slots[to++]);
      const wave = slots.slice(from, to);
      const first = share <= taken && bytesOf(this.#slots) === 0;
      await Promise.all(
        wave.map((slot) => {
          const { fetchOffset } = slot.request;
          // Whose share holds its largest batch need not be asked twice.
          const minOneBatch = first && share >= this.#largestBatch(slot);
          const maxBytes = Math.min(askOf(slot), left);
          return this.#read(slot, { fetchOffset, maxBytes, minOneBatch });
        }),
      );
      came += bytesOf(wave);
      from = to;
      // What is left gets its turn in the client's next fetch.
      if (came > 0 && came >= taken) break;
    }
    return came;
  }

  /**
   * Those that had more than their share get what is left. If nothing fitted at all, the first one
   * gets a batch, whatever its size (KIP-74); false when there was no memory for it in time.
   */
  async #readOn(slots: readonly Slot[], taken: number, left: number): Promise<boolean> {
    const share = shareOf(taken, slots.length);
    const more = slots.filter((slot) => this.#hasMore(slot, share));
    const [first] = more;
    if (first === undefined) return true;
    if (bytesOf(this.#slots) === 0) return this.#readOneBatch(first);
    const among = Math.min(more.length, Math.floor(left / FETCH_SHARE_BYTES_MIN));
    await Promise.all(
      more.slice(0, among).map(async (slot) => {
        const { result } = slot;
        const room = this.#limitOf(slot) - result.records.byteLength;
        const maxBytes = Math.min(room, Math.floor(left / among));
        await this.#read(slot, { fetchOffset: nextOffset(slot), maxBytes, minOneBatch: false });
        const records = concatBytes([result.records, slot.result.records]);
        const sound = slot.result.errorCode === ErrorCode.NONE;
        slot.result = sound ? { ...slot.result, records } : result;
      }),
    );
    return true;
  }

  async #readOneBatch(slot: Slot): Promise<boolean> {
    this.#lease.keep(0);
    const limit = this.#limitOf(slot);
    const batch = this.#largestBatch(slot);
    const taken = await this.#take(Math.max(limit, batch), batch);
    if (taken === 0) return false;
    const { fetchOffset } = slot.request;
    const maxBytes = Math.min(limit, taken);
    await this.#read(slot, { fetchOffset, maxBytes, minOneBatch: true });
    return true;
  }

  /** Below what its reader may see there are records that were not asked for, or did not fit. */
  #hasMore(slot: Slot, share: number): boolean {
    const { near, result } = slot;
    if (near?.redirect === true || result.errorCode !== ErrorCode.NONE) return false;
    if (result.divergingEpoch !== null) return false;
    const empty = result.records.byteLength === 0;
    if (!empty && (this.#limitOf(slot) <= share || this.#slots.length === 1)) return false;
    const readCommitted = this.#request.isolationLevel === 1;
    const end = readCommitted ? result.lastStableOffset : result.highWatermark;
    return nextOffset(slot) < end;
  }

  #limitOf({ request }: Slot): number {
    const limit = Math.max(request.partitionMaxBytes, 0);
    return Math.min(limit, this.#maxBytes, FETCH_PARTITION_BYTES_MAX);
  }

  /** What the topic lets its producers send; older batches may be larger. */
  #largestBatch({ leader }: Slot): number {
    if (typeof leader === "number") return 0;
    return logRules(this.#ctx, this.#cluster, leader.topic, leader.state.leader).maxMessageBytes;
  }

  async #read(slot: Slot, asked: Asked): Promise<void> {
    const { ref, near } = slot;
    slot.parkedBytes = 0;
    // Sent elsewhere: the leader gives no records (KIP-392).
    if (near?.redirect === true) return;
    const { currentLeaderEpoch, lastFetchedEpoch, partition } = slot.request;
    const readCommitted = this.#request.isolationLevel === 1;
    const request = { ...asked, currentLeaderEpoch, lastFetchedEpoch, readCommitted };
    if (near !== null) {
      const result = await this.#readNear(near, { ...request, fromFollower: true });
      if (result !== null) {
        slot.result = result;
        slot.readFrom = near.brokerId;
        return;
      }
      slot.near = null;
    }
    const answer = await askLeader<ReadResult>(this.#ctx, {
      ref,
      byId: this.#byId,
      partition,
      leader: slot.leader,
      // A client that names an epoch wants to hear that it is not the present one.
      timeoutMs: currentLeaderEpoch >= 0 ? 0 : READ_TIMEOUT_MS,
      repeatable: true,
      ask: (leader) => {
        slot.leader = leader;
        slot.readFrom = leader.state.leader;
        return leader.port.read({ ...request, fromFollower: false });
      },
    });
    slot.result = typeof answer === "number" ? nothing(answer) : answer;
  }

  /**
   * Null when only the leader can tell: the replica is out of reach, slow, not up to date with what
   * the reader has seen, or of another opinion about epochs or the log's bounds.
   */
  async #readNear(near: NearReplica, request: ReadRequest): Promise<ReadResult | null> {
    const read = near.port.read(request).catch(() => null);
    const slow = this.#ctx.sleep(NEAR_REPLICA_PATIENCE_MS).then(() => null);
    const result = await Promise.race([read, slow]);
    if (result === null || result.errorCode !== ErrorCode.NONE) return null;
    const behind = request.fetchOffset > result.highWatermark;
    return behind || result.divergingEpoch !== null ? null : result;
  }

  /** The partitions that have news, empty when the time is over or the client has gone. */
  async #waitForAny(timeoutMs: number): Promise<Slot[]> {
    const over = new AbortController();
    const { signal } = this.#ctx;
    const gone = (): void => over.abort();
    signal?.addEventListener("abort", gone);
    const woken: Slot[] = [];
    const waits = this.#slots.map(async (slot) => {
      if (typeof slot.leader === "number") return;
      const offset = Math.max(slot.request.fetchOffset, slot.result.highWatermark);
      const port = slot.near?.port ?? slot.leader.port;
      if (await port.waitForData(offset, timeoutMs, over.signal)) woken.push(slot);
    });
    if (this.#slots.some(({ near }) => near !== null)) {
      waits.push(this.#untilOthersAreNear(over.signal, woken));
    }
    try {
      await Promise.race(waits);
    } finally {
      signal?.removeEventListener("abort", gone);
      over.abort();
    }
    return [...woken];
  }

  /** A replica that is taken out or falls behind hears of nothing: who waits there looks elsewhere. */
  async #untilOthersAreNear(over: AbortSignal, woken: Slot[]): Promise<void> {
    while (woken.length === 0) {
      await this.#ctx.sleep(METADATA_TTL_MS);
      if (over.aborted) return;
      // A catalogue that does not answer says nothing new.
      woken.push(...(await this.#slotsToMove().catch(() => [])));
    }
  }

  async #slotsToMove(): Promise<Slot[]> {
    const near = this.#slots.filter((slot) => slot.near !== null);
    const refs = near.map(({ ref }) => ref);
    const topicOf = await lookUpTopics(this.#ctx, refs, this.#byId);
    const select = await replicaSelector(this.#ctx, this.#request.rackId);
    return near.filter((slot) => {
      const topic = topicOf(slot.ref);
      const leader = leaderOf(this.#ctx, topic, slot.request.partition, this.#byId);
      const now = typeof leader === "number" ? null : select(leader);
      if (now?.brokerId === slot.near?.brokerId) return false;
      slot.leader = leader;
      slot.near = now;
      return true;
    });
  }

  #gather(ms: number): Promise<void> {
    return ms <= 0 ? Promise.resolve() : this.#ctx.sleep(ms);
  }

  /** Waves were read side by side: drop, in the request's order, what passes max_bytes. */
  #cutToLimit(): void {
    let left = this.#maxBytes;
    let first = true;
    for (const slot of this.#slots) {
      const { records } = slot.result;
      if (records.byteLength === 0) continue;
      const kept = wholeBatches(records, left, first);
      if (kept < records.byteLength) {
        slot.result = { ...slot.result, records: records.subarray(0, kept) };
      }
      if (kept > 0) first = false;
      left -= kept;
    }
  }
}

function shareOf(taken: number, slots: number): number {
  return Math.max(FETCH_SHARE_BYTES_MIN, Math.floor(taken / Math.max(slots, 1)));
}

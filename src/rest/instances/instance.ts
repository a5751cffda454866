/**
 * A consumer instance: it keeps the subscription and the positions, and it is the group's member,
 * with heartbeats while its client is away. Its home gives it storage and an alarm; a Durable Object
 * is one (objects/consumer-instance.ts). One thing at a time: calls wait for those before them.
 */
import type { RequestContextBase } from "../../broker/context.ts";
import { ErrorCode, errorMessage, isRetriable, KafkaError } from "../../protocol/errors.ts";
import { INSTANCE_LEASE_SLACK_MS, INSTANCE_RETRY_MS } from "../limits.ts";
import { randomId } from "../random-id.ts";
import { commitOffsets, heartbeat } from "./group-calls.ts";
import {
  adopted,
  fenced,
  heard,
  heartbeatRequest,
  isFenced,
  leaveRequest,
  releasable,
  released,
  surplus,
  unnamed,
} from "./member.ts";
import {
  advanced,
  assignedByHand,
  firstUnassigned,
  keyOf,
  newInstance,
  sought,
  subscribed,
  uncommitted,
  undone,
  unsubscribed,
  withCommitted,
} from "./state.ts";
import type {
  Assigned,
  Finish,
  Finished,
  InstanceConfig,
  InstanceData,
  InstanceHome,
  InstancePort,
  Opening,
  Outcome,
  PartitionOffset,
  Plan,
  PlanRequest,
  Refusal,
  Subscription,
  TopicPartition,
} from "./types.ts";

interface Lease {
  readonly id: string;
  readonly untilMs: number;
}

/** A turn of revocations that each wait for the one before: more would be a group in a loop. */
const ROUNDS_MAX = 4;
const EXCLUSIVE = "Subscription to topics, partitions and pattern are mutually exclusive";

export class Instance implements InstancePort {
  readonly #home: InstanceHome;
  readonly #ctx: RequestContextBase;
  /** Only here: after an eviction a reader has to ask for another, and nobody holds one. */
  #lease: Lease | null = null;
  /** 0 after an eviction: a heartbeat is due. */
  #nextHeartbeatMs = 0;
  #lastRequestMs = 0;
  #joinError = 0;
  /** The last read that the client is known to have got: a late copy of an older request undoes nothing. */
  #confirmed = -1;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(home: InstanceHome, ctx: RequestContextBase) {
    this.#home = home;
    this.#ctx = ctx;
  }

  create(
    config: InstanceConfig,
    identity: { readonly group: string; readonly name: string },
  ): Promise<Outcome<null>> {
    return this.#serially(async () => {
      if (this.#home.data !== null) return refused("exists");
      await this.#home.save(newInstance(config, identity, this.#touch()));
      await this.#schedule();
      return done(null);
    });
  }

  remove(): Promise<Outcome<null>> {
    return this.#withData(async (data) => {
      if (data.config.autoCommit) await this.#commit(data, uncommitted(data.assigned));
      await this.#leave(data);
      await this.#home.clear();
      this.#forget();
      return done(null);
    });
  }

  subscribe(subscription: Subscription | null): Promise<Outcome<null>> {
    return this.#withData(async (data) => {
      if (subscription !== null) return this.#subscribe(data, subscription);
      if (data.config.autoCommit) await this.#commit(data, uncommitted(data.assigned));
      await this.#leave(data);
      this.#lease = null;
      return this.#saved(unsubscribed(data));
    });
  }

  assign(partitions: readonly TopicPartition[]): Promise<Outcome<null>> {
    return this.#withData(async (data) => {
      if (data.subscription !== null) {
        return refused("state", EXCLUSIVE);
      }
      return this.#saved(assignedByHand(data, partitions));
    });
  }

  plan(asked: PlanRequest): Promise<Outcome<Plan>> {
    return this.#serially(async () => {
      const opened = await this.#open(asked.open);
      if (!opened.ok) return opened;
      const found = opened.value;
      const request = settled(asked, found.config);
      const nowMs = this.#touch();
      const held = this.#lease !== null && this.#lease.untilMs > nowMs;
      const busy = request.holdMs > 0 && held && this.#lease?.id !== request.lease;
      if (busy) return done(this.#planOf(found, null, true));
      const rewound = this.#maybeUndo(found, request);
      if (!rewound.ok) return rewound;
      if (rewound.value !== found) await this.#home.save(rewound.value);
      const isMine = held && this.#lease?.id === request.lease;
      const error = await this.#attend(request, isMine);
      if (error !== ErrorCode.NONE && !isRetriable(error)) return kafkaRefusal(error);
      const id = request.holdMs === 0 ? null : isMine ? request.lease : randomId(this.#ctx.random);
      if (id !== null) {
        this.#lease = { id, untilMs: this.#ctx.now() + request.holdMs + INSTANCE_LEASE_SLACK_MS };
      }
      return done(this.#planOf(this.#home.data ?? found, id, false));
    });
  }

  seek(positions: readonly PartitionOffset[]): Promise<Outcome<null>> {
    return this.#withData(async (data) => {
      const moved = sought(data, positions);
      if (moved !== null) return this.#saved(moved);
      const missing = firstUnassigned(data, positions);
      const where = missing === null ? "" : ` ${keyOf(missing)}`;
      return refused("state", `No current assignment for partition${where}`);
    });
  }

  finish({ lease, advances, committed, delivered }: Finish): Promise<Outcome<Finished>> {
    return this.#withData(async (data) => {
      if (this.#lease?.id !== lease) {
        const { sequence } = data;
        const lost = advances.map(({ topic, partition }) => ({ topic, partition }));
        return done<Finished>({ accepted: false, lost, sequence });
      }
      this.#lease = null;
      const moved = advanced(data, advances, delivered);
      await this.#save(withCommitted(moved.data, committed));
      return done<Finished>({ accepted: true, lost: moved.lost, sequence: moved.data.sequence });
    });
  }

  committed(offsets: readonly PartitionOffset[]): Promise<Outcome<null>> {
    return this.#withData((data) => this.#saved(withCommitted(data, offsets)));
  }

  /** Heartbeats, gives up what is wanted back, and closes an instance that nobody uses. */
  alarm(): Promise<void> {
    return this.#serially(async () => {
      const { data } = this.#home;
      if (data === null) return;
      const nowMs = this.#ctx.now();
      if (nowMs >= this.#expiryMs(data) && !this.#isLeased(nowMs)) {
        await this.#leave(data);
        await this.#home.clear();
        this.#forget();
        return;
      }
      const giveUpAtMs = data.member?.giveUpAtMs ?? Number.POSITIVE_INFINITY;
      const isDue = nowMs >= this.#nextHeartbeatMs || nowMs >= giveUpAtMs;
      if (data.member !== null && isDue) await this.#rounds(data, false, false);
      await this.#schedule();
    });
  }

  /** What is stored, or what is to be made for a reader that brings everything with it. */
  async #open(open: Opening | null): Promise<Outcome<InstanceData>> {
    const stored = this.#home.data;
    if (open === null) return stored === null ? refused("unknown") : done(stored);
    const { group, name, subscription } = open;
    if (stored === null && subscription === null) return refused("unknown");
    const data = stored ?? newInstance(open.config, { group, name }, this.#touch());
    const config = { ...data.config, ...open.changes };
    if (stored === null || !isSame(config, data.config)) await this.#save({ ...data, config });
    const now = this.#home.data ?? data;
    if (subscription === null || isSame(subscription, now.subscription)) return done(now);
    const outcome = await this.#subscribe(now, subscription);
    if (outcome.ok) return done(this.#home.data ?? now);
    if (stored === null) await this.#home.clear();
    return outcome;
  }

  async #subscribe(data: InstanceData, subscription: Subscription): Promise<Outcome<null>> {
    if (data.subscription === null && data.assigned.length > 0) return refused("state", EXCLUSIVE);
    const error = await this.#beat(
      subscribed(data, subscription, randomId(this.#ctx.random)),
      true,
    );
    if (error === ErrorCode.NONE || isRetriable(error)) return done(null);
    // The group will not have it: the subscription before it stands.
    await this.#home.save(data);
    return kafkaRefusal(error);
  }

  #planOf(data: InstanceData, lease: string | null, busy: boolean): Plan {
    const { config, subscription, member, assigned, sequence } = data;
    const target = member?.target ?? null;
    const leaving = new Set(surplus(assigned, target));
    return {
      ...{ lease, busy, config, subscription, sequence },
      memberId: member?.memberId ?? "",
      memberEpoch: member?.epoch ?? -1,
      joinError: member === null || member.epoch > 0 ? ErrorCode.NONE : this.#joinError,
      // What the group wants back is read no further.
      assigned: assigned.filter((one) => !leaving.has(one)),
    };
  }

  /** Before the first look of a read: was the answer of the one before it lost? */
  #maybeUndo(data: InstanceData, { after, holdMs, lease }: Settled): Outcome<InstanceData> {
    if (holdMs === 0 || lease !== null) return done(data);
    const { sequence, firstSequence, lastRead } = data;
    if (after === null || after === sequence || sequence === firstSequence) {
      this.#confirmed = sequence;
      return done(data);
    }
    // The first answer of this instance tells the client that there is a new one.
    const isPrevious = after === sequence - 1 || sequence === firstSequence + 1;
    if (isPrevious && lastRead !== null && this.#confirmed !== sequence) return done(undone(data));
    const what = `after is ${after}, and the last poll was ${sequence}`;
    return refused("state", `${what}: poll without it, or seek`);
  }

  /** A request is here: joins, heartbeats when one is due, and gives up what is wanted back. */
  async #attend(request: Settled, isReader: boolean): Promise<number> {
    const { commitRead, beat, holdMs } = request;
    const data = this.#home.data;
    if (data === null || data.member === null) return ErrorCode.NONE;
    const isDue =
      beat ||
      data.member.epoch === 0 ||
      data.member.giveUpAtMs !== null ||
      this.#ctx.now() >= this.#nextHeartbeatMs;
    if (!isDue) return ErrorCode.NONE;
    // Who reads on or commits is done with what was read before; who only looks may not be.
    const isDone = holdMs > 0 || commitRead;
    // A reader that asks again has nothing in its hands.
    const isFree = isReader || !this.#isLeased(this.#ctx.now());
    return this.#rounds(data, isDone && isFree, commitRead);
  }

  /** Until the group wants nothing back that can go. The error of the last heartbeat. */
  async #rounds(first: InstanceData, clientIsHere: boolean, commitRead: boolean): Promise<number> {
    let data = first;
    for (let round = 0; ; round++) {
      const error = await this.#beat(data);
      const heardOf = this.#home.data;
      if (error !== ErrorCode.NONE || heardOf === null || round === ROUNDS_MAX) return error;
      // What a read has under its lease stays: its records may be on their way to the client.
      const nowMs = this.#ctx.now();
      const canGo = clientIsHere || !this.#isLeased(nowMs);
      const gone = canGo ? releasable(heardOf, clientIsHere, nowMs) : [];
      if (gone.length === 0) return error;
      if (clientIsHere && commitRead) await this.#commit(heardOf, uncommitted(gone));
      data = released(this.#home.data ?? heardOf, currentOf(this.#home.data ?? heardOf, gone));
      await this.#home.save(data);
    }
  }

  /** One heartbeat. Its error code; what it changed is saved. */
  async #beat(data: InstanceData, joinsAgain = true): Promise<number> {
    const { member } = data;
    if (member === null) return ErrorCode.NONE;
    const response = await this.#send(data, heartbeatRequest(data, member));
    const { errorCode } = response;
    // Others may have its partitions by now: a read under way has lost what it read.
    if (isFenced(errorCode)) this.#lease = null;
    if (isFenced(errorCode) && joinsAgain) return this.#beat(fenced(data), false);
    if (isFenced(errorCode)) await this.#save(fenced(data));
    if (errorCode !== ErrorCode.NONE) {
      if (this.#home.data !== data && !isFenced(errorCode)) await this.#save(data);
      this.#joinError = errorCode;
      this.#nextHeartbeatMs = this.#ctx.now() + INSTANCE_RETRY_MS;
      await this.#schedule();
      return errorCode;
    }
    const nowMs = this.#ctx.now();
    this.#nextHeartbeatMs = nowMs + response.heartbeatIntervalMs;
    await this.#saveIfChanged(await this.#named(heard(data, response, nowMs)));
    return errorCode;
  }

  /** Partitions that the group gave, with the names of their topics. */
  async #named(data: InstanceData): Promise<InstanceData> {
    const names = new Map(data.assigned.map(({ topicId, topic }) => [topicId, topic]));
    const ids = unnamed(data);
    if (ids.length > 0) {
      const { catalogue } = this.#ctx.ports;
      const { clusterId } = this.#ctx;
      let found = await catalogue.topicsById(clusterId, ids);
      if (found.size < ids.length) {
        found = await catalogue.topicsById(clusterId, ids, { fresh: true });
      }
      for (const [topicId, { name }] of found) names.set(topicId, name);
    }
    return adopted(data, names);
  }

  /** A coordinator that cannot be asked is one that says so. */
  async #send(data: InstanceData, request: Parameters<typeof heartbeat>[1]) {
    try {
      return await heartbeat(this.#ctx, request, data.name);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      const nothing = { memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null };
      return { errorCode: error.code, errorMessage: error.message, throttleTimeMs: 0, ...nothing };
    }
  }

  /** Commits what it can: whoever has the partition next begins at the last commit otherwise. */
  async #commit(data: InstanceData, offsets: readonly PartitionOffset[]): Promise<void> {
    if (offsets.length === 0) return;
    const { group, name, member } = data;
    const identity = {
      ...{ group, clientId: name, memberId: member?.memberId ?? "" },
      memberEpoch: member?.epoch ?? -1,
    };
    try {
      const errors = await commitOffsets(this.#ctx, identity, offsets);
      const good = offsets.filter((one) => errors.get(keyOf(one)) === ErrorCode.NONE);
      await this.#home.save(withCommitted(this.#home.data ?? data, good));
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
    }
  }

  async #leave(data: InstanceData): Promise<void> {
    const { member } = data;
    if (member === null || member.epoch === 0) return;
    // Without an answer the group waits for the session to time out; there is nothing else to do.
    await this.#send(data, leaveRequest(data, member));
  }

  #isLeased(nowMs: number): boolean {
    return this.#lease !== null && this.#lease.untilMs > nowMs;
  }

  #expiryMs(data: InstanceData): number {
    return Math.max(data.lastRequestMs, this.#lastRequestMs) + data.config.instanceTimeoutMs;
  }

  #touch(): number {
    this.#lastRequestMs = this.#ctx.now();
    return this.#lastRequestMs;
  }

  #forget(): void {
    this.#lease = null;
    this.#nextHeartbeatMs = 0;
    this.#joinError = 0;
    this.#confirmed = -1;
  }

  async #saved(data: InstanceData): Promise<Outcome<null>> {
    await this.#save(data);
    return done(null);
  }

  async #save(data: InstanceData): Promise<void> {
    await this.#home.save({
      ...data,
      lastRequestMs: Math.max(data.lastRequestMs, this.#lastRequestMs),
    });
    await this.#schedule();
  }

  /** A heartbeat mostly changes nothing: then nothing is written. */
  async #saveIfChanged(data: InstanceData): Promise<void> {
    const { data: before } = this.#home;
    if (before === null || !isSame(before, data)) await this.#save(data);
    else await this.#schedule();
  }

  async #schedule(): Promise<void> {
    const { data } = this.#home;
    if (data === null) return;
    const { member } = data;
    const heartbeatMs = member === null ? Number.POSITIVE_INFINITY : this.#nextHeartbeatMs;
    const giveUpAtMs = member?.giveUpAtMs ?? Number.POSITIVE_INFINITY;
    await this.#home.wakeAt(Math.min(this.#expiryMs(data), heartbeatMs, giveUpAtMs));
  }

  #withData<T>(work: (data: InstanceData) => Promise<Outcome<T>>): Promise<Outcome<T>> {
    return this.#serially(async () => {
      const { data } = this.#home;
      if (data === null) return refused("unknown");
      this.#touch();
      return work(data);
    });
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

type Settled = PlanRequest & { readonly holdMs: number; readonly commitRead: boolean };

/** What the caller left to the instance's configs. */
function settled(request: PlanRequest, config: InstanceConfig): Settled {
  const holdMs = request.holdMs ?? Math.max(1, config.requestTimeoutMs);
  return { ...request, holdMs, commitRead: request.commitRead ?? config.autoCommit };
}

/** The same partitions as they are now: a commit made other objects of them. */
function currentOf(data: InstanceData, partitions: readonly Assigned[]): Assigned[] {
  const keys = new Set(partitions.map(keyOf));
  return data.assigned.filter((one) => keys.has(keyOf(one)));
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function done<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

function refused(why: Refusal["why"], message = ""): Refusal {
  return { ok: false, why, kafkaCode: ErrorCode.NONE, message };
}

function kafkaRefusal(kafkaCode: number): Refusal {
  return { ok: false, why: "kafka", kafkaCode, message: errorMessage(kafkaCode) };
}

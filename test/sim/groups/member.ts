/**
 * One member of a group in its process: it heartbeats, reads what it was told to read from where the group
 * has come to, and commits. What it makes of the answers is its client's (sim-clients.ts).
 */
import type { GroupReply, GroupRequest } from "../../../src/group/messages.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import {
  ConsumerClient,
  type Place,
  type SimClient,
} from "../../unit/group/consumer/sim-clients.ts";
import type { GroupCalls } from "./calls.ts";
import type { GroupChecker } from "./checker.ts";
import type { GroupSurroundings } from "./coordinator-object.ts";
import { stampOf } from "./history.ts";
import { commitRequest, fetchRequest, offsetsIn, type Positions } from "./offset-requests.ts";

export interface MemberSurroundings extends GroupSurroundings {
  readonly checker: GroupChecker;
  readonly calls: GroupCalls;
  /** Somebody reads more than before. */
  readersChanged(): void;
}

const CALL_TIMEOUT_MS = 400;
/** Beyond what the coordinator may make it wait. */
const JOIN_GRACE_MS = 700;
const RETRY_MS = 60;
/** Records that it reads in a beat, at most. */
const RECORDS_MAX = 5;

export class SimMember {
  readonly client: SimClient;
  readonly #at: MemberSurroundings;
  readonly #heartbeatMs: number;
  /** Of what it reads, where it is; what is not in here it has not asked for yet. */
  readonly #positions: Positions = new Map();
  /** Bumped when the process ends: what was scheduled before is void. */
  #life = 0;
  #stalledUntilMs = 0;
  #isFetching = false;

  constructor(at: MemberSurroundings, client: SimClient, heartbeatMs: number) {
    this.#at = at;
    this.client = client;
    this.#heartbeatMs = heartbeatMs;
  }

  get isAlive(): boolean {
    return this.client.alive;
  }

  /** It reads, and knows from where. */
  get isReading(): boolean {
    const { client } = this;
    return client.isSettled && [...client.reads].every((place) => this.#positions.has(place));
  }

  start(): void {
    const { world } = this.#at;
    this.client.alive = true;
    this.#later(1 + world.random.int(50), () => this.#step());
    this.#later(this.#heartbeatMs, () => this.#commitNow());
  }

  stall(forMs: number): void {
    this.#at.world.note(`${this.client.name} stalls for ${forMs} ms`);
    this.#stalledUntilMs = this.#at.world.nowMs + forMs;
  }

  /** The process ends without a word. */
  die(): void {
    this.#at.world.note(`${this.client.name} (${this.client.memberId}) dies`);
    this.#end();
    this.client.restart();
    this.client.reads.clear();
  }

  leave(): void {
    const { client } = this;
    this.#at.world.note(`${client.name} (${client.memberId}) leaves`);
    const call = client.leave();
    this.#end();
    client.restart();
    client.reads.clear();
    if (call !== null) this.#ask(call.request, call.apiVersion, () => {}, CALL_TIMEOUT_MS);
  }

  #end(): void {
    this.#life++;
    this.client.alive = false;
    this.#positions.clear();
    this.#isFetching = false;
    this.#stalledUntilMs = 0;
  }

  #later(ms: number, act: () => void): void {
    const life = this.#life;
    const { world } = this.#at;
    world.after(ms, () => {
      if (life !== this.#life) return;
      const stalledMs = this.#stalledUntilMs - world.nowMs;
      if (stalledMs > 0) this.#later(stalledMs, act);
      else act();
    });
  }

  #ask(
    request: GroupRequest,
    apiVersion: number,
    result: (reply: GroupReply | null) => void,
    timeoutMs = CALL_TIMEOUT_MS,
  ): void {
    const life = this.#life;
    const { world } = this.#at;
    const options = { clientId: this.client.name, apiVersion, timeoutMs };
    this.#at.calls.ask(request, options, (reply) => {
      if (life !== this.#life) return;
      // An answer that comes to a process that stands still waits for it.
      const stalledMs = this.#stalledUntilMs - world.nowMs;
      if (stalledMs > 0) this.#later(stalledMs, () => result(reply));
      else result(reply);
    });
  }

  #step(): void {
    const { client } = this;
    client.work();
    const call = client.next();
    this.#readsChanged();
    const { sessionTimeoutMs, rebalanceTimeoutMs } = client.timeouts;
    const isParked = call.request.api === "joinGroup" || call.request.api === "syncGroup";
    const waitMs = isParked ? Math.max(rebalanceTimeoutMs, sessionTimeoutMs) + JOIN_GRACE_MS : 0;
    this.#ask(
      call.request,
      call.apiVersion,
      (reply) => this.#answered(reply),
      Math.max(CALL_TIMEOUT_MS, waitMs),
    );
  }

  #answered(reply: GroupReply | null): void {
    const { client } = this;
    const { world, checker } = this.#at;
    try {
      if (reply === null) client.missed();
      else client.answered(reply);
    } catch (error) {
      checker.violation(`${error instanceof Error ? error.message : error}`);
      return;
    }
    if (reply !== null) this.#checkTold(reply);
    this.#readsChanged();
    const failed = reply === null || reply.api === "failed";
    if (client.isSettled) this.#later(this.#heartbeatMs, () => this.#step());
    else this.#later((failed ? RETRY_MS : 1) + world.random.int(20), () => this.#step());
  }

  /** What a member is told is committed by then. */
  #checkTold(reply: GroupReply): void {
    const { client } = this;
    const { records } = this.#at.checker;
    if (reply.api === "syncGroup" && reply.body.errorCode === ErrorCode.NONE) {
      const places = records.placesIn(reply.body.assignment);
      this.#noteTold(places);
      records.wasTold(client.memberId, client.era, places);
    }
    if (reply.api === "consumerGroupHeartbeat" && reply.body.assignment) {
      const places = reply.body.assignment.topicPartitions.flatMap(({ topicId, partitions }) =>
        partitions.map((partition) => `${topicId}/${partition}`),
      );
      this.#noteTold(places);
      records.wasTold(client.memberId, reply.body.memberEpoch, places);
    }
  }

  #noteTold(places: readonly Place[]): void {
    const { name, memberId, era } = this.client;
    this.#at.world.note(`${name} (${memberId}) reads [${places.join(" ")}] in ${era}`);
  }

  /** What it reads no more it forgets; what is new it must be told where to begin. */
  #readsChanged(): void {
    const { reads } = this.client;
    for (const place of this.#positions.keys()) {
      if (!reads.has(place)) this.#positions.delete(place);
    }
    const news = [...reads].filter((place) => !this.#positions.has(place));
    if (news.length === 0) return;
    this.#at.readersChanged();
    if (!this.#isFetching) this.#fetch(news);
  }

  #fetch(places: readonly Place[]): void {
    const { client } = this;
    const { checker, topics } = this.#at;
    const { era } = client;
    const floors = new Map(places.map((place) => [place, checker.records.offsets.get(place)?.at]));
    const as =
      client instanceof ConsumerClient
        ? { memberId: client.memberId, memberEpoch: era }
        : { memberId: null, memberEpoch: -1 };
    this.#isFetching = true;
    this.#ask(fetchRequest(topics, places, as), 9, (reply) => {
      this.#isFetching = false;
      const body = reply?.api === "offsetFetch" ? reply.body : null;
      if (body === null || body.errorCode !== ErrorCode.NONE || client.era !== era) {
        this.#later(RETRY_MS, () => this.#readsChanged());
        return;
      }
      for (const found of offsetsIn(topics, body)) {
        this.#checkFound(found, floors.get(found.place) ?? -1);
        if (client.reads.has(found.place))
          this.#positions.set(found.place, Math.max(0, found.offset));
      }
      this.#readsChanged();
    });
  }

  /** What was committed when it asked, or something later, and committed too. */
  #checkFound(
    { place, offset, metadata }: { place: Place; offset: number; metadata: string },
    floor: number,
  ): void {
    const { checker } = this.#at;
    const at = metadata === "" ? -1 : checker.records.commits.get(stampOf(metadata).commit);
    const says = `${this.client.name} finds ${place} at ${offset} by ${metadata || "nobody"}`;
    if (at === undefined) checker.violation(`${says}, which is not committed`);
    else if (at < floor) checker.violation(`${says}, at ${at}; committed at ${floor} before`);
  }

  #commitNow(): void {
    const { world } = this.#at;
    this.#later(this.#heartbeatMs + world.random.int(this.#heartbeatMs), () => this.#commitNow());
    const positions: Positions = new Map();
    for (const [place, position] of this.#positions) {
      const next = position + world.random.int(RECORDS_MAX);
      this.#positions.set(place, next);
      positions.set(place, next);
    }
    if (positions.size > 0) this.#commit(positions);
  }

  #commit(positions: Positions): void {
    const { client } = this;
    const { topics, checker } = this.#at;
    const stamp = {
      commit: this.#at.calls.nextCommit(),
      memberId: client.memberId,
      era: client.era,
    };
    const request = commitRequest(topics, positions, stamp, client.instanceId);
    this.#ask(request, 9, (reply) => {
      const body = reply?.api === "offsetCommit" ? reply.body : null;
      const codes = body?.topics.flatMap(({ partitions }) =>
        partitions.map(({ errorCode }) => errorCode),
      );
      if (codes?.every((code) => code === ErrorCode.NONE) !== true) return;
      if (checker.records.commits.has(stamp.commit)) return;
      checker.violation(`commit ${JSON.stringify(stamp)} was answered and is not committed`);
    });
  }
}

/** Members of a group as clients know themselves: what they were told, and what they read. */
import type { GroupReply, GroupRequest, TopicImage } from "../../../../src/group/messages.ts";
import {
  decodeConsumerAssignment,
  decodeConsumerSubscription,
  encodeConsumerAssignment,
  encodeConsumerSubscription,
} from "../../../../src/protocol/consumer-protocol.ts";
import type { Beat } from "./harness.ts";
import { requestOf } from "./harness.ts";

/** "topicId/partition". */
export type Place = string;

export interface Call {
  readonly request: GroupRequest;
  readonly apiVersion: number;
}

/** What clients of the classic protocol read of the catalogue. */
export interface TopicBook {
  readonly topics: ReadonlyMap<string, TopicImage>;
  nameOf(topicId: string): string | undefined;
}

export interface ClientTimeouts {
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

const TIMEOUTS: ClientTimeouts = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 15_000 };

/** 14, 15 and 16: the coordinator could not say, and is to be asked again. */
const NO_ANSWER: ReadonlySet<number> = new Set([14, 15, 16]);

/** What a client does next, and what it makes of the answer. */
export abstract class SimClient {
  readonly name: string;
  readonly instanceId: string | null;
  memberId: string;
  names: readonly string[];
  readonly reads = new Set<Place>();
  readonly timeouts: ClientTimeouts;
  alive = true;

  constructor(
    name: string,
    instanceId: string | null,
    names: readonly string[],
    timeouts: ClientTimeouts = TIMEOUTS,
  ) {
    this.name = name;
    this.memberId = name;
    this.instanceId = instanceId;
    this.names = names;
    this.timeouts = timeouts;
  }

  /** Generation or member epoch. */
  abstract get era(): number;
  /** It has all that it was told, and only heartbeats are left to send. */
  abstract get isSettled(): boolean;
  /** Works on what it was told; true when there was something. */
  abstract work(): boolean;
  abstract next(): Call;
  abstract answered(reply: GroupReply): void;
  /** No answer came. */
  abstract missed(): void;
  abstract leave(): Call | null;
  /** The process ends and starts again, and knows nothing. */
  abstract restart(): void;
}

function codeOf(reply: GroupReply): number {
  if (reply.api === "failed") return reply.errorCode;
  return (reply.body as { readonly errorCode: number }).errorCode;
}

/** Speaks the consumer protocol (AbstractMembershipManager and ConsumerHeartbeatRequestManager in Java). */
export class ConsumerClient extends SimClient {
  epoch = 0;
  regex: string | null = null;
  assignor: string | null = null;
  #told: ReadonlySet<Place> | null = null;
  #sendsAll = true;
  #sendsReads = true;
  #lives = 0;

  get era(): number {
    return this.epoch;
  }

  get isSettled(): boolean {
    return this.epoch > 0 && this.#told === null && !this.#sendsAll && !this.#sendsReads;
  }

  work(): boolean {
    const told = this.#told;
    if (told === null) return false;
    this.#told = null;
    this.reads.clear();
    for (const place of told) this.reads.add(place);
    this.#sendsReads = true;
    return true;
  }

  subscribe(names: readonly string[]): void {
    this.names = names;
    this.#sendsAll = true;
  }

  next(): Call {
    const joins = this.epoch === 0;
    const all = joins || this.#sendsAll;
    const beat: Beat = { memberId: this.memberId, memberEpoch: this.epoch };
    const full: Beat = {
      rebalanceTimeoutMs: this.timeouts.rebalanceTimeoutMs,
      subscribedTopicNames: this.names,
      subscribedTopicRegex: this.regex,
      serverAssignor: this.assignor,
    };
    const owned: Beat = { topicPartitions: joins ? [] : placesOf(this.reads) };
    const body = {
      ...beat,
      instanceId: this.instanceId,
      ...(all ? full : {}),
      ...(all || this.#sendsReads ? owned : {}),
    };
    this.#sendsAll = false;
    this.#sendsReads = false;
    return { request: { api: "consumerGroupHeartbeat", body: requestOf(body) }, apiVersion: 1 };
  }

  answered(reply: GroupReply): void {
    const code = codeOf(reply);
    if (code === 0 && reply.api === "consumerGroupHeartbeat") {
      const { memberEpoch, assignment } = reply.body;
      if (memberEpoch < this.epoch)
        throw new Error(`${this.name}: from ${this.epoch} to ${memberEpoch}`);
      this.epoch = memberEpoch;
      if (assignment) {
        this.#told = new Set(
          assignment.topicPartitions.flatMap(({ topicId, partitions }) =>
            partitions.map((partition) => `${topicId}/${partition}`),
          ),
        );
      }
    } else if ([25, 110, 82, 69].includes(code)) {
      this.#startOver();
    } else if (NO_ANSWER.has(code) || code === 111) {
      this.#sendsAll = true;
    } else {
      throw new Error(`${this.name}: ${JSON.stringify(reply)}`);
    }
  }

  #startOver(): void {
    this.epoch = 0;
    this.reads.clear();
    this.#told = null;
  }

  missed(): void {
    this.#sendsAll = true;
  }

  leave(): Call | null {
    if (this.epoch === 0) return null;
    const memberEpoch = this.instanceId === null ? -1 : -2;
    const body = { memberId: this.memberId, memberEpoch, instanceId: this.instanceId };
    this.#startOver();
    return { request: { api: "consumerGroupHeartbeat", body: requestOf(body) }, apiVersion: 1 };
  }

  /** The process ends and starts again, as somebody new. */
  restart(): void {
    this.#startOver();
    this.#lives += 1;
    this.memberId = `${this.name}.${this.#lives}`;
  }
}

export function placesOf(places: ReadonlySet<Place>): { topicId: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const place of places) {
    const [topicId = "", partition = ""] = place.split("/");
    const partitions = topics.get(topicId) ?? [];
    topics.set(topicId, [...partitions, Number(partition)]);
  }
  return Array.from(topics, ([topicId, partitions]) => ({ topicId, partitions }));
}

type Doing = "join" | "sync" | "beat";

/** Speaks the classic protocol (ConsumerCoordinator in Java), eagerly or cooperatively. */
export class ClassicClient extends SimClient {
  readonly cooperative: boolean;
  readonly #book: TopicBook;
  generation = -1;
  #doing: Doing = "join";
  #mustRejoin = false;
  /** As the leader: what to send with the next SyncGroup. */
  #plan: { memberId: string; assignment: Uint8Array }[] = [];
  #protocol: string | null = null;

  constructor(
    name: string,
    instanceId: string | null,
    names: readonly string[],
    cooperative: boolean,
    book: TopicBook,
    timeouts: ClientTimeouts = TIMEOUTS,
  ) {
    super(name, instanceId, names, timeouts);
    this.memberId = "";
    this.cooperative = cooperative;
    this.#book = book;
  }

  get era(): number {
    return this.generation;
  }

  get isSettled(): boolean {
    return this.#doing === "beat" && !this.#mustRejoin;
  }

  work(): boolean {
    return false;
  }

  next(): Call {
    const { memberId, generation } = this;
    const at = { groupId: "g", memberId, groupInstanceId: this.instanceId };
    if (this.#doing === "beat" && !this.#mustRejoin) {
      const body = { ...at, generationId: generation };
      return { request: { api: "heartbeat", body }, apiVersion: 4 };
    }
    if (this.#doing === "sync") {
      const protocol = { protocolType: "consumer", protocolName: this.#protocol };
      const body = { ...at, generationId: generation, ...protocol, assignments: this.#plan };
      return { request: { api: "syncGroup", body }, apiVersion: 5 };
    }
    this.#mustRejoin = false;
    this.#doing = "join";
    if (!this.cooperative) this.reads.clear();
    const body = {
      ...at,
      ...this.timeouts,
      protocolType: "consumer",
      protocols: [{ name: this.cooperative ? "cooperative" : "eager", metadata: this.#metadata() }],
      reason: null,
    };
    return { request: { api: "joinGroup", body }, apiVersion: 9 };
  }

  /** It saw that topics are not what they were. */
  rejoin(): void {
    this.#mustRejoin = true;
  }

  /** The process ends and starts again; who has an instance id is still known by it. */
  restart(): void {
    this.#lost(true);
  }

  #metadata(): Uint8Array {
    return encodeConsumerSubscription({
      topics: this.names,
      userData: null,
      ownedPartitions: this.#named(this.reads),
      generationId: this.generation,
      rackId: null,
    });
  }

  #named(places: ReadonlySet<Place>): { topic: string; partitions: number[] }[] {
    return placesOf(places).flatMap(({ topicId, partitions }) => {
      const topic = this.#book.nameOf(topicId);
      return topic === undefined ? [] : [{ topic, partitions }];
    });
  }

  answered(reply: GroupReply): void {
    const code = codeOf(reply);
    if (code === 0) this.#succeeded(reply);
    else if (code === 79 && reply.api === "joinGroup") this.memberId = reply.body.memberId;
    else if (code === 27) this.#doing = "join";
    else if (NO_ANSWER.has(code)) this.missed();
    else if (code === 22 || code === 25 || code === 82) this.#lost(code !== 22);
    else throw new Error(`${this.name}: ${JSON.stringify(reply)}`);
  }

  #succeeded(reply: GroupReply): void {
    if (reply.api === "joinGroup") {
      this.memberId = reply.body.memberId;
      this.generation = reply.body.generationId ?? -1;
      this.#protocol = reply.body.protocolName ?? null;
      const leads = reply.body.leader === this.memberId;
      this.#plan = leads ? this.#planned(reply.body.members) : [];
      this.#doing = "sync";
    } else if (reply.api === "syncGroup") {
      this.#doing = "beat";
      this.#take(reply.body.assignment);
    }
  }

  #take(bytes: Uint8Array): void {
    const places = new Set<Place>();
    for (const { topic, partitions } of decodeConsumerAssignment(bytes).assignedPartitions) {
      const topicId = this.#book.topics.get(topic)?.topicId;
      if (topicId === undefined) continue;
      for (const partition of partitions) places.add(`${topicId}/${partition}`);
    }
    const gives = [...this.reads].some((place) => !places.has(place));
    this.reads.clear();
    for (const place of places) this.reads.add(place);
    // What it gave back is for others to take, in another round.
    if (gives && this.cooperative) this.#doing = "join";
  }

  #lost(forgotten: boolean): void {
    this.reads.clear();
    this.generation = -1;
    if (forgotten) this.memberId = "";
    this.#doing = "join";
  }

  /** Deals partitions out; a cooperative leader holds back what somebody else still reads. */
  #planned(
    members: readonly { readonly memberId: string; readonly metadata: Uint8Array }[],
  ): { memberId: string; assignment: Uint8Array }[] {
    const readers = members.map(({ memberId, metadata }) => {
      return {
        memberId,
        plan: new Map<string, number[]>(),
        ...decodeConsumerSubscription(metadata),
      };
    });
    const owners = new Map<string, string>();
    for (const { memberId, ownedPartitions } of readers) {
      for (const { topic, partitions } of ownedPartitions) {
        for (const partition of partitions) owners.set(`${topic}/${partition}`, memberId);
      }
    }
    for (const { name, partitions } of this.#book.topics.values()) {
      const candidates = readers.filter(({ topics }) => topics.includes(name));
      const share = Math.ceil(partitions / Math.max(candidates.length, 1));
      const load = ({ plan }: (typeof readers)[number]) => plan.get(name)?.length ?? 0;
      for (let partition = 0; partition < partitions && candidates.length > 0; partition++) {
        const owner = owners.get(`${name}/${partition}`);
        const keeper = candidates.find((one) => one.memberId === owner && load(one) < share);
        const chosen = keeper ?? candidates.reduce((a, b) => (load(b) < load(a) ? b : a));
        if (owner !== undefined && owner !== chosen.memberId) continue;
        chosen.plan.set(name, [...(chosen.plan.get(name) ?? []), partition]);
      }
    }
    return readers.map(({ memberId, plan }) => {
      const assignedPartitions = Array.from(plan, ([topic, list]) => ({ topic, partitions: list }));
      return {
        memberId,
        assignment: encodeConsumerAssignment({ assignedPartitions, userData: null }),
      };
    });
  }

  missed(): void {
    if (this.#doing === "sync") this.#doing = "join";
  }

  leave(): Call | null {
    const { memberId } = this;
    this.#lost(true);
    if (memberId === "" || this.instanceId !== null) return null;
    const members = [{ memberId, groupInstanceId: this.instanceId, reason: null }];
    return {
      request: { api: "leaveGroup", body: { groupId: "g", memberId: "", members } },
      apiVersion: 5,
    };
  }
}

import type { ConsumerGroupHeartbeatRequest } from "../../../src/protocol/api/68-consumer-group-heartbeat.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import type { FakeBroker } from "./fake-broker.ts";
import type { VirtualClock } from "./virtual-clock.ts";

interface FakeMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  epoch: number;
  names: readonly string[];
  regex: string;
  /** As the member says; partitions are "topicId/partition". */
  owned: Set<string>;
  /** As it was told. */
  assigned: Set<string>;
  told: boolean;
  cancelSession: () => void;
}

/** One group of KIP-848: partitions are dealt by the server, and move once their owner let go. */
export class FakeConsumerGroup {
  readonly members = new Map<string, FakeMember>();
  readonly left: { memberId: string; epoch: number }[] = [];
  readonly requests: ConsumerGroupHeartbeatRequest[] = [];
  epoch = 0;
  sessionMs = 45_000;
  intervalMs = 5_000;
  readonly #broker: FakeBroker;
  readonly #clock: VirtualClock;
  #targets = new Map<string, Set<string>>();

  constructor(broker: FakeBroker, clock: VirtualClock) {
    this.#broker = broker;
    this.#clock = clock;
  }

  heartbeat(request: ConsumerGroupHeartbeatRequest): unknown {
    this.requests.push(request);
    const { memberId, memberEpoch } = request;
    if (memberEpoch < 0) return this.#leave(memberId, memberEpoch);
    if (memberEpoch === 0) this.#join(request);
    const member = this.members.get(memberId);
    if (member === undefined) return { errorCode: ErrorCode.UNKNOWN_MEMBER_ID };
    if (memberEpoch > 0 && memberEpoch !== member.epoch) {
      return { errorCode: ErrorCode.FENCED_MEMBER_EPOCH };
    }
    this.#touch(member);
    this.#update(member, request);
    return this.#answer(member, memberEpoch === 0);
  }

  #join({ memberId, instanceId }: ConsumerGroupHeartbeatRequest): void {
    const before = this.members.get(memberId);
    before?.cancelSession();
    this.members.set(memberId, {
      memberId,
      instanceId,
      epoch: 0,
      names: [],
      regex: "",
      owned: new Set(),
      assigned: new Set(),
      told: false,
      cancelSession: () => {},
    });
    this.divide();
  }

  #leave(memberId: string, epoch: number): unknown {
    if (!this.members.has(memberId)) return { errorCode: ErrorCode.UNKNOWN_MEMBER_ID };
    this.left.push({ memberId, epoch });
    if (epoch === -1) this.remove(memberId);
    return { errorCode: 0, memberId, memberEpoch: epoch };
  }

  remove(memberId: string): void {
    this.members.get(memberId)?.cancelSession();
    if (this.members.delete(memberId)) this.divide();
  }

  #touch(member: FakeMember): void {
    member.cancelSession();
    member.cancelSession = this.#clock.setTimeout(this.sessionMs, () =>
      this.remove(member.memberId),
    );
  }

  #update(member: FakeMember, request: ConsumerGroupHeartbeatRequest): void {
    const { subscribedTopicNames, subscribedTopicRegex, topicPartitions } = request;
    const changed = subscribedTopicNames !== null || subscribedTopicRegex !== null;
    member.names = subscribedTopicNames ?? member.names;
    member.regex = subscribedTopicRegex ?? member.regex;
    if (topicPartitions !== null) {
      member.owned = new Set(
        topicPartitions.flatMap(({ topicId, partitions }) =>
          partitions.map((partition) => `${topicId}/${partition}`),
        ),
      );
    }
    if (changed) this.divide();
  }

  /** Deals the partitions of each topic to those who read it, those who have them first. */
  divide(): void {
    this.epoch++;
    this.#targets = new Map([...this.members.keys()].map((memberId) => [memberId, new Set()]));
    for (const [name, topic] of this.#broker.topics) {
      const readers = [...this.members.values()].filter(
        ({ names, regex }) =>
          names.includes(name) || (regex !== "" && new RegExp(`^${regex}$`).test(name)),
      );
      if (readers.length === 0) continue;
      const most = Math.ceil(topic.partitions.length / readers.length);
      const free: string[] = [];
      topic.partitions.forEach((_, partition) => {
        const key = `${topic.topicId}/${partition}`;
        const holder = readers.find(({ assigned }) => assigned.has(key));
        const target = holder && this.#targets.get(holder.memberId);
        if (target !== undefined && target.size < most) target.add(key);
        else free.push(key);
      });
      for (const key of free) {
        const least = readers
          .map(({ memberId }) => this.#targets.get(memberId) as Set<string>)
          .sort((a, b) => a.size - b.size)[0];
        least?.add(key);
      }
    }
  }

  #answer(member: FakeMember, isFull: boolean): unknown {
    const target = this.#targets.get(member.memberId) ?? new Set();
    const before = [...member.assigned].sort().join();
    const kept = new Set([...member.assigned].filter((key) => target.has(key)));
    const mustRevoke = kept.size < member.assigned.size;
    const stillOwns = [...member.owned].some((key) => !target.has(key));
    if (mustRevoke || stillOwns) {
      member.assigned = kept;
    } else {
      const others = [...this.members.values()].filter((other) => other !== member);
      const isHeld = (key: string) =>
        others.some(({ owned, assigned }) => owned.has(key) || assigned.has(key));
      member.assigned = new Set([...target].filter((key) => member.owned.has(key) || !isHeld(key)));
      member.epoch = this.epoch;
    }
    if (member.epoch === 0) member.epoch = this.epoch;
    const after = [...member.assigned].sort().join();
    const tell = isFull || after !== before;
    return {
      errorCode: 0,
      memberId: member.memberId,
      memberEpoch: member.epoch,
      heartbeatIntervalMs: this.intervalMs,
      assignment: tell ? { topicPartitions: byTopic(member.assigned) } : null,
    };
  }

  checkCommit(memberId: string, epoch: number): number {
    const member = this.members.get(memberId);
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    return epoch === member.epoch ? ErrorCode.NONE : ErrorCode.STALE_MEMBER_EPOCH;
  }
}

function byTopic(keys: ReadonlySet<string>) {
  const places = [...keys].map((key) => key.split("/") as [string, string]);
  return Array.from(
    Map.groupBy(places, ([topicId]) => topicId),
    ([topicId, some]) => ({ topicId, partitions: some.map(([, partition]) => Number(partition)) }),
  );
}

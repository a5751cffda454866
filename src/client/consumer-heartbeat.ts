/** ConsumerGroupHeartbeat (KIP-848): a field that has not changed since it was sent is left out. */
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatRequestInput,
} from "../protocol/api/68-consumer-group-heartbeat.ts";
import type { ConsumerSettings } from "./consumer-config.ts";
import type { GroupMember } from "./group-offsets.ts";
import { wholeNamePattern } from "./pattern.ts";
import type { Subscription } from "./subscription.ts";

export type TopicIdPartitions = NonNullable<ConsumerGroupHeartbeatRequest["topicPartitions"]>;

/** What only goes out when it is another than before. */
interface Fields {
  readonly rebalanceTimeoutMs: number;
  readonly subscribedTopicNames: readonly string[];
  readonly subscribedTopicRegex: string;
  readonly serverAssignor: string;
  readonly topicPartitions: TopicIdPartitions;
}

const JOINING_EPOCH = 0;

export class HeartbeatFields {
  readonly #settings: ConsumerSettings;
  readonly #subscription: Subscription;
  /** As the server has them, if the last heartbeat got through. */
  #known: Fields | null = null;

  constructor(settings: ConsumerSettings, subscription: Subscription) {
    this.#settings = settings;
    this.#subscription = subscription;
  }

  /** The server may not have got the last one, or does not know the member: everything goes again. */
  forget(): void {
    this.#known = null;
  }

  /** The subscription, or what is owned, is not what the last heartbeat said. */
  isOutdated(owned: TopicIdPartitions): boolean {
    const known = this.#known;
    return known !== null && Object.keys(changes(this.#current(owned), known)).length > 0;
  }

  /** The next request; what it says counts as known until forget(). */
  request(member: GroupMember, owned: TopicIdPartitions): ConsumerGroupHeartbeatRequestInput {
    const current = this.#current(owned);
    const known = member.generationIdOrMemberEpoch === JOINING_EPOCH ? null : this.#known;
    this.#known = current;
    return {
      groupId: member.groupId,
      memberId: member.memberId,
      memberEpoch: member.generationIdOrMemberEpoch,
      instanceId: member.groupInstanceId,
      rackId: known === null ? this.#settings["client.rack"] || null : null,
      ...(known === null ? whole(current) : changes(current, known)),
    };
  }

  #current(topicPartitions: TopicIdPartitions): Fields {
    const { pattern } = this.#subscription;
    return {
      rebalanceTimeoutMs: this.#settings["max.poll.interval.ms"],
      subscribedTopicNames: pattern === null ? this.#subscription.topics : [],
      subscribedTopicRegex: pattern === null ? "" : wholeNamePattern(pattern),
      serverAssignor: this.#settings["group.remote.assignor"] ?? "",
      topicPartitions,
    };
  }
}

/** Null is "none" the first time; later it would mean "as before", and "" is what takes it back. */
function whole(fields: Fields): Partial<ConsumerGroupHeartbeatRequestInput> {
  const { subscribedTopicRegex, serverAssignor } = fields;
  return {
    ...fields,
    subscribedTopicRegex: subscribedTopicRegex === "" ? null : subscribedTopicRegex,
    serverAssignor: serverAssignor === "" ? null : serverAssignor,
  };
}

function changes(fields: Fields, known: Fields): Partial<ConsumerGroupHeartbeatRequestInput> {
  const names = Object.keys(fields) as (keyof Fields)[];
  const changed = names.filter(
    (name) => JSON.stringify(fields[name]) !== JSON.stringify(known[name]),
  );
  return Object.fromEntries(changed.map((name) => [name, fields[name]]));
}

/**
 * Group coordinators in memory, for tests of what stands on them: the real machines over stores in
 * memory, one log for all replicas of a partition. Time passes when a test says `tick`.
 */
import type {
  CataloguePort,
  GroupAsk,
  GroupPort,
  GroupsPort,
  PartitionAddress,
} from "../../src/broker/ports.ts";
import { GROUP_CONFIG_DEFAULT, type GroupConfig } from "../../src/group/config.ts";
import type { CoordinatorInput } from "../../src/group/coordinator.ts";

import type { GroupMessage, GroupReply, TopicImage } from "../../src/group/messages.ts";
import { newGroupMachine } from "../../src/group/new-group-machine.ts";
import type { ReplyTo } from "../../src/machine/machine.ts";
import type { ReplicaInput } from "../../src/replication/messages.ts";
import { LoneCoordinator } from "./lone-coordinator.ts";
import { MemoryReplicaStore } from "./memory-replica-store.ts";

export class MemoryGroups implements GroupsPort {
  readonly #open = new Map<string, MemoryCoordinator>();
  readonly #now: () => number;
  readonly #catalogue: CataloguePort;
  readonly #config: GroupConfig;

  constructor(now: () => number, catalogue: CataloguePort, config = GROUP_CONFIG_DEFAULT) {
    this.#now = now;
    this.#catalogue = catalogue;
    this.#config = config;
  }

  at(address: PartitionAddress): GroupPort {
    return { ask: (ask) => this.#coordinator(address).ask(ask) };
  }

  #coordinator({ clusterId, topicId, partition }: PartitionAddress): MemoryCoordinator {
    const key = `${clusterId}/${topicId}/${partition}`;
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const opened = new MemoryCoordinator(this.#now, this.#config, (message) =>
      this.#topics(clusterId, message),
    );
    this.#open.set(key, opened);
    return opened;
  }

  async #topics(clusterId: string, { names }: GroupMessage): Promise<TopicImage[]> {
    const found = await this.#catalogue.topics(clusterId, names, { fresh: true });
    return Array.from(found.values(), ({ name, topicId, partitions }) => {
      return { name, topicId, partitions: partitions.length };
    });
  }

  /** Does what is due by now everywhere, and waits for what follows from it. */
  async tick(): Promise<void> {
    await Promise.all(Array.from(this.#open.values(), (coordinator) => coordinator.tick()));
  }
}

class MemoryCoordinator {
  readonly #lone: LoneCoordinator;
  readonly #now: () => number;
  readonly #topics: (message: GroupMessage) => Promise<TopicImage[]>;
  readonly #callers = new Map<ReplyTo, (reply: GroupReply) => void>();
  #lastCaller = 0;

  constructor(
    now: () => number,
    config: GroupConfig,
    topics: (message: GroupMessage) => Promise<TopicImage[]>,
  ) {
    this.#now = now;
    this.#topics = topics;
    this.#lone = new LoneCoordinator(new MemoryReplicaStore(), () => newGroupMachine(config));
  }

  async ask({ leaderEpoch, client, request }: GroupAsk): Promise<GroupReply> {
    this.#lone.becomeLeader(this.#now(), leaderEpoch);
    const to = ++this.#lastCaller;
    const { promise, resolve } = Promise.withResolvers<GroupReply>();
    this.#callers.set(to, resolve);
    // Over RPC the request would be a copy.
    const own = structuredClone(request);
    await this.#run([{ kind: "group", to, leaderEpoch, client, request: own }]);
    return promise;
  }

  tick(): Promise<void> {
    return this.#run([{ kind: "tick" }]);
  }

  async #run(inputs: readonly (CoordinatorInput | ReplicaInput)[]): Promise<void> {
    for (const [to, reply] of this.#lone.turn(this.#now(), inputs)) {
      this.#callers.get(to)?.(reply);
      this.#callers.delete(to);
    }
    for (const message of this.#lone.messages.splice(0)) {
      const topics = await this.#topics(message).catch(() => null);
      await this.#run([{ kind: "topics", topics }]);
    }
  }
}

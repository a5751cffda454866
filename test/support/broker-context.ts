/** A request's context for tests of handlers: a catalogue in memory, partitions that are a diary. */
import type { BrokerConfig, LogEntry, RequestContextBase } from "../../src/broker/context.ts";
import type {
  CataloguePort,
  PartitionAddress,
  PartitionPort,
  PartitionsPort,
} from "../../src/broker/ports.ts";
import type { PartitionInfo, TopicInfo } from "../../src/cluster/types.ts";
import { GROUP_CONFIG_DEFAULT } from "../../src/group/config.ts";
import { Prng } from "../../src/lib/prng.ts";
import { MemoryCatalogue } from "./memory-catalogue.ts";
import { ScriptedGroups } from "./scripted-groups.ts";

/** Writes down what is opened and destroyed; nothing can be produced to it or read from it. */
export class PartitionsDiary implements PartitionsPort {
  readonly opened: { topic: string; partitions: number[] }[] = [];
  readonly destroyed: string[] = [];
  readonly destroyedReplicas: { topic: string; partition: number; brokerIds: number[] }[] = [];
  /** Whom `refresh` told, in order: "topicId/partition/broker". */
  readonly refreshed: string[] = [];
  /** Makes the next open or destroy fail. */
  failure: Error | null = null;

  /** One may be named, but not asked. */
  at(_address: PartitionAddress): PartitionPort {
    return new Proxy({} as PartitionPort, {
      get: () => {
        throw new Error("this test has no partitions");
      },
    });
  }

  async open(_: string, topic: TopicInfo, partitions: readonly PartitionInfo[]): Promise<void> {
    this.#maybeFail();
    this.opened.push({ topic: topic.name, partitions: partitions.map((p) => p.partition) });
  }

  async destroy(_: string, topic: TopicInfo): Promise<void> {
    this.#maybeFail();
    this.destroyed.push(topic.name);
  }

  async destroyReplicas(
    _: string,
    topic: TopicInfo,
    partition: number,
    brokerIds: readonly number[],
  ): Promise<void> {
    this.#maybeFail();
    this.destroyedReplicas.push({ topic: topic.name, partition, brokerIds: [...brokerIds] });
  }

  async refresh(addresses: readonly PartitionAddress[]): Promise<void> {
    for (const { topicId, partition, brokerId } of addresses) {
      this.refreshed.push(`${topicId}/${partition}/${brokerId}`);
    }
  }

  #maybeFail(): void {
    const failure = this.failure;
    this.failure = null;
    if (failure !== null) throw failure;
  }
}

export const BROKER_CONFIG: BrokerConfig = {
  numPartitions: 1,
  defaultReplicationFactor: 1,
  autoCreateTopicsEnable: true,
  static: {},
  offsetsTopicPartitions: 50,
  offsetsTopicReplicationFactor: 3,
  group: GROUP_CONFIG_DEFAULT,
};

export interface BrokerUnderTest {
  readonly ctx: RequestContextBase;
  readonly catalogue: MemoryCatalogue;
  readonly partitions: PartitionsDiary;
  readonly groups: ScriptedGroups;
  readonly logs: LogEntry[];
  /** Waits for what goes on after replies. */
  background(): Promise<void>;
}

export interface BrokerTestOptions {
  readonly config?: Partial<BrokerConfig>;
  readonly clusterId?: string;
  /** Stands before the catalogue in memory, to make it fail or race. */
  wrap?(catalogue: MemoryCatalogue): CataloguePort;
}

export function brokerUnderTest(options: BrokerTestOptions = {}): BrokerUnderTest {
  const catalogue = new MemoryCatalogue();
  const partitions = new PartitionsDiary();
  const groups = new ScriptedGroups();
  const logs: LogEntry[] = [];
  const pending: Promise<unknown>[] = [];
  const prng = new Prng(1);
  let nowMs = 1_700_000_000_000;
  const ctx: RequestContextBase = {
    clusterId: options.clusterId ?? "kedge",
    principal: "User:ANONYMOUS",
    brokerId: null,
    advertised: () => ({ host: "kafka.example", port: 9092 }),
    now: () => nowMs,
    random: () => prng.float(),
    // Time passes by sleeping only.
    sleep: async (ms) => {
      nowMs += ms;
    },
    config: { ...BROKER_CONFIG, ...options.config },
    ports: { catalogue: options.wrap?.(catalogue) ?? catalogue, partitions, groups },
    waitUntil: (promise) => {
      pending.push(promise);
    },
    log: (entry) => {
      logs.push(entry);
    },
  };
  const background = async () => {
    await Promise.all(pending.splice(0));
  };
  return { ctx, catalogue, partitions, groups, logs, background };
}

/** The same object with some of its methods replaced. */
export function withMethods<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(inner, property) {
      const replaced: unknown = Reflect.get(methods, property);
      if (replaced !== undefined) return replaced;
      const own: unknown = Reflect.get(inner, property);
      return typeof own === "function" ? own.bind(inner) : own;
    },
  });
}

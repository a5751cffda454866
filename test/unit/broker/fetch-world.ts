/** A topic with three replicas of each partition, read through the Fetch handler. */
import type { RequestContextBase } from "../../../src/broker/context.ts";
import { call } from "../../../src/broker/dispatch.ts";
import { newTopicId } from "../../../src/cluster/topic-id.ts";
import { fetchApi } from "../../../src/protocol/api/01-fetch.ts";
import { brokerUnderTest } from "../../support/broker-context.ts";
import { ReplicaPorts, type ReplicaState } from "../../support/replica-ports.ts";
import { VirtualClock } from "../client/virtual-clock.ts";

export interface FetchOptions {
  readonly offsets?: readonly number[];
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly partitionMaxBytes?: number;
  readonly rackId?: string;
}

export class FetchWorld {
  readonly clock = new VirtualClock();
  readonly replicas = new ReplicaPorts((ms) => this.clock.sleep(ms));
  readonly #broker = brokerUnderTest();
  readonly catalogue = this.#broker.catalogue;
  readonly ports = { ...this.#broker.ctx.ports, partitions: this.replicas };
  /** Added to the context of every fetch. */
  more: Partial<RequestContextBase> = {};

  /** Partition 0 is led by broker 1, with 2 and 3 in sync; so are the others. */
  static async create(partitions = 1, configs: Record<string, string> = {}): Promise<FetchWorld> {
    const world = new FetchWorld();
    await world.catalogue.createTopic("kedge", {
      ...{ name: "t", topicId: newTopicId(Math.random), internal: false, configs },
      partitions: Array.from({ length: partitions }, (_, partition) => ({
        ...{ partition, leader: 1, leaderEpoch: 0, partitionEpoch: 0 },
        ...{ replicas: [1, 2, 3], isr: [1, 2, 3] },
      })),
    });
    return world;
  }

  /** Every replica of a partition. */
  all(partition = 0): ReplicaState[] {
    return [1, 2, 3].map((brokerId) => this.replicas.of(partition, brokerId));
  }

  /** On every replica, and committed everywhere. */
  append(partition: number, ...batches: readonly Uint8Array[]): void {
    for (const replica of this.all(partition)) {
      replica.append(...batches);
      replica.commit();
    }
  }

  fetch(options: FetchOptions = {}) {
    const { offsets = [0], maxWaitMs = 0, minBytes = 1, rackId = "" } = options;
    const { maxBytes = 50 << 20, partitionMaxBytes = 1 << 20 } = options;
    const ctx: RequestContextBase = {
      ...this.#broker.ctx,
      now: () => this.clock.now(),
      sleep: (ms) => this.clock.sleep(ms),
      ports: this.ports,
      ...this.more,
    };
    const partitions = offsets.map((fetchOffset, partition) => {
      return { partition, fetchOffset, partitionMaxBytes };
    });
    const request = {
      ...{ maxWaitMs, minBytes, maxBytes, isolationLevel: 0, sessionId: 0, sessionEpoch: -1 },
      ...{ topics: [{ topic: "t", partitions }], rackId },
    };
    return call(ctx, fetchApi, request, { version: 12 });
  }

  /** The answers by partition; time passes as it must. */
  read(options: FetchOptions = {}) {
    return this.clock.run(this.waiting(options));
  }

  /** The same, while the test says how time passes. */
  async waiting(options: FetchOptions = {}) {
    const { errorCode, responses } = await this.fetch(options);
    if (errorCode !== 0) throw new Error(`the fetch failed with ${errorCode}`);
    return responses.flatMap(({ partitions }) => partitions);
  }
}

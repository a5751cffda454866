/**
 * A Worker's isolate: the real handlers behind the real dispatch, over ports that go through the
 * simulated network to the partitions' objects and to the catalogue.
 */

import type { RequestContextBase } from "../../../src/broker/context.ts";
import { dispatchFrame } from "../../../src/broker/dispatch.ts";
import { ConnectionError } from "../../../src/broker/handler.ts";
import type {
  AppendRequest,
  PartitionAddress,
  PartitionPort,
  PartitionsPort,
  Ports,
} from "../../../src/broker/ports.ts";
import type { PartitionInfo, TopicInfo } from "../../../src/cluster/types.ts";
import { batchProducerId } from "../../../src/protocol/record-batch.ts";
import { BROKER_CONFIG } from "../../support/broker-context.ts";
import { ScriptedGroups } from "../../support/scripted-groups.ts";
import type { SimNetwork } from "../cluster/network.ts";
import type { Scheduler } from "../scheduler.ts";
import {
  type CacheTimes,
  CLUSTER,
  IsolateCatalogue,
  type SimD1,
  UNREACHABLE,
} from "./catalogue.ts";
import type { PartitionObject } from "./partition-object.ts";
import type { ServiceBug } from "./planted-bugs.ts";

/** What an isolate is set in. */
export interface IsolateSurroundings {
  readonly world: Scheduler;
  readonly network: SimNetwork;
  readonly d1: SimD1;
  readonly cacheTimes: CacheTimes;
  readonly bug: ServiceBug | null;
  /** The object at an address, made if need be; whoever names it reaches it. */
  objectAt(address: PartitionAddress): PartitionObject;
  violation(text: string): void;
}

/** What comes back of a frame over HTTP. */
export type FrameAnswer =
  | { readonly kind: "frame"; readonly bytes: Uint8Array | null }
  | { readonly kind: "refused"; readonly message: string; readonly internal: boolean };

/** The runtime gives up a call of an object that is not answered. */
const CALL_PATIENCE_MS = 4_000;

export class Isolate {
  readonly node: number;
  readonly #at: IsolateSurroundings;
  #catalogue: IsolateCatalogue;
  /** Bumped when the isolate ends: what it was doing is never heard of again. */
  #life = 0;

  constructor(node: number, at: IsolateSurroundings) {
    this.node = node;
    this.#at = at;
    this.#catalogue = this.#newCatalogue();
  }

  #newCatalogue(): IsolateCatalogue {
    const { world, d1, cacheTimes } = this.#at;
    return new IsolateCatalogue(world, d1, this.node, cacheTimes);
  }

  /** Another isolate takes its place, that knows nothing. */
  restart(): void {
    this.#at.world.note(`isolate ${this.node} ends`);
    this.#life++;
    this.#catalogue = this.#newCatalogue();
  }

  get scope(): { readonly clusterId: string; readonly ports: Ports } {
    const catalogue = this.#catalogue;
    const partitions = new SimPartitionsPort(this.node, this.#at);
    const ports = { catalogue, partitions, groups: new ScriptedGroups() };
    return { clusterId: CLUSTER, ports: this.#at.bug?.ports?.(ports) ?? ports };
  }

  /** `gone` aborts when the client has gone. */
  handle(frame: Uint8Array, gone: AbortSignal, answer: (reply: FrameAnswer | null) => void): void {
    const life = this.#life;
    const reply = (value: FrameAnswer): void => {
      if (life === this.#life) answer(value);
      else answer(null);
    };
    void dispatchFrame(this.context(gone), frame).then(
      (bytes) => reply({ kind: "frame", bytes }),
      (error: unknown) => {
        if (!(error instanceof ConnectionError)) {
          this.#at.violation(`the dispatch threw ${error instanceof Error ? error.stack : error}`);
        }
        const internal = !(error instanceof ConnectionError) || error.internal;
        reply({ kind: "refused", message: String(error), internal });
      },
    );
  }

  context(signal: AbortSignal): RequestContextBase {
    const { world } = this.#at;
    return {
      ...this.scope,
      principal: "User:ANONYMOUS",
      brokerId: null,
      advertised: () => ({ host: "kafka.sim", port: 9092 }),
      now: () => world.nowMs,
      random: () => world.random.float(),
      sleep: (ms) =>
        new Promise((resolve) => {
          world.timer(ms, () => world.enter(resolve));
        }),
      config: BROKER_CONFIG,
      waitUntil: (promise) => void promise,
      signal,
      log: (entry) => {
        // What goes on after a reply may fail with the network; a handler fails with D1 alone.
        if (entry.level !== "error" || entry.api === undefined) return;
        if (entry.error?.includes(UNREACHABLE) !== true) {
          this.#at.violation(`${entry.message}: ${entry.error}`);
        }
      },
    };
  }
}

/** What only operators ask for: no simulated client does. */
async function notAsked(): Promise<never> {
  throw new Error("the simulator has no operator who asks for this");
}

class SimPartitionsPort implements PartitionsPort {
  readonly #node: number;
  readonly #at: IsolateSurroundings;

  constructor(node: number, at: IsolateSurroundings) {
    this.#node = node;
    this.#at = at;
  }

  at(address: PartitionAddress): PartitionPort {
    return {
      append: (request) =>
        this.#call(
          address,
          (object, answer) => object.append(request, answer),
          mayComeTwice(request),
        ),
      read: (request) => this.#call(address, (object, answer) => object.fetch(request, answer)),
      listOffset: (request) =>
        this.#call(address, (object, answer) => object.listOffset(request, answer)),
      deleteRecords: (offset, timeoutMs) =>
        this.#call(address, (object, answer) => object.deleteRecords(offset, timeoutMs, answer)),
      epochEnd: (request) =>
        this.#call(address, (object, answer) => object.epochEnd(request, answer)),
      status: notAsked,
      activeProducers: notAsked,
      waitForData: (offset, timeoutMs, signal) => this.#wait(address, offset, timeoutMs, signal),
    };
  }

  async open(
    clusterId: string,
    { topicId }: TopicInfo,
    partitions: readonly PartitionInfo[],
  ): Promise<void> {
    const addresses = partitions.flatMap(({ partition, replicas }) =>
      replicas.map((brokerId) => ({ clusterId, topicId, partition, brokerId })),
    );
    await this.#each(addresses, (object, answer) => object.open(answer));
  }

  async destroy(clusterId: string, { topicId, partitions }: TopicInfo): Promise<void> {
    for (const { partition, replicas } of partitions) {
      const addresses = replicas.map((brokerId) => ({ clusterId, topicId, partition, brokerId }));
      await this.#each(addresses, (object, answer) => object.destroy(answer));
    }
  }

  async destroyReplicas(
    clusterId: string,
    { topicId }: TopicInfo,
    partition: number,
    brokerIds: readonly number[],
  ): Promise<void> {
    const addresses = brokerIds.map((brokerId) => ({ clusterId, topicId, partition, brokerId }));
    await this.#each(addresses, (object, answer) => object.destroy(answer));
  }

  async refresh(addresses: readonly PartitionAddress[]): Promise<void> {
    await this.#each(addresses, (object, answer) => object.nudge(answer)).catch(() => undefined);
  }

  async #each(
    addresses: readonly PartitionAddress[],
    what: (object: PartitionObject, answer: (value: true | null) => void) => void,
  ): Promise<void> {
    await Promise.all(addresses.map((address) => this.#call<true>(address, what)));
  }

  /** Rejects when the call or its answer was lost, as an RPC does. */
  #call<T>(
    address: PartitionAddress,
    what: (object: PartitionObject, answer: (value: T | null) => void) => void,
    mayDouble = true,
  ): Promise<T> {
    const { world, network } = this.#at;
    return new Promise((resolve, reject) => {
      const settle = (value: T | null): void =>
        world.enter(() => {
          if (value !== null) resolve(value);
          else reject(new Error("Network connection lost."));
        });
      network.call<T>(
        this.#node,
        address.brokerId,
        (answer) => world.enter(() => what(this.#at.objectAt(address), answer)),
        settle,
        { mayDouble },
      );
      world.after(CALL_PATIENCE_MS, () => settle(null));
    });
  }

  /** A broken wait is a wait that is over. */
  #wait(
    address: PartitionAddress,
    offset: number,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { world, network } = this.#at;
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const cancel = world.timer(timeoutMs, () => world.enter(() => resolve(false)));
      signal.addEventListener("abort", () => {
        cancel();
        resolve(false);
      });
      network.call<true>(
        this.#node,
        address.brokerId,
        (answer) => this.#at.objectAt(address).wait(offset, answer),
        () => {
          cancel();
          world.enter(() => resolve(true));
        },
      );
    });
  }
}

/** Only a numbered batch is known again; the platform delivers a call once. */
function mayComeTwice({ batch }: AppendRequest): boolean {
  return batchProducerId(batch, 0) >= 0;
}

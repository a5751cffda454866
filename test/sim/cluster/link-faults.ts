/** What goes wrong on the links between nodes, whatever lives on them. */
import type { Scheduler } from "../scheduler.ts";
import { CATALOGUE, EDGE, type SimNetwork } from "./network.ts";

export class LinkFaults {
  readonly #world: Scheduler;
  readonly #network: SimNetwork;
  readonly #brokers: readonly number[];
  readonly #edges: readonly number[];

  constructor(
    world: Scheduler,
    network: SimNetwork,
    brokers: readonly number[],
    edges: readonly number[] = [EDGE],
  ) {
    this.#world = world;
    this.#network = network;
    this.#brokers = brokers;
    this.#edges = edges;
  }

  cutOneWay(): void {
    const { random } = this.#world;
    const nodes = [...this.#edges, CATALOGUE, ...this.#brokers];
    const from = random.pick(this.#brokers);
    const to = random.pick(nodes.filter((node) => node !== from));
    const [a, b] = random.bool() ? [from, to] : [to, from];
    this.#world.note(`cut ${a} to ${b}`);
    this.#network.cut(a, b, someMs(this.#world));
  }

  isolate(): void {
    const { random } = this.#world;
    const broker = random.pick(this.#brokers);
    const forMs = someMs(this.#world);
    // Sometimes the clients still reach it: a leader cut off from its followers alone.
    const edges = random.bool() ? this.#edges : [];
    this.cutOff(broker, forMs, edges);
  }

  /** From the other brokers, the catalogue and these edges, both ways. */
  cutOff(broker: number, forMs: number, edges: readonly number[]): void {
    const spared = edges.length === 0 ? ", but not from clients" : "";
    this.#world.note(`isolate ${broker}${spared}`);
    for (const other of [...edges, CATALOGUE, ...this.#brokers]) {
      this.#network.cut(broker, other, forMs);
      this.#network.cut(other, broker, forMs);
    }
  }

  slowDown(): void {
    const { random } = this.#world;
    const broker = random.pick(this.#brokers);
    this.#network.slowDown(broker, random.int(300));
    this.#world.after(someMs(this.#world), () => this.#network.slowDown(broker, 0));
  }
}

/** How long something stays wrong. */
export function someMs({ random }: Scheduler): number {
  return 50 + random.int(1_200);
}

/**
 * Consumer instances in memory, for tests of what stands on them: the real ones, each in a home that
 * keeps what was saved as text, so that an eviction forgets exactly what an object's would.
 */
import type { RequestContextBase } from "../../src/broker/context.ts";
import { Instance } from "../../src/rest/instances/instance.ts";
import type {
  InstanceData,
  InstanceHome,
  InstancePort,
  InstancesPort,
} from "../../src/rest/instances/types.ts";

export class MemoryInstances implements InstancesPort {
  readonly #homes = new Map<string, MemoryHome>();
  readonly #context: () => RequestContextBase;

  constructor(context: () => RequestContextBase) {
    this.#context = context;
  }

  at(clusterId: string, group: string, name: string): InstancePort {
    const key = JSON.stringify([clusterId, group, name]);
    const home = this.#homes.get(key) ?? new MemoryHome(this.#context());
    this.#homes.set(key, home);
    return copying(() => home.instance);
  }

  home(group: string, name: string, clusterId = "kedge"): MemoryHome {
    const found = this.#homes.get(JSON.stringify([clusterId, group, name]));
    if (found === undefined) throw new Error(`nobody asked for ${group}/${name}`);
    return found;
  }

  /** Every alarm that is due. */
  async ring(): Promise<void> {
    for (const home of this.#homes.values()) await home.ring();
  }
}

export class MemoryHome implements InstanceHome {
  #stored: string | null = null;
  #alarmAtMs = Number.POSITIVE_INFINITY;
  readonly #ctx: RequestContextBase;
  instance: Instance;
  /** What it cost so far. */
  saves = 0;
  alarms = 0;

  constructor(ctx: RequestContextBase) {
    this.#ctx = ctx;
    this.instance = new Instance(this, ctx);
  }

  /** Null when nothing is stored. The same object as long as nothing is saved. */
  #data: InstanceData | null = null;
  get data(): InstanceData | null {
    return this.#data;
  }

  get alarmAtMs(): number {
    return this.#alarmAtMs;
  }

  async save(data: InstanceData): Promise<void> {
    this.saves++;
    this.#stored = JSON.stringify(data);
    this.#data = data;
  }

  async clear(): Promise<void> {
    this.#stored = null;
    this.#data = null;
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
  }

  async wakeAt(ms: number): Promise<void> {
    if (this.#alarmAtMs <= ms) return;
    this.alarms++;
    this.#alarmAtMs = ms;
  }

  /** The object's memory is gone; what it stored is not. */
  evict(): void {
    this.#data = this.#stored === null ? null : (JSON.parse(this.#stored) as InstanceData);
    this.instance = new Instance(this, this.#ctx);
  }

  async ring(): Promise<void> {
    if (this.#ctx.now() < this.#alarmAtMs) return;
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
    await this.instance.alarm();
  }
}

/** Arguments and results are JSON, as they are between a Worker and an object. */
function copying(instanceOf: () => Instance): InstancePort {
  const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
  return {
    create: async (config, identity) =>
      copy(await instanceOf().create(copy(config), copy(identity))),
    remove: async () => copy(await instanceOf().remove()),
    subscribe: async (subscription) => copy(await instanceOf().subscribe(copy(subscription))),
    assign: async (partitions) => copy(await instanceOf().assign(copy(partitions))),
    plan: async (request) => copy(await instanceOf().plan(copy(request))),
    seek: async (positions) => copy(await instanceOf().seek(copy(positions))),
    finish: async (finish) => copy(await instanceOf().finish(copy(finish))),
    committed: async (offsets) => copy(await instanceOf().committed(copy(offsets))),
  };
}

/** Whether an operator took an object's broker out, for calls that are not to wait (REP45). */
import type { CataloguePort, PartitionAddress } from "../broker/ports.ts";
import { METADATA_TTL_MS } from "../constants.ts";

export class FencedFlag {
  readonly #catalogue: Pick<CataloguePort, "cluster">;
  readonly #address: Pick<PartitionAddress, "clusterId" | "brokerId">;
  #isSet = false;
  #lookedAtMs = -Infinity;
  /** Numbers the looks in the order of their starts: a late one does not undo a newer one. */
  #looks = 0;
  #newest = 0;

  readonly #now: () => number;
  readonly #ttlMs: number;

  constructor(
    catalogue: Pick<CataloguePort, "cluster">,
    address: Pick<PartitionAddress, "clusterId" | "brokerId">,
    { now = Date.now, ttlMs = METADATA_TTL_MS }: { now?: () => number; ttlMs?: number } = {},
  ) {
    this.#catalogue = catalogue;
    this.#address = address;
    this.#now = now;
    this.#ttlMs = ttlMs;
  }

  /** As last heard; not set when nothing was heard yet. */
  get isSet(): boolean {
    return this.#isSet;
  }

  /** Has the catalogue asked, if that was long ago, and does not wait for it. */
  lookIfOld(): void {
    if (this.#now() - this.#lookedAtMs >= this.#ttlMs) void this.#look(false);
  }

  /** What the catalogue itself says now, or what was last heard if it does not answer. */
  async isStillSet(): Promise<boolean> {
    await this.#look(true);
    return this.#isSet;
  }

  async #look(fresh: boolean): Promise<void> {
    this.#lookedAtMs = this.#now();
    const look = ++this.#looks;
    const { clusterId, brokerId } = this.#address;
    const cluster = await this.#catalogue.cluster(clusterId, { fresh }).catch(() => null);
    if (cluster === null || look < this.#newest) return;
    this.#newest = look;
    this.#isSet = cluster.brokers.find((broker) => broker.brokerId === brokerId)?.fenced ?? false;
  }
}

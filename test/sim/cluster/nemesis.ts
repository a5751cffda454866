/** Everything that goes wrong. Each seed draws which kinds of it, so that they also come alone. */
import { electPreferred, withoutBroker } from "../../../src/cluster/election.ts";
import { LinkFaults, someMs } from "./link-faults.ts";
import { CATALOGUE, EDGE } from "./network.ts";
import type { SimRouter } from "./router.ts";
import type { ClusterSurroundings } from "./surroundings.ts";

type Fault = () => void;

/** Long enough for a write to be acknowledged, short enough that nobody has looked at the row. */
const BETRAYAL_MS = 120;
const BETRAYALS_MAX = 3;

export interface NemesisOptions {
  readonly chaosMs: number;
  /** Between two faults, at most. */
  readonly pauseMs?: number;
  /** Whether records are deleted. */
  readonly deletes?: boolean;
  /** It also waits for the moment at which a change of the ISR is most dangerous. */
  readonly betrays?: boolean;
}

export class Nemesis {
  readonly #around: ClusterSurroundings;
  readonly #router: SimRouter;
  readonly #brokers: readonly number[];
  readonly #links: LinkFaults;
  readonly #faults: Fault[] = [];
  readonly #untilMs: number;
  readonly #pauseMs: number;
  #betrayals = 0;
  /** What clients were told is deleted. */
  deletedTo = 0;

  constructor(
    around: ClusterSurroundings,
    router: SimRouter,
    { chaosMs, pauseMs = 250, deletes = true, betrays = false }: NemesisOptions,
  ) {
    this.#around = around;
    this.#router = router;
    this.#brokers = [...around.replicas.keys()];
    this.#links = new LinkFaults(around.world, around.network, this.#brokers);
    this.#untilMs = around.world.nowMs + chaosMs;
    this.#pauseMs = pauseMs;
    const { random } = around.world;
    const kinds: readonly Fault[] = [
      () => this.#crashOne(),
      () => this.#crashLeader(),
      () => this.#links.cutOneWay(),
      () => this.#links.isolate(),
      () => this.#links.slowDown(),
      () => this.#catalogueAway(),
      () => this.#fence(),
      () => this.#preferred(),
      ...(deletes ? [() => this.#deleteRecords()] : []),
    ];
    for (const kind of kinds) if (random.bool(0.55)) this.#faults.push(kind);
    const { network, faults } = around;
    network.drop = random.bool(0.6) ? random.float() * 0.15 : 0;
    network.double = random.bool(0.6) ? random.float() * 0.15 : 0;
    network.maxDelayMs = 2 + random.int(random.bool(0.3) ? 120 : 25);
    faults.dropAlarm = random.bool(0.4) ? random.float() * 0.3 : 0;
    faults.lateAlarmMs = random.bool(0.4) ? 1 + random.int(400) : 0;
    faults.loseReplies = random.bool(0.5) ? random.float() * 0.05 : 0;
    faults.skewMs = random.bool(0.5) ? 1 + random.int(60_000) : 0;
    if (betrays) around.catalogue.onJoin = ([joiner]) => this.#betray(joiner);
    this.#next();
  }

  heal(): void {
    const { network, faults, catalogue, replicas } = this.#around;
    network.heal();
    network.maxDelayMs = 15;
    faults.dropAlarm = 0;
    faults.lateAlarmMs = 0;
    faults.loseReplies = 0;
    catalogue.unreachableUntilMs = 0;
    catalogue.onJoin = null;
    catalogue.fenced.clear();
    for (const replica of replicas.values()) replica.fenced = false;
  }

  #next(): void {
    const { world } = this.#around;
    world.after(10 + world.random.int(this.#pauseMs), () => {
      if (world.nowMs >= this.#untilMs || this.#faults.length === 0) return;
      world.random.pick(this.#faults)();
      this.#next();
    });
  }

  /**
   * The catalogue has taken a member in; its leader is not told, cannot reach the member, and before
   * long that one is elected. It draws nothing, so that every other run stays what it was.
   */
  #betray(joiner: number | undefined): void {
    const { world, network, catalogue } = this.#around;
    const { leader } = catalogue.row;
    if (joiner === undefined || this.#betrayals++ >= BETRAYALS_MAX) return;
    world.note(`betray ${leader} with ${joiner}`);
    network.cut(CATALOGUE, leader, BETRAYAL_MS);
    network.cut(leader, joiner, BETRAYAL_MS);
    world.after(BETRAYAL_MS, () => {
      const { row } = catalogue;
      const election = withoutBroker(row, leader, new Set([joiner]), false);
      if (row.leader !== leader || !("next" in election)) return;
      catalogue.change(EDGE, "betrayal", row.partitionEpoch, election.next, () => undefined);
    });
  }

  #crashOne(): void {
    const { world, replicas } = this.#around;
    replicas.get(world.random.pick(this.#brokers))?.crash("at random");
  }

  #crashLeader(): void {
    const { catalogue, replicas } = this.#around;
    replicas.get(catalogue.row.leader)?.crash("as the leader");
  }

  #catalogueAway(): void {
    const { world, catalogue } = this.#around;
    world.note("catalogue unreachable");
    catalogue.unreachableUntilMs = world.nowMs + someMs(world);
  }

  /** An operator takes a broker out, and back in later. */
  #fence(): void {
    const { world, catalogue, replicas } = this.#around;
    const broker = world.random.pick(this.#brokers);
    if (catalogue.fenced.size > 1 || catalogue.fenced.has(broker)) return;
    world.note(`fence ${broker}`);
    catalogue.fenced.add(broker);
    const { row } = catalogue;
    const live = new Set(this.#brokers.filter((id) => !catalogue.fenced.has(id)));
    const election = withoutBroker(row, broker, live, false);
    if ("next" in election) {
      catalogue.change(EDGE, `fence ${broker}`, row.partitionEpoch, election.next, () => undefined);
    }
    const replica = replicas.get(broker);
    if (replica !== undefined) replica.fenced = true;
    world.after(someMs(world), () => {
      catalogue.fenced.delete(broker);
      if (replica !== undefined) replica.fenced = false;
    });
  }

  #preferred(): void {
    const { catalogue } = this.#around;
    const { row } = catalogue;
    this.#router.ping(row.replicas, (live) => {
      const election = electPreferred(row, live);
      if (!("next" in election)) return;
      catalogue.change(EDGE, "preferred", row.partitionEpoch, election.next, () => undefined);
    });
  }

  #deleteRecords(): void {
    const { catalogue, replicas, world } = this.#around;
    const { leader } = catalogue.row;
    const highWatermark = replicas.get(leader)?.replica.log.highWatermark ?? 0;
    const offset = world.random.bool(0.3) ? -1 : world.random.int(highWatermark + 1);
    this.#router.call(
      leader,
      (to) => ({ kind: "deleteRecords", to, offset, timeoutMs: 300 }),
      (reply) => {
        if (reply?.kind === "deleteRecords" && reply.errorCode === 0) {
          this.deletedTo = Math.max(this.deletedTo, offset);
        }
      },
    );
  }
}

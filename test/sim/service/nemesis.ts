/** Everything that goes wrong in the service. Each seed draws which kinds of it. */
import { fenceBroker, unfenceBroker } from "../../../src/broker/fencing.ts";
import { sweep } from "../../../src/broker/sweep.ts";
import type { Admin } from "../../../src/client/admin.ts";
import { LinkFaults, someMs } from "../cluster/link-faults.ts";
import { ISOLATES, type Place, type ServiceWorld } from "./world.ts";

type Fault = () => void;

const SWEEP_MS = 700;
/** How long an operator tries something. */
const ADMIN_MS = 1_000;

export class ServiceNemesis {
  readonly #service: ServiceWorld;
  readonly #admin: Admin;
  readonly #links: LinkFaults;
  readonly #kinds: readonly Fault[];
  #faults: readonly Fault[] = [];
  #untilMs = 0;
  #underWay = 0;

  constructor(service: ServiceWorld, admin: Admin) {
    this.#service = service;
    this.#admin = admin;
    const { world, network, brokers } = service;
    this.#links = new LinkFaults(world, network, brokers, ISOLATES);
    this.#kinds = [
      () => this.#crashOne(),
      () => this.#crashLeader(),
      () => this.#links.cutOneWay(),
      () => this.#links.isolate(),
      () => this.#links.slowDown(),
      () => this.#catalogueAway(),
      () => this.#fenceForAWhile(),
      () => this.#preferred(),
      () => this.#deleteRecords(),
      () => world.random.pick(service.isolates).restart(),
      () => this.#move(),
    ];
  }

  rage(forMs: number): void {
    const { world, network, faults } = this.#service;
    const { random } = world;
    this.#untilMs = world.nowMs + forMs;
    this.#faults = this.#kinds.filter(() => random.bool(0.5));
    network.drop = random.bool(0.6) ? random.float() * 0.1 : 0;
    network.double = random.bool(0.6) ? random.float() * 0.1 : 0;
    network.silence = random.bool(0.5) ? 0 : 0.3;
    network.maxDelayMs = 2 + random.int(random.bool(0.3) ? 80 : 20);
    faults.dropAlarm = random.bool(0.4) ? random.float() * 0.3 : 0;
    faults.lateAlarmMs = random.bool(0.4) ? 1 + random.int(400) : 0;
    faults.loseReplies = random.bool(0.5) ? random.float() * 0.05 : 0;
    faults.skewMs = random.bool(0.5) ? 1 + random.int(60_000) : 0;
    this.#next();
  }

  /** Everything is well again; what operators had under way is done with. */
  heal(): void {
    const { network, faults, d1 } = this.#service;
    network.heal();
    network.maxDelayMs = 15;
    network.silence = 0;
    faults.dropAlarm = 0;
    faults.lateAlarmMs = 0;
    faults.loseReplies = 0;
    d1.unreachableUntilMs = 0;
    this.#untilMs = 0;
  }

  /** Nothing that an operator began is tried any more. */
  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  #next(): void {
    const { world } = this.#service;
    world.after(10 + world.random.int(300), () => {
      if (world.nowMs >= this.#untilMs || this.#faults.length === 0) return;
      world.enter(world.random.pick(this.#faults));
      this.#next();
    });
  }

  /** The Worker's cron. */
  startSweeps(): void {
    const { world, isolates } = this.#service;
    const run = (): void => {
      world.enter(() => void sweep(world.random.pick(isolates).scope));
      world.after(SWEEP_MS, run);
    };
    world.after(SWEEP_MS, run);
  }

  #crashOne(): void {
    const { world, objects } = this.#service;
    const all = [...objects.values()];
    if (all.length > 0) world.random.pick(all).crash("at random");
  }

  #crashLeader(): void {
    const { world, places } = this.#service;
    const place = world.random.pick(places);
    place.replicas.get(place.row.now.leader)?.crash("as the leader");
  }

  #catalogueAway(): void {
    const { world, d1 } = this.#service;
    world.note("catalogue unreachable");
    d1.unreachableUntilMs = world.nowMs + someMs(world);
  }

  #fenceForAWhile(): void {
    const { world, brokers, d1 } = this.#service;
    const broker = world.random.pick(brokers);
    if (d1.isFenced(broker)) return;
    this.fence(broker);
    world.after(someMs(world), () => this.unfence(broker));
  }

  /** As the REST route does it: the change, then the hints to the replicas. */
  fence(broker: number): void {
    this.#operate(`fence ${broker}`, async (isolate) => {
      const { refresh } = await fenceBroker(isolate.scope, broker);
      await isolate.scope.ports.partitions.refresh(refresh);
    });
  }

  unfence(broker: number): void {
    this.#operate(`unfence ${broker}`, async (isolate) => {
      const { refresh } = await unfenceBroker(isolate.scope, broker);
      await isolate.scope.ports.partitions.refresh(refresh);
    });
  }

  #operate(what: string, work: (isolate: ServiceWorld["isolates"][number]) => Promise<void>): void {
    const { world, isolates } = this.#service;
    const isolate = world.random.pick(isolates);
    world.note(what);
    world.enter(() => {
      // What fails for the operator is for the sweep to complete.
      work(isolate).catch((error: unknown) => world.note(`${what}: ${error}`));
    });
  }

  cutOff(broker: number, forMs: number): void {
    this.#links.cutOff(broker, forMs, ISOLATES);
  }

  #try(what: string, work: Promise<unknown>): void {
    const { world } = this.#service;
    world.note(what);
    this.#underWay++;
    work
      .then(
        () => world.note(`${what}: done`),
        (error: unknown) => world.note(`${what}: ${error}`),
      )
      .finally(() => {
        this.#underWay--;
      });
  }

  #preferred(): void {
    this.#try("preferred", this.#admin.electLeaders("preferred", null, { timeoutMs: ADMIN_MS }));
  }

  #deleteRecords(): void {
    const { world, history, places } = this.#service;
    const place = world.random.pick(places);
    const { topic, partition, name } = place;
    const highWatermark = place.replicas.get(place.row.now.leader)?.replica.log.highWatermark ?? 0;
    const offset = world.random.int(highWatermark + 1);
    history.deletedTo.set(name, Math.max(offset, history.deletedTo.get(name) ?? 0));
    this.#try(
      `delete ${name} up to ${offset}`,
      this.#admin.deleteRecords([{ topic: topic.name, partition, offset }], {
        timeoutMs: ADMIN_MS,
      }),
    );
  }

  /** Another order of the replicas, or fewer; a lone replica goes elsewhere. */
  #move(): void {
    const { world, places } = this.#service;
    const place = world.random.pick(places);
    this.#moveTo(place, this.#otherReplicas(place));
  }

  /**
   * All replicas that there were, where a move leaves fewer. Again and again, for a request of before
   * may still be tried again and win.
   */
  completeMoves(untilMs: number): void {
    const { world, brokers, places } = this.#service;
    world.enter(() => {
      for (const place of places) {
        const { replicas, reassignment } = place.row.now;
        const left = replicas.filter((id) => reassignment?.removing.includes(id) !== true);
        if (left.length < place.replicationFactor) this.#moveTo(place, brokers);
      }
    });
    const again = world.nowMs + 2 * ADMIN_MS;
    if (again < untilMs) world.after(2 * ADMIN_MS, () => this.completeMoves(untilMs));
  }

  #moveTo({ topic, partition, name }: Place, replicas: readonly number[]): void {
    this.#try(
      `move ${name} to ${replicas}`,
      this.#admin.alterPartitionReassignments([{ topic: topic.name, partition, replicas }], {
        timeoutMs: ADMIN_MS,
      }),
    );
  }

  #otherReplicas({ replicationFactor }: Place): readonly number[] {
    const { world, brokers } = this.#service;
    const { random } = world;
    if (replicationFactor === 1) return [random.pick(brokers)];
    const order = [...brokers];
    const [first = 1] = order.splice(random.int(order.length), 1);
    return [first, ...order.slice(random.bool(0.3) ? 1 : 0)];
  }
}

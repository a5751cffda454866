/**
 * The whole service in one process: the SDK, the handlers and the objects. Chaos, then everything
 * heals and must come to rest; then one broker of three at a time is taken out or cut off, while
 * producers with acks=all must go on; then rest again, and the checks of what clients were promised.
 */
import { Admin } from "../../../src/client/admin.ts";
import type { TopicPartition } from "../../../src/client/topics.ts";
import { CLUSTER } from "./catalogue.ts";
import {
  BOOTSTRAP,
  type ClientSurroundings,
  clientOptions,
  NearReader,
  SdkConsumer,
  SdkProducer,
} from "./clients.ts";
import { committedValues } from "./history.ts";
import { ServiceNemesis } from "./nemesis.ts";
import type { ServiceBug } from "./planted-bugs.ts";
import { type Place, ServiceWorld } from "./world.ts";

export interface ServiceOutcome {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  readonly records: number;
  readonly acked: number;
  readonly leaderEpochs: number;
  readonly crashes: number;
  /** Of simulated time, the longer of both healings. */
  readonly convergedAfterMs: number;
  /** How long a partition acknowledged none of what was sent to it, while a broker was out. */
  readonly worstFenceStallMs: number;
  readonly worstCutStallMs: number;
  /** How often one partition's row was written over one fence and the way back. */
  readonly worstRowChanges: number;
}

const CHAOS_MS = 2_500;
/** From healing to rest, all acknowledged and every replica back in its ISR. */
export const SERVICE_CONVERGE_MS = 10_000;
/** While one broker is fenced, or comes back, no partition keeps acks=all waiting longer. */
export const FENCE_STALL_MS_MAX = 1_000;
/** While one is cut off: it has to be found dead, or to fall behind for replica.lag.time.max.ms. */
export const CUT_STALL_MS_MAX = 3_000;
/**
 * A fence and its end write each row: out of the ISR or another leader, back into the ISR, and its
 * leader's place back; each leader may have asked in vain for who is out, and taken it back.
 */
export const FENCE_ROW_CHANGES_MAX = 12;
/** Longer than a stall may last, as replica.lag.time.max.ms is in production. */
const LAG_DURING_FENCES_MS = 20_000;
const ROUNDS = 2;
const STEP_MS = 50;
/** A handler whose caller has given up goes on for so long at most, when all is well. */
const LATE_MS = 300;
/** What is committed is stored as such when nothing has happened for a while (REP25). */
const REST_MS = 1_500;

export function simulateService(
  seed: number,
  { bug = null }: { readonly bug?: ServiceBug | null } = {},
): Promise<ServiceOutcome> {
  return new SimService(seed, bug).run();
}

class SimService {
  readonly #seed: number;
  readonly #service: ServiceWorld;
  readonly #bug: ServiceBug | null;
  readonly #clients: ClientSurroundings;
  readonly #admin: Admin;
  readonly #nemesis: ServiceNemesis;
  #producers: readonly SdkProducer[] = [];
  #consumer: SdkConsumer | null = null;
  #near: NearReader | null = null;
  #convergedAfterMs = 0;
  #worstFenceStallMs = 0;
  #worstCutStallMs = 0;
  #worstRowChanges = 0;

  constructor(seed: number, bug: ServiceBug | null) {
    this.#seed = seed;
    this.#bug = bug;
    this.#service = new ServiceWorld(seed, bug);
    this.#clients = this.#service;
    this.#admin = new Admin({ "bootstrap.servers": BOOTSTRAP }, clientOptions(this.#clients));
    this.#nemesis = new ServiceNemesis(this.#service, this.#admin);
  }

  async run(): Promise<ServiceOutcome> {
    const mend = this.#bug?.breakSdk?.();
    try {
      await this.#live();
    } finally {
      mend?.();
    }
    const { world, history, objects, places } = this.#service;
    const acked = [...history.sent.values()].filter(({ outcome }) => outcome?.kind === "acked");
    return {
      seed: this.#seed,
      violations: history.violations,
      trace: world.trace,
      records: history.sent.size,
      acked: acked.length,
      leaderEpochs: places.reduce((sum, { row }) => sum + row.now.leaderEpoch, 0),
      crashes: [...objects.values()].reduce((sum, { crashes }) => sum + crashes, 0),
      convergedAfterMs: this.#convergedAfterMs,
      worstFenceStallMs: this.#worstFenceStallMs,
      worstCutStallMs: this.#worstCutStallMs,
      worstRowChanges: this.#worstRowChanges,
    };
  }

  async #live(): Promise<void> {
    const { world, history } = this.#service;
    if (!(await this.#createTopics())) return;
    this.#startClients();
    this.#nemesis.startSweeps();
    this.#nemesis.rage(CHAOS_MS);
    await world.play(world.nowMs + CHAOS_MS);

    this.#nemesis.heal();
    world.note("heal");
    for (const producer of this.#producers) producer.stop();
    // What an eviction has put to sleep over its work is woken by whoever writes, or by the sweep.
    if (world.random.bool()) this.#producers[0]?.sendToEach(this.#places());
    await this.#converge("after the chaos", { untouched: true });
    for (let round = 0; round < ROUNDS && history.violations.length === 0; round++) {
      await this.#withoutOneBroker();
    }
    for (const producer of this.#producers) producer.stop();
    await this.#converge("in the end");
    await world.play(world.nowMs + REST_MS);
    this.#consumer?.stop();
    this.#near?.stop();
    // What is durable alone must say the same.
    for (const object of this.#service.objects.values()) object.crash("to look at what is durable");
    for (const place of this.#service.places) this.#checkPlace(place);
  }

  /** Two of three replicas' partitions, and one of one. */
  async #createTopics(): Promise<boolean> {
    const { world, history, config } = this.#service;
    let created: unknown = null;
    const minInsync = `${config.minInsyncReplicas}`;
    const configs = { "min.insync.replicas": minInsync };
    world.enter(() => {
      this.#admin
        .createTopics([
          { name: "orders", numPartitions: 2, replicationFactor: 3, configs },
          { name: "audit", numPartitions: 1, replicationFactor: 1 },
        ])
        .then(
          () => {
            created = true;
          },
          (error: unknown) => {
            created = error;
          },
        );
    });
    await this.#until(2_000, () => created !== null && this.#service.places.length === 3);
    if (created !== true) history.violation(`the topics were not created: ${created}`);
    return created === true;
  }

  #startClients(): void {
    const { world, places } = this.#service;
    const { random } = world;
    const common = { "request.timeout.ms": 700 + random.int(1_500) } as const;
    const numbered = Array.from({ length: 2 }, (_, i) => {
      const mayFail = random.bool(0.3);
      return new SdkProducer(this.#clients, {
        name: `p${i}`,
        acks: "all",
        mayFail,
        places: this.#places(),
        pauseMsMax: 80 + random.int(250),
        config: {
          ...common,
          "linger.ms": random.int(10),
          "batch.size": 60 + random.int(400),
          "max.in.flight.requests.per.connection": 1 + random.int(5),
          "delivery.timeout.ms": mayFail ? 2_500 + random.int(1_000) : 600_000,
        },
      });
    });
    const plain = (["1", "all"] as const).map((acks) => {
      const config = {
        ...common,
        "enable.idempotence": false,
        retries: 0,
        "delivery.timeout.ms": 5_000,
      } as const;
      const options = { name: `plain${acks}`, acks, mayFail: true, pauseMsMax: 500 };
      return new SdkProducer(this.#clients, { ...options, places: this.#places(), config });
    });
    this.#producers = [...numbered, ...plain];
    this.#consumer = new SdkConsumer(this.#clients, "the consumer", this.#places(), {
      ...common,
      "fetch.max.wait.ms": 200 + random.int(300),
    });
    const orders = places.find(({ topic }) => topic.name === "orders");
    if (orders !== undefined) {
      const rack = random.pick(["wnam", "weur", "apac"]);
      this.#near = new NearReader(this.#clients, orders.topic, orders.partition, rack);
    }
    for (const producer of this.#producers) producer.start();
    this.#consumer.start();
    this.#near?.start();
  }

  #places(topic: string | null = null): TopicPartition[] {
    return this.#service.places
      .map((place) => ({ topic: place.topic.name, partition: place.partition }))
      .filter((place) => topic === null || place.topic === topic);
  }

  /** Time passes until it is so; false when the time is over. */
  async #until(timeoutMs: number, isSo: () => boolean): Promise<boolean> {
    const { world } = this.#service;
    const deadline = world.nowMs + timeoutMs;
    while (!isSo() && world.nowMs < deadline) await world.play(world.nowMs + STEP_MS);
    return isSo();
  }

  async #converge(when: string, { untouched = false } = {}): Promise<void> {
    const { world, history, d1, brokers } = this.#service;
    const fromMs = world.nowMs;
    for (const broker of brokers) if (d1.isFenced(broker)) this.#nemesis.unfence(broker);
    if (untouched) this.#nemesis.completeMoves(fromMs + SERVICE_CONVERGE_MS);
    // What was asked for in the chaos may be tried again, and done, after the healing.
    await this.#until(SERVICE_CONVERGE_MS, () => this.#nemesis.isIdle);
    await world.play(world.nowMs + LATE_MS);
    const isSettled = (): boolean => this.#unsettled(untouched) === null;
    if (await this.#until(SERVICE_CONVERGE_MS, isSettled)) {
      this.#convergedAfterMs = Math.max(this.#convergedAfterMs, world.nowMs - fromMs);
    } else {
      const what = `${when}: not at rest after ${SERVICE_CONVERGE_MS} ms`;
      history.violation(`${what}: ${this.#unsettled(untouched)}`);
    }
  }

  /** What is left to be done, null when nothing is. */
  #unsettled(untouched: boolean): string | null {
    for (const producer of this.#producers) {
      if (!producer.isDone) return `${producer.name} waits for answers`;
    }
    for (const place of this.#service.places) {
      const problem = this.#unsettledPlace(place, untouched) ?? this.#unread(place);
      if (problem !== null) return `${place.name} ${problem}`;
    }
    return null;
  }

  /** `untouched`: the followers need not know yet how far everything is committed. */
  #unsettledPlace({ row, replicas, replicationFactor }: Place, untouched: boolean): string | null {
    const { leader, isr, leaderEpoch, reassignment, replicas: named } = row.now;
    if (reassignment !== undefined || named.length !== replicationFactor) return "is on the move";
    if (isr.length < named.length) return `has the ISR ${isr} of ${named}`;
    const lead = replicas.get(leader)?.replica;
    if (lead?.isLeader !== true) {
      return untouched ? null : `has a leader ${leader}@${leaderEpoch} that does not lead`;
    }
    const { logStartOffset, logEndOffset, highWatermark } = lead.log;
    if (untouched) return null;
    if (highWatermark !== logEndOffset) return `has ${highWatermark} of ${logEndOffset} committed`;
    for (const id of named) {
      const log = replicas.get(id)?.replica.log;
      const isEqual =
        log?.logEndOffset === logEndOffset &&
        log.highWatermark === logEndOffset &&
        log.logStartOffset === logStartOffset;
      if (!isEqual) return `has broker ${id} at ${log?.highWatermark} of ${logEndOffset}`;
    }
    return null;
  }

  /** A consumer alone gets to all that is committed, whoever has to be woken for it. */
  #unread({ name, row, replicas }: Place): string | null {
    const log = replicas.get(row.now.leader)?.replica.log;
    if (log === undefined || log.logStartOffset === log.highWatermark) return null;
    const at = this.#consumer?.position(name) ?? 0;
    return at >= log.highWatermark ? null : `is read up to ${at} of ${log.highWatermark}`;
  }

  /** One of three is out, everything else is well: what has acks=all goes on. */
  async #withoutOneBroker(): Promise<void> {
    const { world, brokers } = this.#service;
    const { random } = world;
    const broker = random.pick(brokers);
    const isFence = random.bool(0.7);
    const watched = this.#producers.filter(({ name }) => name.startsWith("p"));
    const lagMs = this.#service.config.replicaLagTimeMaxMs;
    if (isFence) this.#service.configure({ replicaLagTimeMaxMs: LAG_DURING_FENCES_MS });
    const fromMs = world.nowMs;
    for (const producer of watched) producer.start(this.#places("orders"));
    const areGoing = (): boolean => watched.every((producer) => producer.hasAckedSince(fromMs));
    await this.#until(SERVICE_CONVERGE_MS, areGoing);
    for (const producer of watched) producer.watchStalls();
    const fences = isFence ? 1 + random.int(3) : 0;
    const rows = this.#rowEpochs();
    if (isFence) await this.#fenceAndBack(broker, fences);
    else await this.#cutOff(broker);
    await this.#until(SERVICE_CONVERGE_MS, () => this.#isFull());
    this.#endWatch(watched, isFence);
    if (isFence) this.#checkRowChanges(rows, fences);
    this.#service.configure({ replicaLagTimeMaxMs: lagMs });
  }

  #rowEpochs(): number[] {
    return this.#service.places.map(({ row }) => row.now.partitionEpoch);
  }

  #checkRowChanges(before: readonly number[], fences: number): void {
    const after = this.#rowEpochs();
    const most = Math.max(...after.map((epoch, i) => epoch - (before[i] ?? 0))) / fences;
    this.#worstRowChanges = Math.max(this.#worstRowChanges, most);
    if (most > FENCE_ROW_CHANGES_MAX) {
      this.#service.history.violation(`a fence made ${most} changes of one row`);
    }
  }

  async #fenceAndBack(broker: number, fences: number): Promise<void> {
    const { world } = this.#service;
    const { random } = world;
    for (let times = fences; times > 0; times--) {
      this.#nemesis.fence(broker);
      await world.play(world.nowMs + 100 + random.int(800));
      this.#nemesis.unfence(broker);
      await world.play(world.nowMs + 20 + random.int(300));
    }
  }

  async #cutOff(broker: number): Promise<void> {
    const { world } = this.#service;
    const forMs = 300 + world.random.int(2_000);
    this.#nemesis.cutOff(broker, forMs);
    await world.play(world.nowMs + forMs);
  }

  #isFull(): boolean {
    return this.#service.places.every(
      ({ row, replicationFactor }) => row.now.isr.length === replicationFactor,
    );
  }

  #endWatch(watched: readonly SdkProducer[], isFence: boolean): void {
    const { history } = this.#service;
    const worst = Math.max(...watched.map((producer) => producer.endWatch()));
    const [what, bound] = isFence ? ["fenced", FENCE_STALL_MS_MAX] : ["cut off", CUT_STALL_MS_MAX];
    if (isFence) this.#worstFenceStallMs = Math.max(this.#worstFenceStallMs, worst);
    else this.#worstCutStallMs = Math.max(this.#worstCutStallMs, worst);
    if (worst > bound) {
      history.violation(
        `a partition acknowledged nothing for ${worst} ms while one broker was ${what}, not ${bound}`,
      );
    }
    if (!this.#isFull()) history.violation("a broker that came back is not in every ISR");
  }

  #checkPlace({ name, row, replicas, checker }: Place): void {
    const { history } = this.#service;
    const { leader, leaderEpoch, replicas: named } = row.now;
    checker.history();
    for (const id of named) {
      const object = replicas.get(id);
      if (object === undefined) continue;
      const { log } = object.replica;
      const values = committedValues(log, object.store.chunksFrom(log.logStartOffset));
      if (history.violations.length > 0 && id !== leader) continue;
      history.check(name, log.logStartOffset, values, leaderEpoch);
    }
  }
}

export { CLUSTER };

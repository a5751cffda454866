/**
 * One partition with one replica under evictions, lost turns and retries: chaos, then heal, then the
 * checks. The same object as in the cluster; what differs is that nobody else has a copy.
 */
import { utf8Decode } from "../../src/lib/bytes.ts";
import { decodeRecordBatch, iterateBatches } from "../../src/protocol/record-batch.ts";
import { REPLICA_CONFIG_DEFAULT } from "../../src/replication/config.ts";
import type { PlantedBug } from "./cluster/planted-bugs.ts";
import { SimReplica } from "./cluster/replica-object.ts";
import { clusterSurroundings } from "./cluster/surroundings.ts";
import { type Network, SimProducer } from "./idempotent-producer.ts";
import { EPOCH_MS, Scheduler } from "./scheduler.ts";

export interface Outcome {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  readonly records: number;
}

const CHAOS_MS = 3_000;
/** After healing, everything must be acknowledged within this time. */
const HEAL_MS = 20_000;
/** To read its row and store that it leads. */
const START_MS = 200;
const BROKER = 1;

export function simulateOnePartition(seed: number, bug: PlantedBug | null = null): Outcome {
  const world = new Scheduler(seed);
  const { random } = world;
  const config = REPLICA_CONFIG_DEFAULT;
  const around = clusterSurroundings(world, [BROKER], { config, bug, unclean: false });
  const { checker, faults } = around;
  const partition = new SimReplica(BROKER, around);
  around.replicas.set(BROKER, partition);
  partition.tell({ kind: "tick" });
  world.runUntil(EPOCH_MS + START_MS);
  const network: Network = { drop: 0.15, double: 0.1, maxDelayMs: 5 + random.int(150) };
  faults.loseReplies = 0.05;
  const producers = Array.from(
    { length: 1 + random.int(3) },
    (_, i) => new SimProducer(world, partition, network, 1000 + i),
  );
  for (const producer of producers) producer.start(5 + random.int(20));
  const reader = new Reader(world, partition);
  reader.start();

  const crashes = (): void => {
    if (world.nowMs >= EPOCH_MS + START_MS + CHAOS_MS) return;
    partition.crash("at random");
    world.after(20 + random.int(400), crashes);
  };
  world.after(random.int(200), crashes);
  world.runUntil(world.nowMs + CHAOS_MS);
  network.drop = 0;
  network.double = 0;
  faults.loseReplies = 0;
  world.note("heal");
  world.runUntil(world.nowMs + HEAL_MS);

  const violations = [
    ...producers.flatMap((producer) => producer.violations),
    ...reader.violations,
    ...check(partition, producers, reader),
    ...checker.violations,
  ];
  const records = partition.replica.log.logEndOffset;
  return { seed, violations, trace: world.trace, records };
}

/** Polls throughout: what it saw once must be there, at that offset, for ever. */
class Reader {
  readonly seen = new Map<number, string>();
  readonly violations: string[] = [];
  readonly #world: Scheduler;
  readonly #partition: SimReplica;
  #next = 0;
  #highWatermark = 0;

  constructor(world: Scheduler, partition: SimReplica) {
    this.#world = world;
    this.#partition = partition;
  }

  start(): void {
    this.#world.after(50 + this.#world.random.int(100), () => {
      this.#partition.read(this.#next, (answer) => {
        if (answer === null) return;
        const { bytes, highWatermark } = answer;
        if (highWatermark < this.#highWatermark) {
          this.violations.push(`high watermark ${this.#highWatermark}, then ${highWatermark}`);
        }
        this.#highWatermark = highWatermark;
        for (const [offset, id] of recordsOf(bytes)) {
          if (offset < this.#next) continue;
          if (offset !== this.#next) this.violations.push(`read ${offset} after ${this.#next - 1}`);
          this.seen.set(offset, id);
          this.#next = offset + 1;
        }
      });
      this.start();
    });
  }
}

function recordsOf(bytes: Uint8Array): [offset: number, id: string][] {
  const found: [number, string][] = [];
  for (const at of iterateBatches(bytes)) {
    for (const record of decodeRecordBatch(bytes, at)) {
      found.push([record.offset, utf8Decode(record.value ?? new Uint8Array(0))]);
    }
  }
  return found;
}

function check(partition: SimReplica, producers: readonly SimProducer[], reader: Reader): string[] {
  const violations: string[] = [];
  // What recovery makes of the durable bytes alone.
  partition.crash("to check what is durable");
  const log: string[] = [];
  const { logEndOffset, highWatermark } = partition.replica.log;
  if (highWatermark !== logEndOffset) {
    violations.push(`${highWatermark} of ${logEndOffset} are committed, with nobody to wait for`);
  }
  for (const chunk of partition.store.chunksFrom(0)) {
    for (const [offset, id] of recordsOf(chunk.data)) {
      if (offset !== log.length) {
        violations.push(`a gap: offset ${offset} follows ${log.length - 1}`);
      }
      log.push(id);
    }
  }
  if (partition.replica.deadline() !== Infinity) violations.push("a lone replica wants a tick");
  for (const producer of producers) {
    if (!producer.done) violations.push(`producer ${producer.producerId} did not get through`);
    const own = log.filter((id) => id.startsWith(`${producer.producerId}:`));
    const sent = producer.batches.reduce((sum, batch) => sum + batch.count, 0);
    own.forEach((id, i) => {
      if (id !== `${producer.producerId}:${i}`) violations.push(`${id} stands where ${i} belongs`);
    });
    if (own.length !== sent) violations.push(`${sent} records sent, ${own.length} in the log`);
    for (const { acked, sequence } of producer.batches) {
      const id = `${producer.producerId}:${sequence}`;
      if (acked !== null && log[acked.baseOffset] !== id) {
        violations.push(`${id} was acknowledged at ${acked.baseOffset}, it is not there`);
      }
    }
  }
  for (const [offset, id] of reader.seen) {
    if (log[offset] !== id) violations.push(`a reader saw ${id} at ${offset}, now ${log[offset]}`);
  }
  return violations;
}

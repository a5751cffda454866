/**
 * A producer that numbers its batches and sends each until it is acknowledged, up to five at a time,
 * over a network that may drop, delay, double and reorder.
 */

import { utf8Encode } from "../../src/lib/bytes.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { encodeRecordBatch } from "../../src/protocol/record-batch.ts";
import type { SimReplica } from "./cluster/replica-object.ts";
import type { Scheduler } from "./scheduler.ts";

export interface Network {
  /** Chances in [0, 1]. */
  drop: number;
  double: number;
  maxDelayMs: number;
}

interface Batch {
  readonly sequence: number;
  readonly count: number;
  /** Where there is one replica both mean: when it is durable. */
  readonly acks: 1 | -1;
  acked: { baseOffset: number } | null;
}

const IN_FLIGHT_MAX = 5;
const TIMEOUT_MS = 400;

export class SimProducer {
  readonly producerId: number;
  readonly batches: Batch[] = [];
  readonly violations: string[] = [];
  readonly #world: Scheduler;
  readonly #partition: SimReplica;
  readonly #network: Network;

  constructor(world: Scheduler, partition: SimReplica, network: Network, producerId: number) {
    this.#world = world;
    this.#partition = partition;
    this.#network = network;
    this.producerId = producerId;
  }

  /** Makes `batches` batches of 1 to 4 records, and starts. */
  start(batches: number): void {
    let sequence = 0;
    for (let i = 0; i < batches; i++) {
      const count = 1 + this.#world.random.int(4);
      const acks = this.#world.random.bool(0.5) ? -1 : 1;
      this.batches.push({ sequence, count, acks, acked: null });
      sequence += count;
    }
    this.#fill();
  }

  get done(): boolean {
    return this.batches.every((batch) => batch.acked !== null);
  }

  readonly #sent = new Set<Batch>();

  #fill(): void {
    // The window starts at the first batch without an answer: the log remembers five (LOG10). And
    // LOG13 takes any first sequence, so the first batch must arrive before others are sent.
    const first = this.batches.findIndex((batch) => batch.acked === null);
    if (first < 0) return;
    for (const batch of this.batches.slice(first, first === 0 ? 1 : first + IN_FLIGHT_MAX)) {
      if (this.#sent.has(batch)) continue;
      this.#sent.add(batch);
      this.#send(batch);
    }
  }

  #send(batch: Batch): void {
    if (batch.acked !== null) return;
    const { random } = this.#world;
    const copies = random.bool(this.#network.double) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (random.bool(this.#network.drop)) continue;
      this.#world.after(random.int(this.#network.maxDelayMs), () => this.#deliver(batch));
    }
    this.#world.after(TIMEOUT_MS + random.int(50), () => this.#send(batch));
  }

  #deliver(batch: Batch): void {
    const bytes = encodeRecordBatch({
      records: Array.from({ length: batch.count }, (_, i) => ({
        timestamp: this.#world.nowMs,
        key: null,
        value: utf8Encode(`${this.producerId}:${batch.sequence + i}`),
      })),
      producerId: this.producerId,
      producerEpoch: 0,
      baseSequence: batch.sequence,
    });
    const append = { kind: "append", batch: bytes, acks: batch.acks, leaderEpoch: 0 } as const;
    this.#partition.ask(
      (to) => ({ ...append, to, timeoutMs: TIMEOUT_MS, logAppendTime: false }),
      (reply) => {
        if (this.#world.random.bool(this.#network.drop) || reply?.kind !== "append") return;
        const { errorCode, baseOffset } = reply;
        this.#world.after(this.#world.random.int(this.#network.maxDelayMs), () =>
          this.#answered(batch, errorCode, baseOffset),
        );
      },
    );
  }

  #answered(batch: Batch, errorCode: number, baseOffset: number): void {
    this.#world.note(`${this.producerId}:${batch.sequence} -> ${errorCode} @${baseOffset}`);
    // Out of order: an earlier batch is still on its way, the timer sends this one again.
    if (errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) return;
    if (errorCode !== ErrorCode.NONE) {
      this.violations.push(`${this.producerId}:${batch.sequence} was answered ${errorCode}`);
      return;
    }
    if (batch.acked !== null && batch.acked.baseOffset !== baseOffset) {
      this.violations.push(
        `${this.producerId}:${batch.sequence} is at ${batch.acked.baseOffset} and at ${baseOffset}`,
      );
    }
    batch.acked = { baseOffset };
    this.#fill();
  }
}

/** Producers and consumers of the simulated cluster, and what they were promised. */
import { utf8Encode } from "../../../src/lib/bytes.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import {
  batchCrc,
  batchLastOffset,
  encodeRecordBatch,
  iterateBatches,
} from "../../../src/protocol/record-batch.ts";
import { EPOCH_MS } from "../scheduler.ts";
import type { CommittedBatch } from "./checker.ts";
import { EDGE } from "./network.ts";
import type { ReadAnswer } from "./replica-object.ts";
import type { ProduceResult, SimRouter } from "./router.ts";
import type { ClusterSurroundings } from "./surroundings.ts";

interface SimBatch {
  readonly bytes: Uint8Array;
  readonly crc: number;
  readonly sequence: number;
  acked: { readonly baseOffset: number; readonly epoch: number } | null;
}

function makeBatch(producerId: number, sequence: number, count: number): SimBatch {
  const bytes = encodeRecordBatch({
    records: Array.from({ length: count }, (_, i) => ({
      timestamp: EPOCH_MS,
      key: null,
      value: utf8Encode(`${producerId}:${sequence + i}`),
    })),
    producerId: producerId < PLAIN_IDS_FROM ? producerId : -1,
    producerEpoch: producerId < PLAIN_IDS_FROM ? 0 : -1,
    baseSequence: producerId < PLAIN_IDS_FROM ? sequence : -1,
  });
  return { bytes, crc: batchCrc(bytes, 0), sequence, acked: null };
}

const PLAIN_IDS_FROM = 5_000;
const IN_FLIGHT_MAX = 5;

/** Numbers its batches and sends each until acks=all is given, up to five at a time. */
export class SimIdempotentProducer {
  readonly producerId: number;
  readonly batches: SimBatch[] = [];
  readonly #around: ClusterSurroundings;
  readonly #router: SimRouter;
  readonly #pauseMs: number;
  readonly #sent = new Set<SimBatch>();

  constructor(around: ClusterSurroundings, router: SimRouter, producerId: number, batches: number) {
    this.#around = around;
    this.#router = router;
    this.producerId = producerId;
    const { random } = around.world;
    this.#pauseMs = 1 + random.int(150);
    let sequence = 0;
    for (let i = 0; i < batches; i++) {
      const count = 1 + random.int(3);
      this.batches.push(makeBatch(producerId, sequence, count));
      sequence += count;
    }
    around.world.after(random.int(300), () => this.#fill());
  }

  get done(): boolean {
    return this.batches.every(({ acked }) => acked !== null);
  }

  #fill(): void {
    // The window starts at the first batch without an answer: the log remembers five (LOG10). And
    // LOG13 takes any first sequence, so the first batch must arrive before others are sent.
    const first = this.batches.findIndex(({ acked }) => acked === null);
    if (first < 0) return;
    for (const batch of this.batches.slice(first, first === 0 ? 1 : first + IN_FLIGHT_MAX)) {
      if (this.#sent.has(batch)) continue;
      this.#sent.add(batch);
      this.#send(batch);
    }
  }

  #send(batch: SimBatch): void {
    const epoch = this.#router.row.leaderEpoch;
    const options = { acks: -1, timeoutMs: 300 };
    this.#router.produce(
      () => batch.bytes.slice(),
      options,
      (reply) => {
        const { world } = this.#around;
        world.note(`${this.producerId}:${batch.sequence} ${describe(reply)}`);
        if (reply?.errorCode === ErrorCode.NONE) {
          this.#acknowledged(batch, reply.baseOffset, epoch);
          world.after(world.random.int(this.#pauseMs), () => this.#fill());
          return;
        }
        this.#judge(batch, reply?.errorCode ?? ErrorCode.NONE);
        world.after(10 + world.random.int(60), () => this.#send(batch));
      },
    );
  }

  #acknowledged(batch: SimBatch, baseOffset: number, epoch: number): void {
    const { checker } = this.#around;
    if (batch.acked !== null && batch.acked.baseOffset !== baseOffset && !checker.unclean) {
      checker.violation(
        `${this.producerId}:${batch.sequence} is at ${batch.acked.baseOffset} and at ${baseOffset}`,
      );
    }
    batch.acked = { baseOffset, epoch };
    if (!checker.isCommitted(baseOffset, batch.crc)) {
      checker.violation(
        `${this.producerId}:${batch.sequence} was acknowledged at ${baseOffset} and not committed`,
      );
    }
  }

  /** Errors that a producer of a healthy log can meet; the others say that records were lost. */
  #judge(batch: SimBatch, errorCode: number): void {
    if (EXPECTED.has(errorCode)) return;
    this.#around.checker.violation(
      `${this.producerId}:${batch.sequence} was answered error ${errorCode}`,
    );
  }

  /** Without gap or repeat, in order. */
  check(history: readonly CommittedBatch[]): void {
    const { checker } = this.#around;
    const crcs = new Map(this.batches.map((batch, index) => [batch.crc, index]));
    let next = 0;
    for (const { crc, baseOffset } of history) {
      const index = crcs.get(crc);
      if (index === undefined) continue;
      if (index !== next) {
        checker.violation(`${this.producerId}: batch ${index} at ${baseOffset}, ${next} was due`);
      }
      next = index + 1;
    }
    if (next !== this.batches.length) {
      checker.violation(`${this.producerId}: ${this.batches.length} batches, ${next} in the log`);
    }
  }
}

function describe(reply: ProduceResult): string {
  if (reply === null) return "got no answer";
  const { errorCode, baseOffset } = reply;
  return errorCode === ErrorCode.NONE ? `is at ${baseOffset}` : `got error ${errorCode}`;
}

const EXPECTED = new Set<number>([
  ErrorCode.NONE,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.REQUEST_TIMED_OUT,
  // An earlier batch of the window is still on its way.
  ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
]);

/** Sends each batch once, without numbers, under acks 1 or all, and notes what it was told. */
export class SimPlainProducer {
  readonly #around: ClusterSurroundings;
  readonly #router: SimRouter;
  readonly #acks: number;
  readonly #id: number;
  readonly #batches: SimBatch[] = [];
  #stopped = false;

  constructor(around: ClusterSurroundings, router: SimRouter, id: number, acks: number) {
    this.#around = around;
    this.#router = router;
    this.#acks = acks;
    this.#id = PLAIN_IDS_FROM + id;
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
  }

  #next(): void {
    const { world } = this.#around;
    world.after(20 + world.random.int(200), () => {
      if (this.#stopped) return;
      const batch = makeBatch(this.#id, this.#batches.length * 10, 1);
      this.#batches.push(batch);
      const epoch = this.#router.row.leaderEpoch;
      const options = { acks: this.#acks, timeoutMs: 300 };
      this.#router.produce(
        () => batch.bytes.slice(),
        options,
        (reply) => {
          if (reply === null || reply.errorCode !== ErrorCode.NONE) return;
          batch.acked = { baseOffset: reply.baseOffset, epoch };
        },
      );
      this.#next();
    });
  }

  /** acks=1 may be lost with the leader that gave it, and only then. */
  check(lastEpoch: number): void {
    const { checker } = this.#around;
    for (const { acked, crc, sequence } of this.#batches) {
      if (acked === null || checker.isCommitted(acked.baseOffset, crc)) continue;
      if (this.#acks === 1 && acked.epoch < lastEpoch) continue;
      checker.violation(
        `${this.#id}:${sequence} was acknowledged (acks ${this.#acks}) at ${acked.baseOffset} and lost`,
      );
    }
  }
}

/** Polls from the leader or from anybody, and never sees an offset twice or out of turn. */
export class SimConsumer {
  readonly #around: ClusterSurroundings;
  readonly #router: SimRouter;
  readonly #name: string;
  readonly #anywhere: boolean;
  #next = 0;
  #stopped = false;

  constructor(around: ClusterSurroundings, router: SimRouter, name: string, anywhere: boolean) {
    this.#around = around;
    this.#router = router;
    this.#name = name;
    this.#anywhere = anywhere;
    this.#poll();
  }

  get position(): number {
    return this.#next;
  }

  stop(): void {
    this.#stopped = true;
  }

  #poll(): void {
    const { world } = this.#around;
    world.after(20 + world.random.int(120), () => {
      if (this.#stopped) return;
      this.#fetch();
      this.#poll();
    });
  }

  #fetch(): void {
    const { world, network, replicas } = this.#around;
    const { row } = this.#router;
    const brokerId = this.#anywhere ? world.random.pick(row.replicas) : row.leader;
    const asked = this.#next;
    if (brokerId < 0) {
      this.#router.refresh();
      return;
    }
    network.call<ReadAnswer>(
      EDGE,
      brokerId,
      (answer) => replicas.get(brokerId)?.read(asked, answer),
      (value) => {
        // Another poll has gone on meanwhile.
        if (value === null || asked !== this.#next) return;
        this.#take(brokerId, value);
      },
    );
  }

  #take(brokerId: number, value: ReadAnswer): void {
    const { checker } = this.#around;
    if (!this.#anywhere && !value.isLeader) this.#router.refresh();
    if (this.#next < value.logStartOffset) {
      // Deleted before it was read: auto.offset.reset=earliest.
      this.#next = value.logStartOffset;
      return;
    }
    const { bytes } = value;
    checker.read(`${this.#name} at ${brokerId}`, bytes, this.#next, Infinity);
    for (const at of iterateBatches(bytes)) {
      this.#next = Math.max(this.#next, batchLastOffset(bytes, at) + 1);
    }
    if (bytes.byteLength > 0 && this.#next > value.highWatermark) {
      checker.violation(`${this.#name} read up to ${this.#next} over ${value.highWatermark}`);
    }
  }
}

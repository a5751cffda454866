/** LOG10 to LOG17 the obvious way: one list in order of last use, arithmetic modulo 2^31. */
import type { ProducerBatch, ProducerEntry } from "../../../src/log/producer-state.ts";

const SEQUENCES = 2 ** 31;

interface Ids {
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
}

interface Limits {
  readonly expirationMs: number;
  readonly producersMax: number;
}

export class SlowProducers {
  readonly #limits: Limits;
  #list: ProducerEntry[] = [];

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  list(): readonly ProducerEntry[] {
    return this.#list;
  }

  copy(): SlowProducers {
    const copy = new SlowProducers(this.#limits);
    copy.#list = structuredClone(this.#list);
    return copy;
  }

  /** What a well-behaved producer sends next. */
  due(producerId: number): { epoch: number; sequence: number } | null {
    const entry = this.#list.find((one) => one.producerId === producerId);
    const last = entry?.batches.at(-1);
    if (entry === undefined || last === undefined) return null;
    return { epoch: entry.epoch, sequence: (last.lastSequence + 1) % SEQUENCES };
  }

  /** "taken", the offset of the first time, or the refusal. */
  append(
    nowMs: number,
    { producerId = -1, producerEpoch = -1, baseSequence = -1 }: Ids,
    count: number,
    baseOffset: number,
  ): "taken" | number | { readonly errorCode: number } {
    if (producerId < 0) return "taken";
    const lastSequence = (baseSequence + count - 1) % SEQUENCES;
    const found = this.#list.find((one) => one.producerId === producerId);
    const old = nowMs - (found?.lastAppendMs ?? -Infinity) >= this.#limits.expirationMs;
    const known = old ? undefined : found;
    if (known !== undefined) {
      if (producerEpoch < known.epoch) return { errorCode: 47 };
      if (producerEpoch > known.epoch && baseSequence !== 0) return { errorCode: 45 };
      if (producerEpoch === known.epoch) {
        const same = known.batches.find(
          (one) => one.firstSequence === baseSequence && one.lastSequence === lastSequence,
        );
        if (same !== undefined) return same.baseOffset;
        if (this.due(producerId)?.sequence !== baseSequence) return { errorCode: 45 };
      }
    }
    const lastOffset = baseOffset + count - 1;
    const batch = { firstSequence: baseSequence, lastSequence, baseOffset, lastOffset };
    const history = known?.epoch === producerEpoch ? known.batches : [];
    this.#use(nowMs, producerId, producerEpoch, [...history, batch].slice(-5), found === undefined);
    return "taken";
  }

  #use(
    lastAppendMs: number,
    producerId: number,
    epoch: number,
    batches: ProducerBatch[],
    isNew: boolean,
  ): void {
    this.#list = this.#list.filter((one) => one.producerId !== producerId);
    // A new producer makes room: those that expired go, then as many as it takes. Both are the ones
    // unused for longest, which stand first.
    const { expirationMs, producersMax } = this.#limits;
    const full = (): boolean => this.#list.length >= producersMax;
    const expired = (): boolean =>
      lastAppendMs - (this.#list[0]?.lastAppendMs ?? Infinity) >= expirationMs;
    while (isNew && (full() || expired())) this.#list.shift();
    this.#list.push({ producerId, epoch, lastAppendMs, batches });
  }
}

/**
 * A small seeded random generator (sfc32, after Chris Doty-Humphrey's PractRand) for simulations and
 * for choices that must replay. Not for secrets.
 */
import { assert } from "./assert.ts";

const TWO_32 = 2 ** 32;
const WARM_UP_ROUNDS = 12;

export class Prng {
  #a: number;
  #b: number;
  #c = 0;
  #counter = 1;

  /** Any number; the same seed gives the same sequence on every machine. */
  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / TWO_32) | 0;
    for (let i = 0; i < WARM_UP_ROUNDS; i++) this.uint32();
  }

  /** Uniform over [0, 2^32). */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform over [0, 1), 53 bits. */
  float(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** Uniform over the integers [0, n). */
  int(n: number): number {
    assert(n > 0 && Number.isSafeInteger(n), `int(n) needs a positive integer, got ${n}`);
    return Math.floor(this.float() * n);
  }

  /** True with probability p. */
  bool(p = 0.5): boolean {
    return this.float() < p;
  }

  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, "there is nothing to pick from");
    return items[this.int(items.length)] as T;
  }

  bytes(n: number): Uint8Array {
    const out = new Uint8Array(n);
    for (let i = 0; i < n; i++) out[i] = this.uint32() >>> 24;
    return out;
  }
}

import type { BitWriter } from "./bits.ts";
import { spreadSymbols } from "./fse-decode.ts";

/** The encoding side of a Finite State Entropy table. */
export interface FseEncoder {
  readonly accuracy: number;
  /** Where a symbol's states are: table[(state >> bits) + find[symbol]] is the next state. */
  readonly table: Uint16Array;
  readonly find: Int32Array;
  /** Such that (state + deltaBits[symbol]) >> 16 is how many bits of the state are written. */
  readonly deltaBits: Int32Array;
}

/** `distribution` adds up to 2^accuracy; -1 counts as one. */
export function fseEncoder(distribution: readonly number[], accuracy: number): FseEncoder {
  const size = 1 << accuracy;
  const symbols = spreadSymbols(distribution, accuracy);
  const find = new Int32Array(distribution.length);
  const deltaBits = new Int32Array(distribution.length);
  const next = new Int32Array(distribution.length);
  let total = 0;
  distribution.forEach((probability, symbol) => {
    const count = Math.abs(probability);
    if (count === 0) return;
    next[symbol] = total;
    find[symbol] = total - count;
    const widest = count === 1 ? accuracy : accuracy - (31 - Math.clz32(count - 1));
    deltaBits[symbol] = (widest << 16) - (count << widest);
    total += count;
  });
  const table = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] as number;
    const at = next[symbol] as number;
    next[symbol] = at + 1;
    table[at] = size + state;
  }
  return { accuracy, table, find, deltaBits };
}

/** The state that stands for `symbol` as the last one of a stream, before anything is written. */
export function fseFirstState(encoder: FseEncoder, symbol: number): number {
  const delta = encoder.deltaBits[symbol] as number;
  const bits = (delta + (1 << 15)) >> 16;
  const value = (bits << 16) - delta;
  return encoder.table[(value >> bits) + (encoder.find[symbol] as number)] as number;
}

/** Writes what leads from the state for `symbol` to `state`; returns the state for `symbol`. */
export function fseStep(
  encoder: FseEncoder,
  state: number,
  symbol: number,
  out: BitWriter,
): number {
  const bits = (state + (encoder.deltaBits[symbol] as number)) >> 16;
  out.add(state & ((1 << bits) - 1), bits);
  return encoder.table[(state >> bits) + (encoder.find[symbol] as number)] as number;
}

/** Writes the state that a decoder begins with. */
export function fseFlush(encoder: FseEncoder, state: number, out: BitWriter): void {
  out.add(state & ((1 << encoder.accuracy) - 1), encoder.accuracy);
}

/**
 * Counts scaled to a sum of 2^accuracy, every symbol that occurs keeping at least one. Needs
 * two different symbols and no more of them than 2^accuracy.
 */
export function normalize(counts: readonly number[], total: number, accuracy: number): number[] {
  const size = 1 << accuracy;
  const scaled = counts.map((count) =>
    count === 0 ? 0 : Math.max(1, Math.round((count * size) / total)),
  );
  let excess = scaled.reduce((sum, share) => sum + share, 0) - size;
  while (excess !== 0) {
    // The largest share loses or wins least by a change.
    const largest = scaled.indexOf(Math.max(...scaled));
    const change =
      excess > 0 ? Math.min(excess, Math.max(1, (scaled[largest] as number) >> 2)) : excess;
    scaled[largest] = (scaled[largest] as number) - change;
    excess -= change;
  }
  return scaled;
}

/** The description that readDistribution reads; ends on a whole byte. */
export function writeDistribution(
  distribution: readonly number[],
  accuracy: number,
  out: BitWriter,
): void {
  out.add(accuracy - 5, 4);
  let left = 1 << accuracy;
  for (let symbol = 0; left > 0; symbol++) {
    const probability = distribution[symbol] as number;
    const value = probability + 1;
    const width = 32 - Math.clz32(left + 1);
    const shortLimit = (1 << width) - 2 - left;
    const half = 1 << (width - 1);
    if (value < shortLimit) out.add(value, width - 1);
    else out.add(value >= half ? value + shortLimit : value, width);
    left -= Math.abs(probability);
    if (probability === 0) symbol += writeZeros(distribution, symbol, out);
  }
  out.flush();
}

/** The zeros that follow one at `symbol`, in twos of bits; returns how many. */
function writeZeros(distribution: readonly number[], symbol: number, out: BitWriter): number {
  let run = 0;
  while (distribution[symbol + 1 + run] === 0) run++;
  for (let rest = run; ; rest -= 3) {
    out.add(Math.min(rest, 3), 2);
    if (rest < 3) return run;
  }
}

/** Bits that `counts` would take under a distribution; Infinity where a symbol has no share. */
export function fseCost(
  counts: readonly number[],
  distribution: readonly number[],
  accuracy: number,
): number {
  let bits = 0;
  counts.forEach((count, symbol) => {
    const share = Math.abs(distribution[symbol] ?? 0);
    if (count > 0)
      bits += share === 0 ? Number.POSITIVE_INFINITY : count * (accuracy - Math.log2(share));
  });
  return bits;
}

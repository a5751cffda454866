import { corrupt, type ForwardBits } from "./bits.ts";

/** A decoding table of Finite State Entropy (RFC 8878, section 4.1). */
export interface FseTable {
  readonly accuracy: number;
  readonly symbols: Uint8Array;
  /** The next state is base + the next `bits` bits. */
  readonly bits: Uint8Array;
  readonly base: Uint16Array;
}

/** A table that only ever gives one symbol and takes no bits. */
export function fseSingle(symbol: number): FseTable {
  return {
    accuracy: 0,
    symbols: Uint8Array.of(symbol),
    bits: new Uint8Array(1),
    base: new Uint16Array(1),
  };
}

/** Reads the description of a distribution: probabilities by symbol, -1 = less than one. */
export function readDistribution(
  input: ForwardBits,
  accuracyMax: number,
  symbolMax: number,
): { accuracy: number; distribution: number[] } {
  const accuracy = input.peek(4) + 5;
  input.skip(4);
  if (accuracy > accuracyMax) throw corrupt("accuracy of a distribution");
  const distribution: number[] = [];
  let left = 1 << accuracy;
  while (left > 0) {
    if (distribution.length > symbolMax) throw corrupt("symbol out of range");
    // Values 0…left+1 are possible; the lower ones may take one bit less.
    const width = 32 - Math.clz32(left + 1);
    const shortLimit = (1 << width) - 2 - left;
    let value = input.peek(width);
    const short = value & ((1 << (width - 1)) - 1);
    if (short < shortLimit) {
      value = short;
      input.skip(width - 1);
    } else {
      if (value >= 1 << (width - 1)) value -= shortLimit;
      input.skip(width);
    }
    const probability = value - 1;
    distribution.push(probability);
    left -= Math.abs(probability);
    if (probability === 0) readZeros(input, distribution, symbolMax);
  }
  if (left < 0 || distribution.length > symbolMax + 1) throw corrupt("a distribution");
  return { accuracy, distribution };
}

function readZeros(input: ForwardBits, distribution: number[], symbolMax: number): void {
  for (let repeat = 3; repeat === 3; ) {
    repeat = input.peek(2);
    input.skip(2);
    for (let i = 0; i < repeat; i++) distribution.push(0);
    if (distribution.length > symbolMax + 1) throw corrupt("symbol out of range");
  }
}

/** Where each state's symbol is: shared by both directions. Throws when the sum is not 2^accuracy. */
export function spreadSymbols(distribution: readonly number[], accuracy: number): Uint8Array {
  const size = 1 << accuracy;
  const symbols = new Uint8Array(size);
  let high = size;
  distribution.forEach((probability, symbol) => {
    if (probability === -1) symbols[--high] = symbol;
  });
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  distribution.forEach((probability, symbol) => {
    for (let i = 0; i < probability; i++) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at >= high);
    }
  });
  return symbols;
}

export function fseDecodeTable(distribution: readonly number[], accuracy: number): FseTable {
  const size = 1 << accuracy;
  const symbols = spreadSymbols(distribution, accuracy);
  const next = distribution.map((probability) => Math.abs(probability));
  const bits = new Uint8Array(size);
  const base = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] as number;
    const order = next[symbol] as number;
    next[symbol] = order + 1;
    const width = accuracy - (31 - Math.clz32(order));
    bits[state] = width;
    base[state] = (order << width) - size;
  }
  return { accuracy, symbols, bits, base };
}

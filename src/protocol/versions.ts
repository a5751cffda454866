/** Ranges of versions as Kafka's message definitions write them. */
import { assert } from "../lib/assert.ts";

export interface VersionSet {
  readonly min: number;
  /** Infinity for an open range. */
  readonly max: number;
}

export const ALL_VERSIONS: VersionSet = { min: 0, max: Number.POSITIVE_INFINITY };
export const NO_VERSIONS: VersionSet = { min: 0, max: -1 };

/** "3+", "0-12" or "7". */
export function parseVersions(text: string): VersionSet {
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  assert(match !== null, `"${text}" is no range of versions: write "3+", "0-12" or "7"`);
  const [, first, open, last] = match;
  const min = Number(first);
  const max = open !== undefined ? Number.POSITIVE_INFINITY : Number(last ?? first);
  assert(min <= max, `the range of versions "${text}" is empty`);
  return { min, max };
}

export function hasVersion(set: VersionSet, version: number): boolean {
  return set.min <= version && version <= set.max;
}

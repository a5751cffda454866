/** Kafka's murmur2 (org.apache.kafka.common.utils.Utils.murmur2) and the partition it gives a key. */
import { assert } from "./assert.ts";

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/** The hash as a signed 32-bit integer, like Java's. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const words = length & ~3;
  let h = SEED ^ length;
  for (let i = 0; i < words; i += 4) {
    let k =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    k = Math.imul(k, M);
    k = Math.imul(k ^ (k >>> R), M);
    h = Math.imul(h, M) ^ k;
  }
  const tail = length - words;
  if (tail >= 3) h ^= (bytes[words + 2] as number) << 16;
  if (tail >= 2) h ^= (bytes[words + 1] as number) << 8;
  if (tail >= 1) h = Math.imul(h ^ (bytes[words] as number), M);
  h = Math.imul(h ^ (h >>> 13), M);
  return h ^ (h >>> 15);
}

/** Where the Java client puts a record with this key (BuiltInPartitioner.partitionForKey). */
export function partitionForKey(key: Uint8Array, partitions: number): number {
  assert(partitions > 0, `a key needs a topic with partitions, this one has ${partitions}`);
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** Chunks as the stores handle them. */
import { assert } from "../lib/assert.ts";
import { batchBaseOffset, batchSizeInBytes } from "../protocol/record-batch.ts";
import type { StoredChunk } from "./log-store.ts";

/** The chunk without its batches from `offset` on; `offset` is the base offset of one of them. */
export function cutChunk(chunk: StoredChunk, offset: number): StoredChunk {
  const { data } = chunk;
  let at = 0;
  while (at < data.byteLength && batchBaseOffset(data, at) < offset)
    at += batchSizeInBytes(data, at);
  assert(at > 0 && at < data.byteLength, "a cut leaves a part of the chunk and takes a part");
  assert(batchBaseOffset(data, at) === offset, `no batch of the chunk starts at ${offset}`);
  return { ...chunk, lastOffset: offset - 1, data: data.slice(0, at) };
}

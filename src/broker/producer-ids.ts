/**
 * Producer ids, one at a time out of blocks (Kafka's RPCProducerIdManager). An isolate takes a block
 * from the catalogue and hands out its ids; what is left when it ends is never used, which nobody
 * misses: at a thousand a second 2^53 last for 285,000 years.
 */
import { PRODUCER_ID_BLOCK } from "../constants.ts";
import type { RequestContext } from "./context.ts";
import type { CataloguePort } from "./ports.ts";

interface Block {
  next: number;
  readonly end: number;
}

/** By the catalogue that gave them, so that two worlds in one process never mix. */
const blocks = new WeakMap<CataloguePort, Map<string, Block>>();

/** An id that nobody else in this cluster has or will get. */
export async function nextProducerId(ctx: RequestContext): Promise<number> {
  const { catalogue } = ctx.ports;
  const byCluster = blocks.get(catalogue) ?? new Map<string, Block>();
  blocks.set(catalogue, byCluster);
  const block = byCluster.get(ctx.clusterId);
  if (block !== undefined && block.next < block.end) return block.next++;
  const first = await catalogue.allocateProducerIds(ctx.clusterId, PRODUCER_ID_BLOCK);
  byCluster.set(ctx.clusterId, { next: first + 1, end: first + PRODUCER_ID_BLOCK });
  return first;
}

/** Table `producer_ids`. */
import { assert } from "../lib/assert.ts";

/** The first of `count` ids, in one statement: two callers never see the same counter. */
export async function allocateProducerIds(
  session: D1DatabaseSession,
  clusterId: string,
  count: number,
): Promise<number> {
  assert(Number.isInteger(count) && count > 0, `a block of ${count} producer ids is no block`);
  const first = await session
    .prepare(
      `INSERT INTO producer_ids (cluster_id, next_producer_id) VALUES (?1, ?2)
       ON CONFLICT DO UPDATE SET next_producer_id = next_producer_id + ?2
       RETURNING next_producer_id - ?2 AS first`,
    )
    .bind(clusterId, count)
    .first<number>("first");
  assert(first !== null, "an upsert returns its row");
  return first;
}

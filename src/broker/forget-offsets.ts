/**
 * Offsets of deleted topics. The coordinators are told before the deletion is answered: a topic of
 * the same name may follow at once, and what is committed for that one must not be forgotten. Kafka
 * tells them after it (GroupCoordinatorService.onPartitionsDeleted).
 */
import type { RequestContext } from "./context.ts";
import { inBackground, logEntry } from "./context.ts";
import { askPartition, inWaves } from "./coordinator-call.ts";
import { findOffsetsTopic } from "./offsets-topic.ts";

/** A coordinator that is out of reach does not keep the answer longer than this. */
const PATIENCE_MS = 5_000;

/** Never throws: the topics are gone already, and offsets of nothing do no harm. */
export async function forgetOffsets(ctx: RequestContext, topics: readonly string[]): Promise<void> {
  if (topics.length === 0) return;
  const told = tellAll(ctx, topics);
  inBackground(ctx, `forget the offsets of ${topics.slice(0, 3).join(", ")}`, () => told);
  await Promise.race([told.catch(() => undefined), ctx.sleep(PATIENCE_MS)]);
}

async function tellAll(ctx: RequestContext, topics: readonly string[]): Promise<void> {
  const offsets = await findOffsetsTopic(ctx);
  if (offsets === undefined) return;
  await inWaves(offsets.partitions, async ({ partition }) => {
    const answer = await askPartition<"topicDeleted">(ctx, offsets, partition, {
      api: "topicDeleted",
      body: { topics },
    });
    if (typeof answer !== "number") return;
    const message = `coordinator ${partition} may keep the offsets of deleted topics`;
    logEntry(ctx, { level: "warn", message, error: `error code ${answer}` });
  });
}

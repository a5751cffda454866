/**
 * OffsetForLeaderEpoch (key 23), versions 2 to 4.
 *
 * Where the given epoch, or the largest one before it, ended in the leader's log (KIP-101, KIP-320);
 * -1 and -1 when the log does not know it. 3: the replica id is not looked at: consumers and tools ask.
 * Needs DESCRIBE on each topic (29).
 */
import { offsetForLeaderEpochApi } from "../../protocol/api/23-offset-for-leader-epoch.ts";
import { AclOperation, leaderFor } from "../access.ts";
import { defineHandler } from "../handler.ts";
import { askLeader } from "../leader-call.ts";
import type { EpochEndResult } from "../ports.ts";
import { lookUpTopics } from "../topics.ts";

const TIMEOUT_MS = 10_000;

export const offsetForLeaderEpochHandler = defineHandler(
  offsetForLeaderEpochApi,
  [2, 4],
  async (ctx, request) => {
    const refs = request.topics.map(({ topic }) => ({ name: topic, topicId: "" }));
    const topicOf = await lookUpTopics(ctx, refs, false);
    const topics = await Promise.all(
      request.topics.map(async ({ topic, partitions }) => {
        const ref = { name: topic, topicId: "" };
        const answers = partitions.map(async ({ partition, currentLeaderEpoch, leaderEpoch }) => {
          const result = await askLeader<EpochEndResult>(ctx, {
            ref,
            byId: false,
            partition,
            leader: leaderFor(ctx, AclOperation.DESCRIBE, ref, topicOf(ref), partition),
            // A client that names an epoch wants to hear that it is not the present one.
            timeoutMs: currentLeaderEpoch >= 0 ? 0 : TIMEOUT_MS,
            repeatable: true,
            ask: ({ port }) => port.epochEnd({ leaderEpoch, currentLeaderEpoch }),
          });
          return typeof result === "number"
            ? { partition, ...failed(result) }
            : { partition, ...result };
        });
        return { topic, partitions: await Promise.all(answers) };
      }),
    );
    return { topics };
  },
  {
    failure: (error, request) => ({
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition }) => ({ partition, ...failed(error.code) })),
      })),
    }),
  },
);

function failed(errorCode: number): EpochEndResult {
  return { errorCode, leaderEpoch: -1, endOffset: -1 };
}

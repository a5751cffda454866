/**
 * ListGroups, key 16, versions 0-5. The groups that a broker coordinates: those of the partitions of
 * __consumer_offsets that it leads, since clients ask every broker and put the answers together.
 * Over HTTP all brokers share one address, and the answer has all groups. Those that the caller may not
 * DESCRIBE are left out.
 *
 * 14, 15 or 16 when a coordinator cannot say; the groups of the others are in the answer then.
 *
 * 4: by states (KIP-518). 5: by types (KIP-848); an unknown state or type finds nothing.
 */
import type { ListGroupsResponseInput } from "../../protocol/api/16-list-groups.ts";
import { listGroupsApi } from "../../protocol/api/16-list-groups.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { AclOperation, mayCluster, mayGroup } from "../access.ts";
import { askPartition, inWaves } from "../coordinator-call.ts";
import { groupErrorCode } from "../groups.ts";
import { defineHandler } from "../handler.ts";
import { findOffsetsTopic } from "../offsets-topic.ts";

type Listed = ListGroupsResponseInput["groups"][number];

export const listGroupsHandler = defineHandler(
  listGroupsApi,
  [0, 5],
  async (ctx, request) => {
    const topic = await findOffsetsTopic(ctx);
    if (topic === undefined) return { errorCode: ErrorCode.NONE, groups: [] };
    const asked = topic.partitions.filter(
      ({ leader }) => ctx.brokerId === null || leader === ctx.brokerId,
    );
    const groups: Listed[] = [];
    let errorCode: number = ErrorCode.NONE;
    await inWaves(asked, async ({ partition }) => {
      const answer = await askPartition<"listGroups">(ctx, topic, partition, {
        api: "listGroups",
        body: request,
      });
      if (typeof answer === "number") errorCode = answer;
      else if (answer.errorCode !== ErrorCode.NONE) errorCode = answer.errorCode;
      else groups.push(...answer.groups);
    });
    // Who may describe the cluster may know all of them (KafkaApis.handleListGroupsRequest).
    if (mayCluster(ctx, AclOperation.DESCRIBE)) return { errorCode, groups };
    const shown = groups.filter(({ groupId }) => mayGroup(ctx, AclOperation.DESCRIBE, groupId));
    return { errorCode, groups: shown };
  },
  { failure: (error) => ({ errorCode: groupErrorCode(error), groups: [] }) },
);

/** REST v3: consumer groups, their members, assignments and lags; to read. */
import type { GroupView, LagView, MemberView } from "../groups.ts";
import { findGroup, groupLags, listGroups } from "../groups.ts";
import { RestError } from "../rest-error.ts";
import type { RestContext } from "../routes.ts";
import { param, RouteGroup } from "../routes.ts";
import { answer, documented, NO_CLUSTER, open } from "./common.ts";
import {
  assignmentBody,
  consumerBody,
  groupBody,
  lagBody,
  lagSummaryBody,
} from "./group-resources.ts";
import * as schemas from "./group-schemas.ts";

export const consumerGroupRoutes = new RouteGroup("REST v3: consumer groups");

const GROUPS = "/clusters/{cluster_id}/consumer-groups";
const GROUP = `${GROUPS}/{consumer_group_id}`;
const CONSUMER = `${GROUP}/consumers/{consumer_id}`;
const PLACE = "{topic_name}/partitions/{partition_id}";

const NO_GROUP = { description: "404: no such cluster or group." };
const NO_CONSUMER = { description: "404: no such cluster, group or consumer." };
const NO_LAG = { description: "404: no such cluster or group, or it committed nothing there." };

function notFound(what: string): RestError {
  return new RestError(404, 404, `HTTP 404 Not Found: ${what}`);
}

/** Throws RestError 404. */
async function groupOf(c: RestContext): Promise<GroupView> {
  const asked = param(c, "consumer_group_id");
  const found = await findGroup(c.env.kafka, asked);
  if (found === null) throw notFound(`there is no consumer group "${asked}"`);
  return found;
}

/** Throws RestError 404. */
function consumerOf(c: RestContext, { groupId, members }: GroupView): MemberView {
  const asked = param(c, "consumer_id");
  const found = members.find(({ consumerId }) => consumerId === asked);
  if (found === undefined) throw notFound(`group "${groupId}" has no consumer "${asked}"`);
  return found;
}

/** The one that the path names. Throws RestError 404. */
function placeOf<T extends { topic: string; partition: number }>(
  c: RestContext,
  places: readonly T[],
  what: string,
): T {
  const topic = param(c, "topic_name");
  const partition = param(c, "partition_id");
  const found = places.find((one) => one.topic === topic && String(one.partition) === partition);
  if (found === undefined) throw notFound(`${what} ${topic}-${partition}`);
  return found;
}

consumerGroupRoutes.on(
  "get",
  GROUPS,
  {
    summary: "The consumer groups.",
    responses: { 200: documented("The groups, by id.", schemas.groupList), 404: NO_CLUSTER },
  },
  async (c) => {
    const resources = open(c);
    const data = (await listGroups(c.env.kafka)).map((group) => groupBody(resources, group));
    return answer(resources.list("KafkaConsumerGroupList", ["consumer-groups"], data));
  },
);

consumerGroupRoutes.on(
  "get",
  GROUP,
  {
    summary: "A consumer group.",
    responses: { 200: documented("The group.", schemas.group), 404: NO_GROUP },
  },
  async (c) => {
    const resources = open(c);
    return answer(groupBody(resources, await groupOf(c)));
  },
);

consumerGroupRoutes.on(
  "get",
  `${GROUP}/consumers`,
  {
    summary: "The members of a group.",
    responses: { 200: documented("The members.", schemas.consumerList), 404: NO_GROUP },
  },
  async (c) => {
    const resources = open(c);
    const group = await groupOf(c);
    const data = group.members.map((member) => consumerBody(resources, group, member));
    const segments = ["consumer-groups", group.groupId, "consumers"];
    return answer(resources.list("KafkaConsumerList", segments, data));
  },
);

consumerGroupRoutes.on(
  "get",
  CONSUMER,
  {
    summary: "A member of a group.",
    responses: { 200: documented("The member.", schemas.consumer), 404: NO_CONSUMER },
  },
  async (c) => {
    const resources = open(c);
    const group = await groupOf(c);
    return answer(consumerBody(resources, group, consumerOf(c, group)));
  },
);

consumerGroupRoutes.on(
  "get",
  `${CONSUMER}/assignments`,
  {
    summary: "The partitions of a member.",
    responses: { 200: documented("The partitions.", schemas.assignmentList), 404: NO_CONSUMER },
  },
  async (c) => {
    const resources = open(c);
    const group = await groupOf(c);
    const member = consumerOf(c, group);
    const data = member.assignment.map((place) => assignmentBody(resources, group, member, place));
    const { groupId } = group;
    const segments = ["consumer-groups", groupId, "consumers", member.consumerId, "assignments"];
    return answer(resources.list("KafkaConsumerAssignmentList", segments, data));
  },
);

consumerGroupRoutes.on(
  "get",
  `${CONSUMER}/assignments/${PLACE}`,
  {
    summary: "A partition of a member.",
    responses: { 200: documented("The partition.", schemas.assignment), 404: NO_CONSUMER },
  },
  async (c) => {
    const resources = open(c);
    const group = await groupOf(c);
    const member = consumerOf(c, group);
    const place = placeOf(c, member.assignment, `consumer "${member.consumerId}" does not have`);
    return answer(assignmentBody(resources, group, member, place));
  },
);

/** Throws RestError 404 when there are none. */
async function lagsOf(c: RestContext, group: GroupView): Promise<[LagView, ...LagView[]]> {
  const [largest, ...others] = await groupLags(c.env.kafka, group);
  if (largest === undefined) throw notFound(`group "${group.groupId}" has no committed offsets`);
  return [largest, ...others];
}

consumerGroupRoutes.on(
  "get",
  `${GROUP}/lag-summary`,
  {
    summary: "The largest lag of a group and the sum of all.",
    responses: { 200: documented("The lags, summed up.", schemas.lagSummary), 404: NO_LAG },
  },
  async (c) => {
    const resources = open(c);
    const group = await groupOf(c);
    const lags = await lagsOf(c, group);
    return answer(lagSummaryBody(resources, group, lags[0], lags));
  },
);

consumerGroupRoutes.on(
  "get",
  `${GROUP}/lags`,
  {
    summary: "How far a group is behind, by partition: log end less committed offset.",
    responses: { 200: documented("The lags, largest first.", schemas.lagList), 404: NO_LAG },
  },
  async (c) => {
    const resources = open(c);
    const group = await groupOf(c);
    const data = (await lagsOf(c, group)).map((lag) => lagBody(resources, group, lag));
    const segments = ["consumer-groups", group.groupId, "lags"];
    return answer(resources.list("KafkaConsumerLagList", segments, data));
  },
);

consumerGroupRoutes.on(
  "get",
  `${GROUP}/lags/${PLACE}`,
  {
    summary: "How far a group is behind in a partition.",
    responses: { 200: documented("The lag.", schemas.lag), 404: NO_LAG },
  },
  async (c) => {
    const resources = open(c);
    const group = await groupOf(c);
    const lags = await groupLags(c.env.kafka, group);
    const what = `group "${group.groupId}" has no committed offset of`;
    return answer(lagBody(resources, group, placeOf(c, lags, what)));
  },
);

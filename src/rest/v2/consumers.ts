/** REST v2: consumer instances, their subscriptions and assignments (http-dialects.md 1.1). */
import { AclOperation, throwUnlessGroup } from "../../broker/access.ts";
import { LOOK } from "../instances/commits.ts";
import { unwrap } from "../instances/refusals.ts";
import { nameOf } from "../instances/state.ts";
import { KAFKA_V2_JSON } from "../media-types.ts";
import { randomId } from "../random-id.ts";
import { noContent } from "../respond.ts";
import { RestError } from "../rest-error.ts";
import type { RestContext } from "../routes.ts";
import { param, RouteGroup } from "../routes.ts";
import {
  answer,
  badName,
  documented,
  INSTANCE,
  instanceOf,
  NO_INSTANCE,
  readInput,
  readOptionalInput,
  subscriptionOf,
  throwUnlessReadable,
} from "./consumer-common.ts";
import * as schemas from "./consumer-schemas.ts";
import { instanceConfig } from "./instance-config.ts";

export const consumerRoutes = new RouteGroup("REST v2: consumers");

consumerRoutes.on(
  "post",
  "/consumers/{group_name}",
  {
    summary: "Create a consumer instance in a group.",
    description:
      "It lives in an object of its own: any later request finds it, from anywhere, whichever " +
      "server answered this one.",
    body: { required: false, content: { [KAFKA_V2_JSON]: schemas.createConsumer } },
    responses: {
      200: documented("Its name, and where it is.", schemas.createdConsumer),
      400: { description: "40001: a config out of its bounds." },
      409: { description: "40902: the group has an instance of that name." },
      422: { description: "42204: a config that is not known." },
    },
  },
  async (c) => {
    const input = (await readOptionalInput(c, schemas.createConsumer)) ?? {};
    const config = instanceConfig(input);
    const group = param(c, "group_name");
    const name = input.id ?? input.name ?? `rest-consumer-${randomId(c.env.kafka.random)}`;
    for (const [what, text] of [
      ["group", group],
      ["name", name],
    ] as const) {
      const wrong = badName(text);
      if (wrong !== null) {
        throw new RestError(422, 42204, `Invalid consumer configuration: the ${what} ${wrong}`);
      }
    }
    const { kafka, instances } = c.env;
    throwUnlessGroup(kafka, AclOperation.READ, group);
    unwrap(await instances.at(kafka.clusterId, group, name).create(config, { group, name }));
    return answer(c, { instance_id: name, base_uri: baseUri(c, name) });
  },
);

/** Under the origin and the prefix that were asked, so that it leads back here through any proxy. */
function baseUri(c: RestContext, name: string): string {
  const { origin, pathname } = new URL(c.req.url);
  return `${origin}${pathname.replace(/\/+$/, "")}/instances/${encodeURIComponent(name)}`;
}

consumerRoutes.on(
  "delete",
  INSTANCE,
  {
    summary:
      "Delete a consumer instance: it commits what it read if it does so, and leaves its group.",
    responses: { 204: { description: "It is deleted." }, 404: NO_INSTANCE },
  },
  async (c) => {
    unwrap(await instanceOf(c).port.remove());
    return noContent();
  },
);

consumerRoutes.on(
  "post",
  `${INSTANCE}/subscription`,
  {
    summary: "Subscribe to topics, or to those that match a pattern, in place of those before.",
    body: { required: true, content: { [KAFKA_V2_JSON]: schemas.subscriptionRequest } },
    responses: {
      204: { description: "It is subscribed, and a member of its group." },
      400: { description: "40002: the pattern is no RE2 regular expression." },
      404: NO_INSTANCE,
      409: { description: "40903: it has partitions of its own, or the group another protocol." },
    },
  },
  async (c) => {
    const { port } = instanceOf(c);
    const subscription = subscriptionOf(await readInput(c, schemas.subscriptionRequest));
    if (subscription === null) {
      throw new RestError(422, 422, "topics is missing: give it, or topic_pattern");
    }
    throwUnlessReadable(c, subscription.topics ?? []);
    unwrap(await port.subscribe(subscription));
    return noContent();
  },
);

consumerRoutes.on(
  "get",
  `${INSTANCE}/subscription`,
  {
    summary: "The topics that the instance is subscribed to.",
    responses: { 200: documented("The topics.", schemas.subscriptionResponse), 404: NO_INSTANCE },
  },
  async (c) => {
    const { subscription, assigned } = unwrap(await instanceOf(c).port.plan(LOOK));
    const pattern = subscription?.pattern ?? null;
    if (pattern === null) return answer(c, { topics: subscription?.topics ?? [] });
    // What it matched, as far as the group told this member.
    const topics = [...new Set(assigned.map(({ topic }) => topic))].sort();
    return answer(c, { topics, topic_pattern: pattern });
  },
);

consumerRoutes.on(
  "delete",
  `${INSTANCE}/subscription`,
  {
    summary: "End the subscription and leave the group; the instance stays.",
    responses: { 204: { description: "It is not subscribed." }, 404: NO_INSTANCE },
  },
  async (c) => {
    unwrap(await instanceOf(c).port.subscribe(null));
    return noContent();
  },
);

consumerRoutes.on(
  "post",
  `${INSTANCE}/assignments`,
  {
    summary: "Read these partitions, without the group's say.",
    body: { required: true, content: { [KAFKA_V2_JSON]: schemas.partitions } },
    responses: {
      204: { description: "They are assigned." },
      404: NO_INSTANCE,
      409: { description: "40903: the instance is subscribed." },
    },
  },
  async (c) => {
    const { port } = instanceOf(c);
    const { partitions } = await readInput(c, schemas.partitions);
    throwUnlessReadable(
      c,
      partitions.map(({ topic }) => topic),
    );
    unwrap(await port.assign(partitions));
    return noContent();
  },
);

consumerRoutes.on(
  "get",
  `${INSTANCE}/assignments`,
  {
    summary: "The partitions that the instance reads.",
    responses: { 200: documented("The partitions.", schemas.partitions), 404: NO_INSTANCE },
  },
  async (c) => {
    const { assigned } = unwrap(await instanceOf(c).port.plan(LOOK));
    return answer(c, { partitions: assigned.map(nameOf) });
  },
);

/** REST v2: where a consumer instance reads, and what it has committed. */
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import type { Committer } from "../instances/commits.ts";
import { commitAll, LOOK } from "../instances/commits.ts";
import { committedOffsets } from "../instances/group-calls.ts";
import type { TimedPartition } from "../instances/positions.ts";
import { offsetsFor } from "../instances/positions.ts";
import { illegalState, NOT_SUBSCRIBED, unwrap } from "../instances/refusals.ts";
import { keyOf, uncommitted } from "../instances/state.ts";
import type { PartitionOffset, Plan, TopicPartition } from "../instances/types.ts";
import { INSTANCE_LOOK_AGAIN_MS_MIN } from "../limits.ts";
import { KAFKA_V2_JSON, metadataType } from "../media-types.ts";
import { EARLIEST, LATEST } from "../offsets.ts";
import { json, noContent } from "../respond.ts";
import { RestError } from "../rest-error.ts";
import { RouteGroup } from "../routes.ts";
import { show } from "../show.ts";
import { parseTimestamp } from "../timestamp.ts";
import { partitionNumber, validateQuery } from "../validate.ts";
import {
  answer,
  documented,
  INSTANCE,
  instanceOf,
  NO_INSTANCE,
  readInput,
  readOptionalInput,
} from "./consumer-common.ts";
import * as schemas from "./consumer-schemas.ts";

export const positionRoutes = new RouteGroup("REST v2: consumers");

const NOT_ASSIGNED = { description: "40903: the instance does not have one of the partitions." };

positionRoutes.on(
  "post",
  `${INSTANCE}/positions`,
  {
    summary: "Read on from these offsets, or from the first record as young as a time.",
    body: { required: true, content: { [KAFKA_V2_JSON]: schemas.positionsRequest } },
    responses: { 204: { description: "Done." }, 404: NO_INSTANCE, 409: NOT_ASSIGNED },
  },
  async (c) => {
    const instance = instanceOf(c);
    const { offsets, timestamps } = await readInput(c, schemas.positionsRequest);
    const timed = (timestamps ?? []).map(({ timestamp, ...place }, index) => {
      const ms = parseTimestamp(timestamp);
      if (ms !== null) return { ...place, timestamp: ms };
      const what = `timestamps[${index}].timestamp must be RFC 3339 or milliseconds`;
      throw new RestError(400, 400, `${what}, not ${show(timestamp)}`);
    });
    await seek(instance, offsets ?? [], timed);
    return noContent();
  },
);

for (const [end, timestamp] of [
  ["beginning", EARLIEST],
  ["end", LATEST],
] as const) {
  positionRoutes.on(
    "post",
    `${INSTANCE}/positions/${end}`,
    {
      summary: `Read on from the ${end} of these partitions.`,
      body: { required: true, content: { [KAFKA_V2_JSON]: schemas.partitions } },
      responses: { 204: { description: "Done." }, 404: NO_INSTANCE, 409: NOT_ASSIGNED },
    },
    async (c) => {
      const instance = instanceOf(c);
      const { partitions } = await readInput(c, schemas.partitions);
      await seek(
        instance,
        [],
        partitions.map((one) => ({ ...one, timestamp })),
      );
      return noContent();
    },
  );
}

/** All of them or none. */
async function seek(
  instance: Committer,
  offsets: readonly PartitionOffset[],
  timed: readonly TimedPartition[],
): Promise<void> {
  await assignedOrRefused(instance, [...offsets, ...timed]);
  const found = await offsetsFor(instance.ctx, timed);
  const missing = timed.find((one) => !found.some((other) => keyOf(other) === keyOf(one)));
  if (missing !== undefined) {
    const what = `${keyOf(missing)} cannot be asked for its offsets now`;
    throw new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, what);
  }
  const positions = [...offsets, ...found].map(({ topic, partition, offset }) => ({
    ...{ topic, partition, offset },
  }));
  unwrap(await instance.port.seek(positions));
}

/** A member that has just joined may be about to get its partitions: wait as long as a read would. */
async function assignedOrRefused(
  { ctx, port }: Committer,
  wanted: readonly TopicPartition[],
): Promise<Plan> {
  let plan = unwrap(await port.plan(LOOK));
  const deadlineMs = ctx.now() + plan.config.requestTimeoutMs;
  for (let pauseMs = INSTANCE_LOOK_AGAIN_MS_MIN; ; pauseMs *= 2) {
    const has = new Set(plan.assigned.map(keyOf));
    const missing = wanted.find((one) => !has.has(keyOf(one)));
    if (missing === undefined) return plan;
    const waits = plan.subscription !== null && plan.assigned.length === 0;
    const leftMs = deadlineMs - ctx.now();
    if (!waits || leftMs <= 0) {
      throw illegalState(`No current assignment for partition ${keyOf(missing)}`);
    }
    await ctx.sleep(Math.min(pauseMs, leftMs));
    plan = unwrap(await port.plan({ ...LOOK, beat: true }));
  }
}

positionRoutes.on(
  "post",
  `${INSTANCE}/offsets`,
  {
    summary:
      "Commit: of the records named the offset after them; without a body all that was read.",
    description:
      "As in Confluent's, the offset n is that of a record that was processed: n + 1 is stored.",
    query: schemas.commitQuery,
    body: { required: false, content: { [KAFKA_V2_JSON]: schemas.commitRequest } },
    responses: {
      200: { description: "An empty list." },
      400: { description: "40002: metadata above offset.metadata.max.bytes." },
      404: { description: "40401: no such topic or partition. 40403: no such consumer instance." },
      409: {
        description: "40903: the group took the instance for dead, or nothing is subscribed.",
      },
    },
  },
  async (c) => {
    const instance = instanceOf(c);
    const input = await readOptionalInput(c, schemas.commitRequest);
    const plan = unwrap(await instance.port.plan({ ...LOOK, commitRead: input === null }));
    const offsets =
      input === null
        ? uncommitted(plan.assigned)
        : input.offsets.map(({ offset, ...one }) => ({ ...one, offset: offset + 1 }));
    if (input === null && plan.subscription === null && plan.assigned.length === 0) {
      throw illegalState(NOT_SUBSCRIBED);
    }
    const committed = await commitAll(instance, plan, offsets);
    if (committed.length > 0) unwrap(await instance.port.committed(committed));
    return answer(c, []);
  },
);

positionRoutes.on(
  "get",
  `${INSTANCE}/offsets`,
  {
    summary: "The committed offsets of partitions, which the body or the query names.",
    query: schemas.committedQuery,
    responses: {
      200: documented("Those that have one.", schemas.committedResponse),
      404: { description: "40402: no partitions are named. 40403: no such consumer instance." },
    },
  },
  async (c) => {
    const { ctx, group, port } = instanceOf(c);
    const query = validateQuery(schemas.committedQuery, new URL(c.req.url));
    const listed = query.partitions === undefined ? null : partitionsOf(query.partitions);
    const partitions = listed ?? (await readOptionalInput(c, schemas.partitions))?.partitions;
    if (partitions === undefined) throw new RestError(404, 40402, "Partition not found.");
    unwrap(await port.plan(LOOK));
    const offsets = await committedOffsets(ctx, group, partitions);
    return json({ offsets }, 200, metadataType(c.req.header("accept") ?? null));
  },
);

/** `orders:0,orders:1`. Throws RestError 400 (40002). */
function partitionsOf(list: string): TopicPartition[] {
  return list.split(",").map((text) => {
    const colon = text.lastIndexOf(":");
    const partition = partitionNumber(text.slice(colon + 1));
    if (colon > 0 && partition !== null) return { topic: text.slice(0, colon), partition };
    const what = `query parameter partitions: ${show(text)} is not topic:partition`;
    throw new RestError(400, 40002, what);
  });
}

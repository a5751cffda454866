/** REST v2: the records of a consumer instance; and Kedge's poll, which needs nothing before it. */

import { LOOK } from "../instances/commits.ts";
import type { InstanceRead } from "../instances/reader.ts";
import { readInstance } from "../instances/reader.ts";
import { unwrap } from "../instances/refusals.ts";
import { nameOf } from "../instances/state.ts";
import type { InstanceConfig } from "../instances/types.ts";
import {
  INSTANCE_REQUEST_TIMEOUT_MS_DEFAULT,
  POLL_RECORDS_DEFAULT,
  READ_BYTES_DEFAULT,
  READ_BYTES_MAX,
  READ_RECORDS_MAX,
} from "../limits.ts";
import {
  instanceRecordsType,
  JSON_TYPE,
  KAFKA_V2_JSON,
  metadataType,
  V2_EMBEDDED_TYPES,
} from "../media-types.ts";
import { jsonText } from "../respond.ts";
import { RouteGroup } from "../routes.ts";
import { validateQuery } from "../validate.ts";
import {
  INSTANCE,
  instanceOf,
  NO_INSTANCE,
  readOptionalInput,
  subscriptionOf,
  throwUnlessReadable,
} from "./consumer-common.ts";
import type { PollRequest } from "./consumer-schemas.ts";
import * as schemas from "./consumer-schemas.ts";
import { INSTANCE_CONFIG_DEFAULT } from "./instance-config.ts";
import { consumedRecords } from "./schemas.ts";

export const consumerRecordRoutes = new RouteGroup("REST v2: consumers");

const ERRORS = {
  404: NO_INSTANCE,
  406: {
    description: "40601: a record is not of the instance's format, or another was asked for.",
  },
  409: { description: "40903: nothing is subscribed or assigned." },
};

consumerRecordRoutes.on(
  "get",
  `${INSTANCE}/records`,
  {
    summary: "The next records of the instance's partitions, with headers and timestamps.",
    description:
      "Answers as soon as there are records (fetch.min.bytes), and with none when the time is over. " +
      "One read at a time: another one waits. With auto.commit.enable it commits what the read " +
      "before returned.",
    query: schemas.recordsQuery,
    responses: {
      200: {
        description: "The records.",
        content: Object.fromEntries(V2_EMBEDDED_TYPES.map((type) => [type, consumedRecords])),
      },
      ...ERRORS,
    },
  },
  async (c) => {
    const { ctx, port, group, name } = instanceOf(c);
    const query = validateQuery(schemas.recordsQuery, new URL(c.req.url));
    const { config } = unwrap(await port.plan(LOOK));
    const contentType = instanceRecordsType(c.req.header("accept") ?? null, config.format);
    const { requestTimeoutMs, format } = config;
    const read: InstanceRead = {
      ...{ group, name, open: null, offsets: [], after: null },
      timeoutMs: query.timeout <= 0 ? requestTimeoutMs : Math.min(query.timeout, requestTimeoutMs),
      minBytes: config.fetchMinBytes,
      maxBytes: query.max_bytes <= 0 ? READ_BYTES_MAX : Math.min(query.max_bytes, READ_BYTES_MAX),
      maxRecords: READ_RECORDS_MAX,
      readCommitted: config.readCommitted,
      commit: config.autoCommit ? "previous" : "none",
      ...{ keyFormat: format, valueFormat: format },
      headerFormat: format === "string" ? "string" : "binary",
    };
    const { texts } = await readInstance(ctx, port, read);
    return jsonText(`[${texts.join(",")}]`, 200, contentType);
  },
);

consumerRecordRoutes.on(
  "post",
  `${INSTANCE}/poll`,
  {
    summary: "Create the instance if need be, join, commit and read, in one request.",
    description:
      "Kedge's own, for apps that live for one request. commit is previous unless given: what the " +
      "poll before returned. A poll that is sent again does no harm, with after it loses nothing.",
    body: {
      required: false,
      content: { [JSON_TYPE]: schemas.pollRequest, [KAFKA_V2_JSON]: schemas.pollRequest },
    },
    responses: {
      200: {
        description: "The records, and where the instance is.",
        content: { [JSON_TYPE]: schemas.pollResponse },
      },
      ...ERRORS,
    },
  },
  async (c) => {
    // Whoever polls is a client of this route: it is only checked that JSON is taken at all.
    metadataType(c.req.header("accept") ?? null);
    const { ctx, port, group, name } = instanceOf(c);
    const input = (await readOptionalInput(c, schemas.pollRequest)) ?? {};
    throwUnlessReadable(c, input.topics ?? []);
    const page = await readInstance(ctx, port, pollRead(input, group, name));
    const { plan, positions, committed, sequence } = page;
    const rest = {
      instance: name,
      member_id: plan.memberId,
      member_epoch: plan.memberEpoch,
      sequence,
      assignment: plan.assigned.map(nameOf),
      ...{ positions, committed },
    };
    const text = JSON.stringify(rest);
    return jsonText(`${text.slice(0, -1)},"records":[${page.texts.join(",")}]}`, 200, JSON_TYPE);
  },
);

function pollRead(input: PollRequest, group: string, name: string): InstanceRead {
  const commit = input.commit ?? "previous";
  const format = input.format ?? "binary";
  const valueFormat = input.value_format ?? format;
  const timeoutMs = input["consumer.instance.timeout.ms"];
  const changes: Partial<InstanceConfig> = {
    autoCommit: commit === "previous",
    ...(input["auto.offset.reset"] == null ? {} : { autoOffsetReset: input["auto.offset.reset"] }),
    ...(timeoutMs == null ? {} : { instanceTimeoutMs: timeoutMs }),
  };
  const config = { ...INSTANCE_CONFIG_DEFAULT, format, ...changes };
  return {
    ...{ group, name, commit, valueFormat, after: input.after ?? null },
    open: { group, name, config, changes, subscription: subscriptionOf(input) },
    offsets: input.offsets ?? [],
    timeoutMs: input.timeout ?? INSTANCE_REQUEST_TIMEOUT_MS_DEFAULT,
    minBytes: input.min_bytes ?? 1,
    maxBytes: Math.min(input.max_bytes ?? READ_BYTES_DEFAULT, READ_BYTES_MAX),
    maxRecords: input.max_records ?? POLL_RECORDS_DEFAULT,
    readCommitted: input.isolation === "read_committed",
    keyFormat: input.key_format ?? format,
    headerFormat: input.header_format ?? (valueFormat === "string" ? "string" : "binary"),
  };
}

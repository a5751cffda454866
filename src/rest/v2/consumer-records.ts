/** REST v2: the records of a consumer instance; and Kedge's poll, which needs nothing before it. */

import type { InstanceAsk, InstanceRead } from "../instances/reader.ts";
import { readInstance } from "../instances/reader.ts";
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
    const accept = c.req.header("accept") ?? null;
    const timeoutMs = query.timeout <= 0 ? null : query.timeout;
    const ask = { group, name, timeoutMs, open: null, after: null, commitRead: null };
    let contentType = JSON_TYPE;
    const { texts } = await readInstance(ctx, port, ask, (config) => {
      contentType = instanceRecordsType(accept, config.format);
      return {
        offsets: [],
        timeoutMs: Math.min(timeoutMs ?? Number.POSITIVE_INFINITY, config.requestTimeoutMs),
        minBytes: config.fetchMinBytes,
        maxBytes: query.max_bytes <= 0 ? READ_BYTES_MAX : Math.min(query.max_bytes, READ_BYTES_MAX),
        maxRecords: READ_RECORDS_MAX,
        readCommitted: config.readCommitted,
        commit: config.autoCommit ? "previous" : "none",
        ...{ keyFormat: config.format, valueFormat: config.format },
        headerFormat: config.format === "string" ? "string" : "binary",
      };
    });
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
    const ask = pollAsk(input, group, name);
    const page = await readInstance(ctx, port, ask, () => pollRead(input));
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

function pollAsk(input: PollRequest, group: string, name: string): InstanceAsk {
  const commit = input.commit ?? "previous";
  const timeoutMs = input["consumer.instance.timeout.ms"];
  const changes: Partial<InstanceConfig> = {
    autoCommit: commit === "previous",
    ...(input["auto.offset.reset"] == null ? {} : { autoOffsetReset: input["auto.offset.reset"] }),
    ...(timeoutMs == null ? {} : { instanceTimeoutMs: timeoutMs }),
  };
  const config = { ...INSTANCE_CONFIG_DEFAULT, format: input.format ?? "binary", ...changes };
  return {
    ...{ group, name, after: input.after ?? null, commitRead: commit !== "none" },
    timeoutMs: input.timeout ?? INSTANCE_REQUEST_TIMEOUT_MS_DEFAULT,
    open: { group, name, config, changes, subscription: subscriptionOf(input) },
  };
}

function pollRead(input: PollRequest): InstanceRead {
  const format = input.format ?? "binary";
  const valueFormat = input.value_format ?? format;
  return {
    commit: input.commit ?? "previous",
    offsets: input.offsets ?? [],
    timeoutMs: input.timeout ?? INSTANCE_REQUEST_TIMEOUT_MS_DEFAULT,
    minBytes: input.min_bytes ?? 1,
    maxBytes: Math.min(input.max_bytes ?? READ_BYTES_DEFAULT, READ_BYTES_MAX),
    maxRecords: input.max_records ?? POLL_RECORDS_DEFAULT,
    readCommitted: input.isolation === "read_committed",
    ...{ keyFormat: input.key_format ?? format, valueFormat },
    headerFormat: input.header_format ?? (valueFormat === "string" ? "string" : "binary"),
  };
}

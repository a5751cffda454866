/** REST v2's missing half: read a partition without a consumer instance (Redpanda has the path). */

import { AclOperation } from "../../broker/access.ts";
import { READ_BYTES_MAX } from "../limits.ts";
import { KAFKA_V2_JSON, recordsType, V2_EMBEDDED_TYPES } from "../media-types.ts";
import type { ReadStart } from "../read.ts";
import { FROM_EARLIEST, FROM_LATEST, readRecords } from "../read.ts";
import { jsonText } from "../respond.ts";
import { RestError } from "../rest-error.ts";
import { param, RouteGroup } from "../routes.ts";
import { parseTimestamp } from "../timestamp.ts";
import { findTopic } from "../topics.ts";
import { validateQuery } from "../validate.ts";
import { partitionOf } from "./metadata.ts";
import * as schemas from "./schemas.ts";

export const recordRoutes = new RouteGroup("REST v2: records");

recordRoutes.on(
  "get",
  "/topics/{topic_name}/partitions/{partition_id}/records",
  {
    summary: "Records from an offset on, with headers and timestamps; waits for them if asked to.",
    description:
      "Accept picks how keys and values are shown; base64 when it does not say. A record that is " +
      "not of that format ends the page before it; when it is the first, the answer is 406 (40601) " +
      "and says from which offset to go on. Records of an aborted transaction are left out under " +
      "read_committed. A topic with replicas in several regions is read in the one nearest to the " +
      "reader: up to what that replica knows to be committed, which is a moment behind the leader, " +
      "and from the leader when it cannot serve the offset. read_from=leader shows every " +
      "acknowledged record at once.",
    query: schemas.recordsQuery,
    responses: {
      200: {
        description: "The records; none when the time is over.",
        content: Object.fromEntries(
          [...V2_EMBEDDED_TYPES, KAFKA_V2_JSON].map((type) => [type, schemas.consumedRecords]),
        ),
        headers: {
          "kedge-next-offset": "Where the next read goes on.",
          "kedge-high-watermark": "One past the last record that readers may see.",
          "kedge-log-start-offset": "The first offset that is still there.",
          "kedge-read-from": "The broker (region) whose replica was read.",
        },
      },
      400: { description: "40002: a parameter is wrong, or the offset is out of range." },
      404: { description: "40401: no such topic. 40402: no such partition." },
      406: { description: "40601: a record is not of the format asked for." },
    },
  },
  async (c) => {
    const { format, contentType } = recordsType(c.req.header("accept") ?? null);
    const query = validateQuery(schemas.recordsQuery, new URL(c.req.url));
    const start = startOf(query.offset, query.timestamp);
    const topic = await findTopic(c.env.kafka, param(c, "topic_name"), AclOperation.READ);
    const { partition } = partitionOf(c, topic);
    const valueFormat = query.value_format ?? format;
    const page = await readRecords(c.env.kafka, {
      topic: topic.name,
      partition,
      start,
      maxWaitMs: query.timeout,
      minBytes: query.min_bytes,
      maxBytes: Math.min(query.max_bytes, READ_BYTES_MAX),
      maxRecords: query.max_records,
      readCommitted: query.isolation === "read_committed",
      readFrom: query.read_from,
      keyFormat: query.key_format ?? format,
      valueFormat,
      headerFormat: query.header_format ?? (valueFormat === "string" ? "string" : "binary"),
    });
    return jsonText(page.text, 200, contentType, {
      "kedge-next-offset": String(page.nextOffset),
      "kedge-high-watermark": String(page.highWatermark),
      "kedge-log-start-offset": String(page.logStartOffset),
      "kedge-read-from": String(page.readFrom),
    });
  },
);

function startOf(
  offset: number | "earliest" | "latest" | undefined,
  timestamp: string | undefined,
): ReadStart {
  if (timestamp === undefined) {
    if (offset === undefined || offset === "earliest") return FROM_EARLIEST;
    return offset === "latest" ? FROM_LATEST : { offset };
  }
  if (offset !== undefined) {
    throw new RestError(400, 40002, "query parameters offset and timestamp: give one of them");
  }
  const ms = parseTimestamp(timestamp);
  if (ms !== null) return { timestamp: ms };
  const what = `query parameter timestamp must be milliseconds or RFC 3339, not "${timestamp}"`;
  throw new RestError(400, 40002, what);
}

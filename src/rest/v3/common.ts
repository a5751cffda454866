/** What the v3 routes share: the cluster in the path, JSON answers, partitions by number. */
import type * as z from "zod";
import { readBody } from "../body.ts";
import { parseJsonBytes } from "../json-text.ts";
import { REST_BODY_BYTES_MAX } from "../limits.ts";
import { JSON_TYPE, requireJson, requireJsonAccepted } from "../media-types.ts";
import { json } from "../respond.ts";
import type { ResponseDoc, RestContext } from "../routes.ts";
import { param } from "../routes.ts";
import type { PartitionView, TopicView } from "../topics.ts";
import { partitionNumber, validate } from "../validate.ts";
import { clusterNotFound, invalidPayload, partitionNotFound } from "./errors.ts";
import { Resources } from "./resources.ts";

export const NO_CLUSTER: ResponseDoc = { description: "404: no such cluster." };
export const NO_TOPIC: ResponseDoc = { description: "404: no such cluster. 40403: no such topic." };
export const NO_PARTITION: ResponseDoc = {
  description: "404: no such cluster. 40403: no such topic or partition.",
};

export function documented(description: string, schema: z.ZodType): ResponseDoc {
  return { description, content: { [JSON_TYPE]: schema } };
}

/** Throws RestError 404 unless the path names the deployment's cluster, 406 unless JSON is taken. */
export function open(c: RestContext): Resources {
  requireJsonAccepted(c.req.header("accept") ?? null);
  const { clusterId } = c.env.kafka;
  const asked = param(c, "cluster_id");
  if (asked !== clusterId) throw clusterNotFound(asked);
  return new Resources(c.req.url, clusterId);
}

export function answer(
  body: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return json(body, status, JSON_TYPE, headers);
}

/** Throws RestError 400, 413, 415 or 422. */
export async function readJson<T extends z.ZodType>(
  c: RestContext,
  schema: T,
  required: string,
): Promise<z.output<T>> {
  requireJson(c.req.header("content-type") ?? null);
  const bytes = await readBody(c.req.raw, REST_BODY_BYTES_MAX);
  const body = bytes.length === 0 ? null : parseJsonBytes(bytes);
  if (body === null) throw invalidPayload(`Request body is empty. ${required}`);
  return validate(schema, body);
}

/** Throws RestError 404, 40403. */
export function partitionOf(c: RestContext, topic: TopicView): PartitionView {
  const text = param(c, "partition_id");
  const number = partitionNumber(text);
  const found = number === null ? undefined : topic.partitions[number];
  if (found === undefined) throw partitionNotFound(topic.name, text, topic.partitions.length);
  return found;
}

/** What v2's consumer routes share: the instance that the path names, bodies, answers. */
import type * as z from "zod";
import { AclOperation, throwUnlessGroup, throwUnlessTopic } from "../../broker/access.ts";
import { readBody } from "../body.ts";
import type { Committer } from "../instances/commits.ts";
import type { Subscription } from "../instances/types.ts";
import { parseJsonBytes } from "../json-text.ts";
import { INSTANCE_BODY_BYTES_MAX, INSTANCE_NAME_CHARS_MAX } from "../limits.ts";
import { KAFKA_V2_JSON, metadataType, requireV2Json } from "../media-types.ts";
import { json } from "../respond.ts";
import { RestError } from "../rest-error.ts";
import type { ResponseDoc, RestContext } from "../routes.ts";
import { param } from "../routes.ts";
import { show } from "../show.ts";
import { validate } from "../validate.ts";

export const INSTANCE = "/consumers/{group_name}/instances/{instance}";
export const NO_INSTANCE: ResponseDoc = { description: "40403: no such consumer instance." };

export function answer(c: RestContext, body: unknown): Response {
  return json(body, 200, metadataType(c.req.header("accept") ?? null));
}

export function documented(description: string, schema: z.ZodType): ResponseDoc {
  return { description, content: { [KAFKA_V2_JSON]: schema } };
}

/**
 * Whoever may READ the group may use its instances, as any member of it: what they read and commit is
 * asked for in the caller's own name. Throws RestError 404 (40403) for names that no instance can have,
 * KafkaError 30.
 */
export function instanceOf(c: RestContext): Committer {
  const { kafka, instances } = c.env;
  const group = param(c, "group_name");
  const name = param(c, "instance");
  if (badName(group) !== null || badName(name) !== null) {
    throw new RestError(404, 40403, "Consumer instance not found.");
  }
  throwUnlessGroup(kafka, AclOperation.READ, group);
  return { ctx: kafka, port: instances.at(kafka.clusterId, group, name), group, name };
}

/** Why a group or an instance cannot be called so, null when it can. */
export function badName(name: string): string | null {
  if (name === "") return "must not be empty";
  if (name.length > INSTANCE_NAME_CHARS_MAX) {
    return `may have ${INSTANCE_NAME_CHARS_MAX} characters, and has ${name.length}`;
  }
  return name.isWellFormed() ? null : "is not valid Unicode";
}

/** Throws RestError 400, 413, 415 or 422. */
export async function readInput<T extends z.ZodType>(
  c: RestContext,
  schema: T,
): Promise<z.output<T>> {
  const input = await readOptionalInput(c, schema);
  if (input === null)
    throw new RestError(422, 422, "the body is missing: it must be a JSON object");
  return input;
}

/** Null when there is no body, or a null one. Throws RestError 400, 413, 415 or 422. */
export async function readOptionalInput<T extends z.ZodType>(
  c: RestContext,
  schema: T,
): Promise<z.output<T> | null> {
  const bytes = await readBody(c.req.raw, INSTANCE_BODY_BYTES_MAX);
  if (bytes.length === 0) return null;
  requireV2Json(c.req.header("content-type") ?? null);
  const body = parseJsonBytes(bytes);
  return body === null ? null : validate(schema, body);
}

/** Null when neither is given. Throws RestError 422 when both are, or nothing is in them. */
export function subscriptionOf(input: {
  readonly topics?: readonly string[] | null | undefined;
  readonly topic_pattern?: string | null | undefined;
}): Subscription | null {
  const { topics = null, topic_pattern: pattern = null } = input;
  if (topics !== null && pattern !== null) {
    throw new RestError(422, 422, "topics and topic_pattern: give one of them");
  }
  if (topics !== null && topics.length === 0) {
    throw new RestError(422, 422, "topics: must not be empty; DELETE ends a subscription");
  }
  if (pattern === "") throw new RestError(422, 422, `topic_pattern: must not be ${show(pattern)}`);
  if (topics === null) return pattern === null ? null : { topics: null, pattern };
  return { topics: [...new Set(topics)].sort(), pattern: null };
}

/** The instance acts in its own name once it has these. Throws KafkaError 29. */
export function throwUnlessReadable(c: RestContext, topics: Iterable<string>): void {
  for (const topic of topics) throwUnlessTopic(c.env.kafka, AclOperation.READ, topic);
}

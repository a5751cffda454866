/**
 * DeleteTopics, key 20, versions 1-6. The topic is gone for everybody when the reply leaves, and so
 * are the offsets that groups committed for it; its objects are emptied after it, and a note in the
 * catalogue remembers them until they are.
 *
 * Errors of a topic: 29 without DELETE on it, 3 unknown name, 100 unknown id, 42 a name or id given twice, both, or neither, or
 * an internal topic.
 *
 * 1-5: topicNames. 5: error messages. 6: topics, each by name or by id.
 *
 * Not done: timeoutMs, since nothing is waited for but the catalogue.
 */
import type { TopicInfo } from "../../cluster/types.ts";
import { TOPICS_PER_REQUEST_MAX } from "../../constants.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import type { DeleteTopicsRequest } from "../../protocol/api/20-delete-topics.ts";
import { deleteTopicsApi } from "../../protocol/api/20-delete-topics.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, mayTopic } from "../access.ts";
import type { RequestContext } from "../context.ts";
import { inBackground } from "../context.ts";
import { forgetOffsets } from "../forget-offsets.ts";
import { defineHandler } from "../handler.ts";

/** What a client names: a name and ZERO_UUID, or null and an id. */
interface Target {
  readonly name: string | null;
  readonly topicId: string;
}

interface Result extends Target {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export const deleteTopicsHandler = defineHandler(
  deleteTopicsApi,
  [1, 6],
  async (ctx, request) => {
    const targets = targetsOf(request);
    if (targets.length > TOPICS_PER_REQUEST_MAX) {
      const text = `At most ${TOPICS_PER_REQUEST_MAX} topics are deleted by one request; ${targets.length} were named.`;
      throw new KafkaError(ErrorCode.POLICY_VIOLATION, text);
    }
    const { sound, responses } = sortOut(targets);
    const found = await find(ctx, sound);
    const taken = new Set<string>();
    const deletions = sound.map(async (target) => {
      const topic = found(target);
      const problem = refusal(ctx, target, topic);
      if (problem !== null) return problem;
      if (topic instanceof KafkaError) return refused(target, topic);
      if (taken.has(topic.topicId)) {
        const text = "The provided topic name maps to an ID that was already supplied.";
        return refused(target, new KafkaError(ErrorCode.INVALID_REQUEST, text));
      }
      taken.add(topic.topicId);
      return await deleteOne(ctx, target, topic);
    });
    const results = await Promise.all(deletions);
    await forgetOffsets(ctx, deletedNames(results));
    return { responses: [...responses, ...results] };
  },
  {
    failure: (error, request) => ({
      responses: targetsOf(request).map((target) => refused(target, error)),
    }),
  },
);

/**
 * ControllerApis.deleteTopics: a name that the caller may not describe is refused whether it is there or
 * not, and an id does not give its name away.
 */
function refusal(
  ctx: RequestContext,
  target: Target,
  topic: TopicInfo | KafkaError,
): Result | null {
  const name = target.name ?? (topic instanceof KafkaError ? null : topic.name);
  if (name === null) return null;
  const isShown = mayTopic(ctx, AclOperation.DESCRIBE, name);
  const isMine = mayTopic(ctx, AclOperation.DELETE, name);
  if (isMine || (isShown && topic instanceof KafkaError)) return null;
  const error = new KafkaError(ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  return refused({ ...target, name: isShown ? name : target.name }, error);
}

function deletedNames(results: readonly Result[]): string[] {
  return results.flatMap(({ name, errorCode }) =>
    name !== null && errorCode === ErrorCode.NONE ? [name] : [],
  );
}

function targetsOf(request: DeleteTopicsRequest): Target[] {
  return [...request.topics, ...request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }))];
}

function refused({ name, topicId }: Target, error: KafkaError): Result {
  return { name, topicId, errorCode: error.code, errorMessage: error.message };
}

/** Names and ids that can be looked up, and the answers to the rest. */
function sortOut(targets: readonly Target[]): { sound: Target[]; responses: Result[] } {
  const byKey = new Map<string, Target[]>();
  for (const target of targets) {
    const key = `${target.topicId}/${target.name ?? ""}/${target.name === null}`;
    byKey.set(key, [...(byKey.get(key) ?? []), target]);
  }
  const sound: Target[] = [];
  const responses: Result[] = [];
  for (const [target, ...more] of byKey.values()) {
    if (target === undefined) continue;
    const problem = formProblem(target, more.length > 0);
    if (problem === null) sound.push(target);
    else responses.push(refused(target, new KafkaError(ErrorCode.INVALID_REQUEST, problem)));
  }
  return { sound, responses };
}

function formProblem({ name, topicId }: Target, repeated: boolean): string | null {
  const hasId = topicId !== ZERO_UUID;
  if (name === null && !hasId) return "Neither topic name nor id were specified.";
  if (name !== null && hasId) return "You may not specify both topic name and topic id.";
  if (!repeated) return null;
  return hasId ? "Duplicate topic id." : "Duplicate topic name.";
}

async function find(
  ctx: RequestContext,
  targets: readonly Target[],
): Promise<(target: Target) => TopicInfo | KafkaError> {
  const { catalogue } = ctx.ports;
  const names = targets.flatMap(({ name }) => (name === null ? [] : [name]));
  const ids = targets.flatMap(({ name, topicId }) => (name === null ? [topicId] : []));
  const [byName, byId] = await Promise.all([
    names.length === 0 ? undefined : catalogue.topics(ctx.clusterId, names, { fresh: true }),
    ids.length === 0 ? undefined : catalogue.topicsById(ctx.clusterId, ids, { fresh: true }),
  ]);
  return ({ name, topicId }) =>
    (name === null ? byId?.get(topicId) : byName?.get(name)) ??
    new KafkaError(
      name === null ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    );
}

async function deleteOne(ctx: RequestContext, target: Target, topic: TopicInfo): Promise<Result> {
  const { catalogue } = ctx.ports;
  if (topic.internal) {
    const text = `Deletion of internal topic ${topic.name} is prohibited: the cluster keeps its own state there.`;
    return refused(target, new KafkaError(ErrorCode.INVALID_REQUEST, text));
  }
  try {
    const deleted = await catalogue.deleteTopic(ctx.clusterId, topic.name, topic.topicId);
    if (deleted === null) {
      const code =
        target.name === null ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      return refused(target, new KafkaError(code));
    }
    empty(ctx, deleted);
  } catch (error) {
    if (error instanceof KafkaError) return refused(target, error);
    throw error;
  }
  const { name, topicId } = topic;
  return { name, topicId, errorCode: ErrorCode.NONE, errorMessage: null };
}

function empty(ctx: RequestContext, topic: TopicInfo): void {
  const { catalogue, partitions } = ctx.ports;
  inBackground(ctx, `empty the objects of deleted topic ${topic.name}`, async () => {
    await partitions.destroy(ctx.clusterId, topic);
    await catalogue.forgetDeletedTopic(ctx.clusterId, topic.topicId);
  });
}

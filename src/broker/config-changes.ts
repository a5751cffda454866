/** Changes of configs at run time, as AlterConfigs and IncrementalAlterConfigs make them. */
import { brokerConfigDef } from "../cluster/broker-configs.ts";
import { type ConfigDef, configValueProblem, splitList } from "../cluster/config-def.ts";
import { type BrokerSources, resolveTopicConfigs } from "../cluster/config-sources.ts";
import { topicConfigDef, topicConfigsProblem } from "../cluster/topic-configs.ts";
import {
  type ClusterInfo,
  type ConfigMap,
  EVERY_BROKER,
  type TopicInfo,
} from "../cluster/types.ts";
import { ConfigOperation } from "../protocol/config-codes.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";
import {
  type ConfigTarget,
  configTarget,
  ownConfigs,
  sharedSources,
  throwUnlessDynamic,
} from "./config-resources.ts";
import type { RequestContext } from "./context.ts";
import { inBackground } from "./context.ts";

export interface ConfigChange {
  readonly name: string;
  readonly configOperation: number;
  readonly value: string | null;
}

export interface ConfigResourceRef {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** What a resource is to set itself, given what it sets now. Throws KafkaError. */
export type Alteration = (own: ConfigMap, target: ConfigTarget) => ConfigMap;

/** How often a lost race is run again. */
const ATTEMPTS_MAX = 5;

/** One answer a resource, each changed by itself (AlterConfigsResponse). */
export async function alterEach<R extends ConfigResourceRef>(
  ctx: RequestContext,
  cluster: ClusterInfo,
  resources: readonly R[],
  validateOnly: boolean,
  alterationOf: (resource: R) => Alteration,
) {
  const key = (r: ConfigResourceRef): string => `${r.resourceType} ${r.resourceName}`;
  const counts = new Map<string, number>();
  for (const resource of resources) counts.set(key(resource), (counts.get(key(resource)) ?? 0) + 1);
  return Promise.all(
    resources.map(async (resource) => {
      try {
        if ((counts.get(key(resource)) ?? 0) > 1) {
          const text = "Each resource must appear at most once.";
          throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
        }
        await alter(ctx, cluster, resource, validateOnly, alterationOf(resource));
        return answer(resource, null);
      } catch (error) {
        if (error instanceof KafkaError) return answer(resource, error);
        throw error;
      }
    }),
  );
}

export function answer(resource: ConfigResourceRef, error: KafkaError | null) {
  const { resourceType, resourceName } = resource;
  const errorCode = error?.code ?? ErrorCode.NONE;
  return { errorCode, errorMessage: error?.message ?? null, resourceType, resourceName };
}

async function alter(
  ctx: RequestContext,
  cluster: ClusterInfo,
  { resourceType, resourceName }: ConfigResourceRef,
  validateOnly: boolean,
  alteration: Alteration,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const target = await configTarget(ctx, cluster, resourceType, resourceName);
    const own = ownConfigs(cluster, target);
    const next = alteration(own, target);
    throwIfWrong(target, own, next, sharedSources(ctx, cluster));
    if (validateOnly || (await store(ctx, target, own, next))) {
      if (!validateOnly) tell(ctx, target);
      return;
    }
    if (attempt < ATTEMPTS_MAX) continue;
    const text = `The configs of ${resourceName} are being changed by others: try again.`;
    throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, text);
  }
}

async function store(
  { ports: { catalogue }, clusterId }: RequestContext,
  target: ConfigTarget,
  own: ConfigMap,
  next: ConfigMap,
): Promise<boolean> {
  if (target.kind === "topic") {
    return catalogue.changeTopicConfigs(clusterId, target.topic.topicId, own, next);
  }
  const gone = Object.keys(own).filter((name) => next[name] === undefined);
  const set = Object.entries(next).filter(([name, value]) => own[name] !== value);
  const changes = {
    ...Object.fromEntries(gone.map((name) => [name, null])),
    ...Object.fromEntries(set),
  };
  await catalogue.changeBrokerConfigs(clusterId, target.brokerId, changes);
  return true;
}

/** Live objects read their rows again, after the reply; who sleeps reads them on waking. */
function tell(ctx: RequestContext, target: ConfigTarget): void {
  inBackground(ctx, "tell partitions of a changed config", async () => {
    const { catalogue, partitions } = ctx.ports;
    const topics =
      target.kind === "topic"
        ? [target.topic]
        : [...(await catalogue.topics(ctx.clusterId, null)).values()];
    await partitions.refresh(topics.flatMap((topic) => replicasOf(ctx, topic, target)));
  });
}

function replicasOf({ clusterId }: RequestContext, topic: TopicInfo, target: ConfigTarget) {
  const isMeant = (brokerId: number): boolean =>
    target.kind === "topic" || target.brokerId === EVERY_BROKER || target.brokerId === brokerId;
  return topic.partitions.flatMap(({ partition, replicas }) =>
    replicas
      .filter(isMeant)
      .map((brokerId) => ({ clusterId, topicId: topic.topicId, partition, brokerId })),
  );
}

/** Only what changes is judged: what was set by an older release must not be in the way. */
function throwIfWrong(
  target: ConfigTarget,
  own: ConfigMap,
  next: ConfigMap,
  sources: BrokerSources,
): void {
  const changed = Object.entries(next).filter(([name, value]) => own[name] !== value);
  if (target.kind === "topic") {
    const problem =
      topicConfigsProblem(Object.fromEntries(changed)) ?? contradiction(next, sources);
    if (problem !== null) throw new KafkaError(ErrorCode.INVALID_CONFIG, problem);
    return;
  }
  for (const [name, value] of changed) {
    throwUnlessDynamic(name);
    const def = brokerConfigDef(name);
    const problem = def === undefined ? null : configValueProblem(def, value);
    if (problem !== null) throw new KafkaError(ErrorCode.INVALID_CONFIG, problem);
  }
  for (const name of Object.keys(own)) if (next[name] === undefined) throwUnlessDynamic(name);
}

/** The topic with what it falls back to: a lag of its own may contradict the broker's. */
function contradiction(next: ConfigMap, sources: BrokerSources): string | null {
  const lags = ["min.compaction.lag.ms", "max.compaction.lag.ms"];
  const resolved = resolveTopicConfigs(next, sources).filter(({ name }) => lags.includes(name));
  return topicConfigsProblem(
    Object.fromEntries(resolved.map(({ name, value }) => [name, value ?? ""])),
  );
}

/** KIP-339: the operations of one resource on what it sets now. */
export function incremental(changes: readonly ConfigChange[], sources: BrokerSources): Alteration {
  return (own, target) => {
    throwIfTwice(changes);
    const next = new Map(Object.entries(own));
    for (const change of changes) applyOne(next, change, target, sources);
    return Object.fromEntries(next);
  };
}

/** All that the resource sets from now on (AlterConfigs, key 33). */
export function replacing(
  configs: readonly { readonly name: string; readonly value: string | null }[],
): Alteration {
  return (_, target) => {
    throwIfTwice(configs);
    for (const { name, value } of configs) {
      throwIfUnknown(name, target);
      throwIfNull(name, value);
    }
    return Object.fromEntries(configs.map(({ name, value }) => [name, value ?? ""]));
  };
}

function applyOne(
  next: Map<string, string>,
  { name, configOperation, value }: ConfigChange,
  target: ConfigTarget,
  sources: BrokerSources,
): void {
  const def = throwIfUnknown(name, target);
  switch (configOperation) {
    case ConfigOperation.DELETE:
      next.delete(name);
      return;
    case ConfigOperation.SET:
      next.set(name, throwIfNull(name, value).trim());
      return;
    case ConfigOperation.APPEND:
    case ConfigOperation.SUBTRACT: {
      const given = throwIfNull(name, value);
      const verb = configOperation === ConfigOperation.APPEND ? "APPEND to" : "SUBTRACT from";
      if (def.type !== "list") {
        const text = `Can't ${verb} key ${name} because its type is not LIST.`;
        throw new KafkaError(ErrorCode.INVALID_CONFIG, text);
      }
      const before = splitList(next.get(name) ?? inherited(name, target, sources) ?? "");
      const named = splitList(given);
      const after =
        configOperation === ConfigOperation.APPEND
          ? [...before, ...named.filter((member) => !before.includes(member))]
          : before.filter((member) => !named.includes(member));
      next.set(name, after.join(","));
      return;
    }
    default: {
      const text = `Unknown operation type ${configOperation} of config ${name}: SET is 0, DELETE 1, APPEND 2, SUBTRACT 3.`;
      throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
    }
  }
}

/** What a list holds that the resource does not set itself. */
function inherited(name: string, target: ConfigTarget, sources: BrokerSources): string | null {
  if (target.kind === "topic") {
    return resolveTopicConfigs({}, sources).find((config) => config.name === name)?.value ?? null;
  }
  return sources.static[name] ?? brokerConfigDef(name)?.default ?? null;
}

function throwIfUnknown(name: string, target: ConfigTarget): ConfigDef {
  if (target.kind === "broker") throwUnlessDynamic(name);
  const def = target.kind === "broker" ? brokerConfigDef(name) : topicConfigDef(name);
  if (def !== undefined) return def;
  const problem = topicConfigsProblem({ [name]: "" });
  throw new KafkaError(ErrorCode.INVALID_CONFIG, problem ?? `Unknown config name: ${name}.`);
}

function throwIfNull(name: string, value: string | null): string {
  if (value !== null) return value;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${name}`);
}

function throwIfTwice(changes: readonly { readonly name: string }[]): void {
  const names = changes.map(({ name }) => name);
  const twice = [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];
  if (twice.length === 0) return;
  const text = `Error due to duplicate config keys : ${twice.join(",")}`;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
}

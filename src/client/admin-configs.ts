/** Configs of topics and brokers: DescribeConfigs and IncrementalAlterConfigs (KIP-339). */
import {
  type DescribeConfigsResponse,
  describeConfigsApi,
} from "../protocol/api/32-describe-configs.ts";
import { incrementalAlterConfigsApi } from "../protocol/api/44-incremental-alter-configs.ts";
import {
  ConfigOperation,
  ConfigResourceType,
  configSourceName,
  configTypeName,
} from "../protocol/config-codes.ts";
import { type AdminCalls, errorOf, failureOf, notAnswered, throwIfAny } from "./admin-calls.ts";
import type {
  ConfigAlteration,
  ConfigEntry,
  ConfigResource,
  DescribedConfigs,
} from "./admin-config-types.ts";
import type { CallOptions } from "./admin-types.ts";

export async function describeConfigs(
  calls: AdminCalls,
  resources: readonly (ConfigResource & { readonly configNames?: readonly string[] })[],
  options: CallOptions & {
    readonly includeSynonyms?: boolean;
    readonly includeDocumentation?: boolean;
  },
): Promise<DescribedConfigs[]> {
  if (resources.length === 0) return [];
  const { includeSynonyms = false, includeDocumentation = false } = options;
  const body = {
    resources: resources.map((resource) => ({
      ...refOf(resource),
      configurationKeys: resource.configNames ?? null,
    })),
    includeSynonyms,
    includeDocumentation,
  };
  const { results } = await calls.retry("describing configs", options, (timeoutMs) =>
    calls.client.request(describeConfigsApi, body, { timeoutMs }),
  );
  const answers = byResource(results);
  throwIfFailed(resources, answers);
  return resources.map(({ type, name }) => {
    const configs = answers.get(keyOf(refOf({ type, name })))?.configs ?? [];
    return { type, name, entries: configs.map(entryOf).sort((a, b) => (a.name < b.name ? -1 : 1)) };
  });
}

export async function incrementalAlterConfigs(
  calls: AdminCalls,
  alterations: readonly ConfigAlteration[],
  options: CallOptions & { readonly validateOnly?: boolean },
): Promise<void> {
  if (alterations.length === 0) return;
  const { validateOnly = false } = options;
  const resources = alterations.map((alteration) => ({
    ...refOf(alteration),
    configs: alteration.changes.map(({ name, operation = "SET", value }) => ({
      name,
      configOperation: ConfigOperation[operation],
      value: value ?? null,
    })),
  }));
  const body = { resources, validateOnly };
  // Every operation gives the same when it is done twice, so a lost answer may be asked for again.
  const { responses } = await calls.retry("altering configs", options, (timeoutMs) =>
    calls.client.request(incrementalAlterConfigsApi, body, { timeoutMs }),
  );
  throwIfFailed(alterations, byResource(responses));
}

function refOf({ type, name }: ConfigResource): ResourceRef {
  const code = type === "topic" ? ConfigResourceType.TOPIC : ConfigResourceType.BROKER;
  return { resourceType: code, resourceName: name };
}

interface ResourceRef {
  readonly resourceType: number;
  readonly resourceName: string;
}

interface ResourceAnswer extends ResourceRef {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

const keyOf = (ref: ResourceRef) => `${ref.resourceType} ${ref.resourceName}`;

function byResource<A extends ResourceAnswer>(answers: readonly A[]): ReadonlyMap<string, A> {
  return new Map(answers.map((answer) => [keyOf(answer), answer]));
}

/**
 * Every error is final, as in Kafka's Admin: a topic that is not there is seldom about to come.
 *
 * @throws AdminError naming what failed
 */
function throwIfFailed(
  resources: readonly ConfigResource[],
  answers: ReadonlyMap<string, ResourceAnswer>,
): void {
  const failures = resources.flatMap((resource) => {
    const name = nameOf(resource);
    const answer = answers.get(keyOf(refOf(resource)));
    return failureOf(name, answer === undefined ? notAnswered() : errorOf({ ...answer, name }));
  });
  throwIfAny(failures);
}

function nameOf({ type, name }: ConfigResource): string {
  return name === "" ? "all brokers" : `${type} ${name}`;
}

type Config = DescribeConfigsResponse["results"][number]["configs"][number];

function entryOf(config: Config): ConfigEntry {
  const source = configSourceName(config.configSource);
  return {
    name: config.name,
    value: config.value,
    source,
    isDefault: source === "DEFAULT_CONFIG",
    isReadOnly: config.readOnly,
    isSensitive: config.isSensitive,
    type: configTypeName(config.configType),
    documentation: config.documentation,
    synonyms: config.synonyms.map((synonym) => ({
      ...{ name: synonym.name, value: synonym.value },
      source: configSourceName(synonym.source),
    })),
  };
}

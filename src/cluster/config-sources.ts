/**
 * Which value of a config holds, and where it comes from: topic > broker > all brokers > deployment >
 * built in (ConfigHelper, DynamicBrokerConfig). A config that has synonyms is looked for under each of
 * its names in one source before the next source is asked.
 */
import { BROKER_CONFIGS, type BrokerConfigDef, brokerConfigDef } from "./broker-configs.ts";
import { TOPIC_CONFIGS, type TopicConfigDef, topicConfigDef } from "./topic-configs.ts";
import { type ClusterInfo, type ConfigMap, EVERY_BROKER } from "./types.ts";

/** DescribeConfigsResponse.ConfigSource */
export const ConfigSource = {
  DYNAMIC_TOPIC_CONFIG: 1,
  DYNAMIC_BROKER_CONFIG: 2,
  DYNAMIC_DEFAULT_BROKER_CONFIG: 3,
  STATIC_BROKER_CONFIG: 4,
  DEFAULT_CONFIG: 5,
} as const;
export type ConfigSource = (typeof ConfigSource)[keyof typeof ConfigSource];

/** What was said of one broker, from the nearest to the farthest. */
export interface BrokerSources {
  /** Of this broker alone, changed at run time. */
  readonly broker: ConfigMap;
  /** Of every broker, changed at run time. */
  readonly cluster: ConfigMap;
  /** Of the deployment: KEDGE_BROKER_CONFIG. */
  readonly static: ConfigMap;
}

export const NO_SOURCES: BrokerSources = { broker: {}, cluster: {}, static: {} };

/** What holds on one broker, or with EVERY_BROKER where nothing is said of one in particular. */
export function brokerSources(
  { configs }: Pick<ClusterInfo, "configs">,
  statics: ConfigMap,
  brokerId: number,
): BrokerSources {
  const broker = brokerId === EVERY_BROKER ? {} : (configs[brokerId] ?? {});
  return { broker, cluster: configs[EVERY_BROKER] ?? {}, static: statics };
}

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string;
  readonly source: ConfigSource;
}

export interface ResolvedConfig {
  readonly name: string;
  /** In the unit of `name`; null when nobody set it and there is no default. */
  readonly value: string | null;
  readonly source: ConfigSource;
  /** Every value there is, the one that holds first. */
  readonly synonyms: readonly ConfigSynonym[];
}

export function resolveBrokerConfig(def: BrokerConfigDef, sources: BrokerSources): ResolvedConfig {
  const synonyms = chain([def.name, ...def.synonyms], sources);
  const own = synonyms.find(({ name }) => name === def.name);
  const { source = ConfigSource.DEFAULT_CONFIG } = synonyms[0] ?? {};
  return { name: def.name, value: own?.value ?? null, source: own?.source ?? source, synonyms };
}

export function resolveTopicConfig(
  def: TopicConfigDef,
  topic: ConfigMap,
  sources: BrokerSources,
): ResolvedConfig {
  const { name } = def;
  const synonyms = chain(
    def.synonyms.map((synonym) => synonym.name),
    sources,
  );
  const own = topic[name];
  if (own !== undefined) {
    const first = { name, value: own, source: ConfigSource.DYNAMIC_TOPIC_CONFIG };
    return { name, value: own, source: first.source, synonyms: [first, ...synonyms] };
  }
  const [holds] = synonyms;
  if (holds === undefined) {
    return { name, value: def.default, source: ConfigSource.DEFAULT_CONFIG, synonyms };
  }
  const factor = def.synonyms.find((synonym) => synonym.name === holds.name)?.factor ?? 1;
  return { name, value: times(holds.value, factor), source: holds.source, synonyms };
}

/** Every config of a topic on a broker with such sources, ordered by name. */
export function resolveTopicConfigs(topic: ConfigMap, sources: BrokerSources): ResolvedConfig[] {
  return TOPIC_CONFIGS.map((def) => resolveTopicConfig(def, topic, sources));
}

export function resolveBrokerConfigs(sources: BrokerSources): ResolvedConfig[] {
  return BROKER_CONFIGS.map((def) => resolveBrokerConfig(def, sources));
}

/** The text that holds for a topic. Throws RangeError on a name that is not a topic config. */
export function topicConfigValue(name: string, topic: ConfigMap, sources: BrokerSources): string {
  const def = topicConfigDef(name);
  if (def === undefined) throw new RangeError(`no topic config is called ${name}`);
  return (resolveTopicConfig(def, topic, sources).value ?? def.default).trim();
}

/** The text that holds for a broker, null when it is unset. Throws RangeError on an unknown name. */
export function brokerConfigValue(name: string, sources: BrokerSources): string | null {
  const def = brokerConfigDef(name);
  if (def === undefined) throw new RangeError(`no broker config is called ${name}`);
  return resolveBrokerConfig(def, sources).value?.trim() ?? null;
}

function chain(names: readonly string[], sources: BrokerSources): ConfigSynonym[] {
  const found = (map: ConfigMap, source: ConfigSource): ConfigSynonym[] =>
    names.flatMap((name) => {
      const value = map[name];
      return value === undefined ? [] : [{ name, value, source }];
    });
  return [
    ...found(sources.broker, ConfigSource.DYNAMIC_BROKER_CONFIG),
    ...found(sources.cluster, ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG),
    ...found(sources.static, ConfigSource.STATIC_BROKER_CONFIG),
    ...names.flatMap((name) => {
      const value = brokerConfigDef(name)?.default ?? null;
      return value === null ? [] : [{ name, value, source: ConfigSource.DEFAULT_CONFIG }];
    }),
  ];
}

/** Hours and minutes in ms; -1 means "never" in every unit (KafkaConfig.logRetentionTimeMillis). */
function times(value: string, factor: number): string {
  if (factor === 1) return value;
  const number = BigInt(value.trim());
  return number < 0n ? "-1" : `${number * BigInt(factor)}`;
}

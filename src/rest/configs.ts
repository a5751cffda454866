/** Configs as the REST routes show and change them: what DescribeConfigs and IncrementalAlterConfigs say. */
import type { RequestContextBase } from "../broker/context.ts";
import { call } from "../broker/dispatch.ts";
import {
  type DescribeConfigsResponse,
  describeConfigsApi,
} from "../protocol/api/32-describe-configs.ts";
import { incrementalAlterConfigsApi } from "../protocol/api/44-incremental-alter-configs.ts";
import {
  ConfigOperation,
  type ConfigOperationName,
  ConfigResourceType,
  type ConfigSourceName,
  configSourceName,
} from "../protocol/config-codes.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";

export interface ResourceRef {
  readonly resourceType: number;
  readonly resourceName: string;
}

export const topicResource = (resourceName: string): ResourceRef => ({
  ...{ resourceType: ConfigResourceType.TOPIC, resourceName },
});

/** The empty name: what is set for all brokers. */
export const brokerResource = (resourceName: string): ResourceRef => ({
  ...{ resourceType: ConfigResourceType.BROKER, resourceName },
});

export interface ConfigView {
  readonly name: string;
  /** Null when it is unset and has no default. */
  readonly value: string | null;
  readonly source: ConfigSourceName;
  readonly isReadOnly: boolean;
  readonly isSensitive: boolean;
  readonly synonyms: readonly {
    readonly name: string;
    readonly value: string | null;
    readonly source: ConfigSourceName;
  }[];
}

export interface ConfigResult {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly configs: readonly ConfigView[];
}

/** By name: all configs of the resource, or those named. Throws KafkaError: 3, 17, 42 for a broker. */
export async function describeConfigs(
  ctx: RequestContextBase,
  resource: ResourceRef,
  names: readonly string[] | null = null,
): Promise<readonly ConfigView[]> {
  const [result] = await describeEach(ctx, [resource], names);
  return throwIfFailed(result).configs;
}

/** As many answers, in the order asked for. */
export async function describeEach(
  ctx: RequestContextBase,
  resources: readonly ResourceRef[],
  names: readonly string[] | null = null,
): Promise<ConfigResult[]> {
  const { results } = await call(ctx, describeConfigsApi, {
    resources: resources.map((resource) => ({ ...resource, configurationKeys: names })),
    includeSynonyms: true,
    includeDocumentation: false,
  });
  return results.map(({ errorCode, errorMessage, configs }) => ({
    ...{ errorCode, errorMessage },
    configs: configs.map(configView),
  }));
}

type Config = DescribeConfigsResponse["results"][number]["configs"][number];

function configView({ name, value, configSource, readOnly, isSensitive, synonyms }: Config) {
  return {
    ...{ name, value, isReadOnly: readOnly, isSensitive },
    source: configSourceName(configSource),
    synonyms: synonyms.map((synonym) => ({
      ...synonym,
      source: configSourceName(synonym.source),
    })),
  };
}

export interface ConfigChange {
  readonly name: string;
  readonly operation: ConfigOperationName;
  readonly value: string | null;
}

/** All changes or none. Throws KafkaError: as `describeConfigs`, 40, 42. */
export async function alterConfigs(
  ctx: RequestContextBase,
  resource: ResourceRef,
  changes: readonly ConfigChange[],
  validateOnly: boolean,
): Promise<void> {
  const configs = changes.map(({ name, operation, value }) => ({
    ...{ name, value, configOperation: ConfigOperation[operation] },
  }));
  const request = { resources: [{ ...resource, configs }], validateOnly };
  const { responses } = await call(ctx, incrementalAlterConfigsApi, request);
  throwIfFailed(responses[0]);
}

function throwIfFailed<
  R extends { readonly errorCode: number; readonly errorMessage: string | null },
>(result: R | undefined): R {
  const errorCode = result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (result !== undefined && errorCode === ErrorCode.NONE) return result;
  throw new KafkaError(errorCode, result?.errorMessage ?? undefined);
}

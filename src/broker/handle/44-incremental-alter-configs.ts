/**
 * IncrementalAlterConfigs, key 44, versions 0-1. Sets (0), deletes (1), appends to (2) or subtracts from
 * (3) single configs of topics and brokers (KIP-339). The empty broker name is "all brokers".
 *
 * Needs ALTER_CONFIGS on the topic (29), for brokers on the cluster (31).
 *
 * Errors of a resource, of which then nothing is changed: 3 no such topic, 17 no topic name, 40 an
 * unknown config, a value that is not allowed, a client's config, APPEND to what is no list; 42 a
 * resource or a config named twice, a null value, an unknown operation, no such broker, a config that
 * only a deployment sets.
 *
 * 1 is the same (encoding only).
 */
import { incrementalAlterConfigsApi } from "../../protocol/api/44-incremental-alter-configs.ts";
import { clusterOf } from "../cluster.ts";
import { alterEach, answer, incremental } from "../config-changes.ts";
import { sharedSources } from "../config-resources.ts";
import { defineHandler } from "../handler.ts";

export const incrementalAlterConfigsHandler = defineHandler(
  incrementalAlterConfigsApi,
  [0, 1],
  async (ctx, { resources, validateOnly }) => {
    const cluster = await clusterOf(ctx, true);
    const sources = sharedSources(ctx, cluster);
    const responses = await alterEach(ctx, cluster, resources, validateOnly, ({ configs }) =>
      incremental(configs, sources),
    );
    return { responses };
  },
  {
    failure: (error, { resources }) => ({
      responses: resources.map((resource) => answer(resource, error)),
    }),
  },
);

/**
 * AlterConfigs, key 33, versions 0-2. Replaces all that a topic or a broker sets; what is not named goes
 * back to its default. Old clients' way: two of them lose each other's changes (hence key 44).
 *
 * Needs ALTER_CONFIGS on the topic (29), for brokers on the cluster (31).
 *
 * Errors of a resource: as in 44, and 42 for a null value.
 *
 * 1 and 2 are the same (quota behaviour and encoding only).
 */
import { alterConfigsApi } from "../../protocol/api/33-alter-configs.ts";
import { clusterOf } from "../cluster.ts";
import { alterEach, answer, replacing } from "../config-changes.ts";
import { defineHandler } from "../handler.ts";

export const alterConfigsHandler = defineHandler(
  alterConfigsApi,
  [0, 2],
  async (ctx, { resources, validateOnly }) => {
    const cluster = await clusterOf(ctx, true);
    const responses = await alterEach(ctx, cluster, resources, validateOnly, ({ configs }) =>
      replacing(configs),
    );
    return { responses };
  },
  {
    failure: (error, { resources }) => ({
      responses: resources.map((resource) => answer(resource, error)),
    }),
  },
);

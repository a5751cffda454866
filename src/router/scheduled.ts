/** The Worker's timer: one sweep of the deployment's cluster a minute (wrangler.toml, triggers). */
import { logEntry } from "../broker/context.ts";
import { sweep } from "../broker/sweep.ts";
import { createCatalogue } from "../catalogue/catalogue.ts";
import { brokerConfig, type Env } from "../env.ts";
import { createPartitionsPort } from "../objects/partitions-port.ts";

export async function sweepCluster(env: Env): Promise<void> {
  const catalogue = createCatalogue(env.CATALOGUE);
  const report = await sweep({
    clusterId: env.KEDGE_CLUSTER_ID,
    ports: { catalogue, partitions: createPartitionsPort(env, catalogue) },
    config: brokerConfig(env),
  });
  for (const error of report.failures) {
    logEntry({}, { level: "error", message: "a part of the sweep failed", error });
  }
}

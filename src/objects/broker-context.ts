/** What an object needs to call the broker's handlers in its own name. */
import type { RequestContextBase } from "../broker/context.ts";
import { createCatalogue } from "../catalogue/catalogue.ts";
import { createSecurity } from "../catalogue/security.ts";
import { EVERY_RIGHT } from "../cluster/acl-index.ts";
import { brokerConfig, type Env } from "../env.ts";
import { createGroupsPort } from "./groups-port.ts";
import { createPartitionsPort } from "./partitions-port.ts";

export function brokerContext(
  env: Env,
  { waitUntil }: Pick<RequestContextBase, "waitUntil">,
): RequestContextBase {
  const catalogue = createCatalogue(env.CATALOGUE);
  return {
    clusterId: env.KEDGE_CLUSTER_ID,
    principal: "User:consumer-instance",
    // The routes asked what the caller may do before they called this object.
    rights: EVERY_RIGHT,
    brokerId: null,
    // Nobody dials what this object is told.
    advertised: () => ({ host: "", port: 0 }),
    now: Date.now,
    random,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    config: brokerConfig(env),
    ports: {
      catalogue,
      partitions: createPartitionsPort(env, catalogue),
      groups: createGroupsPort(env, catalogue),
      security: createSecurity(env.CATALOGUE),
    },
    waitUntil,
  };
}

/** From the runtime's strong source. */
function random(): number {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return (high * 2 ** 21 + (low >>> 11)) / 2 ** 53;
}

/** GroupsPort on Durable Objects: the coordinators are replicas of `__consumer_offsets`. */
import type { CataloguePort, GroupsPort } from "../broker/ports.ts";
import type { Env } from "../env.ts";
import { stubOf } from "./partitions-port.ts";

export function createGroupsPort(env: Env, catalogue: CataloguePort): GroupsPort {
  return {
    at: (address) => ({
      ask: async (ask) => (await stubOf(env.GROUP_COORDINATOR, catalogue, address)).group(ask),
    }),
  };
}

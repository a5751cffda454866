import type { Scheduler } from "../scheduler.ts";
import { SimCatalogue } from "./catalogue.ts";
import { Checker } from "./checker.ts";
import { SimNetwork } from "./network.ts";
import type { Surroundings } from "./replica-object.ts";

/** One partition in a world of its own: the whole catalogue is its row. */
export interface ClusterSurroundings extends Surroundings {
  readonly catalogue: SimCatalogue;
}

/** @param checker for a world that looks at more than the replicas */
export function clusterSurroundings(
  world: Scheduler,
  brokers: readonly number[],
  { unclean, ...options }: Pick<Surroundings, "config" | "bug"> & { readonly unclean: boolean },
  checker = new Checker(unclean),
): ClusterSurroundings {
  const network = new SimNetwork(world);
  return {
    ...options,
    world,
    network,
    checker,
    catalogue: new SimCatalogue(world, network, brokers),
    replicas: new Map(),
    faults: { dropAlarm: 0, lateAlarmMs: 0, loseReplies: 0, skewMs: 0 },
    violation: (text) => checker.violation(text),
  };
}

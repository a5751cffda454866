/** The Worker's handlers: the front door over this deployment's bindings, and the timer. */
import type { Env } from "../env.ts";
import { createInstancesPort } from "../objects/instances-port.ts";
import { contextFor, deploymentOf } from "./context.ts";
import type { FrontDoor } from "./front-door.ts";
import { createFrontDoor } from "./front-door.ts";
import { sweepCluster } from "./scheduled.ts";

export interface App extends FrontDoor<Env> {
  scheduled(controller: unknown, env: Env): Promise<void>;
}

export function createApp(): App {
  return {
    ...createFrontDoor(contextFor, createInstancesPort, deploymentOf),
    scheduled: (_controller, env) => sweepCluster(env),
  };
}

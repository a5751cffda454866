/** The Worker's HTTP side: the front door over this deployment's bindings. */
import type { Env } from "../env.ts";
import { contextFor } from "./context.ts";
import type { FrontDoor } from "./front-door.ts";
import { createFrontDoor } from "./front-door.ts";

export function createApp(): FrontDoor<Env> {
  return createFrontDoor(contextFor);
}

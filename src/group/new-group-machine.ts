/** The group machine as coordinators have it: classic groups, consumer groups and offsets. */
import type { GroupConfig } from "./config.ts";
import { ConsumerGroupManager } from "./consumer/consumer-group-manager.ts";
import { GroupMachine } from "./group-machine.ts";

export function newGroupMachine(config: GroupConfig): GroupMachine {
  return new GroupMachine(config, (groups) => new ConsumerGroupManager(groups, config));
}

/** A group coordinator brought to life: its machine on top of the replica, and the topics it asks for. */
import type { CataloguePort } from "../broker/ports.ts";
import type { GroupConfig } from "../group/config.ts";
import { Coordinator, type CoordinatorInput, type CoordinatorReply } from "../group/coordinator.ts";

import type { GroupMessage } from "../group/messages.ts";
import { newGroupMachine } from "../group/new-group-machine.ts";
import { type HostOptions, host, type ReplicaHost } from "./replica-host.ts";
import type { ReplicaShell } from "./replica-shell.ts";

export interface CoordinatorHost extends ReplicaHost {
  readonly shell: ReplicaShell<CoordinatorInput, GroupMessage, CoordinatorReply>;
}

export function hostCoordinator(options: HostOptions, config: GroupConfig): CoordinatorHost {
  const { catalogue, address } = options;
  return host<CoordinatorInput, GroupMessage, CoordinatorReply>(options, (replica, store) => ({
    machine: new Coordinator({ replica, store, newMachine: () => newGroupMachine(config) }),
    send: ({ names }) => readTopics(catalogue, address.clusterId, names),
  }));
}

async function readTopics(
  catalogue: CataloguePort,
  clusterId: string,
  names: readonly string[] | null,
): Promise<CoordinatorInput> {
  try {
    const found = await catalogue.topics(clusterId, names, { fresh: true });
    const topics = Array.from(found.values(), ({ name, topicId, partitions }) => {
      return { name, topicId, partitions: partitions.length };
    });
    return { kind: "topics", topics };
  } catch {
    return { kind: "topics", topics: null };
  }
}

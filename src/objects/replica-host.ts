/**
 * A replica brought to life: its machine over the object's SQLite, its shell, and what its messages
 * mean here. A copy for a follower is an RPC to that replica's object; the catalogue is D1.
 */
import type { CataloguePort, PartitionAddress } from "../broker/ports.ts";
import { brokerConfigValue, brokerSources, topicConfigValue } from "../cluster/config-sources.ts";
import type { ClusterInfo, ConfigMap, PartitionInfo, TopicInfo } from "../cluster/types.ts";
import type { CoordinatorReply } from "../group/coordinator.ts";
import type { LogConfig } from "../log/log-config.ts";
import { LogWriter } from "../log/log-writer.ts";
import { PartitionLog } from "../log/partition-log.ts";
import type { ReplyTo } from "../machine/machine.ts";
import { REPLICA_CONFIG_DEFAULT, type ReplicaConfig } from "../replication/config.ts";
import {
  type IsrOutcome,
  isReplicaMessage,
  type ReplicaFact,
  type ReplicaInput,
  type ReplicaMessage,
  type ReplicaReply,
  type ReplicateReply,
  type TurnMachine,
} from "../replication/messages.ts";
import { Replica } from "../replication/replica.ts";
import { decodeReplicaState, encodeReplicaState } from "../replication/replica-state.ts";
import type { Partition } from "./partition.ts";
import { isHint, partitionName } from "./partition-name.ts";
import { ReplicaShell } from "./replica-shell.ts";
import { SqlLogStore } from "./sql-log-store.ts";
import { STORAGE_FORMAT } from "./storage-format.ts";

/** What of the catalogue a replica keeps, so that it can wake and lead without asking. */
export interface Identity {
  /** STORAGE_FORMAT of the Kedge that wrote the object's storage. */
  readonly format: number;
  readonly minInsyncReplicas: number;
  readonly log: LogConfig;
  /** Location hint of each replica's broker: whoever names an object first decides where it is. */
  readonly hints: Readonly<Record<number, string>>;
  /** Brokers that were fenced when the catalogue was read. */
  readonly fencedBrokers: readonly number[];
}

/** The shell, to those who ask only what any replica is asked. */
interface ReplicaCalls extends Pick<ReplicaShell, "tell" | "close" | "alarm" | "alarmsSet"> {
  ask(make: (to: ReplyTo) => ReplicaInput): Promise<ReplicaReply | CoordinatorReply>;
}

export interface ReplicaHost {
  readonly store: SqlLogStore;
  readonly replica: Replica;
  readonly shell: ReplicaCalls;
}

/** A machine that stands on a replica, and what its own messages mean here. */
interface OnTop<Input, Message, Reply> {
  readonly machine: TurnMachine<Input, Message, Reply>;
  /** As in ReplicaShellHooks. */
  send(message: Message): Promise<Input>;
}

export interface HostOptions {
  readonly ctx: DurableObjectState;
  readonly namespace: DurableObjectNamespace<Partition>;
  readonly catalogue: CataloguePort;
  readonly address: PartitionAddress;
  readonly identity: Identity;
  /** KEDGE_BROKER_CONFIG */
  readonly staticConfigs: ConfigMap;
  /** The catalogue was read: what is to be kept of it, or that the partition is gone. */
  readonly onIdentity: (identity: Identity | null) => void;
  /** LOG75: the partition refuses appends, since its store holds that many bytes. */
  readonly onFull: (bytes: number) => void;
  /** A turn has ended. */
  readonly afterTurn: (highWatermark: number) => void;
}

/** Null when this partition, or this replica of it, is not in the catalogue. */
export async function readIdentity(
  catalogue: CataloguePort,
  { clusterId, topicId, partition, brokerId }: PartitionAddress,
  statics: ConfigMap,
  fresh: boolean,
): Promise<{ identity: Identity; partition: PartitionInfo } | null> {
  const topic = (await catalogue.topicsById(clusterId, [topicId], { fresh })).get(topicId);
  const state = topic?.partitions[partition];
  if (topic === undefined || !state?.replicas.includes(brokerId)) return null;
  const cluster = await catalogue.cluster(clusterId, { fresh });
  const hints: Record<number, string> = {};
  for (const broker of cluster?.brokers ?? []) hints[broker.brokerId] = broker.hint;
  const fenced = cluster?.brokers.filter((broker) => broker.fenced) ?? [];
  const fencedBrokers = fenced.map((broker) => broker.brokerId);
  const format = STORAGE_FORMAT;
  const configs = configsOf(topic, cluster ?? { configs: {} }, statics, brokerId);
  return { identity: { ...configs, format, hints, fencedBrokers }, partition: state };
}

/** What holds for the topic on this replica's broker. */
function configsOf(
  topic: TopicInfo,
  cluster: Pick<ClusterInfo, "configs">,
  statics: ConfigMap,
  brokerId: number,
): Pick<Identity, "minInsyncReplicas" | "log"> {
  const sources = brokerSources(cluster, statics, brokerId);
  const text = (name: string): string => topicConfigValue(name, topic.configs, sources);
  const number = (name: string): number => Number(text(name));
  const policies = text("cleanup.policy").split(",");
  const has = (policy: string): boolean => policies.some((name) => name.trim() === policy);
  const log: LogConfig = {
    segmentBytes: number("segment.bytes"),
    segmentMs: number("segment.ms"),
    retentionMs: number("retention.ms"),
    retentionBytes: number("retention.bytes"),
    retentionCheckMs: Number(brokerConfigValue("log.retention.check.interval.ms", sources)),
    cleanupDelete: has("delete"),
    cleanupCompact: has("compact"),
    minCleanableDirtyRatio: number("min.cleanable.dirty.ratio"),
    minCompactionLagMs: number("min.compaction.lag.ms"),
    maxCompactionLagMs: number("max.compaction.lag.ms"),
    deleteRetentionMs: number("delete.retention.ms"),
  };
  return { minInsyncReplicas: number("min.insync.replicas"), log };
}

export function hostReplica(options: HostOptions): ReplicaHost {
  return host<never, never, never>(options, (replica) => ({ machine: replica, send: nothing }));
}

function nothing(message: never): never {
  return message;
}

/** A replica, or a machine on top of one, brought to life. */
export function host<
  Input extends { readonly kind: string },
  Message extends { readonly kind: string },
  Reply extends CoordinatorReply,
>(
  options: HostOptions,
  onTopOf: (replica: Replica, store: SqlLogStore) => OnTop<Input, Message, Reply>,
): ReplicaHost & { readonly shell: ReplicaShell<Input, Message, Reply> } {
  const { ctx, address } = options;
  let { identity } = options;
  const store = new SqlLogStore(ctx.storage.sql);
  const { log, replayed } = PartitionLog.recover(store);
  const stored = store.replicaState();
  const replica = new Replica({
    brokerId: address.brokerId,
    log,
    store,
    state: stored === null ? null : decodeReplicaState(stored),
    config: replicaConfig(identity),
  });
  const writer = new LogWriter(store, log, replayed);
  const onTop = onTopOf(replica, store);
  const shell = new ReplicaShell<Input, Message, Reply>(ctx, onTop.machine, {
    store: (facts) => storeFacts(store, writer, facts),
    send: (message) => (isReplicaMessage(message) ? outcomeOf(message) : onTop.send(message)),
    afterTurn: () => {
      alertIfFull();
      options.afterTurn(log.highWatermark);
    },
  });

  let wasFull = false;
  /** Once, and not for every append that is refused. */
  const alertIfFull = (): void => {
    const { isFull } = replica;
    if (isFull && !wasFull) options.onFull(store.bytesStored());
    wasFull = isFull;
  };

  const outcomeOf = (message: ReplicaMessage): Promise<ReplicaInput> => {
    switch (message.kind) {
      case "replicate":
        return copyTo(message);
      case "changeIsr":
        return changeIsr(options, message);
      case "readCatalogue":
        return readRow();
    }
  };

  /** One for all messages to a follower, which keeps them in order, until it throws. */
  const stubs = new Map<number, DurableObjectStub<Partition>>();
  const stubOf = (follower: number): DurableObjectStub<Partition> => {
    const known = stubs.get(follower);
    if (known !== undefined) return known;
    const name = partitionName({ ...address, brokerId: follower });
    const hint = identity.hints[follower];
    const stub =
      hint !== undefined && isHint(hint)
        ? options.namespace.getByName(name, { locationHint: hint })
        : options.namespace.getByName(name);
    stubs.set(follower, stub);
    return stub;
  };

  const copyTo = async ({
    follower,
    sendId,
    request,
  }: ReplicaMessage & { kind: "replicate" }): Promise<ReplicaInput> => {
    let reply: ReplicateReply | null = null;
    try {
      reply = await stubOf(follower).replicate(request);
    } catch {
      // A stub that threw may be broken for good.
      stubs.delete(follower);
      // Not reached, or not answered: the machine tries again.
    }
    return { kind: "replicated", follower, sendId, reply };
  };

  const readRow = async (): Promise<ReplicaInput> => {
    try {
      const found = await readIdentity(options.catalogue, address, options.staticConfigs, true);
      options.onIdentity(found?.identity ?? null);
      if (found === null) return { kind: "catalogue", partition: null };
      identity = found.identity;
      shell.tell({ kind: "configure", config: replicaConfig(identity) });
      return { kind: "catalogue", partition: found.partition };
    } catch {
      return { kind: "catalogue", partition: null };
    }
  };

  return { store, replica, shell };
}

function replicaConfig(identity: Identity): ReplicaConfig {
  const { minInsyncReplicas, log, fencedBrokers } = identity;
  return { ...REPLICA_CONFIG_DEFAULT, ...log, minInsyncReplicas, fencedBrokers };
}

function storeFacts(store: SqlLogStore, writer: LogWriter, facts: readonly ReplicaFact[]): void {
  writer.write(facts.filter((fact) => fact.kind !== "state"));
  // The last one says it all.
  const last = facts.findLast((fact) => fact.kind === "state");
  if (last?.kind === "state") store.putReplicaState(encodeReplicaState(last.state));
}

async function changeIsr(
  { catalogue, address }: HostOptions,
  { attempt, expectedPartitionEpoch, next }: ReplicaMessage & { kind: "changeIsr" },
): Promise<ReplicaInput> {
  const { clusterId, topicId, partition } = address;
  let outcome: IsrOutcome = "unknown";
  try {
    outcome = await catalogue.changePartition(
      clusterId,
      topicId,
      partition,
      expectedPartitionEpoch,
      next,
    );
  } catch {
    // No answer: it may have happened, or may yet.
  }
  return { kind: "isrChanged", attempt, outcome };
}

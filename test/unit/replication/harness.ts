/** Replicas with turns given by hand: nothing is sent, stored or answered but what a test says. */
import type { PartitionInfo } from "../../../src/cluster/types.ts";
import { LogWriter } from "../../../src/log/log-writer.ts";
import { PartitionLog } from "../../../src/log/partition-log.ts";
import { REPLICA_CONFIG_DEFAULT, type ReplicaConfig } from "../../../src/replication/config.ts";
import {
  noReplicaEffects,
  type ReplicaEffects,
  type ReplicaInput,
  type ReplicaMessage,
  type ReplicateReply,
} from "../../../src/replication/messages.ts";
import { Replica } from "../../../src/replication/replica.ts";
import { decodeReplicaState, encodeReplicaState } from "../../../src/replication/replica-state.ts";
import { MemoryReplicaStore } from "../../support/memory-replica-store.ts";
import { batchOf, NOW } from "../log/harness.ts";

export type Replicate = ReplicaMessage & { readonly kind: "replicate" };

export const ROW: PartitionInfo = {
  partition: 0,
  leader: 1,
  leaderEpoch: 0,
  partitionEpoch: 0,
  replicas: [1, 2, 3],
  isr: [1, 2, 3],
};

export class Node {
  readonly brokerId: number;
  readonly config: ReplicaConfig;
  nowMs = NOW;
  store: MemoryReplicaStore;
  replica: Replica;
  out: ReplicaEffects = noReplicaEffects();
  #writer: LogWriter;

  constructor(
    brokerId: number,
    config: Partial<ReplicaConfig> = {},
    store = new MemoryReplicaStore(),
  ) {
    this.brokerId = brokerId;
    this.config = { ...REPLICA_CONFIG_DEFAULT, lingerMs: 0, ...config };
    this.store = store;
    const { log, replayed } = PartitionLog.recover(store);
    const stored = store.replicaState();
    const state = stored === null ? null : decodeReplicaState(stored);
    this.replica = new Replica({ brokerId, log, store, state, config: this.config });
    this.#writer = new LogWriter(store, log, replayed);
  }

  /** One turn; the facts are in the store afterwards, but nobody has said that they are durable. */
  turn(...inputs: readonly ReplicaInput[]): ReplicaEffects {
    const out = noReplicaEffects();
    for (const input of inputs) this.replica.step(this.nowMs, input, out);
    this.replica.endTurn(this.nowMs, out);
    this.#writer.write(out.facts.filter((fact) => fact.kind !== "state"));
    const state = out.facts.findLast((fact) => fact.kind === "state");
    if (state?.kind === "state") this.store.putReplicaState(encodeReplicaState(state.state));
    this.out = out;
    return out;
  }

  /** The write of the last turn is done. */
  durable(): ReplicaEffects {
    return this.turn({ kind: "durable", ...this.replica.position() });
  }

  /** A turn and its write. */
  done(...inputs: readonly ReplicaInput[]): ReplicaEffects {
    const first = this.turn(...inputs);
    const second = this.durable();
    return {
      facts: [...first.facts, ...second.facts],
      early: [...first.early, ...second.early],
      messages: [...first.messages, ...second.messages],
      ready: [...first.ready, ...second.ready],
      replies: [...first.replies, ...second.replies],
    };
  }

  /** Memory is gone; `lost`: what the store held at that earlier time is all there is. */
  restart(lost?: MemoryReplicaStore): Node {
    const node = new Node(this.brokerId, this.config, (lost ?? this.store).copy());
    node.nowMs = this.nowMs;
    return node;
  }

  get log(): PartitionLog {
    return this.replica.log;
  }
}

/** A cluster that has just been created: every replica has read its row. */
export function cluster(config: Partial<ReplicaConfig> = {}, row = ROW): [Node, Node, Node] {
  const nodes: [Node, Node, Node] = [new Node(1, config), new Node(2, config), new Node(3, config)];
  const outs = nodes.map((node) => node.done({ kind: "catalogue", partition: row }));
  nodes.forEach((node, i) => {
    if (node.replica.isLeader) settle(node, nodes, outs[i]);
  });
  return nodes;
}

export function append(to = 0, acks = -1, batch = batchOf(), leaderEpoch = -1): ReplicaInput {
  return { kind: "append", to, batch, acks, timeoutMs: 1_000, leaderEpoch, logAppendTime: false };
}

export function copies(out: ReplicaEffects, follower?: number): Replicate[] {
  return [...out.early, ...out.messages].filter(
    (message): message is Replicate =>
      message.kind === "replicate" && (follower === undefined || message.follower === follower),
  );
}

/** Hands a message to its follower; its reply, as the follower gives it once it is durable. */
export function deliver(message: Replicate, follower: Node): ReplicateReply {
  const { replies } = follower.turn({ kind: "replicate", to: 0, request: message.request });
  const reply = replies.find((each) => each.reply.kind === "replicate")?.reply;
  if (reply?.kind !== "replicate") throw new Error("a message was not answered");
  return reply.reply;
}

export function answered(message: Replicate, reply: ReplicateReply | null): ReplicaInput {
  const { follower, sendId } = message;
  return { kind: "replicated", follower, sendId, reply };
}

/** Carries messages to and fro until there are none. Everything that the leader gave on the way. */
export function settle(leader: Node, followers: readonly Node[], out = leader.out): ReplicaEffects {
  const all = noReplicaEffects();
  let waiting = copies(out);
  for (let round = 0; waiting.length > 0; round++) {
    if (round > 100) throw new Error("messages without end");
    const inputs = waiting.map((message) => {
      const follower = followers.find(({ brokerId }) => brokerId === message.follower);
      return answered(message, follower === undefined ? null : deliver(message, follower));
    });
    const next = leader.done(...inputs);
    all.facts.push(...next.facts);
    all.ready.push(...next.ready);
    all.replies.push(...next.replies);
    all.messages.push(...next.messages.filter(({ kind }) => kind !== "replicate"));
    waiting = copies(next);
  }
  return all;
}

/** A cluster that has settled over a few batches. */
export function settled(): [Node, Node, Node] {
  const nodes = cluster();
  const [leader, two, three] = nodes;
  for (let i = 0; i < 3; i++) {
    settle(leader, [two, three], leader.done(append(i, -1, batchOf({ records: 2 }))));
  }
  return nodes;
}

/** The error codes of all that was answered to clients. */
export function errorsOf(out: ReplicaEffects): number[] {
  return [...out.ready, ...out.replies].flatMap(({ reply }) =>
    reply.kind === "replicate" ? [] : [reply.errorCode],
  );
}

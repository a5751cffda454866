/** What a replica must remember besides its log: one small row, replaced as a whole. */
import type { PartitionInfo } from "../cluster/types.ts";
import { assert } from "../lib/assert.ts";
import { utf8Decode, utf8Encode } from "../lib/bytes.ts";
import type { LogStore } from "../log/log-store.ts";
import type { Term } from "../log/partition-log.ts";

export interface ReplicaState extends Term {
  /** The highest term met (REP3): its own when it leads. */
  readonly leaderEpoch: number;
  readonly incarnation: number;
  readonly highWatermark: number;
  /** The row as last known, null before the first reading. */
  readonly partition: PartitionInfo | null;
  /** Replicas that the leader asked the catalogue to add and that may be members by now (REP21). */
  readonly pendingIsr: readonly number[];
  /** What all members of the ISR know and have stored, as far as their leader knows (REP51). */
  readonly settled: { readonly highWatermark: number; readonly logStartOffset: number } | null;
}

export const NEW_REPLICA: ReplicaState = {
  leaderEpoch: -1,
  incarnation: 0,
  highWatermark: 0,
  partition: null,
  pendingIsr: [],
  settled: null,
};

/** A log's store with room for the replica's state, in the same transaction. */
export interface ReplicaStore extends LogStore {
  /** As `encodeReplicaState` made it, null in a new replica. */
  replicaState(): Uint8Array | null;
  putReplicaState(bytes: Uint8Array): void;
}

const VERSION = 1;

export function encodeReplicaState(state: ReplicaState): Uint8Array {
  return utf8Encode(JSON.stringify({ version: VERSION, ...state }));
}

export function decodeReplicaState(bytes: Uint8Array): ReplicaState {
  const stored: ReplicaState & { version: number } = JSON.parse(utf8Decode(bytes));
  assert(stored.version === VERSION, `replica state version ${stored.version} is not known`);
  const { version: _, ...state } = stored;
  return state;
}

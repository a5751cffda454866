/** One member of a classic group (Kafka's ClassicGroupMember). */
import { EMPTY_BYTES, equalBytes } from "../../lib/bytes.ts";
import type { ReplyTo } from "../../machine/machine.ts";
import { Deadline } from "../deadline-heap.ts";
import type { GroupMetadataMember } from "../records.ts";

/** A protocol that a member offers, with what its assignor wants the leader to know. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

/** Who has an id and has not joined with it (KIP-394). */
export class PendingMember {
  readonly memberId: string;
  readonly session: Deadline<PendingMember | ClassicMember> = new Deadline(this);

  constructor(memberId: string) {
    this.memberId = memberId;
  }
}

export interface MemberIdentity {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  /** "/127.0.0.1", or "" when it is not known. */
  readonly clientHost: string;
}

export interface MemberOffer {
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** In the member's order of preference, no name twice. */
  readonly protocols: readonly MemberProtocol[];
}

export class ClassicMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  offer: MemberOffer;
  assignment: Uint8Array = EMPTY_BYTES;
  /** Its JoinGroup, or SyncGroup, that waits for an answer. */
  joinTo: ReplyTo | null = null;
  syncTo: ReplyTo | null = null;
  /** It has never got its id: it cannot heartbeat, and a join of its own keeps it no longer alive. */
  isNew = false;
  /** It is in the present generation and has not joined it (GRP51). */
  isBehind = false;
  readonly session: Deadline<PendingMember | ClassicMember> = new Deadline(this);

  constructor(identity: MemberIdentity, offer: MemberOffer) {
    this.memberId = identity.memberId;
    this.groupInstanceId = identity.groupInstanceId;
    this.clientId = identity.clientId;
    this.clientHost = identity.clientHost;
    this.offer = offer;
  }

  get isStatic(): boolean {
    return this.groupInstanceId !== null;
  }

  /** While an answer of ours is due, silence is no sign of death (hasSatisfiedHeartbeat). */
  get isKeptWaiting(): boolean {
    return !this.isNew && (this.joinTo !== null || this.syncTo !== null);
  }

  supports(protocolName: string): boolean {
    return this.offer.protocols.some(({ name }) => name === protocolName);
  }

  /** No bytes for a protocol that it does not offer. */
  metadataOf(protocolName: string | null): Uint8Array {
    const found = this.offer.protocols.find(({ name }) => name === protocolName);
    return found?.metadata ?? EMPTY_BYTES;
  }

  /** Whether these are its protocols: same names, same bytes, same order. */
  offers(protocols: readonly MemberProtocol[]): boolean {
    const mine = this.offer.protocols;
    return (
      mine.length === protocols.length &&
      mine.every(({ name, metadata }, at) => {
        const other = protocols[at];
        return other !== undefined && other.name === name && equalBytes(other.metadata, metadata);
      })
    );
  }
}

/** As a record has it: of its protocols it names the chosen one only. */
export function memberFromRecord(
  stored: GroupMetadataMember,
  protocolName: string | null,
): ClassicMember {
  const { sessionTimeout, rebalanceTimeout, subscription } = stored;
  const member = new ClassicMember(stored, {
    // Versions before 1 have no rebalance timeout.
    rebalanceTimeoutMs: rebalanceTimeout === -1 ? sessionTimeout : rebalanceTimeout,
    sessionTimeoutMs: sessionTimeout,
    protocols: protocolName === null ? [] : [{ name: protocolName, metadata: subscription }],
  });
  member.assignment = stored.assignment;
  return member;
}

/** One client of a group as the random tests have it: it knows what it was told, and nothing else. */
import type { JoinGroupRequest } from "../../../src/protocol/api/11-join-group.ts";
import type { Answer, GroupHarness } from "./harness.ts";
import { range, reads } from "./harness.ts";

/** What the leader gave, as text: who, by which of its syncs, in which generation. */
export interface Token {
  readonly generationId: number;
  readonly sync: number;
  readonly memberId: string;
}

export function tokenBytes(token: Token): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(token));
}

export function tokenOf(bytes: Uint8Array): Token | null {
  return bytes.length === 0 ? null : JSON.parse(new TextDecoder().decode(bytes));
}

let syncs = 0;

export class RandomClient {
  readonly harness: GroupHarness;
  readonly groupInstanceId: string | null;
  readonly timeouts: { readonly sessionTimeoutMs: number; readonly rebalanceTimeoutMs: number };
  readonly apiVersion: number;
  memberId = "";
  generationId = -1;
  /** Of the generation that it leads. */
  followers: readonly string[] | null = null;
  assignment: Token | null = null;
  isIn = false;
  /** Another has its instance id: it must not go on. */
  isFenced = false;
  joining: Answer<"joinGroup"> | null = null;
  syncing: Answer<"syncGroup"> | null = null;
  topic = "t";

  constructor(
    harness: GroupHarness,
    groupInstanceId: string | null,
    timeouts: RandomClient["timeouts"],
    apiVersion: number,
  ) {
    this.harness = harness;
    this.groupInstanceId = groupInstanceId;
    this.timeouts = timeouts;
    this.apiVersion = apiVersion;
  }

  get isBusy(): boolean {
    return this.joining?.waits === true || this.syncing?.waits === true;
  }

  join(body: Partial<JoinGroupRequest> = {}): void {
    this.isIn = false;
    this.syncing = null;
    const { memberId, groupInstanceId, timeouts, apiVersion, topic } = this;
    const protocols = range(reads(topic));
    const request = { ...timeouts, memberId, groupInstanceId, protocols, ...body };
    this.joining = this.harness.join(request, { apiVersion });
    this.hear();
  }

  sync(): void {
    const { memberId, generationId, groupInstanceId, followers } = this;
    const sync = ++syncs;
    const assignments = (followers ?? []).map((one) => {
      return { memberId: one, assignment: tokenBytes({ generationId, sync, memberId: one }) };
    });
    this.syncing = this.harness.sync(memberId, { generationId, groupInstanceId, assignments });
    this.hear();
  }

  heartbeat(): void {
    const { memberId, generationId, groupInstanceId } = this;
    this.#refused(this.harness.heartbeat(memberId, generationId, groupInstanceId));
  }

  leave(): void {
    if (this.memberId === "") return;
    const { memberId, groupInstanceId } = this;
    this.harness.leave([{ memberId, groupInstanceId }]);
    this.hear();
    this.forget();
  }

  /** The process dies and comes back. */
  forget(): void {
    this.memberId = "";
    this.generationId = -1;
    this.followers = null;
    this.assignment = null;
    this.joining = null;
    this.syncing = null;
    this.isIn = false;
    this.isFenced = false;
  }

  /** Takes in the answers that have come. */
  hear(): void {
    const { joining, syncing } = this;
    if (joining !== null && !joining.waits) {
      this.joining = null;
      this.#joined(joining);
    }
    if (syncing !== null && !syncing.waits) {
      this.syncing = null;
      if (syncing.code === 0) {
        this.isIn = true;
        this.assignment = tokenOf(syncing.body.assignment);
      } else this.#refused(syncing.code);
    }
  }

  #joined(joining: Answer<"joinGroup">): void {
    const { code } = joining;
    if (code === 79) this.memberId = joining.body.memberId;
    if (code !== 0) {
      this.#refused(code);
      return;
    }
    const { memberId, generationId = -1, members = [], skipAssignment = false } = joining.body;
    this.memberId = memberId;
    this.generationId = generationId;
    const isLeader = members.length > 0 && !skipAssignment;
    this.followers = isLeader ? members.map((member) => member.memberId) : null;
  }

  #refused(code: number): void {
    if (code !== 0) this.isIn = false;
    if (code === 25 || code === 82) this.forget();
    if (code === 82) this.isFenced = true;
  }

  /** What a well-behaved client does next. */
  act(): void {
    this.hear();
    if (this.isBusy || this.isFenced) return;
    if (this.isIn) this.heartbeat();
    if (this.isIn || this.isFenced) return;
    this.join();
    if (this.joining === null && this.memberId !== "" && this.generationId === -1) this.join();
    if (this.joining === null && this.generationId !== -1) this.sync();
  }

  /** The steps of `act` that were left after an answer came late. */
  goOn(): void {
    const joined = this.joining !== null;
    this.hear();
    if (joined && this.joining === null && this.generationId !== -1) this.sync();
  }
}

/** When offsets and groups go away (OffsetExpirationConditionImpl). Rules: SPEC.md, "Expiry". */
import type { Work } from "./backlog.ts";
import type { GroupConfig } from "./config.ts";
import type { Group, GroupTurn } from "./group.ts";
import type { GroupEntry } from "./groups.ts";
import type { OffsetToStore } from "./records.ts";
import { offsetCommitTombstone } from "./records.ts";

/** GRP80 to GRP83: when the offset goes; Infinity while the group's state keeps it. */
export function expiresAtMs(
  group: Group,
  topic: string,
  offset: OffsetToStore,
  retentionMs: number,
): number {
  if (!mayExpire(group) || group.isSubscribedTo(topic)) return Infinity;
  if (offset.expireTimestamp !== -1) return offset.expireTimestamp;
  return baseMs(group, offset.commitTimestamp) + retentionMs;
}

/** A classic group in the middle of a rebalance does not know what its members will read. */
function mayExpire(group: Group): boolean {
  if (group.isEmpty || group.type === "consumer") return true;
  return group.protocolType === "consumer" && group.stateName === "Stable";
}

/** What of a group's state bears on its offsets. To name a consumer group's takes a look at each member. */
function stateToSee(group: Group): string {
  if (group.type === "classic") return group.stateName;
  return group.isEmpty ? "Empty" : "with members";
}

/** From when on the retention of a commit counts. */
function baseMs({ isEmpty, emptySinceMs }: Group, commitMs: number): number {
  return isEmpty && emptySinceMs >= 0 ? emptySinceMs : commitMs;
}

export class OffsetExpiry {
  readonly #retentionMs: number;
  readonly #checkMs: number;

  constructor({ offsetsRetentionMs, offsetsRetentionCheckMs }: GroupConfig) {
    this.#retentionMs = offsetsRetentionMs;
    this.#checkMs = Math.max(1, offsetsRetentionCheckMs);
  }

  /** Somebody committed just now, with that time of expiry (-1: none of its own). */
  committed(entry: GroupEntry, nowMs: number, expireTimestamp: number): void {
    const byRule = baseMs(entry.group, nowMs) + this.#retentionMs;
    this.#note(entry, expireTimestamp === -1 ? byRule : expireTimestamp);
  }

  /** Something was asked of the group. */
  asked(entry: GroupEntry, nowMs: number): void {
    entry.askedMs = nowMs;
    this.changed(entry, nowMs);
  }

  /** With the group's state, what may go has perhaps changed. */
  changed(entry: GroupEntry, nowMs: number): void {
    const { group, offsets, stateSeen } = entry;
    entry.stateSeen = stateToSee(group);
    if (offsets.size === 0) {
      if (group.isEmpty) this.#note(entry, nowMs + this.#checkMs);
      return;
    }
    // Of a group seen for the first time every offset was noted as it came.
    if (stateSeen === "" || stateSeen === entry.stateSeen || !mayExpire(group)) return;
    const { emptySinceMs } = group;
    this.#note(entry, emptySinceMs >= 0 ? emptySinceMs + this.#retentionMs : nowMs);
  }

  /** After a replay, which tells of no time. */
  loaded(entry: GroupEntry, nowMs: number): void {
    const { group, offsets } = entry;
    entry.askedMs = nowMs;
    entry.stateSeen = stateToSee(group);
    if (offsets.size === 0) {
      if (group.isEmpty) this.#note(entry, nowMs + this.#checkMs);
      return;
    }
    for (const [topic, partitions] of offsets.topics()) {
      for (const offset of partitions.values()) {
        this.#note(entry, this.#lookAgainMs(group, topic, offset, nowMs));
      }
    }
  }

  /** Expires what is due, one offset a step, and then the group if nothing is left of it. */
  *run(entry: GroupEntry, isCurrent: () => boolean): Work {
    let turn = yield;
    for (const [topic, partitions] of entry.offsets.topics()) {
      for (const [partition, offset] of partitions) {
        if (!isCurrent()) return;
        const { group } = entry;
        if (expiresAtMs(group, topic, offset, this.#retentionMs) <= turn.nowMs) {
          turn.emit(offsetCommitTombstone(group.groupId, topic, partition));
        } else {
          this.#note(entry, this.#lookAgainMs(group, topic, offset, turn.nowMs));
        }
        turn = yield;
      }
    }
    if (isCurrent()) this.#maybeRemove(entry, turn);
  }

  /** GRP84: nobody is in it, it has no offset, and nobody has just made it. */
  #maybeRemove(entry: GroupEntry, turn: GroupTurn): void {
    const { group, offsets } = entry;
    if (!group.isEmpty || offsets.size > 0) return;
    const atMs = entry.askedMs + this.#checkMs;
    if (atMs <= turn.nowMs) group.tombstones(turn);
    else this.#note(entry, atMs);
  }

  #lookAgainMs(group: Group, topic: string, offset: OffsetToStore, nowMs: number): number {
    const atMs = expiresAtMs(group, topic, offset, this.#retentionMs);
    // A consumer group may cease to read a topic without a change of its state's name.
    return atMs === Infinity && !group.isEmpty ? nowMs + this.#retentionMs : atMs;
  }

  /** GRP85: on the next beat of offsets.retention.check.interval.ms, so that many groups share one. */
  #note(entry: GroupEntry, atMs: number): void {
    const beatMs = Math.ceil(atMs / this.#checkMs) * this.#checkMs;
    if (beatMs < entry.expiryMs) entry.expiryMs = beatMs;
  }
}

/** The groups of one coordinator with their offsets: all of its hard state, changed by records only. */
import { ClassicGroup } from "./classic/classic-group.ts";
import type { ClassicRules } from "./classic/rules.ts";
import type { GroupConfig } from "./config.ts";
import { Deadline, DeadlineHeap } from "./deadline-heap.ts";
import type { Group, GroupTable } from "./group.ts";
import type { GroupRecord } from "./messages.ts";
import { GroupOffsets } from "./offsets.ts";
import {
  decodeGroupMetadataKey,
  decodeGroupMetadataValue,
  decodeOffsetCommitKey,
  decodeOffsetCommitValue,
} from "./records.ts";

/** What is under one group id. */
export class GroupEntry {
  group: Group;
  readonly offsets = new GroupOffsets();
  readonly timer: Deadline<GroupEntry> = new Deadline(this);
  /** No offset expires before, and the group itself does not go; ms. */
  expiryMs = Infinity;
  /** When somebody last asked something of the group, ms. */
  askedMs = -Infinity;
  /** Of its offsets' expiry: in which state it was last looked at. */
  stateSeen = "";

  constructor(group: Group) {
    this.group = group;
  }
}

export class Groups implements GroupTable {
  readonly #config: GroupConfig;
  readonly #rules: ClassicRules;
  readonly #entries = new Map<string, GroupEntry>();
  readonly timers = new DeadlineHeap<GroupEntry>();

  constructor(config: GroupConfig, rules: ClassicRules) {
    this.#config = config;
    this.#rules = rules;
  }

  #newGroup(groupId: string): ClassicGroup {
    return new ClassicGroup(groupId, this.#config, this.#rules);
  }

  get(groupId: string): Group | undefined {
    return this.#entries.get(groupId)?.group;
  }

  entry(groupId: string): GroupEntry | undefined {
    return this.#entries.get(groupId);
  }

  entries(): MapIterator<GroupEntry> {
    return this.#entries.values();
  }

  *all(): Generator<Group> {
    for (const { group } of this.#entries.values()) yield group;
  }

  put(group: Group): void {
    const entry = this.#entries.get(group.groupId);
    if (entry === undefined) this.#entries.set(group.groupId, new GroupEntry(group));
    else entry.group = group;
  }

  remove(groupId: string): void {
    const entry = this.#entries.get(groupId);
    if (entry === undefined) return;
    if (entry.offsets.size > 0) {
      entry.group = this.#newGroup(groupId);
      return;
    }
    this.timers.delete(entry.timer);
    this.#entries.delete(groupId);
  }

  applyOffset({ key, value }: GroupRecord): void {
    const { group, topic, partition } = decodeOffsetCommitKey(key);
    const decoded = value === null ? null : decodeOffsetCommitValue(value);
    // Who commits without a group of members makes one that has offsets only (a simple group).
    if (decoded !== null && !this.#entries.has(group)) {
      this.put(this.#newGroup(group));
    }
    this.#entries.get(group)?.offsets.apply(topic, partition, decoded);
  }

  applyClassicGroup({ key, value }: GroupRecord): void {
    const groupId = decodeGroupMetadataKey(key);
    if (value === null) {
      this.remove(groupId);
      return;
    }
    const found = this.get(groupId);
    const group = found instanceof ClassicGroup ? found : this.#newGroup(groupId);
    group.apply(decodeGroupMetadataValue(value));
    if (group !== found) this.put(group);
  }
}

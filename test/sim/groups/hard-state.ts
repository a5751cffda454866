/** What records say of a group, as text: of a machine that decided them, or of one that read them. */
import { ClassicGroup } from "../../../src/group/classic/classic-group.ts";
import { ConsumerGroup } from "../../../src/group/consumer/consumer-group.ts";
import type { GroupTable } from "../../../src/group/group.ts";
import type { GroupMachine } from "../../../src/group/group-machine.ts";
import { Groups } from "../../../src/group/groups.ts";
import { snapshot } from "../../unit/group/consumer/snapshot.ts";

/** Null while a rebalance of the classic protocol is under way, which is in no record (GRP22). */
export function hardState(machine: GroupMachine, groupId: string): string | null {
  const group = machine.groups.get(groupId);
  if (group === undefined) return "none";
  const offsets = offsetsOf(machine.groups, groupId);
  if (group instanceof ConsumerGroup) return JSON.stringify([snapshot(group), offsets], null, 1);
  if (!(group instanceof ClassicGroup)) throw new Error(`a ${group.type} group`);
  const { generationId, protocolName, members, state } = group;
  if (state !== "Stable" && state !== "Empty") return null;
  const all = Array.from(members.all(), (member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    metadata: [...member.metadataOf(protocolName)],
    assignment: [...member.assignment],
  })).sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const { leaderId } = members;
  return JSON.stringify([state, generationId, protocolName, leaderId, all, offsets], null, 1);
}

function offsetsOf(table: GroupTable, groupId: string): unknown {
  const entry = table instanceof Groups ? table.entry(groupId) : undefined;
  return [...(entry?.offsets.topics() ?? [])]
    .flatMap(([topic, partitions]) =>
      Array.from(partitions, ([index, { offset, metadata }]) => [
        `${topic}/${index}`,
        offset,
        metadata,
      ]),
    )
    .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
}

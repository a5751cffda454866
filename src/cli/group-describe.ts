/** What `consumer-groups --describe` prints (Kafka 4's ConsumerGroupCommand), as lines. */
import type {
  CommittedOffset,
  ConsumerGroupDescription,
  MemberDescription,
  TopicPartition,
} from "../client/mod.ts";
import { row, widest } from "./columns.ts";

/** Kafka's word for "there is none". */
const MISSING = "-";
const WIDTH_MIN = 15;
const INSTANCE_WIDTH_MIN = 17;

export interface GroupOffsets {
  readonly group: ConsumerGroupDescription;
  readonly committed: readonly CommittedOffset[];
  /** Log end offsets by `keyOf`; a partition that cannot be asked is left out. */
  readonly ends: ReadonlyMap<string, number>;
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

/** Every partition that a member has or that the group committed, each once. */
export function partitionsOf(
  group: ConsumerGroupDescription,
  committed: readonly CommittedOffset[],
): TopicPartition[] {
  const all = [...group.members.flatMap(({ assignment }) => assignment), ...committed];
  const found = new Map(all.map((one) => [keyOf(one), one]));
  return [...found.values()].map(({ topic, partition }) => ({ topic, partition }));
}

/** The line on standard error that goes before a group's table; null when there is nothing to say. */
export function stateNote({ groupId, state }: ConsumerGroupDescription): string | null {
  switch (state) {
    case "Empty":
      return `\nConsumer group '${groupId}' has no active members.`;
    case "PreparingRebalance":
    case "CompletingRebalance":
    case "Assigning":
    case "Reconciling":
      return `\nWarning: Consumer group '${groupId}' is rebalancing.`;
    default:
      return null;
  }
}

export function doesNotExist(groupId: string): string {
  return `Consumer group '${groupId}' does not exist.`;
}

interface OffsetRow {
  readonly place: TopicPartition | null;
  readonly offset: CommittedOffset | null;
  readonly end: number | null;
  readonly member: Pick<MemberDescription, "consumerId" | "host" | "clientId"> | null;
}

/** Members with partitions, the busiest first, then partitions that nobody reads. */
function offsetRows({ group, committed, ends }: GroupOffsets): OffsetRow[] {
  const offsets = new Map(committed.map((one) => [keyOf(one), one]));
  const assigned = new Set<string>();
  const rowOf = (place: TopicPartition, member: OffsetRow["member"]): OffsetRow => {
    const key = keyOf(place);
    return { place, member, offset: offsets.get(key) ?? null, end: ends.get(key) ?? null };
  };
  const busy = group.members
    .filter(({ assignment }) => assignment.length > 0)
    .sort((a, b) => b.assignment.length - a.assignment.length);
  const rows = busy.flatMap((member) =>
    member.assignment.map((place) => {
      assigned.add(keyOf(place));
      return rowOf(place, member);
    }),
  );
  const others = committed.filter((one) => !assigned.has(keyOf(one)));
  return [...rows, ...others.map((one) => rowOf(one, null))];
}

/** Nothing when the group has neither members with partitions nor offsets. */
export function offsetLines(offsets: GroupOffsets, verbose: boolean): string[] {
  const rows = offsetRows(offsets);
  if (rows.length === 0) return [];
  const { groupId } = offsets.group;
  const optional = (cells: string[]): string[] => (verbose ? cells : []);
  const lines = [
    [
      ...["GROUP", "TOPIC", "PARTITION", ...optional(["LEADER-EPOCH"]), "CURRENT-OFFSET"],
      ...["LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID"],
    ],
    ...rows.map(({ place, offset, end, member }) => [
      ...[groupId, place?.topic ?? MISSING, shown(place?.partition)],
      ...optional([shown(offset?.leaderEpoch)]),
      ...[shown(offset?.offset), shown(end), shown(lagOf(offset, end))],
      ...[member?.consumerId ?? MISSING, member?.host ?? MISSING, member?.clientId ?? MISSING],
    ]),
  ];
  const column = (name: string): string[] => {
    const at = lines[0]?.indexOf(name) ?? -1;
    return lines.slice(1).map((cells) => cells[at] ?? "");
  };
  const widths = [
    ...[widest(WIDTH_MIN, [groupId]), widest(WIDTH_MIN, column("TOPIC")), 10],
    ...(verbose ? [15] : []),
    ...[15, 15, 15, widest(WIDTH_MIN, column("CONSUMER-ID")), widest(WIDTH_MIN, column("HOST")), 0],
  ];
  return lines.map((cells) => row(widths, cells));
}

function lagOf(offset: CommittedOffset | null, end: number | null): number | null {
  return offset === null || end === null ? null : end - offset.offset;
}

function shown(value: number | null | undefined): string {
  return value === null || value === undefined ? MISSING : String(value);
}

export function memberLines(group: ConsumerGroupDescription, verbose: boolean): string[] {
  const { groupId, members } = group;
  if (members.length === 0) return [];
  const statics = members.some(({ groupInstanceId }) => groupInstanceId !== null);
  const lines = [
    [
      ...["GROUP", "CONSUMER-ID", ...(statics ? ["GROUP-INSTANCE-ID"] : []), "HOST", "CLIENT-ID"],
      ...["#PARTITIONS"],
      ...(verbose
        ? ["CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH", "TARGET-ASSIGNMENT"]
        : []),
    ],
    ...members.map((member) => [
      ...[groupId, member.consumerId, ...(statics ? [member.groupInstanceId ?? ""] : [])],
      ...[member.host, member.clientId, String(member.assignment.length)],
      ...(verbose ? verboseCells(group, member) : []),
    ]),
  ];
  const width = (at: number, min = WIDTH_MIN): number =>
    widest(
      min,
      lines.slice(1).map((cells) => cells[at] ?? ""),
    );
  const shift = statics ? 1 : 0;
  const widths = [
    ...[width(0), width(1), ...(statics ? [width(2, INSTANCE_WIDTH_MIN)] : [])],
    ...[width(2 + shift), width(3 + shift), 15],
    ...(verbose ? [15, width(6 + shift, "CURRENT-ASSIGNMENT".length), 15, 0] : []),
  ];
  return lines.map((cells) => row(widths, cells));
}

function verboseCells(group: ConsumerGroupDescription, member: MemberDescription): string[] {
  return [
    shown(member.memberEpoch),
    assignmentText(member.assignment),
    shown(group.targetAssignmentEpoch),
    assignmentText(member.targetAssignment ?? []),
  ];
}

/** `orders:0,1;payments:3` */
export function assignmentText(assignment: readonly TopicPartition[]): string {
  if (assignment.length === 0) return MISSING;
  const byTopic = Map.groupBy(assignment, ({ topic }) => topic);
  return [...byTopic]
    .map(([topic, places]) => `${topic}:${places.map(({ partition }) => partition).join(",")}`)
    .sort()
    .join(";");
}

export function stateLines(group: ConsumerGroupDescription, verbose: boolean): string[] {
  const { groupId, coordinator, partitionAssignor, state, members } = group;
  const who =
    coordinator === null ? MISSING : `${coordinator.host}:${coordinator.port}  (${coordinator.id})`;
  const epochs = [shown(group.groupEpoch), shown(group.targetAssignmentEpoch)];
  const lines = [
    [
      ...["GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE"],
      ...(verbose ? ["GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH"] : []),
      "#MEMBERS",
    ],
    [
      ...[groupId, who, partitionAssignor, state],
      ...(verbose ? epochs : []),
      String(members.length),
    ],
  ];
  const widths = [
    ...[widest(WIDTH_MIN, [groupId]), widest(25, [who]), 20, 20],
    ...(verbose ? [15, 25] : []),
    0,
  ];
  return lines.map((cells) => row(widths, cells));
}

import { describe, expect, test } from "vitest";
import {
  assignmentText,
  memberLines,
  offsetLines,
  partitionsOf,
  stateLines,
  stateNote,
} from "../../../src/cli/group-describe.ts";
import type { ConsumerGroupDescription, MemberDescription } from "../../../src/client/mod.ts";

const place = (topic: string, partition: number) => ({ topic, partition });
const committed = (topic: string, partition: number, offset: number) => ({
  ...{ topic, partition, offset, leaderEpoch: null, metadata: "" },
});

function member(id: string, changes: Partial<MemberDescription> = {}): MemberDescription {
  return {
    ...{ consumerId: id, groupInstanceId: null, rackId: null, clientId: `client-${id}` },
    ...{ host: "/127.0.0.1", assignment: [], targetAssignment: null },
    ...{ memberEpoch: null, upgraded: null, ...changes },
  };
}

function group(changes: Partial<ConsumerGroupDescription> = {}): ConsumerGroupDescription {
  return {
    ...{ groupId: "g", isSimpleConsumerGroup: false, type: "classic", state: "Stable" },
    ...{ partitionAssignor: "range", members: [], groupEpoch: null, targetAssignmentEpoch: null },
    coordinator: { id: 2, host: "127.0.0.1", port: 9093 },
    ...changes,
  };
}

describe("kedge consumer-groups --describe", () => {
  const busy = member("m1", { assignment: [place("orders", 0), place("orders", 1)] });
  const idle = member("m2", { assignment: [place("orders", 2)] });
  const offsets = {
    group: group({ members: [idle, busy, member("m3")] }),
    committed: [committed("orders", 0, 5), committed("orders", 2, 7), committed("old", 0, 1)],
    ends: new Map([
      ["orders-0", 8],
      ["orders-1", 3],
      ["orders-2", 7],
    ]),
  };

  test("the columns are Kafka's: the busiest member first, partitions of nobody last", () => {
    expect(offsetLines(offsets, false)).toEqual([
      "GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID",
      "g               orders          0          5               8               3               m1              /127.0.0.1      client-m1",
      "g               orders          1          -               3               -               m1              /127.0.0.1      client-m1",
      "g               orders          2          7               7               0               m2              /127.0.0.1      client-m2",
      "g               old             0          1               -               -               -               -               -",
    ]);
  });

  test("--verbose adds the leader epoch", () => {
    const [header = "", first = ""] = offsetLines(offsets, true);
    expect(header.split(/\s+/)).toEqual(
      "GROUP TOPIC PARTITION LEADER-EPOCH CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID".split(
        " ",
      ),
    );
    expect(first.split(/\s+/).slice(0, 5)).toEqual(["g", "orders", "0", "-", "5"]);
  });

  test("columns are as wide as what is in them", () => {
    const long = "a-topic-with-a-rather-long-name";
    const [header = "", line = ""] = offsetLines(
      { group: group(), committed: [committed(long, 0, 1)], ends: new Map() },
      false,
    );
    expect(line.indexOf("0 ")).toBe(header.indexOf("PARTITION"));
  });

  test("a group without members and offsets has no table; each partition is asked for once", () => {
    expect(offsetLines({ group: group(), committed: [], ends: new Map() }, false)).toEqual([]);
    expect(partitionsOf(offsets.group, offsets.committed)).toEqual([
      ...[place("orders", 2), place("orders", 0), place("orders", 1), place("old", 0)],
    ]);
  });

  test("--members: static members have a column more", () => {
    expect(memberLines(group({ members: [busy] }), false)).toEqual([
      "GROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS    ",
      "g               m1              /127.0.0.1      client-m1       2              ",
    ]);
    const [header = "", line = ""] = memberLines(
      group({ members: [member("m1", { groupInstanceId: "static-1" })] }),
      false,
    );
    expect(header.split(/\s+/).slice(0, 3)).toEqual(["GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID"]);
    expect(line.split(/\s+/).slice(0, 4)).toEqual(["g", "m1", "static-1", "/127.0.0.1"]);
    expect(memberLines(group(), false)).toEqual([]);
  });

  test("--members --verbose shows what each has and is to have", () => {
    const members = [
      member("m1", {
        assignment: [place("a", 0), place("b", 1), place("a", 2)],
        targetAssignment: [place("a", 0)],
        memberEpoch: 4,
      }),
    ];
    const [header = "", line = ""] = memberLines(
      group({ type: "consumer", members, groupEpoch: 6, targetAssignmentEpoch: 5 }),
      true,
    );
    expect(header.split(/\s+/).slice(4)).toEqual([
      ...["#PARTITIONS", "CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH"],
      "TARGET-ASSIGNMENT",
    ]);
    expect(line.split(/\s+/).slice(4)).toEqual(["3", "4", "a:0,2;b:1", "5", "a:0"]);
    expect(assignmentText([])).toBe("-");
  });

  test("--state", () => {
    const [header = "", line = ""] = stateLines(group({ members: [busy] }), false);
    expect(header).toMatch(/^GROUP +COORDINATOR \(ID\) +ASSIGNMENT-STRATEGY +STATE +#MEMBERS$/);
    expect(line).toMatch(/^g +127\.0\.0\.1:9093 {2}\(2\) +range +Stable +1$/);
    const verbose = stateLines(group({ groupEpoch: 6, targetAssignmentEpoch: 5 }), true);
    expect(verbose[0]).toMatch(/STATE +GROUP-EPOCH +TARGET-ASSIGNMENT-EPOCH +#MEMBERS$/);
    expect(verbose[1]).toMatch(/Stable +6 +5 +0$/);
    expect(stateLines(group({ coordinator: null }), false)[1]).toMatch(/^g +- +range/);
  });

  test.each([
    ["Stable", null],
    ["Empty", "\nConsumer group 'g' has no active members."],
    ["PreparingRebalance", "\nWarning: Consumer group 'g' is rebalancing."],
    ["Reconciling", "\nWarning: Consumer group 'g' is rebalancing."],
  ])("of a group that is %s the note is %j", (state, note) => {
    expect(stateNote(group({ state }))).toBe(note);
  });
});

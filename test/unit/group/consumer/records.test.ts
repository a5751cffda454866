import { describe, expect, test } from "vitest";
import { consumerRecords, decodeConsumerRecord } from "../../../../src/group/consumer/records.ts";
import type { GroupRecord } from "../../../../src/group/messages.ts";
import { Coordinator } from "./harness.ts";
import { snapshot } from "./snapshot.ts";

const TOPIC_ID = "AAECAwQFBgcICQoLDA0ODw";
const ID_HEX = "000102030405060708090a0b0c0d0e0f";

function hex(bytes: Uint8Array | null): string | null {
  return bytes && Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function show({ key, value }: GroupRecord): [string | null, string | null] {
  return [hex(key), hex(value)];
}

describe("records", () => {
  const current = {
    memberEpoch: 2,
    previousMemberEpoch: 1,
    state: 1,
    assignedPartitions: [{ topicId: TOPIC_ID, partitions: [1] }],
    partitionsPendingRevocation: [],
  };
  // Laid out by hand after Kafka's JSON: int16 kind or version, then the fields, flexible in values.
  test.each<[string, GroupRecord, string, string]>([
    [
      "ConsumerGroupMetadata",
      consumerRecords.metadata("g", { epoch: 7, metadataHash: 258 }),
      "0003000167",
      "0000000000070100080000000000000102",
    ],
    [
      "ConsumerGroupMemberMetadata",
      consumerRecords.member("g", "m", {
        instanceId: "i",
        rackId: null,
        clientId: "c",
        clientHost: "/h",
        subscribedTopicNames: ["t"],
        subscribedTopicRegex: "",
        rebalanceTimeoutMs: 256,
        serverAssignor: null,
        classicMemberMetadata: null,
      }),
      "000500016700016d",
      "0000026900026303 2f6802027401 00000100 0000".replaceAll(" ", ""),
    ],
    [
      "ConsumerGroupMemberMetadata of a classic member",
      consumerRecords.member("g", "m", {
        instanceId: null,
        rackId: "r",
        clientId: "",
        clientHost: "",
        subscribedTopicNames: [],
        subscribedTopicRegex: null,
        rebalanceTimeoutMs: 1,
        serverAssignor: "range",
        classicMemberMetadata: {
          sessionTimeoutMs: 2,
          supportedProtocols: [{ name: "p", metadata: Uint8Array.of(9) }],
        },
      }),
      "000500016700016d",
      "0000 00 0272 01 01 01 00 00000001 0672616e6765 01 00 0c 01 00000002 02 0270 0209 00 00".replaceAll(
        " ",
        "",
      ),
    ],
    [
      "ConsumerGroupTargetAssignmentMetadata",
      consumerRecords.targetMetadata("g", 3),
      "0006000167",
      "00000000000300",
    ],
    [
      "ConsumerGroupTargetAssignmentMember",
      consumerRecords.targetMember("g", "m", [{ topicId: TOPIC_ID, partitions: [0, 1] }]),
      "000700016700016d",
      `000002${ID_HEX}0300000000000000010000`,
    ],
    [
      "ConsumerGroupCurrentMemberAssignment",
      consumerRecords.current("g", "m", current),
      "000800016700016d",
      `0000000000020000000101 02${ID_HEX}020000000100 01 00`.replaceAll(" ", ""),
    ],
    [
      "ConsumerGroupRegularExpression",
      consumerRecords.pattern("g", "t.*", { topics: ["t1"], version: 1, timestamp: 2 }),
      "00100001670003742e2a",
      "00000203743100000000000000010000000000000002" + "00",
    ],
  ])("GRP100 %s has Kafka's bytes", (_, record, key, value) => {
    expect(show(record)).toEqual([key, value]);
    expect(decodeConsumerRecord(record).value).not.toBe(null);
    expect(decodeConsumerRecord({ key: record.key, value: null }).value).toBe(null);
  });

  test("GRP100 fields of later versions of Kafka are passed over", () => {
    const record = consumerRecords.targetMetadata("g", 3);
    // AssignmentTimestamp, tag 0 (KIP-1263).
    const value = Uint8Array.from([0, 0, 0, 0, 0, 3, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9]);
    const decoded = decodeConsumerRecord({ ...record, value });
    expect(decoded.value).toEqual({ assignmentEpoch: 3 });
  });

  test("GRP100 what an older Kafka says of partitions is passed over", () => {
    const coordinator = new Coordinator();
    const key = Uint8Array.of(0, 4, 0, 1, 103);
    coordinator.machine.apply({ key, value: Uint8Array.of(0, 0, 1, 0) });
    coordinator.machine.apply({ key, value: null });
    expect(coordinator.typeOf()).toBe(undefined);
  });

  test("GRP100 a value of a version that is not known is an error that names it", () => {
    const record = consumerRecords.metadata("g", { epoch: 7, metadataHash: 0 });
    const value = record.value?.slice() ?? new Uint8Array(0);
    value[1] = 3;
    expect(() => new Coordinator().machine.apply({ ...record, value })).toThrow(
      "ConsumerGroupMetadataValue: version 3 is not known, 0 to 0 are",
    );
  });

  test("GRP101 GRP102 tombstones take a group away, and leave nothing to a reader of the log", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 2);
    coordinator.join("a", ["t"], { subscribedTopicRegex: "t" });
    coordinator.join("b", ["t"]);
    const live = snapshot(coordinator.group());
    coordinator.reload();
    expect(snapshot(coordinator.group())).toEqual(live);
    coordinator.beat({ memberId: "a", memberEpoch: -1 });
    coordinator.beat({ memberId: "b", memberEpoch: -1 });
    expect(coordinator.ask({ api: "deleteGroups", body: { groups: ["g"] } }, 2)).toEqual([
      { groupId: "g", errorCode: 0 },
    ]);
    expect(coordinator.typeOf()).toBe(undefined);
    const last = new Map(coordinator.log.map((record) => [hex(record.key), record.value]));
    expect([...last.values()].filter((value) => value !== null)).toEqual([]);
    coordinator.reload();
    expect(coordinator.typeOf()).toBe(undefined);
  });
});

/** The bytes are put together by hand from the JSON definitions of Kafka's group-coordinator. */
import { describe, expect, test } from "vitest";
import {
  decodeGroupMetadataKey,
  decodeGroupMetadataValue,
  decodeOffsetCommitKey,
  decodeOffsetCommitValue,
  groupMetadataRecord,
  groupMetadataTombstone,
  keyVersionOf,
  offsetCommitRecord,
  offsetCommitTombstone,
} from "../../../src/group/records.ts";
import { GroupHarness } from "./harness.ts";

/** Hexadecimal, with blanks where fields meet. */
function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

const TIME = 1_700_000_000_000;
const TIME_HEX = "0000018bcfe56800";

const OFFSET_KEY = "0001 0001 67 0001 74 00000003";
const offset = {
  offset: 5,
  leaderEpoch: 2,
  metadata: "m",
  commitTimestamp: TIME,
  expireTimestamp: -1,
};

describe("offsets", () => {
  test("GRP21 a commit is key 1 and value 3", () => {
    expect(offsetCommitRecord("g", "t", 3, offset)).toEqual({
      key: bytes(OFFSET_KEY),
      value: bytes(`0003 0000000000000005 00000002 0001 6d ${TIME_HEX}`),
    });
  });

  test("GRP21 a commit with a retention of its own is value 1, which has no leader epoch", () => {
    expect(offsetCommitRecord("g", "t", 3, { ...offset, expireTimestamp: TIME + 1 }).value).toEqual(
      bytes(`0001 0000000000000005 0001 6d ${TIME_HEX} 0000018bcfe56801`),
    );
  });

  test("GRP21 a tombstone has the same key", () => {
    expect(offsetCommitTombstone("g", "t", 3)).toEqual({ key: bytes(OFFSET_KEY), value: null });
  });

  test.each(["0000", "0001"])("GRP21 key %s is read", (version) => {
    const key = decodeOffsetCommitKey(bytes(`${version} 0001 67 0001 74 00000003`));
    expect(key).toEqual({ group: "g", topic: "t", partition: 3 });
  });

  const none = { ...offset, leaderEpoch: -1 };
  test.each([
    [0, `0000 0000000000000005 0001 6d ${TIME_HEX}`, none],
    [
      1,
      `0001 0000000000000005 0001 6d ${TIME_HEX} 00000000000003e8`,
      { ...none, expireTimestamp: 1_000 },
    ],
    [2, `0002 0000000000000005 0001 6d ${TIME_HEX}`, none],
    [3, `0003 0000000000000005 00000002 0001 6d ${TIME_HEX}`, offset],
    [4, `0004 0000000000000005 00000002 02 6d ${TIME_HEX} 00`, offset],
    [
      "4 with a topic id",
      `0004 0000000000000005 00000002 02 6d ${TIME_HEX} 01 00 10 000102030405060708090a0b0c0d0e0f`,
      offset,
    ],
  ])("GRP21 value %s is read", (_version, hex, expected) => {
    expect(decodeOffsetCommitValue(bytes(hex))).toMatchObject(expected);
  });

  test("GRP21 a value of a later version is refused", () => {
    expect(() => decodeOffsetCommitValue(bytes("0005 00"))).toThrow(/version 5/);
  });
});

const group = {
  protocolType: "consumer",
  generation: 7,
  protocol: "range",
  leader: "m1",
  currentStateTimestamp: TIME,
  members: [
    {
      memberId: "m1",
      groupInstanceId: "i",
      clientId: "c",
      clientHost: "/h",
      rebalanceTimeout: 60_000,
      sessionTimeout: 10_000,
      subscription: Uint8Array.of(1, 2),
      assignment: Uint8Array.of(7),
    },
  ],
};
const HEAD = "0008 636f6e73756d6572 00000007 0005 72616e6765 0002 6d31";
const TAIL = "00002710 00000002 0102 00000001 07";

describe("groups", () => {
  test("GRP21 a group is key 2 and value 3", () => {
    expect(groupMetadataRecord("g", group)).toEqual({
      key: bytes("0002 0001 67"),
      value: bytes(
        `0003 ${HEAD} ${TIME_HEX} 00000001 0002 6d31 0001 69 0001 63 0002 2f68 0000ea60 ${TAIL}`,
      ),
    });
    expect(groupMetadataTombstone("g")).toEqual({ key: bytes("0002 0001 67"), value: null });
    expect(decodeGroupMetadataKey(bytes("0002 0001 67"))).toBe("g");
  });

  test("GRP21 an empty group has neither protocol nor leader", () => {
    const empty = {
      protocolType: "",
      generation: 0,
      protocol: null,
      leader: null,
      currentStateTimestamp: TIME,
      members: [],
    };
    expect(groupMetadataRecord("g", empty).value).toEqual(
      bytes(`0003 0000 00000000 ffff ffff ${TIME_HEX} 00000000`),
    );
  });

  const [member] = group.members;
  const older = { ...member, groupInstanceId: null };
  test.each([
    [
      0,
      `0000 ${HEAD} 00000001 0002 6d31 0001 63 0002 2f68 ${TAIL}`,
      -1,
      { ...older, rebalanceTimeout: -1 },
    ],
    [1, `0001 ${HEAD} 00000001 0002 6d31 0001 63 0002 2f68 0000ea60 ${TAIL}`, -1, older],
    [
      2,
      `0002 ${HEAD} ${TIME_HEX} 00000001 0002 6d31 0001 63 0002 2f68 0000ea60 ${TAIL}`,
      TIME,
      older,
    ],
    [
      3,
      `0003 ${HEAD} ${TIME_HEX} 00000001 0002 6d31 0001 69 0001 63 0002 2f68 0000ea60 ${TAIL}`,
      TIME,
      member,
    ],
    [
      4,
      "0004 09 636f6e73756d6572 00000007 06 72616e6765 03 6d31 0000018bcfe56800 02 " +
        "03 6d31 02 69 02 63 03 2f68 0000ea60 00002710 03 0102 02 07 00 00",
      TIME,
      member,
    ],
  ])("GRP21 value %s is read", (_version, hex, currentStateTimestamp, expected) => {
    expect(decodeGroupMetadataValue(bytes(hex))).toEqual({
      ...group,
      currentStateTimestamp,
      members: [expected],
    });
  });
});

describe("other kinds", () => {
  test("GRP24 records of a kind that is not known are passed over", () => {
    const h = new GroupHarness();
    h.commit({ "t-0": 1 });
    const before = h.committed();
    for (const kind of [9, 15, 17, 99, 0x7fff]) {
      const key = bytes(`${kind.toString(16).padStart(4, "0")} 0001 67`);
      expect(keyVersionOf(key)).toBe(kind);
      h.machine.apply({ key, value: bytes("0000 ff") });
      h.machine.apply({ key, value: null });
    }
    expect(h.committed()).toEqual(before);
  });
});

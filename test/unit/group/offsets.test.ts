import { describe, expect, test } from "vitest";
import type { OffsetCommitRequest } from "../../../src/protocol/api/08-offset-commit.ts";
import { GROUP, GroupHarness, range, reads, stableGroup } from "./harness.ts";

const TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA";

function topic(
  name: string,
  ...partitions: Partial<OffsetCommitRequest["topics"][number]["partitions"][number]>[]
) {
  const whole = partitions.map((one, partitionIndex) => ({
    partitionIndex,
    committedOffset: 0,
    committedLeaderEpoch: -1,
    committedMetadata: "",
    ...one,
  }));
  return { name, topicId: TOPIC_ID, partitions: whole };
}

function deleteOffsets(h: GroupHarness, offsets: readonly [string, number][], groupId = GROUP) {
  const topics = offsets.map(([name, partitionIndex]) => ({
    name,
    partitions: [{ partitionIndex }],
  }));
  return h.ask<"offsetDelete">({ api: "offsetDelete", body: { groupId, topics } }).body;
}

function codes(body: ReturnType<typeof deleteOffsets>) {
  return body.topics?.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
}

describe("commits", () => {
  test("GRP70 come back as they went in, and the newest counts", () => {
    const h = new GroupHarness();
    const first = { committedOffset: 5, committedLeaderEpoch: 3, committedMetadata: "\u{1F4BE} a" };
    h.commit({}, { topics: [topic("t", first), topic("u", { committedOffset: 2 ** 52 })] });
    h.commit({}, { topics: [topic("t", {}, { committedMetadata: null, committedOffset: 9 })] });
    h.commit({}, { topics: [topic("t", first)] });
    h.failOver();
    const none = { errorCode: 0, committedLeaderEpoch: -1, metadata: "" };
    expect(h.fetch().body).toEqual({
      errorCode: 0,
      topics: [
        {
          name: "t",
          partitions: [
            {
              partitionIndex: 0,
              committedOffset: 5,
              committedLeaderEpoch: 3,
              metadata: "\u{1F4BE} a",
              errorCode: 0,
            },
            { ...none, partitionIndex: 1, committedOffset: 9 },
          ],
        },
        { name: "u", partitions: [{ ...none, partitionIndex: 0, committedOffset: 2 ** 52 }] },
      ],
    });
  });

  test("GRP70 with too much metadata are refused, that partition alone", () => {
    const h = new GroupHarness();
    const long = { committedMetadata: "m".repeat(4_097) };
    const longest = { committedMetadata: "m".repeat(4_096) };
    const { topics } = h.commit({}, { topics: [topic("t", long, longest)] }).body;
    expect(topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([12, 0]);
    expect(h.committed()).toEqual({ "t-1": 0 });
  });

  test("GRP70 that are refused as a whole make no group", () => {
    const h = new GroupHarness();
    h.commit({}, { topics: [topic("t", { committedMetadata: "m".repeat(4_097) })] });
    expect(h.state).toBe("Dead");
  });

  test("GRP70 of more than 100,000 partitions are refused", () => {
    const h = new GroupHarness();
    const partitions = Array.from({ length: 100_001 }, () => ({}));
    const { topics } = h.commit({}, { topics: [topic("t", ...partitions)] }).body;
    expect(topics[0]?.partitions.every(({ errorCode }) => errorCode === 42)).toBe(true);
    expect(h.log).toEqual([]);
  });

  test("GRP71 of nobody in particular are taken while nobody is in the group", () => {
    const h = new GroupHarness();
    expect(h.commitCode({ "t-0": 1 })).toBe(0);
    expect(h.state).toBe("Empty");
    const [a = ""] = stableGroup(h, [null]);
    expect(h.commitCode({ "t-0": 2 })).toBe(25);
    h.join({ memberId: a, protocols: range(reads("u")) });
    expect(h.commitCode({ "t-0": 2 })).toBe(25);
    h.leave([{ memberId: a }]);
    expect(h.state).toBe("Empty");
    expect(h.commitCode({ "t-0": 2 })).toBe(0);
    expect(h.commitCode({ "t-0": 3 }, { memberId: a })).toBe(0);
    expect(h.committed()).toEqual({ "t-0": 3 });
  });

  test("GRP71 of members are checked by member, instance, generation and state", () => {
    const h = new GroupHarness();
    const [s = "", d = ""] = stableGroup(h, ["s", null]);
    const { generationId } = h.group;
    const as = (memberId: string, generationIdOrMemberEpoch: number, groupInstanceId?: string) =>
      h.commitCode(
        { "t-0": generationIdOrMemberEpoch },
        { memberId, generationIdOrMemberEpoch, groupInstanceId: groupInstanceId ?? null },
      );
    expect(as("nobody", generationId)).toBe(25);
    expect(as("", generationId)).toBe(25);
    expect(as(d, generationId, "s")).toBe(82);
    expect(as(d, generationId, "nobody")).toBe(25);
    expect(as(d, generationId - 1)).toBe(22);
    expect(as(d, -1)).toBe(22);
    expect(h.committed()).toEqual({});
    expect(as(s, generationId, "s")).toBe(0);

    h.join({ memberId: s, groupInstanceId: "s" });
    h.join({ memberId: d });
    expect(h.state).toBe("CompletingRebalance");
    expect(as(d, generationId)).toBe(22);
    expect(as(d, generationId + 1)).toBe(27);
    expect(h.committed()).toEqual({ "t-0": generationId });
  });

  test("GRP71 of the generation that ends are taken while the next one is prepared", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    h.enter();
    const as = { memberId: a, generationIdOrMemberEpoch: h.group.generationId };
    expect(h.state).toBe("PreparingRebalance");
    expect(h.commitCode({ "t-0": 7 }, as)).toBe(0);
  });

  test("GRP71 of a member to a group that is not there: 69 from v9 on, before that 22", () => {
    const h = new GroupHarness();
    const as = { memberId: "m", generationIdOrMemberEpoch: 1 };
    expect(h.commitCode({ "t-0": 1 }, as, 9)).toBe(69);
    expect(h.commitCode({ "t-0": 1 }, as, 8)).toBe(22);
    expect(h.commitCode({ "t-0": 1 }, { groupId: "g".repeat(4_097) })).toBe(24);
    expect(h.log).toEqual([]);
  });
});

describe("fetches", () => {
  test("GRP72 what is not there is -1 without an error, nor is a group", () => {
    const h = new GroupHarness();
    h.commit({ "t-0": 1 });
    const asked = [
      { name: "t", partitionIndexes: [0, 1] },
      { name: "u", partitionIndexes: [7] },
    ];
    const none = { committedLeaderEpoch: -1, metadata: "", errorCode: 0 };
    const answer = (first: number) => ({
      errorCode: 0,
      topics: [
        {
          name: "t",
          partitions: [
            { ...none, partitionIndex: 0, committedOffset: first },
            { ...none, partitionIndex: 1, committedOffset: -1 },
          ],
        },
        { name: "u", partitions: [{ ...none, partitionIndex: 7, committedOffset: -1 }] },
      ],
    });
    expect(h.fetch(asked).body).toEqual(answer(1));
    expect(h.fetch(asked, "nobody").body).toEqual(answer(-1));
    expect(h.fetch(null, "nobody").body).toEqual({ errorCode: 0, topics: [] });
    expect(h.fetch([]).body).toEqual({ errorCode: 0, topics: [] });
  });
});

describe("OffsetDelete", () => {
  test("GRP74 forgets what is there, unless a member reads the topic", () => {
    const h = new GroupHarness();
    h.commit({ "t-0": 1, "u-0": 2 });
    stableGroup(h, [null]);
    const records = h.log.length;
    const body = deleteOffsets(h, [
      ["t", 0],
      ["u", 0],
      ["u", 1],
      ["x", 0],
    ]);
    expect([body.errorCode, codes(body)]).toEqual([0, [86, 0, 0, 0]]);
    expect(h.log).toHaveLength(records + 1);
    expect(h.committed()).toEqual({ "t-0": 1 });
    h.failOver();
    expect(h.committed()).toEqual({ "t-0": 1 });
  });

  test("GRP74 of a group without members forgets any topic", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    h.commit({ "t-0": 1 }, { memberId: a, generationIdOrMemberEpoch: h.group.generationId });
    h.leave([{ memberId: a }]);
    expect(codes(deleteOffsets(h, [["t", 0]]))).toEqual([0]);
    expect(h.committed()).toEqual({});
  });

  test("GRP74 nobody knows what members read that are no consumers, or do not say it", () => {
    const connect = new GroupHarness();
    stableGroup(connect, [null], { protocolType: "connect", protocols: range() });
    expect(deleteOffsets(connect, [["t", 0]]).errorCode).toBe(68);

    const h = new GroupHarness();
    stableGroup(h, [null], { protocols: range(Uint8Array.of(0)) });
    expect(codes(deleteOffsets(h, [["anything", 0]]))).toEqual([86]);
  });

  test("GRP74 needs a group", () => {
    const h = new GroupHarness();
    expect(deleteOffsets(h, [["t", 0]])).toEqual({ errorCode: 69, topics: [] });
    expect(deleteOffsets(h, [["t", 0]], "").errorCode).toBe(24);
  });

  test("GRP74 reads the subscriptions of all versions, newer ones too", () => {
    // Topics ["t"], user data null; 1 adds owned partitions, 2 a generation, 3 a rack.
    const body = "00000001 0001 74 ffffffff";
    const versions = [
      `0000 ${body}`,
      `0001 ${body} 00000000`,
      `0002 ${body} 00000000 00000005`,
      `0003 ${body} 00000000 00000005 0001 72`,
      `0004 ${body} 00000000 00000005 0001 72 ff`,
    ];
    for (const hex of versions) {
      const h = new GroupHarness();
      const metadata = Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
      stableGroup(h, [null], { protocols: range(metadata) });
      expect([h.group.isSubscribedTo("t"), h.group.isSubscribedTo("u")]).toEqual([true, false]);
    }
  });
});

describe("a deleted topic", () => {
  const forget = (h: GroupHarness, ...topics: string[]) =>
    h.ask<"topicDeleted">({ api: "topicDeleted", body: { topics } });

  test("GRP75 is forgotten by every group, and who asked is answered when it is", () => {
    const h = new GroupHarness();
    h.commit({ "t-0": 1, "t-1": 2, "u-0": 3 });
    h.commit({ "t-0": 1 }, { groupId: "other" });
    expect(forget(h, "t", "x").waits).toBe(false);
    expect(h.committed()).toEqual({ "u-0": 3 });
    expect(h.committed("other")).toEqual({});
    h.failOver();
    expect(h.committed()).toEqual({ "u-0": 3 });
  });

  test("GRP75 by 500 offsets a turn, and what is committed meanwhile stays", () => {
    const h = new GroupHarness();
    const partitions = Array.from({ length: 1_200 }, () => ({ committedOffset: 1 }));
    h.commit({}, { topics: [topic("t", ...partitions)] });
    const asked = forget(h, "t");
    expect(asked.waits).toBe(true);
    expect(Object.keys(h.committed())).toHaveLength(700);
    expect(h.machine.deadline()).toBeLessThanOrEqual(h.nowMs);
    h.nowMs += 1;
    h.commit({ "t-0": 7, "t-1199": 8 });
    h.pass(0);
    expect(asked.body).toBeNull();
    expect(h.committed()).toEqual({ "t-0": 7, "t-1199": 8 });
  });

  test("GRP75 who asked a coordinator that ends is told so", () => {
    const h = new GroupHarness();
    const partitions = Array.from({ length: 501 }, () => ({}));
    h.commit({}, { topics: [topic("t", ...partitions)] });
    const asked = forget(h, "t");
    h.failOver(16);
    expect(asked.code).toBe(16);
  });
});

describe("across lives", () => {
  test("GRP23 a group that loses its record keeps its offsets, as a simple one", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    h.commit({ "t-0": 1 }, { memberId: a, generationIdOrMemberEpoch: h.group.generationId });
    const groupRecord = h.log.find(({ key }) => key[1] === 2);
    if (groupRecord !== undefined) h.log.push({ key: groupRecord.key, value: null });
    h.failOver();
    expect(h.group).toMatchObject({ state: "Empty", protocolType: "", generationId: 0 });
    expect(h.committed()).toEqual({ "t-0": 1 });
  });

  test("GRP73 rebalances and failovers leave offsets alone", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null, "s"]);
    h.commit({ "t-0": 4 }, { memberId: a, generationIdOrMemberEpoch: h.group.generationId });
    stableGroup(h, [null]);
    h.failOver();
    h.pass(60_000);
    expect(h.state).toBe("Empty");
    h.failOver();
    expect(h.committed()).toEqual({ "t-0": 4 });
  });
});

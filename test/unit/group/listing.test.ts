import { describe, expect, test } from "vitest";
import { GROUP, GroupHarness, owns, reads, stableGroup } from "./harness.ts";

function describeGroups(h: GroupHarness, groups: readonly string[], apiVersion = 5) {
  const request = { api: "describeGroups", body: { groups } } as const;
  return h.ask<"describeGroups">(request, { apiVersion }).body.groups;
}

function list(h: GroupHarness, statesFilter: string[] = [], typesFilter: string[] = []) {
  const request = { api: "listGroups", body: { statesFilter, typesFilter } } as const;
  return h.ask<"listGroups">(request).body.groups;
}

function deleteGroups(h: GroupHarness, ...groups: string[]) {
  const request = { api: "deleteGroups", body: { groups } } as const;
  return h.ask<"deleteGroups">(request).body.map(({ errorCode }) => errorCode);
}

describe("DescribeGroups", () => {
  test("GRP65 tells all of a stable group", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, ["i"]);
    expect(describeGroups(h, [GROUP])).toEqual([
      {
        errorCode: 0,
        groupId: GROUP,
        groupState: "Stable",
        protocolType: "consumer",
        protocolData: "range",
        members: [
          {
            memberId: a,
            groupInstanceId: "i",
            clientId: "c",
            clientHost: "/10.0.0.1",
            memberMetadata: reads("t"),
            memberAssignment: owns("t", 0),
          },
        ],
      },
    ]);
  });

  test("GRP65 tells neither protocol nor metadata of a group that changes", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    h.enter();
    const [group] = describeGroups(h, [GROUP]);
    expect(group).toMatchObject({ groupState: "PreparingRebalance", protocolData: "" });
    expect(group?.members.map(({ memberMetadata }) => memberMetadata.length)).toEqual([0, 0]);
    h.join({ memberId: a });
    expect(describeGroups(h, [GROUP])[0]?.groupState).toBe("CompletingRebalance");
  });

  test("GRP65 a group of offsets is empty, without a protocol type", () => {
    const h = new GroupHarness();
    h.commit({ "t-0": 1 });
    const simple = { groupState: "Empty", protocolType: "", members: [], errorCode: 0 };
    expect(describeGroups(h, [GROUP])).toMatchObject([simple]);
  });

  test("GRP65 a group that is not there is dead, from v6 on with an error", () => {
    const h = new GroupHarness();
    const dead = { groupId: "x", groupState: "Dead", protocolType: "", members: [] };
    expect(describeGroups(h, ["x"])).toMatchObject([{ ...dead, errorCode: 0, errorMessage: null }]);
    const error = { errorCode: 69, errorMessage: "Group x not found." };
    expect(describeGroups(h, ["x"], 6)).toMatchObject([{ ...dead, ...error }]);
  });

  test("GRP65 a classic group is no consumer group", () => {
    const h = new GroupHarness();
    stableGroup(h, [null]);
    const request = { api: "consumerGroupDescribe", body: { groups: [GROUP, "x"] } } as const;
    expect(h.ask<"consumerGroupDescribe">(request).body.groups).toMatchObject([
      { errorCode: 69, errorMessage: "Group g is not a consumer group." },
      { errorCode: 69, errorMessage: "Group x not found." },
    ]);
  });
});

describe("ListGroups", () => {
  const filled = () => {
    const h = new GroupHarness();
    stableGroup(h, [null]);
    h.commit({ "t-0": 1 }, { groupId: "simple" });
    return h;
  };
  const stable = {
    groupId: GROUP,
    protocolType: "consumer",
    groupState: "Stable",
    groupType: "classic",
  };
  const simple = { groupId: "simple", protocolType: "", groupState: "Empty", groupType: "classic" };

  test("GRP66 lists all without a filter", () => {
    expect(list(filled())).toEqual([stable, simple]);
  });

  test.each([
    [["stable"], [], [stable]],
    [[" EMPTY "], [], [simple]],
    [["Stable", "Empty"], ["Classic"], [stable, simple]],
    [["Dead"], [], []],
    [[], ["consumer"], []],
    [[], ["nonsense"], []],
  ])("GRP66 states %j and types %j", (states, types, expected) => {
    expect(list(filled(), states, types)).toEqual(expected);
  });
});

describe("DeleteGroups", () => {
  test("GRP67 deletes what is empty with its offsets, and nothing else", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    h.commit({ "t-0": 1, "u-3": 2 }, { groupId: "simple" });
    expect(deleteGroups(h, GROUP, "simple", "x")).toEqual([68, 0, 69]);
    expect(list(h).map(({ groupId }) => groupId)).toEqual([GROUP]);
    expect(h.committed("simple")).toEqual({});
    h.leave([{ memberId: a }]);
    expect(deleteGroups(h, GROUP, GROUP)).toEqual([0, 69]);
    const { groups } = h.replayed();
    expect([...groups.all()]).toEqual([]);
    expect(h.machine.deadline()).toBe(Infinity);
  });

  test("GRP67 a group in a join phase has members", () => {
    const h = new GroupHarness({ initialRebalanceDelayMs: 3_000 });
    h.enter();
    expect(deleteGroups(h, GROUP)).toEqual([68]);
  });
});

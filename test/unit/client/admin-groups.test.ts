import { beforeEach, describe, expect, it } from "vitest";
import { Admin } from "../../../src/client/admin.ts";
import { AdminError, ErrorCode, KafkaError } from "../../../src/client/errors.ts";
import {
  type OffsetCommitRequest,
  offsetCommitApi,
} from "../../../src/protocol/api/08-offset-commit.ts";
import {
  type OffsetFetchRequest,
  offsetFetchApi,
} from "../../../src/protocol/api/09-offset-fetch.ts";
import { findCoordinatorApi } from "../../../src/protocol/api/10-find-coordinator.ts";
import { type LeaveGroupRequest, leaveGroupApi } from "../../../src/protocol/api/13-leave-group.ts";
import {
  type DescribeGroupsRequest,
  describeGroupsApi,
} from "../../../src/protocol/api/15-describe-groups.ts";
import { type ListGroupsRequest, listGroupsApi } from "../../../src/protocol/api/16-list-groups.ts";
import { deleteGroupsApi } from "../../../src/protocol/api/42-delete-groups.ts";
import {
  type OffsetDeleteRequest,
  offsetDeleteApi,
} from "../../../src/protocol/api/47-offset-delete.ts";
import { consumerGroupDescribeApi } from "../../../src/protocol/api/69-consumer-group-describe.ts";
import { encodeConsumerAssignment } from "../../../src/protocol/consumer-protocol.ts";
import type { AnyApi } from "../../../src/protocol/schema.ts";
import { FakeBroker } from "./fake-broker.ts";
import { VirtualClock } from "./virtual-clock.ts";

let clock: VirtualClock;
let broker: FakeBroker;
let admin: Admin;
/** What was asked, in order, with the version. */
let asked: { api: AnyApi; version: number; body: unknown }[];

beforeEach(() => {
  clock = new VirtualClock();
  broker = new FakeBroker(clock);
  asked = [];
  admin = new Admin(
    { "bootstrap.servers": "https://kedge.test", "default.api.timeout.ms": 5000 },
    { transport: broker, clock, random: () => 0.5 },
  );
});

/** Answers by key; each takes the request and gives the response. */
function serve(answers: readonly (readonly [AnyApi, (body: never) => unknown])[]): void {
  const byKey = new Map(answers.map(([api, answer]) => [api.key, answer]));
  broker.other = (api, body, version) => {
    asked.push({ api, version, body });
    const answer = byKey.get(api.key);
    if (answer === undefined) throw new Error(`nobody answers ${api.name}`);
    return answer(body as never);
  };
}

function request<T>(nth: number): T {
  return asked.at(nth)?.body as T;
}

async function failing(promise: Promise<unknown>): Promise<KafkaError> {
  const error = await clock.run(promise).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KafkaError);
  return error as KafkaError;
}

const coordinators = [
  findCoordinatorApi,
  ({ coordinatorKeys }: { coordinatorKeys: readonly string[] }) => ({
    coordinators: coordinatorKeys.map((key) => ({
      key,
      nodeId: key === "lost" ? -1 : 2,
      host: "eu.kedge.test",
      port: 443,
      errorCode: key === "lost" ? ErrorCode.COORDINATOR_NOT_AVAILABLE : 0,
    })),
  }),
] as const;

describe("listConsumerGroups", () => {
  const groups = [
    { groupId: "b", protocolType: "consumer", groupState: "Stable", groupType: "Classic" },
    { groupId: "connect", protocolType: "connect", groupState: "Stable", groupType: "Classic" },
    { groupId: "a", protocolType: "", groupState: "Empty", groupType: "classic" },
    { groupId: "n", protocolType: "consumer", groupState: "Assigning", groupType: "consumer" },
  ];

  it("tells ids, states and types of what consumes", async () => {
    serve([[listGroupsApi, () => ({ groups })]]);
    expect(await clock.run(admin.listConsumerGroups())).toEqual([
      { groupId: "a", isSimpleConsumerGroup: true, state: "Empty", type: "classic" },
      { groupId: "b", isSimpleConsumerGroup: false, state: "Stable", type: "classic" },
      { groupId: "n", isSimpleConsumerGroup: false, state: "Assigning", type: "consumer" },
    ]);
  });

  it("has the server filter", async () => {
    serve([[listGroupsApi, () => ({ groups: [] })]]);
    await clock.run(admin.listConsumerGroups({ states: ["Stable"], types: ["consumer"] }));
    expect(request<ListGroupsRequest>(0).statesFilter).toEqual(["Stable"]);
    expect(request<ListGroupsRequest>(0).typesFilter).toEqual(["consumer"]);
  });

  it("refuses a filter that the server would overlook", async () => {
    broker.versions.set(listGroupsApi.key, [0, 4]);
    serve([[listGroupsApi, () => ({ groups: [] })]]);
    const error = await failing(admin.listConsumerGroups({ types: ["consumer"] }));
    expect(error.code).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(asked).toEqual([]);
    await clock.run(admin.listConsumerGroups({ states: ["Empty"] }));
  });

  it("asks again while a coordinator loads", async () => {
    const codes = [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE];
    serve([[listGroupsApi, () => ({ errorCode: codes.shift() ?? 0, groups: [] })]]);
    expect(await clock.run(admin.listConsumerGroups())).toEqual([]);
    expect(asked.length).toBe(3);
  });
});

describe("describeConsumerGroups", () => {
  const classicMember = {
    memberId: "c-1",
    groupInstanceId: "i",
    clientId: "c",
    clientHost: "/10.0.0.1",
    memberMetadata: new Uint8Array(0),
    memberAssignment: encodeConsumerAssignment({
      assignedPartitions: [
        { topic: "u", partitions: [3, 1] },
        { topic: "t", partitions: [0] },
      ],
      userData: null,
    }),
  };
  const places = [
    { topic: "t", partition: 0 },
    { topic: "u", partition: 1 },
    { topic: "u", partition: 3 },
  ];
  const classic = [
    describeGroupsApi,
    (body: DescribeGroupsRequest) => ({
      groups: body.groups.map((groupId) =>
        groupId === "old"
          ? {
              groupId,
              errorCode: 0,
              groupState: "Stable",
              protocolType: "consumer",
              protocolData: "range",
              members: [
                classicMember,
                { ...classicMember, memberId: "c-2", memberAssignment: Uint8Array.of(0, 0, 9) },
              ],
            }
          : {
              groupId,
              errorCode: groupId === "none" ? ErrorCode.GROUP_ID_NOT_FOUND : 0,
              errorMessage: groupId === "none" ? "Group none not found." : null,
              groupState: groupId === "connect" ? "Stable" : "Dead",
              protocolType: groupId === "connect" ? "connect" : "",
              protocolData: "",
              members: [],
            },
      ),
    }),
  ] as const;
  const topicPartitions = [{ topicId: undefined, topicName: "t", partitions: [1, 0] }];
  const consumer = [
    consumerGroupDescribeApi,
    (body: { groupIds: readonly string[] }) => ({
      groups: body.groupIds.map((groupId) => ({
        groupId,
        errorCode: groupId === "new" ? 0 : ErrorCode.GROUP_ID_NOT_FOUND,
        groupState: "Reconciling",
        groupEpoch: 7,
        assignmentEpoch: 6,
        assignorName: "uniform",
        members: [
          {
            memberId: "m",
            rackId: "eu",
            memberEpoch: 6,
            clientId: "c",
            clientHost: "",
            subscribedTopicNames: ["t"],
            assignment: { topicPartitions },
            targetAssignment: { topicPartitions: [] },
            memberType: 0,
          },
        ],
      })),
    }),
  ] as const;

  it("finds groups of either protocol", async () => {
    serve([coordinators, classic, consumer]);
    const [old, fresh] = await clock.run(admin.describeConsumerGroups(["old", "new"]));
    expect(old).toEqual({
      groupId: "old",
      isSimpleConsumerGroup: false,
      type: "classic",
      state: "Stable",
      partitionAssignor: "range",
      coordinator: { id: 2, host: "eu.kedge.test", port: 443 },
      groupEpoch: null,
      targetAssignmentEpoch: null,
      members: [
        {
          consumerId: "c-1",
          groupInstanceId: "i",
          rackId: null,
          clientId: "c",
          host: "/10.0.0.1",
          assignment: places,
          targetAssignment: null,
          memberEpoch: null,
          upgraded: null,
        },
        expect.objectContaining({ consumerId: "c-2", assignment: [] }),
      ],
    });
    expect(fresh).toMatchObject({
      groupId: "new",
      type: "consumer",
      state: "Reconciling",
      partitionAssignor: "uniform",
      groupEpoch: 7,
      targetAssignmentEpoch: 6,
      members: [
        {
          consumerId: "m",
          rackId: "eu",
          memberEpoch: 6,
          assignment: [
            { topic: "t", partition: 0 },
            { topic: "t", partition: 1 },
          ],
          targetAssignment: [],
          upgraded: false,
        },
      ],
    });
  });

  it("does without ConsumerGroupDescribe where there is none", async () => {
    broker.versions.delete(consumerGroupDescribeApi.key);
    serve([coordinators, classic]);
    const [old] = await clock.run(admin.describeConsumerGroups(["old"]));
    expect(old?.type).toBe("classic");
  });

  it("names what is no group, dead, or no group of consumers", async () => {
    serve([coordinators, classic, consumer]);
    const names = ["old", "none", "dead", "connect"];
    const error = (await failing(admin.describeConsumerGroups(names))) as AdminError;
    expect(error).toBeInstanceOf(AdminError);
    expect(
      error.failures.map(({ name, error: { code, message } }) => [name, code, message]),
    ).toEqual([
      ["none", ErrorCode.GROUP_ID_NOT_FOUND, "Group none not found."],
      ["dead", ErrorCode.GROUP_ID_NOT_FOUND, "there is no group dead"],
      [
        "connect",
        ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
        'group connect is no consumer group, its protocol type is "connect"',
      ],
    ]);
  });
});

describe("offsets of a group", () => {
  it("listConsumerGroupOffsets tells what was committed, in order", async () => {
    const topics = [
      {
        name: "t",
        partitions: [
          { partitionIndex: 1, committedOffset: 5, committedLeaderEpoch: 3, metadata: "m" },
          { partitionIndex: 0, committedOffset: 4, metadata: null },
          { partitionIndex: 2, committedOffset: -1 },
        ],
      },
    ];
    const groups = [{ groupId: "g", topics, errorCode: 0 }];
    serve([[offsetFetchApi, () => ({ groups, topics })]]);
    const expected = [
      { topic: "t", partition: 0, offset: 4, leaderEpoch: null, metadata: "" },
      { topic: "t", partition: 1, offset: 5, leaderEpoch: 3, metadata: "m" },
    ];
    expect(await clock.run(admin.listConsumerGroupOffsets("g"))).toEqual(expected);
    const first = request<OffsetFetchRequest>(0);
    expect(asked[0]?.version).toBe(9);
    expect(first.groups).toEqual([{ groupId: "g", memberId: null, memberEpoch: -1, topics: null }]);

    const partitions = [{ topic: "t", partition: 1 }];
    await clock.run(admin.listConsumerGroupOffsets("g", { partitions, requireStable: true }));
    const second = request<OffsetFetchRequest>(1);
    expect(second.requireStable).toBe(true);
    expect(second.groups[0]?.topics).toMatchObject([{ name: "t", partitionIndexes: [1] }]);
  });

  it("listConsumerGroupOffsets speaks to a server that knows one group at a time", async () => {
    broker.versions.set(offsetFetchApi.key, [1, 7]);
    const partitions = [{ partitionIndex: 0, committedOffset: 4, metadata: "" }];
    serve([[offsetFetchApi, () => ({ topics: [{ name: "t", partitions }], errorCode: 0 })]]);
    expect(await clock.run(admin.listConsumerGroupOffsets("g"))).toEqual([
      { topic: "t", partition: 0, offset: 4, leaderEpoch: null, metadata: "" },
    ]);
    expect(asked[0]?.body).toMatchObject({ groupId: "g", topics: null });
  });

  it("listConsumerGroupOffsets throws a group's error", async () => {
    const groups = [{ groupId: "g", topics: [], errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED }];
    serve([[offsetFetchApi, () => ({ groups })]]);
    const error = await failing(admin.listConsumerGroupOffsets("g"));
    expect(error.code).toBe(ErrorCode.GROUP_AUTHORIZATION_FAILED);
    expect(error.message).toContain("group g");
  });

  /** Codes by partition, taken one at a time. */
  function commits(codes: Record<number, number[]>) {
    serve([
      [
        offsetCommitApi,
        ({ topics }: OffsetCommitRequest) => ({
          topics: topics.map(({ name, partitions }) => ({
            name,
            partitions: partitions.map(({ partitionIndex }) => ({
              partitionIndex,
              errorCode: codes[partitionIndex]?.shift() ?? 0,
            })),
          })),
        }),
      ],
    ]);
  }

  it("alterConsumerGroupOffsets commits as nobody, again what was not taken", async () => {
    commits({ 1: [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS] });
    await clock.run(
      admin.alterConsumerGroupOffsets("g", [
        { topic: "t", partition: 0, offset: 9, metadata: "m", leaderEpoch: 2 },
        { topic: "t", partition: 1, offset: 0 },
      ]),
    );
    expect(asked[0]?.body).toMatchObject({
      groupId: "g",
      memberId: "",
      generationIdOrMemberEpoch: -1,
      topics: [
        {
          name: "t",
          partitions: [
            {
              partitionIndex: 0,
              committedOffset: 9,
              committedLeaderEpoch: 2,
              committedMetadata: "m",
            },
            {
              partitionIndex: 1,
              committedOffset: 0,
              committedLeaderEpoch: -1,
              committedMetadata: "",
            },
          ],
        },
      ],
    });
    expect(request<OffsetCommitRequest>(1).topics[0]?.partitions.length).toBe(1);
  });

  it("alterConsumerGroupOffsets says what stands in the way", async () => {
    commits({ 0: [ErrorCode.UNKNOWN_MEMBER_ID] });
    const offsets = [{ topic: "t", partition: 0, offset: 1 }];
    const error = await failing(admin.alterConsumerGroupOffsets("g", offsets));
    expect(error.message).toBe(
      "t-0: group g has members, who commit for themselves: stop them first",
    );
    const wrong = admin.alterConsumerGroupOffsets("g", [{ topic: "t", partition: 0, offset: -1 }]);
    await expect(wrong).rejects.toThrow(
      "invalid offset -1 for t-0: it must be an integer, at least 0",
    );
  });

  it("deleteConsumerGroupOffsets names what it may not forget", async () => {
    serve([
      [
        offsetDeleteApi,
        ({ topics }: OffsetDeleteRequest) => ({
          errorCode: 0,
          topics: topics.map(({ name, partitions }) => ({
            name,
            partitions: partitions.map(({ partitionIndex }) => ({
              partitionIndex,
              errorCode: name === "live" ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : 0,
            })),
          })),
        }),
      ],
    ]);
    const places = [
      { topic: "t", partition: 0 },
      { topic: "live", partition: 1 },
    ];
    const error = (await failing(admin.deleteConsumerGroupOffsets("g", places))) as AdminError;
    expect(error.failures.map(({ name }) => name)).toEqual(["live-1"]);
    expect(error.code).toBe(ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC);
  });

  it("deleteConsumerGroupOffsets throws a group's error", async () => {
    serve([[offsetDeleteApi, () => ({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND, topics: [] })]]);
    const places = [{ topic: "t", partition: 0 }];
    const error = await failing(admin.deleteConsumerGroupOffsets("g", places));
    expect(error.code).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  });
});

it("deleteConsumerGroups names those that live", async () => {
  serve([
    [
      deleteGroupsApi,
      ({ groupsNames }: { groupsNames: readonly string[] }) => ({
        results: groupsNames.map((groupId) => ({
          groupId,
          errorCode: groupId === "live" ? ErrorCode.NON_EMPTY_GROUP : 0,
        })),
      }),
    ],
  ]);
  const error = (await failing(admin.deleteConsumerGroups(["a", "live"]))) as AdminError;
  expect(error.failures.map(({ name }) => name)).toEqual(["live"]);
  expect(error.code).toBe(ErrorCode.NON_EMPTY_GROUP);
});

describe("removeMembersFromConsumerGroup", () => {
  const leave = [
    leaveGroupApi,
    ({ members }: LeaveGroupRequest) => ({
      errorCode: 0,
      members: members.map(({ memberId, groupInstanceId }) => ({
        memberId,
        groupInstanceId,
        errorCode: groupInstanceId === "gone" ? ErrorCode.UNKNOWN_MEMBER_ID : 0,
      })),
    }),
  ] as const;

  it("takes static members by instance, others by id", async () => {
    serve([leave]);
    const members = [{ groupInstanceId: "i" }, { consumerId: "m" }, { groupInstanceId: "gone" }];
    const removal = admin.removeMembersFromConsumerGroup("g", members, { reason: "upgrade" });
    const error = (await failing(removal)) as AdminError;
    expect(error.failures.map(({ name }) => name)).toEqual(["gone"]);
    expect(request<LeaveGroupRequest>(0).members).toEqual([
      { memberId: "", groupInstanceId: "i", reason: "upgrade" },
      { memberId: "m", groupInstanceId: null, reason: "upgrade" },
      { memberId: "", groupInstanceId: "gone", reason: "upgrade" },
    ]);
  });

  it("takes all when none are named", async () => {
    const member = {
      clientId: "c",
      clientHost: "",
      memberMetadata: new Uint8Array(0),
      memberAssignment: new Uint8Array(0),
    };
    const members = [
      { ...member, memberId: "m", groupInstanceId: null },
      { ...member, memberId: "s", groupInstanceId: "i" },
    ];
    const group = { errorCode: 0, groupId: "g", groupState: "Stable", protocolType: "consumer" };
    broker.versions.delete(consumerGroupDescribeApi.key);
    serve([
      coordinators,
      [describeGroupsApi, () => ({ groups: [{ ...group, protocolData: "range", members }] })],
      leave,
    ]);
    await clock.run(admin.removeMembersFromConsumerGroup("g", null));
    expect(request<LeaveGroupRequest>(-1).members).toMatchObject([
      { memberId: "m", groupInstanceId: null },
      { memberId: "", groupInstanceId: "i" },
    ]);
  });
});

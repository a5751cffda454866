/** What each Kafka API needs, and where its answer says so when it is missing. */

import { produceApi } from "../../../src/protocol/api/00-produce.ts";
import { fetchApi } from "../../../src/protocol/api/01-fetch.ts";
import { listOffsetsApi } from "../../../src/protocol/api/02-list-offsets.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { offsetCommitApi } from "../../../src/protocol/api/08-offset-commit.ts";
import { offsetFetchApi } from "../../../src/protocol/api/09-offset-fetch.ts";
import { findCoordinatorApi } from "../../../src/protocol/api/10-find-coordinator.ts";
import { joinGroupApi } from "../../../src/protocol/api/11-join-group.ts";
import { heartbeatApi } from "../../../src/protocol/api/12-heartbeat.ts";
import { leaveGroupApi } from "../../../src/protocol/api/13-leave-group.ts";
import { syncGroupApi } from "../../../src/protocol/api/14-sync-group.ts";
import { describeGroupsApi } from "../../../src/protocol/api/15-describe-groups.ts";
import { createTopicsApi } from "../../../src/protocol/api/19-create-topics.ts";
import { deleteTopicsApi } from "../../../src/protocol/api/20-delete-topics.ts";
import { deleteRecordsApi } from "../../../src/protocol/api/21-delete-records.ts";
import { initProducerIdApi } from "../../../src/protocol/api/22-init-producer-id.ts";
import { offsetForLeaderEpochApi } from "../../../src/protocol/api/23-offset-for-leader-epoch.ts";
import { describeAclsApi } from "../../../src/protocol/api/29-describe-acls.ts";
import { createAclsApi } from "../../../src/protocol/api/30-create-acls.ts";
import { deleteAclsApi } from "../../../src/protocol/api/31-delete-acls.ts";
import { describeConfigsApi } from "../../../src/protocol/api/32-describe-configs.ts";
import { alterConfigsApi } from "../../../src/protocol/api/33-alter-configs.ts";
import { describeLogDirsApi } from "../../../src/protocol/api/35-describe-log-dirs.ts";
import { createPartitionsApi } from "../../../src/protocol/api/37-create-partitions.ts";
import { deleteGroupsApi } from "../../../src/protocol/api/42-delete-groups.ts";
import { electLeadersApi } from "../../../src/protocol/api/43-elect-leaders.ts";
import { incrementalAlterConfigsApi } from "../../../src/protocol/api/44-incremental-alter-configs.ts";
import { alterPartitionReassignmentsApi } from "../../../src/protocol/api/45-alter-partition-reassignments.ts";
import { listPartitionReassignmentsApi } from "../../../src/protocol/api/46-list-partition-reassignments.ts";
import { offsetDeleteApi } from "../../../src/protocol/api/47-offset-delete.ts";
import { describeUserScramCredentialsApi } from "../../../src/protocol/api/50-describe-user-scram-credentials.ts";
import { alterUserScramCredentialsApi } from "../../../src/protocol/api/51-alter-user-scram-credentials.ts";
import { describeProducersApi } from "../../../src/protocol/api/61-describe-producers.ts";
import { consumerGroupHeartbeatApi } from "../../../src/protocol/api/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribeApi } from "../../../src/protocol/api/69-consumer-group-describe.ts";
import { describeTopicPartitionsApi } from "../../../src/protocol/api/75-describe-topic-partitions.ts";
import type { AnyApi, RequestInputOf, ResponseOf } from "../../../src/protocol/schema.ts";

export const TOPIC = 29;
export const GROUP = 30;
export const CLUSTER = 31;
export const TRANSACTIONAL_ID = 53;

export interface AccessCase {
  readonly title: string;
  readonly api: AnyApi;
  readonly version: number;
  readonly request: unknown;
  /** All of these together are needed; each with the code that says that it is missing. */
  readonly needs: readonly (readonly [acl: string, code: number])[];
  readonly codeOf: (response: never) => number | undefined;
}

function of<A extends AnyApi>(
  title: string,
  api: A,
  version: number,
  request: RequestInputOf<A>,
  needs: AccessCase["needs"],
  codeOf: (response: ResponseOf<A>) => number | undefined,
): AccessCase {
  return { title, api, version, request, needs, codeOf };
}

const PLACE = { topics: [{ name: "t", partitions: [{ partitionIndex: 0 }] }] };
const COMMIT = {
  ...{ groupId: "g", generationIdOrMemberEpoch: -1, memberId: "" },
  topics: [{ name: "t", partitions: [{ partitionIndex: 0, committedOffset: 0 }] }],
};
const ANY_ACL = {
  ...{ resourceTypeFilter: 1, resourceNameFilter: null, patternTypeFilter: 1 },
  ...{ principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 },
};
const AN_ACL = {
  ...{ resourceType: 2, resourceName: "z", resourcePatternType: 3, principal: "User:z" },
  ...{ host: "*", operation: 3, permissionType: 3 },
};
const NO_MOVE = { partitionIndex: 0, replicas: null };

/** Before each request "t" and "gone" are there, with one partition; "made" and "new" are not. */
export const CASES: readonly AccessCase[] = [
  ...[9, 13].map((version) =>
    of(
      `produce (${version})`,
      produceApi,
      version,
      {
        ...{ acks: 1, timeoutMs: 100 },
        topicData: [
          version < 13
            ? { name: "t", partitionData: [{ index: 0, records: null }] }
            : { topicId: "T-ID", partitionData: [{ index: 0, records: null }] },
        ],
      },
      [["TOPIC t WRITE", TOPIC]],
      (r) => r.responses[0]?.partitionResponses[0]?.errorCode,
    ),
  ),
  ...[12, 17].map((version) =>
    of(
      `fetch (${version})`,
      fetchApi,
      version,
      {
        ...{ maxWaitMs: 0, minBytes: 0, maxBytes: 100 },
        topics: [
          {
            ...(version < 13 ? { topic: "t" } : { topicId: "T-ID" }),
            partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }],
          },
        ],
      },
      [["TOPIC t READ", TOPIC]],
      (r) => r.responses[0]?.partitions[0]?.errorCode,
    ),
  ),
  of(
    "list offsets",
    listOffsetsApi,
    8,
    {
      ...{ replicaId: -1, isolationLevel: 0 },
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    },
    [["TOPIC t DESCRIBE", TOPIC]],
    (r) => r.topics[0]?.partitions[0]?.errorCode,
  ),
  of(
    "metadata by name",
    metadataApi,
    12,
    { topics: [{ name: "t" }], allowAutoTopicCreation: false },
    [["TOPIC t DESCRIBE", TOPIC]],
    (r) => r.topics[0]?.errorCode,
  ),
  of(
    "metadata by id",
    metadataApi,
    12,
    { topics: [{ topicId: "T-ID", name: null }], allowAutoTopicCreation: false },
    [["TOPIC t DESCRIBE", TOPIC]],
    (r) => r.topics[0]?.errorCode,
  ),
  ...["TOPIC made CREATE", "CLUSTER - CREATE"].map((create) =>
    of(
      `metadata that creates: ${create}`,
      metadataApi,
      12,
      { topics: [{ name: "made" }], allowAutoTopicCreation: true },
      [
        ["TOPIC made DESCRIBE", TOPIC],
        [create, TOPIC],
      ],
      (r) => r.topics[0]?.errorCode,
    ),
  ),
  of(
    "offset commit",
    offsetCommitApi,
    9,
    COMMIT,
    [
      ["GROUP g READ", GROUP],
      ["TOPIC t READ", TOPIC],
    ],
    (r) => r.topics[0]?.partitions[0]?.errorCode,
  ),
  of(
    "offset fetch (1)",
    offsetFetchApi,
    1,
    { groupId: "g", topics: [{ name: "t", partitionIndexes: [0] }] },
    [
      ["GROUP g DESCRIBE", GROUP],
      ["TOPIC t DESCRIBE", TOPIC],
    ],
    (r) => r.topics?.[0]?.partitions[0]?.errorCode,
  ),
  of(
    "offset fetch (9)",
    offsetFetchApi,
    9,
    { groups: [{ groupId: "g", memberId: null, topics: [{ name: "t", partitionIndexes: [0] }] }] },
    [
      ["GROUP g DESCRIBE", GROUP],
      ["TOPIC t DESCRIBE", TOPIC],
    ],
    (r) => r.groups[0]?.errorCode || r.groups[0]?.topics[0]?.partitions[0]?.errorCode,
  ),
  of(
    "find coordinator (2)",
    findCoordinatorApi,
    2,
    { key: "g", keyType: 0 },
    [["GROUP g DESCRIBE", GROUP]],
    (r) => r.errorCode,
  ),
  of(
    "find coordinator (4)",
    findCoordinatorApi,
    4,
    { coordinatorKeys: ["g"], keyType: 0 },
    [["GROUP g DESCRIBE", GROUP]],
    (r) => r.coordinators[0]?.errorCode,
  ),
  of(
    "join group",
    joinGroupApi,
    7,
    {
      ...{ groupId: "g", sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId: "" },
      ...{ protocolType: "consumer", protocols: [] },
    },
    [["GROUP g READ", GROUP]],
    (r) => r.errorCode,
  ),
  of(
    "heartbeat",
    heartbeatApi,
    4,
    { groupId: "g", generationId: 1, memberId: "m" },
    [["GROUP g READ", GROUP]],
    (r) => r.errorCode,
  ),
  of(
    "leave group",
    leaveGroupApi,
    4,
    { groupId: "g", members: [{ memberId: "m", groupInstanceId: null }] },
    [["GROUP g READ", GROUP]],
    (r) => r.errorCode,
  ),
  of(
    "sync group",
    syncGroupApi,
    4,
    { groupId: "g", generationId: 1, memberId: "m", assignments: [] },
    [["GROUP g READ", GROUP]],
    (r) => r.errorCode,
  ),
  of(
    "describe groups",
    describeGroupsApi,
    5,
    { groups: ["g"], includeAuthorizedOperations: false },
    [["GROUP g DESCRIBE", GROUP]],
    (r) => r.groups[0]?.errorCode,
  ),
  ...["TOPIC new CREATE", "CLUSTER - CREATE"].map((create) =>
    of(
      `create topics: ${create}`,
      createTopicsApi,
      7,
      {
        topics: [
          { name: "new", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
        ],
        ...{ timeoutMs: 100, validateOnly: true },
      },
      [[create, TOPIC]],
      (r) => r.topics[0]?.errorCode,
    ),
  ),
  of(
    "delete topics by name",
    deleteTopicsApi,
    6,
    { topics: [{ name: "gone", topicId: "AAAAAAAAAAAAAAAAAAAAAA" }], timeoutMs: 100 },
    [["TOPIC gone DELETE", TOPIC]],
    (r) => r.responses[0]?.errorCode,
  ),
  of(
    "delete records",
    deleteRecordsApi,
    2,
    { topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: 0 }] }], timeoutMs: 100 },
    [["TOPIC t DELETE", TOPIC]],
    (r) => r.topics[0]?.partitions[0]?.errorCode,
  ),
  ...["TOPIC any* WRITE", "CLUSTER - IDEMPOTENT_WRITE"].map((write) =>
    of(
      `init producer id: ${write}`,
      initProducerIdApi,
      4,
      { transactionalId: null, transactionTimeoutMs: 100 },
      [[write, CLUSTER]],
      (r) => r.errorCode,
    ),
  ),
  of(
    "offset for leader epoch",
    offsetForLeaderEpochApi,
    4,
    {
      replicaId: -1,
      topics: [
        { topic: "t", partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }] },
      ],
    },
    [["TOPIC t DESCRIBE", TOPIC]],
    (r) => r.topics[0]?.partitions[0]?.errorCode,
  ),
  of(
    "describe ACLs",
    describeAclsApi,
    3,
    ANY_ACL,
    [["CLUSTER - DESCRIBE", CLUSTER]],
    (r) => r.errorCode,
  ),
  of(
    "create ACLs",
    createAclsApi,
    3,
    { creations: [AN_ACL] },
    [["CLUSTER - ALTER", CLUSTER]],
    (r) => r.results[0]?.errorCode,
  ),
  of(
    "delete ACLs",
    deleteAclsApi,
    3,
    { filters: [{ ...ANY_ACL, principalFilter: "User:z" }] },
    [["CLUSTER - ALTER", CLUSTER]],
    (r) => r.filterResults[0]?.errorCode,
  ),
  of(
    "describe configs of a topic",
    describeConfigsApi,
    4,
    { resources: [{ resourceType: 2, resourceName: "t", configurationKeys: null }] },
    [["TOPIC t DESCRIBE_CONFIGS", TOPIC]],
    (r) => r.results[0]?.errorCode,
  ),
  of(
    "describe configs of a broker",
    describeConfigsApi,
    4,
    { resources: [{ resourceType: 4, resourceName: "1", configurationKeys: null }] },
    [["CLUSTER - DESCRIBE_CONFIGS", CLUSTER]],
    (r) => r.results[0]?.errorCode,
  ),
  of(
    "describe log dirs",
    describeLogDirsApi,
    4,
    { topics: [{ topic: "t", partitions: [0] }] },
    [["CLUSTER - DESCRIBE", CLUSTER]],
    (r) => r.errorCode,
  ),
  of(
    "describe producers",
    describeProducersApi,
    0,
    { topics: [{ name: "t", partitionIndexes: [0] }] },
    [["TOPIC t READ", TOPIC]],
    (r) => r.topics[0]?.partitions[0]?.errorCode,
  ),
  of(
    "alter configs of a topic",
    alterConfigsApi,
    2,
    { resources: [{ resourceType: 2, resourceName: "t", configs: [] }], validateOnly: true },
    [["TOPIC t ALTER_CONFIGS", TOPIC]],
    (r) => r.responses[0]?.errorCode,
  ),
  of(
    "incrementally alter configs of a topic",
    incrementalAlterConfigsApi,
    1,
    { resources: [{ resourceType: 2, resourceName: "t", configs: [] }], validateOnly: true },
    [["TOPIC t ALTER_CONFIGS", TOPIC]],
    (r) => r.responses[0]?.errorCode,
  ),
  of(
    "incrementally alter configs of all brokers",
    incrementalAlterConfigsApi,
    1,
    { resources: [{ resourceType: 4, resourceName: "", configs: [] }], validateOnly: true },
    [["CLUSTER - ALTER_CONFIGS", CLUSTER]],
    (r) => r.responses[0]?.errorCode,
  ),
  of(
    "create partitions",
    createPartitionsApi,
    3,
    {
      topics: [{ name: "t", count: 2, assignments: null }],
      ...{ timeoutMs: 100, validateOnly: true },
    },
    [["TOPIC t ALTER", TOPIC]],
    (r) => r.results[0]?.errorCode,
  ),
  of(
    "delete groups",
    deleteGroupsApi,
    2,
    { groupsNames: ["g"] },
    [["GROUP g DELETE", GROUP]],
    (r) => r.results[0]?.errorCode,
  ),
  of(
    "elect leaders",
    electLeadersApi,
    2,
    { electionType: 0, topicPartitions: [], timeoutMs: 100 },
    [["CLUSTER - ALTER", CLUSTER]],
    (r) => r.errorCode,
  ),
  of(
    "alter reassignments",
    alterPartitionReassignmentsApi,
    1,
    { topics: [{ name: "t", partitions: [NO_MOVE] }], timeoutMs: 100 },
    [["CLUSTER - ALTER", CLUSTER]],
    (r) => r.errorCode,
  ),
  of(
    "list reassignments",
    listPartitionReassignmentsApi,
    0,
    { topics: null, timeoutMs: 100 },
    [["CLUSTER - DESCRIBE", CLUSTER]],
    (r) => r.errorCode,
  ),
  of(
    "delete offsets",
    offsetDeleteApi,
    0,
    { groupId: "read", ...PLACE },
    [
      ["GROUP read DELETE", GROUP],
      ["TOPIC t READ", TOPIC],
    ],
    (r) => r.errorCode || r.topics[0]?.partitions[0]?.errorCode,
  ),
  of(
    "describe SCRAM users",
    describeUserScramCredentialsApi,
    0,
    { users: null },
    [["CLUSTER - DESCRIBE", CLUSTER]],
    (r) => r.errorCode,
  ),
  of(
    "alter SCRAM users",
    alterUserScramCredentialsApi,
    0,
    { deletions: [{ name: "u", mechanism: 1 }], upsertions: [] },
    [["CLUSTER - ALTER", CLUSTER]],
    (r) => r.results[0]?.errorCode,
  ),
  of(
    "consumer group heartbeat",
    consumerGroupHeartbeatApi,
    0,
    {
      ...{ groupId: "c", memberId: "", memberEpoch: 0, rebalanceTimeoutMs: 10_000 },
      ...{ subscribedTopicNames: ["t"], topicPartitions: [] },
    },
    [
      ["GROUP c READ", GROUP],
      ["TOPIC t DESCRIBE", TOPIC],
    ],
    (r) => r.errorCode,
  ),
  of(
    "describe consumer groups",
    consumerGroupDescribeApi,
    1,
    { groupIds: ["read"], includeAuthorizedOperations: false },
    [
      ["GROUP read DESCRIBE", GROUP],
      ["TOPIC t DESCRIBE", TOPIC],
    ],
    (r) => r.groups[0]?.errorCode,
  ),
  of(
    "describe topic partitions",
    describeTopicPartitionsApi,
    0,
    { topics: [{ name: "t" }], responsePartitionLimit: 10, cursor: null },
    [["TOPIC t DESCRIBE", TOPIC]],
    (r) => r.topics[0]?.errorCode,
  ),
];

/**
 * A TCP listener that answers Kafka clients just well enough that they go on asking, and keeps every
 * request frame as it came. It has no state and no truth in it: see record.ts.
 */
import { createServer, type Server, type Socket } from "node:net";
import { ZERO_UUID } from "../../src/lib/uuid.ts";
import type { ProduceRequest } from "../../src/protocol/api/00-produce.ts";
import type { FetchRequest } from "../../src/protocol/api/01-fetch.ts";
import type { ListOffsetsRequest } from "../../src/protocol/api/02-list-offsets.ts";
import type { MetadataRequest } from "../../src/protocol/api/03-metadata.ts";
import type { OffsetCommitRequest } from "../../src/protocol/api/08-offset-commit.ts";
import type { JoinGroupRequest } from "../../src/protocol/api/11-join-group.ts";
import type { SyncGroupRequest } from "../../src/protocol/api/14-sync-group.ts";
import type { CreateTopicsRequest } from "../../src/protocol/api/19-create-topics.ts";
import { apiByKey, apis } from "../../src/protocol/api/registry.ts";
import { decodeRequestHeader, encodeResponseFrame } from "../../src/protocol/frame.ts";
import { Reader } from "../../src/protocol/reader.ts";
import { encodeRecordBatch } from "../../src/protocol/record-batch.ts";

export const TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAKg";
const PARTITIONS = [0, 1];

export interface Captured {
  readonly key: number;
  readonly version: number;
  readonly frame: Uint8Array;
}

export interface ScriptedBroker {
  readonly port: number;
  readonly captured: Captured[];
  close(): void;
}

/** `ceiling` is the highest version that is advertised, for every API whose range begins below it. */
export async function startScriptedBroker(ceiling: number): Promise<ScriptedBroker> {
  const captured: Captured[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let pending: Buffer = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (data) => {
      pending = Buffer.concat([pending, data]);
      while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
        const end = 4 + pending.readInt32BE(0);
        const reply = answer(
          new Uint8Array(pending.subarray(0, end)),
          port(server),
          ceiling,
          captured,
        );
        if (reply !== null) socket.write(reply);
        pending = pending.subarray(end);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: port(server),
    captured,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function port(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function answer(
  frame: Uint8Array,
  ownPort: number,
  ceiling: number,
  captured: Captured[],
): Uint8Array | null {
  const {
    apiKey: key,
    apiVersion: version,
    correlationId,
    bodyOffset,
  } = decodeRequestHeader(frame, 4);
  const api = apiByKey(key);
  if (api === undefined || bodyOffset < 0) {
    console.error(`not answered: key ${key} version ${version}`);
    return null;
  }
  captured.push({ key, version, frame });
  const request = api.request.decode(new Reader(frame, bodyOffset), version);
  const response = respond(key, request, ownPort, ceiling);
  if (key === 0 && (request as ProduceRequest).acks === 0) return null;
  return encodeResponseFrame(api, version, correlationId, response);
}

/** The least that keeps each client going; an API that is not named gets an empty success. */
function respond(key: number, request: unknown, ownPort: number, ceiling: number): unknown {
  const node = { nodeId: 1, host: "127.0.0.1", port: ownPort, rack: null };
  switch (key) {
    case 0:
      return produceResponse(request as ProduceRequest);
    case 1:
      return fetchResponse(request as FetchRequest);
    case 2:
      return listOffsetsResponse(request as ListOffsetsRequest);
    case 3:
      return metadataResponse(request as MetadataRequest, node);
    case 8:
      return offsetCommitResponse(request as OffsetCommitRequest);
    case 9:
      return {
        topics: [topicWith("name", { committedOffset: -1, metadata: "", errorCode: 0 })],
        groups: [
          {
            groupId: "group",
            topics: [topicWith("name", { committedOffset: -1, metadata: "", errorCode: 0 })],
          },
        ],
      };
    case 10:
      return { ...node, coordinators: [{ ...node, key: "group", errorCode: 0 }] };
    case 11:
      return joinGroupResponse(request as JoinGroupRequest);
    case 14:
      return {
        errorCode: 0,
        protocolType: "consumer",
        protocolName: "any",
        assignment: (request as SyncGroupRequest).assignments[0]?.assignment ?? new Uint8Array(0),
      };
    case 15:
      return {
        groups: [
          {
            errorCode: 0,
            groupId: "group",
            groupState: "Empty",
            protocolType: "consumer",
            protocolData: "",
            members: [],
          },
        ],
      };
    case 18:
      return apiVersionsResponse(ceiling);
    case 19:
      return {
        topics: (request as CreateTopicsRequest).topics.map(({ name }) => ({
          name,
          topicId: TOPIC_ID,
          errorCode: 0,
        })),
      };
    case 22:
      return { errorCode: 0, producerId: 1_000, producerEpoch: 0 };
    case 68:
      return {
        errorCode: 0,
        memberId: "member-1",
        memberEpoch: 1,
        heartbeatIntervalMs: 100,
        assignment: { topicPartitions: [{ topicId: TOPIC_ID, partitions: PARTITIONS }] },
      };
    default:
      return emptySuccess(key);
  }
}

function topicWith(nameField: string, partition: object): object {
  const partitions = PARTITIONS.map((index) => ({ partitionIndex: index, ...partition }));
  return { [nameField]: "topic", topicId: TOPIC_ID, partitions };
}

function produceResponse({ topicData }: ProduceRequest): unknown {
  const responses = topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => ({ index, errorCode: 0, baseOffset: 0 })),
  }));
  return { responses };
}

function fetchResponse({ topics }: FetchRequest): unknown {
  const value = new TextEncoder().encode("value");
  const records = encodeRecordBatch({
    records: [{ timestamp: 1_700_000_000_000, key: null, value }],
  });
  const responses = topics.map(({ topic, topicId, partitions }) => ({
    topic,
    topicId,
    partitions: partitions.map(({ partition, fetchOffset }) => ({
      partitionIndex: partition,
      errorCode: 0,
      highWatermark: 1,
      lastStableOffset: 1,
      logStartOffset: 0,
      records: fetchOffset === 0 ? records : new Uint8Array(0),
    })),
  }));
  return { responses };
}

function listOffsetsResponse({ topics }: ListOffsetsRequest): unknown {
  return {
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: 0,
        offset: 0,
        timestamp: -1,
      })),
    })),
  };
}

function metadataResponse(request: MetadataRequest, node: { nodeId: number }): unknown {
  const asked = request.topics ?? [{ name: "topic", topicId: ZERO_UUID }];
  const partitions = PARTITIONS.map((partitionIndex) => ({
    errorCode: 0,
    partitionIndex,
    leaderId: node.nodeId,
    leaderEpoch: 0,
    replicaNodes: [node.nodeId],
    isrNodes: [node.nodeId],
  }));
  return {
    brokers: [node],
    clusterId: "cluster",
    controllerId: node.nodeId,
    topics: asked.map(({ name }) => ({
      errorCode: 0,
      name: name ?? "topic",
      topicId: TOPIC_ID,
      partitions,
    })),
  };
}

function offsetCommitResponse({ topics }: OffsetCommitRequest): unknown {
  return {
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: 0 })),
    })),
  };
}

/** Every member is the leader of a group of its own. */
function joinGroupResponse({ memberId, protocolType, protocols }: JoinGroupRequest): unknown {
  const id = memberId === "" ? "member-1" : memberId;
  const [first] = protocols;
  return {
    errorCode: 0,
    generationId: 1,
    protocolType,
    protocolName: first?.name ?? "",
    leader: id,
    memberId: id,
    members: [{ memberId: id, metadata: first?.metadata ?? new Uint8Array(0) }],
  };
}

function apiVersionsResponse(ceiling: number): unknown {
  const apiKeys = [...apis.values()].map(({ key, versions: [min, max] }) => {
    // ApiVersions itself stays open to all: clients differ in how they take a refusal.
    const maxVersion = key === 18 ? max : Math.max(min, Math.min(max, ceiling));
    return { apiKey: key, minVersion: min, maxVersion };
  });
  return { errorCode: 0, apiKeys };
}

/** Success without a result: no element in any array, "" in any string. */
function emptySuccess(key: number): unknown {
  const response = apiByKey(key)?.response;
  if (response === undefined) return {};
  return Object.fromEntries(
    response.type.fields.map(({ name, defaultValue }) => [name, defaultValue]),
  );
}

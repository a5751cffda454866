/** The few Kafka frames that the bench needs: to set topics up, and to send again and again. */

import { produceApi } from "../../src/protocol/api/00-produce.ts";
import { fetchApi } from "../../src/protocol/api/01-fetch.ts";
import { metadataApi } from "../../src/protocol/api/03-metadata.ts";
import { offsetCommitApi } from "../../src/protocol/api/08-offset-commit.ts";
import { createTopicsApi } from "../../src/protocol/api/19-create-topics.ts";
import {
  decodeResponseFrame,
  encodeRequestFrame,
  encodeResponseFrame,
} from "../../src/protocol/frame.ts";
import { encodeRecordBatch } from "../../src/protocol/record-batch.ts";
import type { AnyApi, RequestInputOf, ResponseOf } from "../../src/protocol/schema.ts";
import { httpRequest } from "./load/load-generator.ts";

export const KAFKA_CONTENT_TYPE = "application/vnd.kafka.protocol";

/** The versions that current clients speak: topics by id. */
const PRODUCE_VERSION = 13;
const FETCH_VERSION = 17;
const METADATA_VERSION = 12;
const CREATE_TOPICS_VERSION = 7;
const OFFSET_COMMIT_VERSION = 8;
const CLIENT_ID = "bench";
const TIMEOUT_MS = 30_000;
/** No two bytes of it are zero, so that an error code shows wherever it stands. */
const ANY_ERROR = 0x0101;

export interface Topic {
  readonly name: string;
  readonly topicId: string;
  /** The name of the object that leads its only partition. */
  readonly object: string;
  /** The names of its followers. */
  readonly followers: readonly string[];
}

/** Creates a topic, of one partition unless told otherwise. */
export async function createTopic(
  kedge: URL,
  name: string,
  replicationFactor = 1,
  numPartitions = 1,
): Promise<Topic> {
  const created = await ask(kedge, createTopicsApi, CREATE_TOPICS_VERSION, {
    topics: [{ name, numPartitions, replicationFactor, assignments: [], configs: [] }],
    timeoutMs: TIMEOUT_MS,
    validateOnly: false,
  });
  const [topic] = created.topics;
  if (topic === undefined || topic.errorCode !== 0) {
    throw new Error(`CreateTopics of ${name}: ${topic?.errorCode} ${topic?.errorMessage}`);
  }
  return partitionOf(kedge, name, 0);
}

/** The objects of one partition. */
export async function partitionOf(kedge: URL, name: string, index: number): Promise<Topic> {
  const { topics, clusterId } = await ask(kedge, metadataApi, METADATA_VERSION, {
    topics: [{ name }],
    allowAutoTopicCreation: false,
  });
  const [topic] = topics;
  const partition = topic?.partitions.find(({ partitionIndex }) => partitionIndex === index);
  if (topic === undefined || partition === undefined) {
    throw new Error(`Metadata of ${name} names no partition ${index}`);
  }
  const { topicId } = topic;
  const { leaderId, replicaNodes } = partition;
  const objectOf = (broker: number): string => `${clusterId}/${topicId}/${index}/${broker}`;
  const followers = replicaNodes.filter((broker) => broker !== leaderId).map(objectOf);
  return { name, topicId, object: objectOf(leaderId), followers };
}

/** Again, once, when it went out on a connection that the server was about to close. */
export async function post(url: URL, init: RequestInit): Promise<Response> {
  const request = { ...init, method: "POST" };
  try {
    return await fetch(url, request);
  } catch {
    return fetch(url, request);
  }
}

export async function ask<A extends AnyApi>(
  kedge: URL,
  api: A,
  version: number,
  body: RequestInputOf<A>,
): Promise<ResponseOf<A>> {
  const response = await post(new URL("/kafka", kedge), {
    headers: { "content-type": KAFKA_CONTENT_TYPE },
    body: encodeRequestFrame(api, version, 1, CLIENT_ID, body) as Uint8Array<ArrayBuffer>,
  });
  if (!response.ok) throw new Error(`${api.name}: ${response.status} ${await response.text()}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return decodeResponseFrame(api, version, bytes).body;
}

export function kafkaRequest(kedge: URL, frame: Uint8Array): Uint8Array {
  const url = new URL("/kafka", kedge);
  return httpRequest("POST", url, { "content-type": KAFKA_CONTENT_TYPE }, frame);
}

export function produceFrame({ name, topicId }: Topic, records: Uint8Array): Uint8Array {
  return encodeRequestFrame(produceApi, PRODUCE_VERSION, 1, CLIENT_ID, {
    transactionalId: null,
    acks: -1,
    timeoutMs: TIMEOUT_MS,
    topicData: [{ name, topicId, partitionData: [{ index: 0, records }] }],
  });
}

export function fetchFrame(topic: Topic, fetchOffset: number, maxBytes: number): Uint8Array {
  return encodeRequestFrame(fetchApi, FETCH_VERSION, 1, CLIENT_ID, {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes,
    topics: [
      {
        topic: topic.name,
        topicId: topic.topicId,
        partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: maxBytes }],
      },
    ],
    forgottenTopicsData: [],
    rackId: "",
  });
}

/** A batch of that many records, each with a value of that many bytes that do not compress away. */
export function batchOf(records: number, valueBytes: number): Uint8Array {
  const timestamp = Date.now();
  return encodeRecordBatch({
    records: Array.from({ length: records }, () => {
      return { timestamp, key: null, value: randomBytes(valueBytes) };
    }),
  });
}

export function randomBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  // One call fills at most 65,536 bytes.
  for (let at = 0; at < size; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65_536)));
  }
  return bytes;
}

/** Where a response to `produceFrame` carries its error code. */
export function produceErrorAt({ name, topicId }: Topic): number[] {
  return differences((errorCode) =>
    encodeResponseFrame(produceApi, PRODUCE_VERSION, 1, {
      responses: [
        {
          name,
          topicId,
          partitionResponses: [
            { index: 0, errorCode, baseOffset: 0, recordErrors: [], errorMessage: null },
          ],
        },
      ],
      nodeEndpoints: [],
    }),
  );
}

/** Where a response to `fetchFrame` carries its error codes. */
export function fetchErrorAt({ name, topicId }: Topic): number[] {
  return differences((errorCode) =>
    encodeResponseFrame(fetchApi, FETCH_VERSION, 1, {
      errorCode,
      sessionId: 0,
      responses: [
        {
          topic: name,
          topicId,
          partitions: [
            {
              partitionIndex: 0,
              errorCode,
              highWatermark: 0,
              abortedTransactions: null,
              records: new Uint8Array(0),
            },
          ],
        },
      ],
      nodeEndpoints: [],
    }),
  );
}

/** Where a response to `commitFrame` carries its error code. */
export function commitErrorAt(name: string): number[] {
  return differences((errorCode) =>
    encodeResponseFrame(offsetCommitApi, OFFSET_COMMIT_VERSION, 1, {
      topics: [{ name, partitions: [{ partitionIndex: 0, errorCode }] }],
    }),
  );
}

/** One offset of partition 0, for a group without members. */
export function commitFrame(groupId: string, name: string, offset: number): Uint8Array {
  return encodeRequestFrame(offsetCommitApi, OFFSET_COMMIT_VERSION, 1, CLIENT_ID, {
    groupId,
    generationIdOrMemberEpoch: -1,
    memberId: "",
    groupInstanceId: null,
    topics: [{ name, partitions: [{ partitionIndex: 0, committedOffset: offset }] }],
  });
}

function differences(encode: (errorCode: number) => Uint8Array): number[] {
  const bad = encode(ANY_ERROR);
  return [...encode(0)].flatMap((byte, at) => (byte === bad[at] ? [] : [at]));
}

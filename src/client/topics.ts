import { metadataApi } from "../protocol/api/03-metadata.ts";
import type { BrokerClient } from "./broker-client.ts";
import { ErrorCode, errorMessage, KafkaError } from "./errors.ts";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export function placesOf(partitions: readonly TopicPartition[]): TopicPartition[] {
  return partitions.map(({ topic, partition }) => ({ topic, partition }));
}

/** For filter(): what the other list does not have. */
export function isNotIn(places: readonly TopicPartition[]): (place: TopicPartition) => boolean {
  const keys = new Set(places.map(({ topic, partition }) => `${partition}/${topic}`));
  return ({ topic, partition }) => !keys.has(`${partition}/${topic}`);
}

export interface PartitionInfo extends TopicPartition {
  /** Node id, null when the partition has no leader now. */
  readonly leader: number | null;
  readonly leaderEpoch: number;
  /** Node ids. */
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
}

/** One topic's partitions, by number. Throws KafkaError where the server has an error for it. */
export async function fetchPartitions(
  client: BrokerClient,
  topic: string,
  options: { timeoutMs: number; autoCreate: boolean },
): Promise<PartitionInfo[]> {
  return client.retry(`looking up topic ${topic}`, options.timeoutMs, async (leftMs) => {
    const body = {
      topics: [{ name: topic, topicId: undefined }],
      allowAutoTopicCreation: options.autoCreate,
    };
    const response = await client.request(metadataApi, body, { timeoutMs: leftMs });
    const answer = response.topics[0];
    if (answer === undefined || answer.errorCode !== ErrorCode.NONE) {
      const code = answer?.errorCode ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      throw new KafkaError(code, `topic ${topic}: ${errorMessage(code)}`);
    }
    return answer.partitions
      .map((partition) => ({
        topic,
        partition: partition.partitionIndex,
        leader: partition.leaderId < 0 ? null : partition.leaderId,
        leaderEpoch: partition.leaderEpoch,
        replicas: partition.replicaNodes,
        inSyncReplicas: partition.isrNodes,
      }))
      .sort((a, b) => a.partition - b.partition);
  });
}

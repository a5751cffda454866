import type { KafkaHeader } from "../protocol/record-batch.ts";
import type { FetchedRecord } from "./completed-fetch.ts";
import type { ConsumerSettings } from "./consumer-config.ts";
import { RecordDeserializationError } from "./errors.ts";
import { BytesDeserializer, type Deserializer } from "./serializers.ts";
import type { TopicPartition } from "./topics.ts";

export interface ConsumerRecord<K, V> extends TopicPartition {
  readonly offset: number;
  /** Milliseconds since the Unix epoch; -1 when there is none. */
  readonly timestamp: number;
  /** Whose clock that was: the producer's, or the log's. */
  readonly timestampType: "CreateTime" | "LogAppendTime";
  readonly key: K | null;
  /** null is a tombstone. */
  readonly value: V | null;
  readonly headers: readonly KafkaHeader[];
  /** Bytes; -1 for null. */
  readonly serializedKeySize: number;
  readonly serializedValueSize: number;
  /** -1 when the log does not say. */
  readonly leaderEpoch: number;
}

/** Makes records of bytes. */
export class RecordReader<K, V> {
  readonly #key: Deserializer<K>;
  readonly #value: Deserializer<V>;

  constructor(settings: Pick<ConsumerSettings, "key.deserializer" | "value.deserializer">) {
    const fallback = BytesDeserializer as Deserializer<unknown>;
    this.#key = (settings["key.deserializer"] ?? fallback) as Deserializer<K>;
    this.#value = (settings["value.deserializer"] ?? fallback) as Deserializer<V>;
  }

  /** @throws RecordDeserializationError */
  read({ topic, partition }: TopicPartition, record: FetchedRecord): ConsumerRecord<K, V> {
    const { offset, timestamp, timestampType, key, value, headers, leaderEpoch } = record;
    try {
      return {
        topic,
        partition,
        offset,
        timestamp,
        timestampType,
        key: key === null ? null : this.#key.deserialize(topic, key, headers),
        value: value === null ? null : this.#value.deserialize(topic, value, headers),
        headers,
        serializedKeySize: key?.length ?? -1,
        serializedValueSize: value?.length ?? -1,
        leaderEpoch,
      };
    } catch (cause) {
      throw new RecordDeserializationError(topic, partition, offset, cause);
    }
  }
}

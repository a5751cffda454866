/** What an operator or a topic sets, and the limits of copying. */
import {
  MIN_INSYNC_REPLICAS_DEFAULT,
  REPLICA_LAG_TIME_MAX_MS_DEFAULT,
  REPLICATE_FENCED_RETRY_MS,
  REPLICATE_LINGER_MS,
  REPLICATE_MESSAGE_BYTES_MAX,
  REPLICATE_QUIET_MS,
  REPLICATE_RETRY_MS_MAX,
  REPLICATE_RETRY_MS_MIN,
  REPLICATE_TIMEOUT_MS,
  REPLICATE_WINDOW_BYTES_MAX,
  SEGMENT_BYTES_DEFAULT,
} from "../constants.ts";

export interface ReplicaConfig {
  /** min.insync.replicas of the topic. */
  readonly minInsyncReplicas: number;
  /** replica.lag.time.max.ms */
  readonly replicaLagTimeMaxMs: number;
  readonly segmentBytes: number;
  /** A message or a catalogue call that has no answer after this long is given up. */
  readonly sendTimeoutMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** Brokers that an operator took out, and the pause for a follower there that fails. */
  readonly fencedBrokers: readonly number[];
  readonly fencedRetryMs: number;
  readonly windowBytes: number;
  readonly messageBytes: number;
  /** So long the high watermark waits for records to travel with. */
  readonly lingerMs: number;
  readonly quietMs: number;
}

export const REPLICA_CONFIG_DEFAULT: ReplicaConfig = {
  minInsyncReplicas: MIN_INSYNC_REPLICAS_DEFAULT,
  replicaLagTimeMaxMs: REPLICA_LAG_TIME_MAX_MS_DEFAULT,
  segmentBytes: SEGMENT_BYTES_DEFAULT,
  sendTimeoutMs: REPLICATE_TIMEOUT_MS,
  retryMinMs: REPLICATE_RETRY_MS_MIN,
  retryMaxMs: REPLICATE_RETRY_MS_MAX,
  fencedBrokers: [],
  fencedRetryMs: REPLICATE_FENCED_RETRY_MS,
  windowBytes: REPLICATE_WINDOW_BYTES_MAX,
  messageBytes: REPLICATE_MESSAGE_BYTES_MAX,
  lingerMs: REPLICATE_LINGER_MS,
  quietMs: REPLICATE_QUIET_MS,
};

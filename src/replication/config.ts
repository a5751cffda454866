/** What an operator or a topic sets, and the limits of copying. */
import {
  MIN_INSYNC_REPLICAS_DEFAULT,
  PARTITION_BYTES_MAX,
  REPLICA_LAG_TIME_MAX_MS_DEFAULT,
  REPLICATE_FENCED_RETRY_MS,
  REPLICATE_LINGER_MS,
  REPLICATE_MESSAGE_BYTES_MAX,
  REPLICATE_QUIET_MS,
  REPLICATE_RETRY_MS_MAX,
  REPLICATE_RETRY_MS_MIN,
  REPLICATE_TIMEOUT_MS,
  REPLICATE_WINDOW_BYTES_MAX,
} from "../constants.ts";
import { LOG_CONFIG_DEFAULT, type LogConfig } from "../log/log-config.ts";

export interface ReplicaConfig extends LogConfig {
  /** min.insync.replicas of the topic. */
  readonly minInsyncReplicas: number;
  /** replica.lag.time.max.ms */
  readonly replicaLagTimeMaxMs: number;
  /** A store that holds so much takes no more appends (LOG75). */
  readonly storedBytesMax: number;
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
  ...LOG_CONFIG_DEFAULT,
  minInsyncReplicas: MIN_INSYNC_REPLICAS_DEFAULT,
  replicaLagTimeMaxMs: REPLICA_LAG_TIME_MAX_MS_DEFAULT,
  storedBytesMax: PARTITION_BYTES_MAX,
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

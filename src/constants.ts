/**
 * Every limit and default in one place, unit in its name, relations asserted below.
 */
import { assert } from "./lib/assert.ts";

/** Cloudflare's bound on one SQLite row; the local runtime does not enforce it, the log does. */
export const ROW_BYTES_MAX = 2_000_000;
/** Room left in a row for its other columns and SQLite's own header. */
export const CHUNK_BYTES_MAX = ROW_BYTES_MAX - 1_024;
/** A chunk's rowid is baseOffset * CHUNK_PARTS_MAX + part, so one batch may span that many rows. */
export const CHUNK_PARTS_MAX = 16;
/** Rowids are read as JavaScript numbers: exact up to 2^53. */
export const OFFSET_MAX = Math.floor(Number.MAX_SAFE_INTEGER / CHUNK_PARTS_MAX) - 1;

/** One RPC message carries at most 32 MiB (workerd MAX_JS_RPC_MESSAGE_SIZE). */
export const RPC_MESSAGE_BYTES_MAX = 32 * 1024 * 1024;
/** Kafka's default max.message.bytes: 1 MiB of records and 12 bytes of batch prefix. */
export const MAX_MESSAGE_BYTES_DEFAULT = 1_048_588;
/** The largest max.message.bytes that a topic may ask for. */
export const MAX_MESSAGE_BYTES_LIMIT = 24 * 1024 * 1024;
/** A request frame without its size prefix: Kafka's socket.request.max.bytes. */
export const REQUEST_BYTES_MAX = 100 * 1024 * 1024;
/**
 * What one Fetch response may hold (the broker's fetch.max.bytes, 55 MiB in Kafka): lower, since a
 * Worker has 128 MB for the parts and their concatenation. A larger first batch is returned all the same.
 */
export const FETCH_BYTES_MAX = 4 * 1024 * 1024;
/**
 * Fetch answers that one isolate holds at the same time, from before they are read until they are
 * sent. One over REST is there twice for a moment, as records and as JSON, and a Worker has 128 MB.
 */
export const FETCH_ANSWERS_BYTES_MAX = 32 * 1024 * 1024;
/** Bytes so held without a change for this long were left behind by a request that is gone. */
export const FETCH_ANSWER_LAPSE_MS = 10 * 60 * 1000;
/** A partition is asked for so many bytes at least: a batch.size, Kafka's default. */
export const FETCH_SHARE_BYTES_MIN = 16 * 1024;
/** A replica near the reader that has not answered for this long: the leader is asked as well. */
export const NEAR_REPLICA_PATIENCE_MS = 1_000;
/** What one partition may add to it: one RPC message, with room for its envelope. */
export const FETCH_PARTITION_BYTES_MAX = 28 * 1024 * 1024;
/** A fetch parks no longer than this, whatever it asks (Kafka has no cap; a Worker's client may be gone). */
export const FETCH_WAIT_MS_MAX = 5 * 60 * 1000;

/** Bytes of produces that a partition holds in memory before it says "throttle". */
export const APPEND_IN_FLIGHT_BYTES_MAX = 32 * 1024 * 1024;
/** Most recent chunks kept in memory per partition for tailing readers. */
export const TAIL_CACHE_BYTES_MAX = 4 * 1024 * 1024;
/** A checkpoint of the log's soft state is written after this many bytes or chunks of appends. */
export const CHECKPOINT_BYTES = 4 * 1024 * 1024;
export const CHECKPOINT_CHUNKS = 256;
/** Rows that one turn deletes at most, so that cleaning never stalls appends. */
export const TRIM_ROWS_PER_TURN = 256;
/** segment.bytes: where the log starts a new segment, Kafka's default. */
export const SEGMENT_BYTES_DEFAULT = 1024 * 1024 * 1024;

/** Replicas that one DescribeLogDirs looks at: each is a call that wakes an object. */
export const LOG_DIRS_REPLICAS_MAX = 500;

/** Retention moves the log start of a partition no more often than this, whatever falls due. */
export const RETENTION_CHECK_MS = 10_000;
/** A Durable Object holds 10 GB. Where a partition refuses appends, with room left to clean up in. */
export const OBJECT_BYTES_MAX = 10_000_000_000;
export const PARTITION_BYTES_MAX = 9_500_000_000;
/** A store asks SQLite for its size again after so many bytes of writes. */
export const STORE_SIZE_CHECK_BYTES = 16 * 1024 * 1024;

/** Decompressed size of one batch that Kedge is willing to look into. */
export const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024;

/** min.insync.replicas and replica.lag.time.max.ms, Kafka's defaults. */
export const MIN_INSYNC_REPLICAS_DEFAULT = 1;
export const REPLICA_LAG_TIME_MAX_MS_DEFAULT = 30_000;
/** Bytes of records in one message to a follower (a larger batch travels alone), and on their way to it. */
export const REPLICATE_MESSAGE_BYTES_MAX = CHUNK_BYTES_MAX;
export const REPLICATE_WINDOW_BYTES_MAX = 4 * 1024 * 1024;
/** A message to a follower or the catalogue without an answer is given up after this long. */
export const REPLICATE_TIMEOUT_MS = 5_000;
/** The pause before a failed message is tried again doubles from the first to the second. */
export const REPLICATE_RETRY_MS_MIN = 50;
export const REPLICATE_RETRY_MS_MAX = 15_000;
/** So long a leader leaves a follower alone that does not answer and whose broker is fenced. */
export const REPLICATE_FENCED_RETRY_MS = 5 * 60 * 1000;
/** A high watermark waits so long for records to travel to a follower with. */
export const REPLICATE_LINGER_MS = 20;
/** A log without appends for this long stores its high watermark in a row of its own. */
export const REPLICATE_QUIET_MS = 5_000;

/** Kafka keeps the last five batches of an idempotent producer (ProducerStateEntry.NUM_BATCHES_TO_RETAIN). */
export const PRODUCER_BATCHES_RETAINED = 5;
/** producer.id.expiration.ms. */
export const PRODUCER_ID_EXPIRATION_MS = 24 * 60 * 60 * 1000;
/** A partition remembers this many producers; the one unused for longest goes first. */
export const PRODUCER_IDS_PER_PARTITION_MAX = 10_000;
/** Producer ids are handed out from blocks of this size, one D1 write each (ProducerIdsBlock). */
export const PRODUCER_ID_BLOCK = 1_000;

/** offsets.topic.num.partitions, offsets.topic.replication.factor, offsets.topic.segment.bytes. */
export const OFFSETS_TOPIC_PARTITIONS_DEFAULT = 50;
export const OFFSETS_TOPIC_REPLICATION_FACTOR_DEFAULT = 3;
export const OFFSETS_TOPIC_SEGMENT_BYTES = 104_857_600;
/** offsets.commit.timeout.ms: who waits for a record of __consumer_offsets waits no longer. */
export const OFFSETS_COMMIT_TIMEOUT_MS = 5_000;
/** The largest offset.metadata.max.bytes: a commit's metadata is one string of Kafka's old encoding. */
export const OFFSET_METADATA_BYTES_LIMIT = 32_767;
/** A batch of group records is closed at this size; records of one request stay together up to the limit. */
export const GROUP_BATCH_BYTES = 1024 * 1024;
export const GROUP_BATCH_BYTES_MAX = MAX_MESSAGE_BYTES_LIMIT;
/** Log that a new coordinator reads in one turn, so that its object answers others in between. */
export const GROUP_LOAD_BYTES_PER_TURN = 8 * 1024 * 1024;
/** The assignments of one SyncGroup: it travels to the coordinator as one RPC message. */
export const ASSIGNMENTS_BYTES_MAX = 16 * 1024 * 1024;
/** Groups that one request may name, and partitions that one commit or fetch of offsets may. */
export const GROUPS_PER_REQUEST_MAX = 10_000;
export const OFFSETS_PER_REQUEST_MAX = 100_000;
/** Calls that a coordinator's object holds at once; most are parked members of a rebalance. */
export const GROUP_CALLS_MAX = 20_000;

/** message.timestamp.after.max.ms (KIP-937). */
export const TIMESTAMP_AFTER_MAX_MS = 60 * 60 * 1000;

/** Kafka's topic name rule (Topic.java): at most 249 of [a-zA-Z0-9._-], not "." or "..". */
export const TOPIC_NAME_CHARS_MAX = 249;
export const PARTITIONS_PER_TOPIC_MAX = 10_000;
/** One CreateTopics request adds no more than this (ReplicationControlManager.MAX_PARTITIONS_PER_BATCH). */
export const PARTITIONS_PER_REQUEST_MAX = 10_000;
/** Topics that one CreateTopics or DeleteTopics takes: a Worker may send D1 1,000 queries a request. */
export const TOPICS_PER_REQUEST_MAX = 400;
/** DescribeTopicPartitions answers so many and gives a cursor (max.request.partition.size.limit). */
export const DESCRIBE_PARTITIONS_MAX = 2_000;
/** batch.size: where the sticky partitioner moves on (KIP-794), and the producer's batch. */
export const BATCH_SIZE_DEFAULT = 16_384;

/** How long a router trusts what it read of a topic in the catalogue. */
export const METADATA_TTL_MS = 5_000;
/** How long it goes on with what it has when the catalogue does not answer. */
export const METADATA_STALE_MS_MAX = 60_000;
/** Partitions (and one more for each topic) that a router keeps in memory: about 10 MB. */
export const METADATA_CACHE_PARTITIONS_MAX = 100_000;
/** A reader waits this long for another request's query before it sends its own. */
export const METADATA_JOIN_MS_MAX = 1_000;

/** While a consumer group has members, its topics are read again after this long (Kafka's is told). */
export const GROUP_TOPICS_REFRESH_MS = 10_000;
/** A heartbeat waits this long for the topics that it newly asks for. */
export const GROUP_TOPICS_WAIT_MS = 2_000;
/** A question to the catalogue about topics without an answer is given up after this long. */
export const GROUP_TOPICS_READ_TIMEOUT_MS = 10_000;
/** The pause before it is asked again when it had none. */
export const GROUP_TOPICS_RETRY_MS = 500;
/** A member that waits for another's partitions asks again after this long, not a heartbeat interval. */
export const GROUP_UNRELEASED_HEARTBEAT_MS = 1_000;
/** Texts of one member of a consumer group together (ids, names of topics): its record must fit a batch. */
export const GROUP_MEMBER_TEXT_CHARS_MAX = 250_000;
/** A pattern of topics, as written and as RE2 compiles it: each topic's name is run through it. */
export const TOPIC_PATTERN_CHARS_MAX = 1_024;
export const TOPIC_PATTERN_INSTRUCTIONS_MAX = 4_096;
/** How long a JoinGroup of a member without an id of its own waits (classicGroupNewMemberJoinTimeoutMs). */
export const GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1000;
/** Members of one group that were given an id and have not joined with it. */
export const GROUP_PENDING_MEMBERS_MAX = 10_000;
/** What one member may say to the group's leader, all its protocols together. */
export const GROUP_MEMBER_METADATA_BYTES_MAX = 256 * 1024;
/** Protocols that one member may offer, and the length of their names. */
export const GROUP_PROTOCOLS_MAX = 64;
/** Characters of a group id, an instance id, a protocol's or a client's name: two make up a member id. */
export const GROUP_NAME_CHARS_MAX = 4_096;
/**
 * The record of a group, with every member's metadata and assignment. Kafka's bound is the
 * max.message.bytes of __consumer_offsets, 1 MiB, which large groups there have to raise.
 */
export const GROUP_METADATA_BYTES_MAX = 4 * 1024 * 1024;
/** Room in it for what else it says of each member: ids, names, timeouts. */
export const GROUP_MEMBER_OVERHEAD_BYTES = 200;
/** Partitions that one commit may name: ten topics of the most partitions. */
export const GROUP_COMMIT_PARTITIONS_MAX = 10 * PARTITIONS_PER_TOPIC_MAX;
/** Committed offsets that one turn expires or forgets at most, so that it never stalls heartbeats. */
export const GROUP_OFFSETS_PER_TURN = 500;

assert(
  METADATA_TTL_MS < METADATA_STALE_MS_MAX,
  "what is trusted must be young enough to go on with",
);
assert(
  PARTITIONS_PER_TOPIC_MAX < METADATA_CACHE_PARTITIONS_MAX,
  "any one topic must fit the cache",
);
assert(
  MAX_MESSAGE_BYTES_LIMIT <= CHUNK_BYTES_MAX * CHUNK_PARTS_MAX,
  "the largest batch must fit its rows",
);
assert(
  PARTITION_BYTES_MAX + STORE_SIZE_CHECK_BYTES + APPEND_IN_FLIGHT_BYTES_MAX < OBJECT_BYTES_MAX,
  "a partition refuses appends before the platform does",
);
assert(REPLICATE_MESSAGE_BYTES_MAX <= REPLICATE_WINDOW_BYTES_MAX, "a message must fit the window");
assert(
  REPLICATE_TIMEOUT_MS < REPLICA_LAG_TIME_MAX_MS_DEFAULT,
  "a lost message is no reason to leave the ISR",
);
assert(
  REPLICATE_RETRY_MS_MAX < REPLICATE_FENCED_RETRY_MS,
  "a fenced follower is asked less often than one that merely fails",
);
assert(GROUP_BATCH_BYTES < GROUP_BATCH_BYTES_MAX, "a closed batch may still grow by a request");
assert(ASSIGNMENTS_BYTES_MAX < RPC_MESSAGE_BYTES_MAX, "assignments must fit one RPC message");
assert(MAX_MESSAGE_BYTES_LIMIT < FETCH_PARTITION_BYTES_MAX, "the largest batch must fit one fetch");
assert(MAX_MESSAGE_BYTES_LIMIT <= FETCH_ANSWERS_BYTES_MAX, "the largest batch must be readable");
assert(FETCH_BYTES_MAX <= FETCH_ANSWERS_BYTES_MAX / 4, "one fetch must leave room for others");
assert(FETCH_WAIT_MS_MAX < FETCH_ANSWER_LAPSE_MS, "no parked fetch may lose what it holds");
assert(
  FETCH_PARTITION_BYTES_MAX < RPC_MESSAGE_BYTES_MAX,
  "one partition's fetch must fit one RPC message",
);
assert(GROUP_METADATA_BYTES_MAX < MAX_MESSAGE_BYTES_LIMIT, "a group must fit one batch");
assert(
  GROUP_MEMBER_METADATA_BYTES_MAX < GROUP_METADATA_BYTES_MAX,
  "any one member must fit its group",
);
assert(APPEND_IN_FLIGHT_BYTES_MAX > MAX_MESSAGE_BYTES_LIMIT, "one batch must always be admitted");
assert(
  GROUP_TOPICS_WAIT_MS < GROUP_TOPICS_READ_TIMEOUT_MS,
  "who waits does not outlast the question",
);
assert(
  GROUP_MEMBER_TEXT_CHARS_MAX * 3 < MAX_MESSAGE_BYTES_DEFAULT,
  "a member's record must fit one batch",
);

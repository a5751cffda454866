/**
 * Is this what a producer may append? Runs before the partition is asked, so that the work of
 * checking scales with the callers and not with the one object that orders them.
 * Rules: LOG50 to LOG61 in SPEC.md; Kafka's ProduceRequest.validateRecords, UnifiedLog.
 * analyzeAndValidateRecords and LogValidator.
 */
import { DECOMPRESSED_BYTES_MAX } from "../constants.ts";
import { Codec, decompress } from "../protocol/compression/mod.ts";
import { ErrorCode, ProtocolError } from "../protocol/errors.ts";
import {
  batchBaseOffset,
  batchBaseSequence,
  batchBaseTimestamp,
  batchCompression,
  batchCrc,
  batchIsControl,
  batchIsLogAppendTime,
  batchLastOffsetDelta,
  batchMagic,
  batchMaxTimestamp,
  batchProducerId,
  batchRecordCount,
  batchSizeInBytes,
  computeBatchCrc,
  RECORD_BATCH_HEADER_BYTES,
  type RecordVisitor,
  setMaxTimestamp,
  walkRecords,
} from "../protocol/record-batch.ts";

export interface ValidationRules {
  readonly nowMs: number;
  /** Of the Produce request: zstd needs 7. */
  readonly apiVersion: number;
  readonly maxMessageBytes: number;
  readonly segmentBytes: number;
  /** message.timestamp.type=LogAppendTime: what the producer says of time does not matter. */
  readonly logAppendTime: boolean;
  /** message.timestamp.before.max.ms and after.max.ms. */
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** cleanup.policy contains compact: every record needs a key. */
  readonly compacted: boolean;
}

export interface RecordError {
  readonly batchIndex: number;
  readonly batchIndexErrorMessage: string;
}

export interface Verdict {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly recordErrors: readonly RecordError[];
  /** The one batch, alone; null when refused. */
  readonly batch: Uint8Array | null;
}

/** Kafka's fixed fields up to and including magic, without which no length can be trusted. */
const LENGTH_PREFIX_BYTES = 12;
const MAGIC_AT = 16;
const RECORD_ERRORS_MAX = 100;
const NO_TIMESTAMP = -1;

function refuse(
  errorCode: number,
  errorMessage: string,
  recordErrors: readonly RecordError[] = [],
): Verdict {
  return { errorCode, errorMessage, recordErrors, batch: null };
}

/** Checks the records field of one partition in a Produce request. */
export function validateRecords(records: Uint8Array | null, rules: ValidationRules): Verdict {
  const framed = frameOne(records, rules);
  if (framed.batch === null) return framed;
  const batch = framed.batch;
  return validateHeader(batch, rules) ?? validatePayload(batch, rules) ?? framed;
}

/** LOG50: exactly one batch of magic 2. A cut second one is dropped, as Kafka trims it. */
function frameOne(records: Uint8Array | null, rules: ValidationRules): Verdict {
  const none = `a produce request needs one record batch for each partition, this one has none`;
  if (records === null || records.byteLength < LENGTH_PREFIX_BYTES) {
    return refuse(ErrorCode.INVALID_RECORD, none);
  }
  if (records.byteLength <= MAGIC_AT) return refuse(ErrorCode.CORRUPT_MESSAGE, "the batch is cut");
  const magic = batchMagic(records, 0);
  if (magic !== 2) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      `the batch has magic ${magic}: produce with record batches of magic 2 (message.format 0.11 or newer)`,
    );
  }
  const size = batchSizeInBytes(records, 0);
  if (size < RECORD_BATCH_HEADER_BYTES) {
    return refuse(
      ErrorCode.CORRUPT_MESSAGE,
      `the batch says it has ${size} bytes, fewer than the ${RECORD_BATCH_HEADER_BYTES} of its header`,
    );
  }
  if (size > rules.maxMessageBytes) return tooLarge(size, rules.maxMessageBytes);
  if (size > records.byteLength) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      `${none}: it says ${size} bytes and ${records.byteLength} are there`,
    );
  }
  if (hasWholeBatch(records, size)) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      "a produce request holds exactly one record batch for each partition, this one has more",
    );
  }
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    recordErrors: [],
    batch: size === records.byteLength ? records : records.subarray(0, size),
  };
}

function hasWholeBatch(records: Uint8Array, at: number): boolean {
  const left = records.byteLength - at;
  return left >= LENGTH_PREFIX_BYTES && batchSizeInBytes(records, at) <= left;
}

function tooLarge(size: number, limit: number): Verdict {
  return refuse(
    ErrorCode.MESSAGE_TOO_LARGE,
    `the batch has ${size} bytes, the topic takes at most ${limit} (max.message.bytes): send smaller batches`,
  );
}

function validateHeader(batch: Uint8Array, rules: ValidationRules): Verdict | null {
  const baseOffset = batchBaseOffset(batch, 0);
  if (baseOffset !== 0) {
    return refuse(ErrorCode.INVALID_RECORD, `the batch has base offset ${baseOffset}, not 0`);
  }
  if (batch.byteLength > rules.segmentBytes) {
    return refuse(
      ErrorCode.RECORD_LIST_TOO_LARGE,
      `the batch has ${batch.byteLength} bytes, a segment holds ${rules.segmentBytes} (segment.bytes)`,
    );
  }
  const crc = computeBatchCrc(batch, 0);
  if (crc !== batchCrc(batch, 0)) {
    return refuse(
      ErrorCode.CORRUPT_MESSAGE,
      `the batch has CRC ${batchCrc(batch, 0)}, its bytes give ${crc}: it was damaged on the way`,
    );
  }
  const count = batchRecordCount(batch, 0);
  const lastOffsetDelta = batchLastOffsetDelta(batch, 0);
  if (count <= 0 || lastOffsetDelta !== count - 1) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      `the batch says ${count} records and last offset delta ${lastOffsetDelta}`,
    );
  }
  if (batchIsControl(batch, 0)) {
    return refuse(ErrorCode.INVALID_RECORD, "clients may not write control batches");
  }
  const producerId = batchProducerId(batch, 0);
  if (producerId >= 0 && batchBaseSequence(batch, 0) < 0) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      `producer ${producerId} sent sequence ${batchBaseSequence(batch, 0)}: it must not be negative`,
    );
  }
  if (batchIsLogAppendTime(batch, 0)) {
    return refuse(
      ErrorCode.INVALID_TIMESTAMP,
      "the producer set the timestamp type to LogAppendTime: only the log may",
    );
  }
  return validateCodec(batchCompression(batch, 0), rules.apiVersion);
}

function validateCodec(codec: number, apiVersion: number): Verdict | null {
  if (codec > Codec.ZSTD) {
    return refuse(ErrorCode.INVALID_RECORD, `compression codec ${codec} is not known`);
  }
  if (codec === Codec.ZSTD && apiVersion < 7) {
    return refuse(
      ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
      `zstd needs Produce version 7, the request has version ${apiVersion}`,
    );
  }
  return null;
}

/** LOG57 to LOG61: every record is looked at, without making an object of it. */
function validatePayload(batch: Uint8Array, rules: ValidationRules): Verdict | null {
  const codec = batchCompression(batch, 0);
  const count = batchRecordCount(batch, 0);
  const walk = new PayloadCheck(batchBaseTimestamp(batch, 0), rules);
  try {
    const body = batch.subarray(RECORD_BATCH_HEADER_BYTES);
    const payload = codec === Codec.NONE ? body : decompress(codec, body, DECOMPRESSED_BYTES_MAX);
    walkRecords(payload, count, walk);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return refuse(ErrorCode.INVALID_RECORD, `the records cannot be read: ${error.message}`);
  }
  const verdict = walk.verdict();
  if (
    verdict === null &&
    !rules.logAppendTime &&
    batchMaxTimestamp(batch, 0) !== walk.maxTimestamp
  ) {
    // Kafka does not trust the header either: time look-ups depend on it.
    setMaxTimestamp(batch, 0, walk.maxTimestamp);
  }
  return verdict;
}

class PayloadCheck implements RecordVisitor {
  maxTimestamp = NO_TIMESTAMP;
  readonly #baseTimestamp: number;
  readonly #rules: ValidationRules;
  readonly #oldest: number;
  readonly #newest: number;
  readonly #errors: RecordError[] = [];
  #failed = 0;
  #timestampsFailed = 0;
  #index = 0;

  constructor(baseTimestamp: number, rules: ValidationRules) {
    this.#baseTimestamp = baseTimestamp;
    this.#rules = rules;
    this.#oldest = rules.nowMs - rules.timestampBeforeMaxMs;
    this.#newest = rules.nowMs + rules.timestampAfterMaxMs;
  }

  record(offsetDelta: number, timestampDelta: number, _keyAt: number, keyLength: number): void {
    const index = this.#index++;
    if (offsetDelta !== index) {
      this.#fail(index, `record ${index} has offset delta ${offsetDelta}`);
      return;
    }
    if (this.#rules.compacted && keyLength < 0) {
      this.#fail(index, `record ${index} has no key: a compacted topic needs one in every record`);
      return;
    }
    if (this.#rules.logAppendTime) return;
    const timestamp = this.#baseTimestamp + timestampDelta;
    if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp;
    if (timestamp !== NO_TIMESTAMP && (timestamp < this.#oldest || timestamp > this.#newest)) {
      this.#timestampsFailed++;
      this.#fail(
        index,
        `record ${index} has timestamp ${timestamp}, outside ${this.#oldest} to ${this.#newest} (message.timestamp.before.max.ms, message.timestamp.after.max.ms)`,
      );
    }
  }

  #fail(batchIndex: number, batchIndexErrorMessage: string): void {
    this.#failed++;
    if (this.#errors.length < RECORD_ERRORS_MAX) {
      this.#errors.push({ batchIndex, batchIndexErrorMessage });
    }
  }

  verdict(): Verdict | null {
    if (this.#failed === 0) return null;
    const first = this.#errors[0]?.batchIndexErrorMessage ?? "";
    return this.#timestampsFailed > 0
      ? refuse(
          ErrorCode.INVALID_TIMESTAMP,
          `${this.#timestampsFailed} records have timestamps out of range: ${first}`,
          this.#errors,
        )
      : refuse(
          ErrorCode.INVALID_RECORD,
          `${this.#failed} records were refused: ${first}`,
          this.#errors,
        );
  }
}

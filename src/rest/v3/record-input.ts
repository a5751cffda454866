/** A v3 record, as JSON has it, into what is produced; and the delivery report that answers it. */
import { utf8Encode } from "../../lib/bytes.ts";
import { ErrorCode, errorMessage } from "../../protocol/errors.ts";
import type { KafkaHeader } from "../../protocol/record-batch.ts";
import type { Format } from "../formats.ts";
import { encodeField, FormatError } from "../formats.ts";
import type { Produced, ProduceOutcome, RecordToProduce } from "../produce.ts";
import type { ErrorBody } from "../rest-error.ts";
import { RestError } from "../rest-error.ts";
import { parseRfc3339 } from "../timestamp.ts";
import { inReport, invalidPayload, v3Error } from "./errors.ts";
import type { ProduceRecordInput, RecordData } from "./schemas.ts";

/** A record that can be sent, with what its report says of it. */
export interface V3Record {
  readonly record: RecordToProduce;
  readonly keyType: string | null;
  readonly valueType: string | null;
}

const NO_HEADERS: readonly KafkaHeader[] = [];

/** Throws RestError for what this record has wrong; other records are not touched by it. */
export function toV3Record(input: ProduceRecordInput): V3Record {
  const partition = input.partition_id ?? null;
  if (partition !== null && partition < 0) {
    throw new RestError(404, 40402, `Partition not found: ${partition}.`, {
      kafkaCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
  }
  const record = {
    partition,
    key: dataBytes("key", input.key),
    value: dataBytes("value", input.value),
    headers: headersOf(input),
    timestamp: timestampOf(input.timestamp),
  };
  return { record, keyType: input.key?.type ?? null, valueType: input.value?.type ?? null };
}

const FORMAT_BY_TYPE: Readonly<Record<string, Format>> = {
  BINARY: "binary",
  JSON: "json",
  STRING: "string",
};

function dataBytes(field: string, data: RecordData | null | undefined): Uint8Array | null {
  if (data === null || data === undefined) return null;
  const { type } = data;
  if (type === null || type === undefined) {
    // No type means "look the schema up", except where there is nothing to serialize.
    if (data.data === null || data.data === undefined) return null;
    throw noRegistry(`${field} has no type, which means a schema`);
  }
  const format = FORMAT_BY_TYPE[type];
  if (format === undefined) throw noRegistry(`${field} is of type ${type}`);
  for (const name of REGISTRY_FIELDS) {
    if (data[name] !== undefined && data[name] !== null) {
      throw new RestError(
        400,
        400,
        `Bad Request: ${field}: 'type=${type}' cannot be used with '${name}'.`,
      );
    }
  }
  return inFormat(field, () => encodeField(format, data.data));
}

const REGISTRY_FIELDS = [
  "subject",
  "subject_name_strategy",
  "schema_id",
  "schema_version",
  "schema",
] as const;

function noRegistry(what: string): RestError {
  return invalidPayload(
    `${what}: Kedge has no schema registry. Serialize on the client and send type BINARY, or send JSON or STRING.`,
  );
}

function headersOf({ headers }: ProduceRecordInput): readonly KafkaHeader[] {
  if (headers === null || headers === undefined || headers.length === 0) return NO_HEADERS;
  return headers.map(({ name, value }) => ({
    key: name,
    value: inFormat(`header "${name}"`, () => encodeField("binary", value)),
  }));
}

function inFormat(field: string, encode: () => Uint8Array | null): Uint8Array | null {
  try {
    return encode();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new RestError(400, 400, `Bad Request: ${field}: ${error.message}`);
  }
}

function timestampOf(text: string | null | undefined): number | null {
  if (text === null || text === undefined) return null;
  const ms = parseRfc3339(text);
  if (ms !== null) return ms;
  const example = "2021-02-05T19:14:42Z";
  throw new RestError(
    400,
    400,
    `Bad Request: timestamp must be RFC 3339 like ${example}, not "${text}"`,
  );
}

/** What both reports, of a stream and of a batch, say of a record that is in the log. */
export function reportFields(clusterId: string, topic: string, sent: V3Record, done: Produced) {
  const { record, keyType, valueType } = sent;
  return {
    cluster_id: clusterId,
    topic_name: topic,
    partition_id: done.partition,
    offset: done.offset,
    timestamp: new Date(done.timestamp).toISOString(),
    ...(keyType === null ? {} : { key: { type: keyType, size: record.key?.length ?? 0 } }),
    ...(valueType === null ? {} : { value: { type: valueType, size: record.value?.length ?? 0 } }),
  };
}

/** As the dialect has errors in reports: 422xx become 422 (see `inReport`). */
export function failureBody(error: RestError): ErrorBody {
  return inReport(error).toBody();
}

export function outcomeError(outcome: Exclude<ProduceOutcome, Produced>): RestError {
  const { kafkaCode, message } = outcome;
  return v3Error(kafkaCode, message === "" ? errorMessage(kafkaCode) : message);
}

/** The text of one report on the stream; concatenated, a line each. */
export function reportText(body: unknown): string {
  return `${JSON.stringify(body)}\n`;
}

export function reportBytes(text: string): Uint8Array {
  return utf8Encode(text);
}

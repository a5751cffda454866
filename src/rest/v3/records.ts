/** REST v3: produce one record, a stream of them, or a batch. */
import type { RequestContextBase } from "../../broker/context.ts";
import { KafkaError } from "../../protocol/errors.ts";
import { contentLength, readBody, throwIfEncoded } from "../body.ts";
import {
  BATCH_ENTRIES_MAX,
  BATCH_ID_CHARS_MAX,
  STREAM_BYTES_MIN,
  STREAM_REPORT_BYTES_MAX,
} from "../limits.ts";
import { JSON_TYPE, requireJson } from "../media-types.ts";
import type { ProduceOptions, ProduceOutcome } from "../produce.ts";
import { produceRecords } from "../produce.ts";
import { jsonText } from "../respond.ts";
import { RestError } from "../rest-error.ts";
import type { RestContext } from "../routes.ts";
import { param, RouteGroup } from "../routes.ts";
import { findOrCreateTopic } from "../topics.ts";
import { validateQuery } from "../validate.ts";
import { answer, documented, NO_CLUSTER, open, readJson } from "./common.ts";
import { invalidBatch, invalidPayload, v3Error } from "./errors.ts";
import { ProduceStream } from "./produce-stream.ts";
import type { V3Record } from "./record-input.ts";
import {
  failureBody,
  outcomeError,
  reportBytes,
  reportFields,
  reportText,
  toV3Record,
} from "./record-input.ts";
import * as schemas from "./schemas.ts";

export const recordRoutes = new RouteGroup("REST v3: records");

const EMPTY_BODY = "Request body is empty. Data is required.";

recordRoutes.on(
  "post",
  "/clusters/{cluster_id}/topics/{topic_name}/records",
  {
    summary: "Append a record, or a stream of them.",
    description:
      "The body is one record, or any number of them one after the other, with no array and no " +
      "separator; sent chunked, it may go on for a day. The answer is a delivery report for each, " +
      "in the same order, while records are still being sent. The status is 200 whatever happens " +
      "to the records: see error_code in each report.",
    query: schemas.produceQuery,
    body: { required: true, content: { [JSON_TYPE]: schemas.produceRecord } },
    responses: {
      200: documented("Delivery reports, concatenated.", schemas.deliveryReport),
      404: NO_CLUSTER,
      415: { description: "The body is not application/json." },
      422: { description: "42206: the body is empty." },
    },
  },
  async (c) => {
    open(c);
    requireJson(c.req.header("content-type") ?? null);
    throwIfEncoded(c.req.raw);
    const target = targetOf(c);
    const length = contentLength(c.req.raw);
    const { body } = c.req.raw;
    if (body === null || length === 0) throw invalidPayload(EMPTY_BODY);
    return length !== null && length <= STREAM_BYTES_MIN
      ? answerWhole(c, target)
      : answerStream(target, body);
  },
);

recordRoutes.on(
  "post",
  "/clusters/{cluster_id}/topics/{topic_name}/records:batch",
  {
    summary: `Append up to ${BATCH_ENTRIES_MAX} records.`,
    query: schemas.produceQuery,
    body: { required: true, content: { [JSON_TYPE]: schemas.produceBatchRequest } },
    responses: {
      207: documented("What became of each entry, by its id.", schemas.produceBatchResponse),
      404: NO_CLUSTER,
      415: { description: "The body is not application/json." },
      422: { description: "42206, 42208: the body is not a batch, is empty or too long." },
    },
  },
  async (c) => {
    open(c);
    const target = targetOf(c);
    const { entries } = await readJson(c, schemas.produceBatchRequest, "Data is required.");
    const ids = batchIds(entries);
    const items = entries.map(({ id: _, ...fields }) => v3RecordOrError(fields));
    const good = items.filter((item): item is V3Record => !(item instanceof RestError));
    const outcomes = good.length === 0 ? [] : await produceAll(target, good);
    const successes: unknown[] = [];
    const failures: unknown[] = [];
    let next = 0;
    items.forEach((item, i) => {
      const id = ids[i];
      const result = item instanceof RestError ? item : outcomes[next++];
      if (result instanceof RestError) failures.push({ id, ...failureBody(result) });
      else successes.push({ id, ...result });
    });
    return answer({ successes, failures }, 207);
  },
);

interface Target {
  readonly ctx: RequestContextBase;
  readonly topic: string;
  readonly options: ProduceOptions;
}

function targetOf(c: RestContext): Target {
  const { url } = c.req;
  const query = url.includes("?")
    ? validateQuery(schemas.produceQuery, new URL(url), 400)
    : NO_QUERY;
  const partitioner = query.partitioner ?? c.env.partitioner;
  const options = { partitioner, acks: query.acks === "1" ? 1 : -1 };
  return { ctx: c.env.kafka, topic: param(c, "topic_name"), options };
}

const NO_QUERY = schemas.produceQuery.parse({});

type Report = ReturnType<typeof reportFields>;

/** A report or an error for each record. Never rejects: whatever happens, happened to the records. */
async function produceAll(
  target: Target,
  records: readonly V3Record[],
): Promise<(Report | RestError)[]> {
  const { ctx, topic, options } = target;
  let outcomes: ProduceOutcome[];
  try {
    const found = await findOrCreateTopic(ctx, topic);
    const inputs = records.map(({ record }) => record);
    outcomes = await produceRecords(ctx, found, inputs, options);
  } catch (error) {
    const failure = failureOf(error);
    return records.map(() => failure);
  }
  return records.map((record, i) => {
    const outcome = outcomes[i];
    if (outcome === undefined) return new RestError(500, 50002, "the record was not answered");
    return outcome.ok ? reportFields(ctx.clusterId, topic, record, outcome) : outcomeError(outcome);
  });
}

function failureOf(error: unknown): RestError {
  if (error instanceof RestError) return error;
  if (error instanceof KafkaError) return v3Error(error.code, error.message);
  const message = error instanceof Error ? error.message : String(error);
  return new RestError(500, 500, `the record was not appended: ${message}`);
}

async function reportsOf(target: Target, records: readonly V3Record[]): Promise<unknown[]> {
  const results = await produceAll(target, records);
  return results.map((result) =>
    result instanceof RestError ? failureBody(result) : { error_code: 200, ...result },
  );
}

/** A small body that is there already: one answer, no stream to keep. */
async function answerWhole(c: RestContext, target: Target): Promise<Response> {
  let text = "";
  const stream = new ProduceStream({
    produce: (records) => reportsOf(target, records),
    report: (bodies) => {
      for (const body of bodies) text += reportText(body);
    },
    drained: () => Promise.resolve(),
    now: () => target.ctx.now(),
  });
  await stream.push(await readBody(c.req.raw, STREAM_BYTES_MIN));
  await stream.end();
  if (text === "") throw invalidPayload(EMPTY_BODY);
  return jsonText(text, 200, JSON_TYPE);
}

async function answerStream(target: Target, body: ReadableStream<Uint8Array>): Promise<Response> {
  const reader = body.getReader();
  let first = await reader.read();
  while (!first.done && isBlank(first.value)) first = await reader.read();
  if (first.done) throw invalidPayload(EMPTY_BODY);
  const reports = new ReportStream(() => {
    // The client has gone: what it still sends is of no interest.
    reader.cancel("the client closed the connection").catch(() => {});
  });
  const stream = new ProduceStream({
    produce: (records) => reportsOf(target, records),
    report: (bodies) => reports.write(bodies.map(reportText).join("")),
    drained: () => reports.drained(),
    now: () => target.ctx.now(),
  });
  target.ctx.waitUntil(pump(reader, first.value, stream, reports));
  return new Response(reports.readable, {
    headers: {
      "content-type": JSON_TYPE,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}

function isBlank(chunk: Uint8Array): boolean {
  return chunk.every((byte) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09);
}

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  first: Uint8Array,
  stream: ProduceStream,
  reports: ReportStream,
): Promise<void> {
  try {
    let chunk: Uint8Array | null = first;
    while (chunk !== null) {
      await stream.push(chunk);
      if (stream.done || reports.cancelled) break;
      const { done, value } = await reader.read();
      chunk = done ? null : value;
    }
    await stream.end();
    reports.close();
    if (stream.done) reader.cancel("the stream was ended").catch(() => {});
  } catch (error) {
    // The body broke off: what was read whole has its reports, and the client is not there to care.
    await stream.end();
    reports.fail(error);
  }
}

/** The reports on their way to the client, with a bound on how far they may be ahead of it. */
class ReportStream {
  readonly readable: ReadableStream<Uint8Array>;
  cancelled = false;
  private controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  private waiting: (() => void)[] = [];

  constructor(onCancel: () => void) {
    const wake = (): void => {
      const waiting = this.waiting;
      this.waiting = [];
      for (const resolve of waiting) resolve();
    };
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.controller = controller;
        },
        pull: wake,
        cancel: () => {
          this.cancelled = true;
          wake();
          onCancel();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: STREAM_REPORT_BYTES_MAX }),
    );
  }

  write(text: string): void {
    if (!this.cancelled) this.controller?.enqueue(reportBytes(text));
  }

  async drained(): Promise<void> {
    while (!this.cancelled && (this.controller?.desiredSize ?? 1) <= 0) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  close(): void {
    if (!this.cancelled) this.controller?.close();
  }

  fail(error: unknown): void {
    if (!this.cancelled) this.controller?.error(error);
  }
}

function v3RecordOrError(fields: schemas.ProduceRecordInput): V3Record | RestError {
  try {
    return toV3Record(fields);
  } catch (error) {
    if (error instanceof RestError) return error;
    throw error;
  }
}

/** Throws RestError 422, 42208 (ProduceBatchAction). */
function batchIds(entries: readonly { readonly id?: unknown }[]): string[] {
  if (entries.length === 0) throw invalidBatch("Empty batch.");
  if (entries.length > BATCH_ENTRIES_MAX) {
    const what = `${entries.length} of at most ${BATCH_ENTRIES_MAX}`;
    throw invalidBatch(`Too many entries in batch: ${what}. Use the streaming /records for more.`);
  }
  const ids = entries.map(({ id }) => {
    if (typeof id === "string" && id.length > 0 && id.length <= BATCH_ID_CHARS_MAX) return id;
    throw invalidBatch(
      `Batch entry identifier is not a valid string: it must have 1 to ${BATCH_ID_CHARS_MAX} characters, not ${JSON.stringify(id)}.`,
    );
  });
  if (new Set(ids).size < ids.length) throw invalidBatch("Batch entry IDs are not distinct.");
  return ids;
}

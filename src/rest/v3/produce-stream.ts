/**
 * Streaming produce: concatenated JSON records in, concatenated delivery reports out, in the same
 * order, while the request is still being sent.
 *
 * One Produce is under way at a time, with everything that arrived while the one before it was: the
 * order of a partition's records needs nothing more, and a fast client gets large batches by itself.
 * A record that fails does not stop the stream. A body that stops being JSON does, with a last
 * report of 400 (StreamingResponse); so does a connection that is too old, with 408.
 */

import { JsonObjectSplitter } from "../json-stream.ts";
import { parseJsonBytes } from "../json-text.ts";
import {
  STREAM_DURATION_MS_MAX,
  STREAM_PENDING_BYTES_MAX,
  STREAM_RECORD_BYTES_MAX,
} from "../limits.ts";
import { RestError } from "../rest-error.ts";
import { validate } from "../validate.ts";
import type { V3Record } from "./record-input.ts";
import { failureBody, toV3Record } from "./record-input.ts";
import { produceRecord } from "./schemas.ts";

/** A record that goes into the log, or the report of one that cannot. */
export type StreamItem = V3Record | RestError;

export interface StreamIo {
  /** Appends the records and gives a report for each, in order. Never rejects. */
  produce(records: readonly V3Record[]): Promise<unknown[]>;
  /** Hands reports to the client; they are in order already. */
  report(bodies: readonly unknown[]): void;
  /** Resolves when the client has read enough of the reports for more to be made. */
  drained(): Promise<void>;
  now(): number;
}

export class ProduceStream {
  private readonly io: StreamIo;
  private readonly splitter = new JsonObjectSplitter(STREAM_RECORD_BYTES_MAX);
  private readonly startedAt: number;
  private pending: StreamItem[] = [];
  private pendingBytes = 0;
  private sending: Promise<void> | null = null;
  private closed = false;

  constructor(io: StreamIo) {
    this.io = io;
    this.startedAt = io.now();
  }

  /** True when nothing more will be read: the body is broken, or the stream too old. */
  get done(): boolean {
    return this.closed;
  }

  /** Takes bytes as they arrive. Resolves when there is room for more. */
  async push(chunk: Uint8Array): Promise<void> {
    if (this.closed) return;
    for (const bytes of this.splitter.push(chunk)) {
      this.add(bytes);
      if (this.closed) break;
    }
    if (!this.closed && this.splitter.failure !== null) this.breakOff();
    this.send();
    while (this.pendingBytes > STREAM_PENDING_BYTES_MAX && this.sending !== null) {
      await this.sending;
    }
    await this.io.drained();
  }

  /** The body is over. Resolves when every record has its report. */
  async end(): Promise<void> {
    if (!this.closed) {
      this.splitter.end();
      if (this.splitter.failure !== null) this.breakOff();
      this.closed = true;
    }
    this.send();
    while (this.sending !== null) await this.sending;
  }

  private add(bytes: Uint8Array): void {
    if (this.io.now() - this.startedAt > STREAM_DURATION_MS_MAX) {
      this.pending.push(tooOld());
      this.closed = true;
      return;
    }
    let value: unknown;
    try {
      value = parseJsonBytes(bytes);
    } catch (error) {
      if (!(error instanceof RestError)) throw error;
      this.pending.push(notJson(error.message));
      this.closed = true;
      return;
    }
    this.pending.push(itemOf(value));
    this.pendingBytes += bytes.length;
  }

  private breakOff(): void {
    this.pending.push(notJson(this.splitter.failure ?? "the body is not JSON"));
    this.closed = true;
  }

  private send(): void {
    if (this.sending !== null || this.pending.length === 0) return;
    const items = this.pending;
    this.pending = [];
    this.pendingBytes = 0;
    this.sending = this.sendItems(items).finally(() => {
      this.sending = null;
      this.send();
    });
  }

  private async sendItems(items: readonly StreamItem[]): Promise<void> {
    const good = items.filter((item): item is V3Record => !(item instanceof RestError));
    const reports = good.length === 0 ? [] : await this.io.produce(good);
    let next = 0;
    this.io.report(
      items.map((item) => (item instanceof RestError ? failureBody(item) : reports[next++])),
    );
  }
}

function itemOf(value: unknown): StreamItem {
  try {
    return toV3Record(validate(produceRecord, value));
  } catch (error) {
    if (!(error instanceof RestError)) throw error;
    // Jackson maps records one by one here, and what it cannot map is 400 (not 422) in its report.
    return error.errorCode === 422 ? new RestError(400, 400, error.message) : error;
  }
}

function notJson(reason: string): RestError {
  return new RestError(400, 400, `Bad Request: Error processing message: ${reason}`);
}

function tooOld(): RestError {
  return new RestError(
    408,
    408,
    "Streaming connection open for longer than allowed: Connection will be closed.",
  );
}

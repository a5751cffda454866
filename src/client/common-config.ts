import type { Backoff } from "./backoff.ts";
import { type ConfigValues, int, text, urls } from "./config.ts";

/** A number, or its digits: what property files and command lines give. */
export type Numeric = number | `${number}`;
export type Flag = boolean | "true" | "false";

/** What every client can be told. Times are in milliseconds. */
export interface CommonConfig {
  /** The service's address, such as "https://kedge.example.workers.dev"; several by commas. */
  readonly "bootstrap.servers": string | readonly string[];
  /** Sent with every request. Default "". */
  readonly "client.id"?: string;
  /** How long one request may take. Default 30000. */
  readonly "request.timeout.ms"?: Numeric;
  /** First wait before a retry; doubles up to retry.backoff.max.ms. Default 100. */
  readonly "retry.backoff.ms"?: Numeric;
  /** Default 1000. */
  readonly "retry.backoff.max.ms"?: Numeric;
  /** Leaders and partitions are looked up again after so long. Default 300000. */
  readonly "metadata.max.age.ms"?: Numeric;
}

export const commonDefs = {
  "bootstrap.servers": urls(),
  "client.id": text(""),
  "request.timeout.ms": int(30_000, 0),
  "retry.backoff.ms": int(100, 0),
  "retry.backoff.max.ms": int(1000, 0),
  "metadata.max.age.ms": int(300_000, 0),
} as const;

export type CommonSettings = ConfigValues<typeof commonDefs>;

export function backoffOf(settings: CommonSettings): Backoff {
  return { baseMs: settings["retry.backoff.ms"], maxMs: settings["retry.backoff.max.ms"] };
}

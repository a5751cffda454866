/**
 * What an isolate has answered, by API: how many requests, how long they took, which errors were in the
 * answers (Kafka's RequestMetrics). It lives and dies with the isolate, of which a deployment has many.
 *
 * On Workers a clock stands still while code runs, so that a request's time is its waits: for objects,
 * for D1, for data. That is what it is slow by.
 */
import { errorName } from "../protocol/errors.ts";

/** Upper bounds, ms; the last bucket has none. */
export const LATENCY_BUCKETS_MS: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000],
];

export interface ApiMetrics {
  readonly requests: number;
  readonly totalMs: number;
  /** As many as there are bounds, and one more: requests in each bucket alone. */
  readonly buckets: readonly number[];
  /** By Kafka's name of the error; one answer may have many. */
  readonly errors: ReadonlyMap<string, number>;
}

class Counts implements ApiMetrics {
  requests = 0;
  totalMs = 0;
  readonly buckets: number[] = new Array(LATENCY_BUCKETS_MS.length + 1).fill(0);
  readonly errors = new Map<string, number>();
}

export class RequestMetrics {
  readonly #byApi = new Map<string, Counts>();
  readonly #newId: () => string;
  #id: string | null = null;

  /** @param newId asked once, when it is needed: a Worker has no random numbers before a request */
  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** Tells this isolate's series from those of the others, which count from 0 for themselves. */
  get isolate(): string {
    this.#id ??= this.#newId();
    return this.#id;
  }

  byApi(): ReadonlyMap<string, ApiMetrics> {
    return this.#byApi;
  }

  /** @param response of the handler; null when there is none (acks=0) */
  answered(api: string, tookMs: number, response: unknown): void {
    const counts = this.#count(api, tookMs);
    countErrors(response, (code) => addError(counts, errorName(code)));
  }

  /** Nothing could be answered: the connection is closed. */
  failed(api: string, tookMs: number): void {
    addError(this.#count(api, tookMs), "UNKNOWN_SERVER_ERROR");
  }

  #count(api: string, tookMs: number): Counts {
    let counts = this.#byApi.get(api);
    if (counts === undefined) {
      counts = new Counts();
      this.#byApi.set(api, counts);
    }
    const found = LATENCY_BUCKETS_MS.findIndex((bound) => tookMs <= bound);
    const at = found < 0 ? LATENCY_BUCKETS_MS.length : found;
    counts.buckets[at] = (counts.buckets[at] ?? 0) + 1;
    counts.requests++;
    counts.totalMs += tookMs;
    return counts;
  }
}

function addError({ errors }: Counts, name: string): void {
  errors.set(name, (errors.get(name) ?? 0) + 1);
}

/** Error codes stand beside lists of answers, which have codes of their own: of topics, of partitions. */
function countErrors(value: unknown, found: (code: number) => void): void {
  if (typeof value !== "object" || value === null) return;
  for (const [name, field] of Object.entries(value)) {
    if (name === "errorCode" && typeof field === "number" && field !== 0) found(field);
    else if (Array.isArray(field)) for (const item of field) countErrors(item, found);
  }
}

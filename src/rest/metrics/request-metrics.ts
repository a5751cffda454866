/** What this isolate has answered (kafka.network:type=RequestMetrics). */
import { LATENCY_BUCKETS_MS, type RequestMetrics } from "../../broker/request-metrics.ts";
import type { Exposition, Sample } from "./exposition.ts";

const NAME = "kafka_network_requestmetrics_";

export function addRequestMetrics(out: Exposition, metrics: RequestMetrics): void {
  const { isolate } = metrics;
  const apis = [...metrics.byApi()].sort(([a], [b]) => (a < b ? -1 : 1));
  const requests = apis.map(([request, counts]) => ({
    labels: { isolate, request },
    value: counts.requests,
  }));
  const errors = apis.flatMap(([request, counts]) =>
    Array.from(counts.errors, ([error, value]) => ({ labels: { isolate, request, error }, value })),
  );
  const times = apis.flatMap(([request, counts]): Sample[] => {
    let sum = 0;
    const buckets = counts.buckets.map((count, at) => {
      sum += count;
      const le = LATENCY_BUCKETS_MS[at] ?? "+Inf";
      return { suffix: "_bucket", labels: { isolate, request, le }, value: sum };
    });
    return [
      ...buckets,
      { suffix: "_sum", labels: { isolate, request }, value: counts.totalMs },
      { suffix: "_count", labels: { isolate, request }, value: counts.requests },
    ];
  });
  out.add(`${NAME}requests_total`, "counter", "Requests that this isolate answered.", requests);
  out.add(`${NAME}errors_total`, "counter", "Errors in its answers, or in place of one.", errors);
  out.add(`${NAME}totaltimems`, "histogram", "How long requests took, ms.", times);
}

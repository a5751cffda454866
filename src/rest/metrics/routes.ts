/** `GET /metrics`, for Prometheus. */
import * as z from "zod";
import { jsonText } from "../respond.ts";
import { RouteGroup } from "../routes.ts";
import { describeTopics } from "../topics.ts";
import { addClusterMetrics } from "./cluster-metrics.ts";
import { EXPOSITION_TYPE, Exposition } from "./exposition.ts";
import { addGroupMetrics } from "./group-metrics.ts";
import { addLogMetrics } from "./log-metrics.ts";
import { addRequestMetrics } from "./request-metrics.ts";

export const metricsRoutes = new RouteGroup("Operations");

const ALL = "*";

metricsRoutes.on(
  "get",
  "/metrics",
  {
    summary: "Metrics in Prometheus' text format.",
    description:
      "By itself it reads the catalogue alone, and what the isolate that answers has counted of its own " +
      "requests: it wakes no object. Offsets, sizes and groups cost a call to an object each, so they are " +
      "there for what is asked for, up to a limit; `kedge_metrics_…_left_out` says what was beyond it.",
    query: z.object({
      topic: z
        .string()
        .optional()
        .describe("A topic whose logs to ask; may be repeated; * is all."),
      group: z.string().optional().describe("A group to ask for; may be repeated; * is all."),
    }),
    responses: {
      200: { description: "The metrics.", content: { "text/plain": z.string() } },
    },
  },
  async (c) => {
    const { kafka } = c.env;
    const query = new URL(c.req.url).searchParams;
    const [topicNames, groupIds] = [new Set(query.getAll("topic")), new Set(query.getAll("group"))];
    const out = new Exposition();
    const topics = await describeTopics(kafka, null);
    await addClusterMetrics(out, kafka, topics);
    if (topicNames.size > 0) {
      const isAll = topicNames.has(ALL);
      const meant = topics.filter(({ name }) => isAll || topicNames.has(name));
      await addLogMetrics(out, kafka, meant);
    }
    if (groupIds.size > 0) {
      await addGroupMetrics(out, kafka, groupIds.has(ALL) ? null : [...groupIds].sort());
    }
    if (kafka.requestMetrics !== undefined) addRequestMetrics(out, kafka.requestMetrics);
    return jsonText(out.toString(), 200, EXPOSITION_TYPE);
  },
);

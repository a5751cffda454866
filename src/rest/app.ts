/** The REST dialects in one app: routes, errors in each dialect's form, the OpenAPI document. */
import { Hono } from "hono";
import { KafkaError, ProtocolError } from "../protocol/errors.ts";
import { BodyTooLargeError } from "./body.ts";
import { metricsRoutes } from "./metrics/routes.ts";
import type { Mount } from "./openapi.ts";
import { openApiDocument } from "./openapi.ts";
import { errorResponse, json } from "./respond.ts";
import { bareStatus, RestError } from "./rest-error.ts";
import type { RestBindings, RestEnv } from "./routes.ts";
import { positionRoutes } from "./v2/consumer-positions.ts";
import { consumerRecordRoutes } from "./v2/consumer-records.ts";
import { consumerRoutes } from "./v2/consumers.ts";
import { v2Error } from "./v2/errors.ts";
import { metadataRoutes } from "./v2/metadata.ts";
import { produceRoutes } from "./v2/produce.ts";
import { recordRoutes as readRoutes } from "./v2/records.ts";
import { brokerConfigRoutes } from "./v3/broker-configs.ts";
import { clusterRoutes } from "./v3/clusters.ts";
import { consumerGroupRoutes } from "./v3/consumer-groups.ts";
import { v3Error } from "./v3/errors.ts";
import { partitionRoutes } from "./v3/partitions.ts";
import { reassignmentRoutes } from "./v3/reassignments.ts";
import { recordRoutes } from "./v3/records.ts";
import { topicConfigRoutes } from "./v3/topic-configs.ts";
import { topicRoutes } from "./v3/topics.ts";

/** Of neither dialect. */
const OWN_GROUPS = [metricsRoutes];
const V2_GROUPS = [
  produceRoutes,
  readRoutes,
  consumerRecordRoutes,
  positionRoutes,
  consumerRoutes,
  metadataRoutes,
];
const V3_GROUPS = [
  recordRoutes,
  clusterRoutes,
  topicRoutes,
  topicConfigRoutes,
  brokerConfigRoutes,
  reassignmentRoutes,
  partitionRoutes,
  consumerGroupRoutes,
];
/** Self-hosted and Confluent Cloud's. */
const V3_PREFIXES = ["/v3", "/kafka/v3"];

/** What the document shows: v3 once. */
export const documentedMounts: readonly Mount[] = [
  ...[...OWN_GROUPS, ...V2_GROUPS].map((group) => ({ prefix: "", group })),
  ...V3_GROUPS.map((group) => ({ prefix: "/v3", group })),
];

/** Where a request fails that no handler of Kafka's was asked about. */
export type LogFailure = (message: string, error: unknown, kafka: RestBindings["kafka"]) => void;

export function createRestApp(logFailure: LogFailure): Hono<RestEnv> {
  const app = new Hono<RestEnv>({ strict: false });
  for (const group of [...OWN_GROUPS, ...V2_GROUPS]) app.route("/", group.app);
  for (const prefix of V3_PREFIXES) {
    for (const group of V3_GROUPS) app.route(prefix, group.app);
  }
  app.get("/openapi.json", (c) => {
    const document = openApiDocument(documentedMounts, new URL(c.req.url).origin);
    return json(document, 200, "application/json");
  });
  app.notFound((c) => notFound(c.req.method, c.req.path));
  app.onError((error, c) => {
    const failure = restErrorOf(error, c.req.path);
    if (failure.status >= 500 && !(error instanceof RestError || error instanceof KafkaError)) {
      logFailure(`${c.req.method} ${c.req.path} failed`, error, c.env.kafka);
    }
    return errorResponse(failure);
  });
  return app;
}

function isV3(path: string): boolean {
  return V3_PREFIXES.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
}

/** Each dialect has its own table for Kafka's errors. */
function restErrorOf(error: Error, path: string): RestError {
  if (error instanceof RestError) return error;
  const kafkaError = isV3(path) ? v3Error : v2Error;
  if (error instanceof KafkaError) return kafkaError(error.code, error.message);
  if (error instanceof BodyTooLargeError) {
    return new RestError(413, 413, `HTTP 413 Request Entity Too Large: ${error.message}`);
  }
  if (error instanceof ProtocolError) {
    return new RestError(500, 50002, `the log holds a batch that cannot be read: ${error.message}`);
  }
  return new RestError(500, 500, `HTTP 500 Internal Server Error: ${error.message}`);
}

interface Pattern {
  readonly method: string;
  readonly path: RegExp;
}

/** Only asked for paths that nothing answered: which methods would have been. */
function patterns(): Pattern[] {
  const mounts = [
    ...[...OWN_GROUPS, ...V2_GROUPS].map((group) => ({ prefix: "", group })),
    ...V3_PREFIXES.flatMap((prefix) => V3_GROUPS.map((group) => ({ prefix, group }))),
  ];
  return mounts.flatMap(({ prefix, group }) =>
    group.routes.map(({ method, path }) => {
      const source = (prefix + path).replace(/\/$/, "").replace(/\{[a-z_]+\}/g, "[^/]+");
      return { method: method.toUpperCase(), path: new RegExp(`^${source}/?$`) };
    }),
  );
}

/** 405 with Allow where the path is known, as JAX-RS has it; 404 otherwise. */
function notFound(method: string, path: string): Response {
  const allowed = new Set<string>();
  for (const pattern of patterns()) if (pattern.path.test(path)) allowed.add(pattern.method);
  if (allowed.size === 0) return errorResponse(bareStatus(404, `there is nothing at ${path}`));
  const allow = [...allowed].sort().join(", ");
  const { status, errorCode, message } = bareStatus(405, `${path} takes ${allow}, not ${method}`);
  return errorResponse(new RestError(status, errorCode, message, { headers: { allow } }));
}

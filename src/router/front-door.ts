/**
 * What happens to a request before any route: health, origin, credentials. `/kafka` is told apart
 * here, without the REST router, since it carries nearly all of the traffic.
 */
import type { RequestContextBase } from "../broker/context.ts";
import { logEntry } from "../broker/context.ts";
import type { PartitionerName } from "../protocol/partitioner.ts";
import { isPartitionerName, PARTITIONER_NAMES } from "../protocol/partitioner.ts";
import { createRestApp } from "../rest/app.ts";
import type { InstancesPort } from "../rest/instances/types.ts";
import { errorResponse } from "../rest/respond.ts";
import { RestError } from "../rest/rest-error.ts";
import type { AuthVars, Caller } from "./auth.ts";
import { authenticate } from "./auth.ts";
import {
  addCorsHeaders,
  CorsPolicy,
  foreignOrigin,
  isPreflight,
  preflightResponse,
} from "./cors.ts";
import type { Deployment } from "./credentials.ts";
import { handleKafka, textResponse } from "./kafka.ts";
import { pathOf, remembered } from "./url.ts";
import { whenSent } from "./when-sent.ts";

export interface FrontDoorVars extends AuthVars {
  readonly KEDGE_CORS_ORIGINS?: string;
  readonly KEDGE_PARTITIONER?: string;
}

export type Execution = Pick<ExecutionContext, "waitUntil" | "passThroughOnException">;

/** The context of one request, for the caller that the gate let in. */
export type ContextFactory<E> = (
  env: E,
  request: Request,
  execution: Execution,
  caller: Caller,
) => RequestContextBase;

export interface FrontDoor<E> {
  fetch(request: Request, env: E, execution: Execution): Promise<Response>;
}

export function createFrontDoor<E extends FrontDoorVars>(
  contextOf: ContextFactory<E>,
  instancesOf: (env: E) => InstancesPort,
  deploymentOf: (env: E) => Deployment,
): FrontDoor<E> {
  const rest = createRestApp((message, error, kafka) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    logEntry(kafka, { level: "error", message, error: text });
  });
  const policyOf = remembered((list: string) => new CorsPolicy(list));
  const partitionerOf = remembered(parsePartitioner);

  async function answer(request: Request, env: E, execution: Execution): Promise<Response> {
    const path = pathOf(request.url);
    if (path === "/healthz") return textResponse(200, "ok\n");
    const isKafka = path === "/kafka";
    const verdict = await authenticate(env, deploymentOf(env), request, isKafka);
    if (!verdict.ok) return refusal(verdict.status, verdict.reason, isKafka);
    const kafka = contextOf(env, request, execution, verdict.caller);
    return holding(kafka, async () => {
      if (isKafka) return handleKafka(kafka, request, verdict.caller.sasl);
      const partitioner = partitionerOf(env.KEDGE_PARTITIONER ?? "");
      return rest.fetch(request, { kafka, partitioner, instances: instancesOf(env) });
    });
  }

  return {
    async fetch(request, env, execution) {
      try {
        const origin = foreignOrigin(request);
        if (origin === null) return await answer(request, env, execution);
        const allowed = policyOf(env.KEDGE_CORS_ORIGINS ?? "").allow(origin);
        if (allowed === null) return foreignRefusal(origin, pathOf(request.url) === "/kafka");
        if (isPreflight(request)) return preflightResponse(allowed);
        const response = await answer(request, env, execution);
        addCorsHeaders(response, allowed);
        return response;
      } catch (error) {
        return failure(error, request);
      }
    },
  };
}

/** Answers smaller than this are not followed until they are sent: they fit the sockets' buffers. */
const FOLLOWED_BYTES_MIN = 64 * 1024;

/** Gives back what the request held of the isolate's bytes for fetch answers, once that is free. */
async function holding(
  { answerBytes, signal }: RequestContextBase,
  answer: () => Promise<Response>,
): Promise<Response> {
  if (answerBytes === undefined) return answer();
  let followed = false;
  try {
    const response = await answer();
    if (answerBytes.bytes < FOLLOWED_BYTES_MIN || signal?.aborted === true) return response;
    followed = true;
    return whenSent(response, () => answerBytes.keep(0));
  } finally {
    if (!followed) answerBytes.keep(0);
  }
}

function parsePartitioner(text: string): PartitionerName {
  if (text === "") return "sticky";
  if (isPartitionerName(text)) return text;
  throw new Error(
    `KEDGE_PARTITIONER is "${text}": it must be one of ${PARTITIONER_NAMES.join(", ")}`,
  );
}

const DIALECT_CODES: Readonly<Record<number, number>> = { 401: 40101, 403: 40301 };

function refusal(status: 401 | 403 | 503, reason: string, isKafka: boolean): Response {
  const headers = status === 401 ? { "www-authenticate": 'Bearer realm="kedge"' } : {};
  if (isKafka) return textResponse(status, `${reason}\n`, headers);
  return errorResponse(new RestError(status, DIALECT_CODES[status] ?? status, reason, { headers }));
}

function foreignRefusal(origin: string, isKafka: boolean): Response {
  const reason = `Pages of ${origin} may not call this service: add the origin to KEDGE_CORS_ORIGINS.`;
  return refusal(403, reason, isKafka);
}

/** A fault of the deployment or of ours, outside every route. */
function failure(error: unknown, request: Request): Response {
  const message = error instanceof Error ? error.message : String(error);
  logEntry(
    {},
    { level: "error", message: `${request.method} ${request.url} failed`, error: message },
  );
  const path = pathOf(request.url);
  if (path === "/kafka") return textResponse(500, `${message}\n`);
  return errorResponse(new RestError(500, 500, `HTTP 500 Internal Server Error: ${message}`));
}

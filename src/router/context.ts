/** What every handler is given of this deployment: config from the bindings, the world by ports. */
import type { RequestContextBase } from "../broker/context.ts";
import { FetchBudget } from "../broker/fetch-budget.ts";
import { RequestMetrics } from "../broker/request-metrics.ts";
import { createCatalogue } from "../catalogue/catalogue.ts";
import { type Geography, readerAt } from "../cluster/nearest.ts";
import { FETCH_ANSWER_LAPSE_MS, FETCH_ANSWERS_BYTES_MAX } from "../constants.ts";
import { brokerConfig, type Env } from "../env.ts";
import { createGroupsPort } from "../objects/groups-port.ts";
import { createPartitionsPort } from "../objects/partitions-port.ts";
import { addressedBroker, advertisedBy, clientHostOf } from "./advertised.ts";

/** Random words drawn at a time: a call into the runtime costs more than the numbers. */
const RANDOM_WORDS = 512;

/** Of this isolate, so of all its requests. */
const fetchBudget = new FetchBudget(FETCH_ANSWERS_BYTES_MAX, FETCH_ANSWER_LAPSE_MS, Date.now);

const requestMetrics = new RequestMetrics(() => random().toString(36).slice(2, 10));

export function contextFor(
  env: Env,
  request: Request,
  execution: Pick<ExecutionContext, "waitUntil">,
  principal: string,
): RequestContextBase {
  const catalogue = createCatalogue(env.CATALOGUE);
  return {
    clusterId: env.KEDGE_CLUSTER_ID,
    principal,
    clientHost: clientHostOf(request),
    brokerId: addressedBroker(request),
    reader: readerAt(geographyOf(request)),
    answerBytes: fetchBudget.lease((untilFree) => execution.waitUntil(untilFree)),
    requestMetrics,
    advertised: advertisedBy(request),
    now: Date.now,
    random,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    config: brokerConfig(env),
    ports: {
      catalogue,
      partitions: createPartitionsPort(env, catalogue),
      groups: createGroupsPort(env, catalogue),
    },
    waitUntil: (promise) => execution.waitUntil(promise),
    signal: request.signal,
  };
}

/** Only the platform says where a request comes from: no header and no variable does. */
function geographyOf({ cf }: Request): Geography {
  const { continent, latitude, longitude } = (cf ?? {}) as Record<string, unknown>;
  return { continent: text(continent), latitude: text(latitude), longitude: text(longitude) };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

const words = new Uint32Array(RANDOM_WORDS);
let wordsUsed = RANDOM_WORDS;

/** 53 random bits, from the runtime's strong source. */
function random(): number {
  if (wordsUsed === RANDOM_WORDS) {
    crypto.getRandomValues(words);
    wordsUsed = 0;
  }
  const high = words[wordsUsed] ?? 0;
  const low = words[wordsUsed + 1] ?? 0;
  wordsUsed += 2;
  return (high * 2 ** 21 + (low >>> 11)) / 2 ** 53;
}

/** What every handler is given of this deployment: config from the bindings, the world by ports. */
import type { RequestContextBase } from "../broker/context.ts";
import { createCatalogue } from "../catalogue/catalogue.ts";
import { brokerConfig, type Env } from "../env.ts";
import { createPartitionsPort } from "../objects/partitions-port.ts";
import { originOf, remembered } from "./url.ts";

const HTTPS_PORT = 443;
const HTTP_PORT = 80;
/** Random words drawn at a time: a call into the runtime costs more than the numbers. */
const RANDOM_WORDS = 512;

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
    advertised: advertisedAddress(request),
    now: Date.now,
    random,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    config: brokerConfig(env),
    ports: { catalogue, partitions: createPartitionsPort(env, catalogue) },
    waitUntil: (promise) => execution.waitUntil(promise),
    signal: request.signal,
  };
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

interface Address {
  readonly host: string;
  readonly port: number;
}

/** The gateway says which address its clients dial; others dialled the URL. */
function advertisedAddress(request: Request): Address {
  const given = request.headers.get("x-kedge-advertised");
  return (given === null ? null : givenAddress(given)) ?? dialledAddress(originOf(request.url));
}

/** Null when it is not `host:port`. */
const givenAddress = remembered((text): Address | null => {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  return host === undefined || port === undefined ? null : { host, port: Number(port) };
});

const dialledAddress = remembered((origin): Address => {
  const { hostname, port, protocol } = new URL(origin);
  if (port !== "") return { host: hostname, port: Number(port) };
  return { host: hostname, port: protocol === "http:" ? HTTP_PORT : HTTPS_PORT };
});

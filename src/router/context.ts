/** What every handler is given of this deployment: config from the bindings, the world by ports. */
import type { RequestContextBase } from "../broker/context.ts";
import { createCatalogue } from "../catalogue/catalogue.ts";
import { brokerConfig, type Env } from "../env.ts";
import { createPartitionsPort } from "../objects/partitions-port.ts";

const HTTPS_PORT = 443;

export function contextFor(
  env: Env,
  request: Request,
  execution: Pick<ExecutionContext, "waitUntil">,
): RequestContextBase {
  const catalogue = createCatalogue(env.CATALOGUE);
  return {
    clusterId: env.KEDGE_CLUSTER_ID,
    principal: "User:ANONYMOUS",
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

function random(): number {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return (high * 2 ** 21 + (low >>> 11)) / 2 ** 53;
}

/** The gateway says which address its clients dial; others dialled the URL. */
function advertisedAddress(request: Request): { host: string; port: number } {
  const given = /^(.+):(\d{1,5})$/.exec(request.headers.get("x-kedge-advertised") ?? "");
  if (given?.[1] !== undefined) return { host: given[1], port: Number(given[2]) };
  const url = new URL(request.url);
  return { host: url.hostname, port: url.port === "" ? HTTPS_PORT : Number(url.port) };
}

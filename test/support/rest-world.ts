/** The whole HTTP side in this process: the front door and the handlers over memory. */
import type { BrokerConfig, LogEntry, RequestContextBase } from "../../src/broker/context.ts";
import type { RequestMetrics } from "../../src/broker/request-metrics.ts";
import type { Point } from "../../src/cluster/nearest.ts";
import { Prng } from "../../src/lib/prng.ts";
import { addressedBroker } from "../../src/router/advertised.ts";
import type { FrontDoorVars } from "../../src/router/front-door.ts";
import { createFrontDoor } from "../../src/router/front-door.ts";
import { BROKER_CONFIG } from "./broker-context.ts";
import { MemoryCatalogue } from "./memory-catalogue.ts";
import { MemoryGroups } from "./memory-groups.ts";
import { MemoryInstances } from "./memory-instances.ts";
import { MemoryPartitions } from "./memory-partitions.ts";

export interface RestWorldOptions {
  readonly vars?: FrontDoorVars;
  readonly config?: Partial<BrokerConfig>;
  /** Where requests come from, as the platform says. */
  readonly reader?: Point | null;
  readonly requestMetrics?: RequestMetrics;
}

export interface Answer<T = unknown> {
  readonly status: number;
  readonly type: string;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed, undefined when the body is not JSON. */
  readonly body: T;
}

export const ORIGIN = "http://localhost:8787";

export class RestWorld {
  readonly catalogue = new MemoryCatalogue();
  readonly partitions = new MemoryPartitions(() => this.nowMs, this.catalogue);
  readonly logs: LogEntry[] = [];
  nowMs = 1_700_000_000_000;
  /** What the handlers saw of the last request. */
  principal = "";
  readonly #vars: FrontDoorVars;
  readonly #config: BrokerConfig;
  readonly groups: MemoryGroups;
  readonly #reader: Point | null;
  readonly #counting: Pick<RequestContextBase, "requestMetrics">;
  readonly #prng = new Prng(1);
  readonly #background: Promise<unknown>[] = [];
  readonly instances = new MemoryInstances(() => this.context("User:consumer-instance"));
  readonly #door = createFrontDoor<FrontDoorVars>(
    (_env, request, execution, principal) => this.#contextOf(request, execution, principal),
    () => this.instances,
  );

  constructor(options: RestWorldOptions = {}) {
    this.#vars = options.vars ?? { KEDGE_OPEN: "loopback" };
    this.#config = { ...BROKER_CONFIG, ...options.config };
    this.groups = new MemoryGroups(() => this.nowMs, this.catalogue, this.#config.group);
    this.#reader = options.reader ?? null;
    const { requestMetrics } = options;
    this.#counting = requestMetrics === undefined ? {} : { requestMetrics };
  }

  #contextOf(
    request: Request,
    execution: Pick<ExecutionContext, "waitUntil">,
    principal: string,
  ): RequestContextBase {
    this.principal = principal;
    const waitUntil = (promise: Promise<unknown>) => execution.waitUntil(promise);
    const brokerId = addressedBroker(request);
    return { ...this.context(principal), brokerId, waitUntil, signal: request.signal };
  }

  /** What handlers are given when nobody's request is behind a call. */
  context(principal = "User:ANONYMOUS"): RequestContextBase {
    return {
      clusterId: "kedge",
      principal,
      brokerId: null,
      reader: this.#reader,
      ...this.#counting,
      advertised: () => ({ host: "kafka.example", port: 9092 }),
      now: () => this.nowMs,
      random: () => this.#prng.float(),
      // The world's clock stands still but for this; what can be done without it comes first.
      sleep: async (ms) => {
        await new Promise((resolve) => setImmediate(resolve));
        this.nowMs += ms;
      },
      config: this.#config,
      ports: { catalogue: this.catalogue, partitions: this.partitions, groups: this.groups },
      waitUntil: (promise) => {
        this.#background.push(promise);
      },
      log: (entry) => {
        this.logs.push(entry);
      },
    };
  }

  /** The response as it is: for streams. */
  fetch(path: string, init: RequestInit & { duplex?: "half" } = {}): Promise<Response> {
    const url = path.startsWith("http") ? path : ORIGIN + path;
    const execution = {
      waitUntil: (promise: Promise<unknown>) => {
        this.#background.push(promise);
      },
      passThroughOnException: () => undefined,
    };
    return this.#door.fetch(new Request(url, init), this.#vars, execution);
  }

  async request<T = unknown>(
    method: string,
    path: string,
    options: { body?: unknown; type?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer<T>> {
    const { body, type, headers = {} } = options;
    const isRaw = typeof body === "string" || body instanceof Uint8Array;
    const payload = body === undefined ? null : isRaw ? body : JSON.stringify(body);
    const response = await this.fetch(path, {
      method,
      headers: { ...(type === undefined ? {} : { "content-type": type }), ...headers },
      body: payload as BodyInit | null,
    });
    await Promise.all(this.#background.splice(0));
    return answerOf<T>(response);
  }

  get<T = unknown>(path: string, headers: Record<string, string> = {}): Promise<Answer<T>> {
    return this.request<T>("GET", path, { headers });
  }

  async createTopic(
    name: string,
    partitions = 1,
    configs: Record<string, string> = {},
    replicas = 1,
  ) {
    const { status, text } = await this.request("POST", "/v3/clusters/kedge/topics", {
      type: "application/json",
      body: {
        topic_name: name,
        partitions_count: partitions,
        replication_factor: replicas,
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    });
    if (status !== 201) throw new Error(`the topic was not created: ${status} ${text}`);
  }
}

export async function answerOf<T>(response: Response): Promise<Answer<T>> {
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const { status, headers } = response;
  return { status, headers, text, body: body as T, type: headers.get("content-type") ?? "" };
}

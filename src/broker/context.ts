/**
 * What a handler is given beside the request: who asks, of which cluster, and the world behind
 * ports. Nothing here lives longer than one request, so a handler keeps no state of its own.
 */

import type { Point } from "../cluster/nearest.ts";
import type { ConfigMap } from "../cluster/types.ts";
import type { GroupConfig } from "../group/config.ts";
import type { Lease } from "./fetch-budget.ts";
import type { Ports } from "./ports.ts";
import type { RequestMetrics } from "./request-metrics.ts";

/** The broker-level settings that handlers read, under Kafka's names. Parsed once in env.ts. */
export interface BrokerConfig {
  /** num.partitions: what CreateTopics' -1 and automatic creation mean. */
  readonly numPartitions: number;
  /** default.replication.factor. */
  readonly defaultReplicationFactor: number;
  /** auto.create.topics.enable. A client's allow_auto_topic_creation=false wins over it. */
  readonly autoCreateTopicsEnable: boolean;
  /** All that the deployment sets, as it was given: what topics fall back to is looked for here. */
  readonly static: ConfigMap;
  /** offsets.topic.num.partitions: counts when __consumer_offsets is created. */
  readonly offsetsTopicPartitions: number;
  /** offsets.topic.replication.factor: as many as there are live brokers, at most. */
  readonly offsetsTopicReplicationFactor: number;
  readonly group: GroupConfig;
}

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export interface RequestContext {
  readonly clusterId: string;
  readonly principal: string;
  /** As the client named itself in the request header; null when it did not. */
  readonly clientId: string | null;
  /** The client's address as far as the router knows it, as DescribeGroups shows it: "/192.0.2.1". */
  readonly clientHost?: string;
  readonly apiVersion: number;
  /** A Kafka client asks, by a frame. False: a caller in this process (REST), who knows every code. */
  readonly byFrame: boolean;
  /** The broker that the client addressed (router/advertised.ts); null when it named none. */
  readonly brokerId: number | null;
  /** Where on earth the request comes from; null or absent when nobody knows. */
  readonly reader?: Point | null;
  /** A fetch without a rack takes the replica nearest to `reader`; absent: the leader. */
  readonly readNearest?: boolean;
  /** What this request holds of the isolate's bytes for fetch answers; absent: no bound. */
  readonly answerBytes?: Lease;
  /** What this isolate has answered; absent: nobody counts. */
  readonly requestMetrics?: RequestMetrics;
  /** The address that clients dial to reach a broker; each its own, see router/advertised.ts. */
  advertised(brokerId: number): BrokerAddress;
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Uniform in [0, 1). Topic ids are made of it too, so it must be a strong source in production. */
  random(): number;
  /** A timer, so that the simulator can own it. */
  sleep(ms: number): Promise<void>;
  readonly config: BrokerConfig;
  readonly ports: Ports;
  /** Work that goes on after the reply; its failure must not fail the request. */
  waitUntil(promise: Promise<unknown>): void;
  /** Aborts when the client has gone. */
  readonly signal?: AbortSignal;
  /** Where a handler reports what nobody answers for; `console` when absent. */
  log?(entry: LogEntry): void;
}

/** What the caller of `dispatchFrame` and `call` knows; the frame's header gives the rest. */
export type RequestContextBase = Omit<RequestContext, "clientId" | "apiVersion" | "byFrame">;

export interface LogEntry {
  readonly level: "error" | "warn";
  readonly message: string;
  readonly api?: string;
  readonly apiVersion?: number;
  readonly clientId?: string | null;
  /** The name of the object that an entry is about: cluster/topicId/partition/brokerId. */
  readonly object?: string;
  readonly error?: string;
}

/** One structured line; Workers Logs indexes the fields of a JSON object. */
export function logEntry(ctx: Pick<RequestContext, "log">, entry: LogEntry): void {
  if (ctx.log !== undefined) ctx.log(entry);
  else if (entry.level === "error") console.error(JSON.stringify(entry));
  else console.warn(JSON.stringify(entry));
}

/** Goes on after the reply; a failure is logged, for there is nobody left to tell. */
export function inBackground(
  ctx: Pick<RequestContext, "waitUntil" | "log">,
  what: string,
  work: () => Promise<void>,
): void {
  const logged = work().catch((error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    logEntry(ctx, { level: "error", message: `could not ${what}`, error: text });
  });
  ctx.waitUntil(logged);
}

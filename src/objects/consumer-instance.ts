/**
 * A REST consumer instance as a Durable Object on itty-durable: it keeps one small JSON document,
 * `data`, and answers calls whose arguments come as JSON in a header. What it does is in
 * rest/instances; here are its storage, its alarm and its way to the brokers. Records never pass
 * through it.
 *
 * It is born where its first request is, costs a row for each read that moved a position and for each
 * heartbeat's alarm, and deletes everything when it closes.
 */
import { createDurable } from "itty-durable";
import type { RequestContextBase } from "../broker/context.ts";
import { logEntry } from "../broker/context.ts";
import type { Env } from "../env.ts";
import { Instance } from "../rest/instances/instance.ts";
import type {
  InstanceConfig,
  InstanceData,
  InstanceHome,
  InstancePort,
  Outcome,
} from "../rest/instances/types.ts";
import { brokerContext } from "./broker-context.ts";

/** An alarm that failed comes again after this long, while there is an instance. */
const ALARM_RETRY_MS = 5_000;

/** The argument of a call of InstancePort, as JSON text. The Worker is the only caller. */
type Text = string;
type Argument<M extends keyof InstancePort> = Parameters<InstancePort[M]>[0];

interface CreateCall {
  readonly config: InstanceConfig;
  readonly identity: { readonly group: string; readonly name: string };
}

export class ConsumerInstance extends createDurable() implements InstanceHome {
  /** The one thing that is stored; null when there is no such instance. */
  data: InstanceData | null = null;
  readonly #storage: DurableObjectStorage;
  readonly #ctx: RequestContextBase;
  readonly #instance: Instance;
  /** When the alarm that is set goes off; Infinity when none is, or none is known to be. */
  #alarmAtMs = Number.POSITIVE_INFINITY;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.#storage = state.storage;
    this.#ctx = brokerContext(env, { waitUntil: (promise) => state.waitUntil(promise) });
    this.#instance = new Instance(this, this.#ctx);
  }

  create(text: Text): Promise<Outcome<unknown>> {
    const { config, identity }: CreateCall = JSON.parse(text);
    return this.#instance.create(config, identity);
  }

  remove(): Promise<Outcome<unknown>> {
    return this.#instance.remove();
  }

  subscribe(text: Text): Promise<Outcome<unknown>> {
    return this.#instance.subscribe(JSON.parse(text) as Argument<"subscribe">);
  }

  assign(text: Text): Promise<Outcome<unknown>> {
    return this.#instance.assign(JSON.parse(text) as Argument<"assign">);
  }

  plan(text: Text): Promise<Outcome<unknown>> {
    return this.#instance.plan(JSON.parse(text) as Argument<"plan">);
  }

  seek(text: Text): Promise<Outcome<unknown>> {
    return this.#instance.seek(JSON.parse(text) as Argument<"seek">);
  }

  finish(text: Text): Promise<Outcome<unknown>> {
    return this.#instance.finish(JSON.parse(text) as Argument<"finish">);
  }

  committed(text: Text): Promise<Outcome<unknown>> {
    return this.#instance.committed(JSON.parse(text) as Argument<"committed">);
  }

  async alarm(): Promise<void> {
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
    await this.loadFromStorage();
    try {
      await this.#instance.alarm();
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      logEntry(this.#ctx, {
        level: "error",
        message: "a consumer instance's alarm failed",
        error: text,
      });
      if (this.data !== null) await this.wakeAt(this.#ctx.now() + ALARM_RETRY_MS);
    }
  }

  /** itty-durable's: what `persist` stores. */
  override getPersistable(): { data: InstanceData | null } {
    return { data: this.data };
  }

  async save(data: InstanceData): Promise<void> {
    this.data = data;
    await this.persist();
  }

  async clear(): Promise<void> {
    this.data = null;
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
    await this.#storage.deleteAlarm();
    await this.#storage.deleteAll();
  }

  async wakeAt(ms: number): Promise<void> {
    // One that goes off earlier looks again: an alarm costs a row each time it is set.
    if (this.#alarmAtMs <= ms) return;
    this.#alarmAtMs = ms;
    await this.#storage.setAlarm(ms);
  }
}

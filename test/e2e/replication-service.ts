/** The service in this process, with a hand on its objects, and what the replication tests ask of it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { bundleWorker } from "../../src/cli/local/bundle.ts";
import { startRuntime } from "../../src/cli/local/runtime.ts";
import { Admin } from "../../src/client/mod.ts";
import { DEFAULT_BROKER_IDS, startGateway } from "../../src/gateway/gateway.ts";
import { batchBaseOffset, batchSizeInBytes } from "../../src/protocol/record-batch.ts";
import { withWorkerBeside } from "../support/worker-beside.ts";
import { ROOT, temporaryFolder, until } from "./service.ts";

export interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** Generous: other work may take the machine's processors for a while. */
const REJOIN_MS = 30_000;
const HAND = "hand";

export class ReplicatedService {
  /** Of the HTTP listener. */
  readonly url: string;
  /** `host:port` of the Kafka listener. */
  readonly kafka: string;
  readonly admin: Admin;
  readonly #hand: string;
  readonly #stop: () => Promise<void>;

  private constructor(url: string, kafka: string, hand: string, stop: () => Promise<void>) {
    this.url = url;
    this.kafka = kafka;
    this.admin = new Admin({ "bootstrap.servers": url });
    this.#hand = hand;
    this.#stop = stop;
  }

  /** @param brokerConfig under Kafka's names, as KEDGE_BROKER_CONFIG has it */
  static async start(
    brokerConfig: Readonly<Record<string, number>> = {},
  ): Promise<ReplicatedService> {
    const dataFolder = temporaryFolder();
    const script = await bundleWorker(join(ROOT, "test/e2e/replication-worker.ts"));
    const runtime = await startRuntime({
      configFile: join(ROOT, "wrangler.toml"),
      dataFolder,
      host: "127.0.0.1",
      port: 0,
      vars: { KEDGE_OPEN: "loopback", KEDGE_BROKER_CONFIG: JSON.stringify(brokerConfig) },
      log: () => {},
      configure: (options) => withWorkerBeside(options, { name: HAND, script }),
    });
    const gateway = await startGateway({
      url: runtime.url,
      host: "127.0.0.1",
      port: 0,
      brokerIds: DEFAULT_BROKER_IDS,
      advertised: null,
      apiKey: null,
      log: () => {},
    });
    return new ReplicatedService(
      runtime.url,
      gateway.address,
      await runtime.urlOf(HAND),
      async () => {
        await gateway.stop(0);
        await runtime.stop();
        rmSync(dataFolder, { recursive: true, force: true });
      },
    );
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  /** Takes a broker out, or back; the status and the text of the answer. */
  async setFenced(
    brokerId: number,
    what: "fence" | "unfence",
    query = "",
  ): Promise<{ status: number; text: string }> {
    const url = `${this.url}/v3/clusters/kedge/brokers/${brokerId}:${what}${query}`;
    const response = await fetch(url, { method: "POST" });
    return { status: response.status, text: await response.text() };
  }

  async fence(brokerId: number): Promise<void> {
    const { status, text } = await this.setFenced(brokerId, "fence");
    if (status >= 300) throw new Error(`fencing broker ${brokerId}: ${status} ${text}`);
  }

  async unfence(brokerId: number): Promise<void> {
    const { status, text } = await this.setFenced(brokerId, "unfence");
    if (status >= 300) throw new Error(`unfencing broker ${brokerId}: ${status} ${text}`);
  }

  async partitionsOf(topic: string) {
    const found = (await this.admin.describeTopics([topic])).find(({ name }) => name === topic);
    if (found === undefined) throw new Error(`there is no topic ${topic}`);
    return found.partitions;
  }

  /** The ISR comes back by itself. */
  async fullIsr(topic: string): Promise<void> {
    let last = "";
    await until(
      async () => {
        const partitions = await this.partitionsOf(topic);
        last = JSON.stringify(partitions);
        return partitions.every(({ isr, replicas }) => isr.length === replicas.length);
      },
      () => `every replica of ${topic} is in sync; it is ${last}`,
      REJOIN_MS,
    );
  }

  async objectOf({ topic, partition }: Place, brokerId: number): Promise<string> {
    const [found] = await this.admin.describeTopics([topic]);
    return `kedge/${found?.topicId}/${partition}/${brokerId}`;
  }

  async crash(object: string): Promise<void> {
    const url = `${this.#hand}/crash?object=${encodeURIComponent(object)}`;
    const response = await fetch(url, { method: "POST" });
    const outcome = await response.text();
    if (!outcome.includes("told to crash")) throw new Error(`${object} did not crash: ${outcome}`);
  }

  /** What one replica holds, batch by batch, once it knows that everything up to `end` is committed. */
  async logOf(object: string, end: number): Promise<Buffer[]> {
    const batches: Buffer[] = [];
    const deadline = Date.now() + REJOIN_MS;
    for (let offset = 0; offset < end; ) {
      const url = `${this.#hand}/read?object=${encodeURIComponent(object)}&offset=${offset}`;
      const response = await fetch(url);
      const bytes = Buffer.from(await response.arrayBuffer());
      const seen = response.headers.get("x-read");
      if (!response.ok || Date.now() > deadline) {
        throw new Error(`${object} at ${offset} of ${end}: ${response.status} ${seen} ${bytes}`);
      }
      for (let at = 0; at < bytes.length; ) {
        const size = batchSizeInBytes(bytes, at);
        const batch = bytes.subarray(at, at + size);
        at += size;
        if (batchBaseOffset(batch, 0) < offset) continue;
        batches.push(batch);
        offset = batchBaseOffset(batch, 0) + batch.readInt32BE(LAST_OFFSET_DELTA_AT) + 1;
      }
      if (bytes.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return batches;
  }
}

/** Where a record batch has its last offset delta. */
const LAST_OFFSET_DELTA_AT = 23;

import { Producer } from "../../../src/client/producer.ts";
import type { RecordMetadata } from "../../../src/client/producer-batch.ts";
import type { ProducerConfig } from "../../../src/client/producer-config.ts";
import { utf8Decode } from "../../../src/lib/bytes.ts";
import { produceApi } from "../../../src/protocol/api/00-produce.ts";
import { FakeBroker, type Fault } from "./fake-broker.ts";
import { VirtualClock } from "./virtual-clock.ts";

export type Text = string | Uint8Array;

/** A broker with topic "t" of one partition, and producers that talk to it. */
export class ProducerWorld {
  readonly clock = new VirtualClock();
  readonly broker = new FakeBroker(this.clock);

  constructor() {
    this.broker.createTopic("t", 1);
  }

  producer(config: Partial<ProducerConfig<Text, Text>> = {}): Producer {
    return new Producer<Text, Text>(
      { "bootstrap.servers": "https://kedge.test", ...config },
      { transport: this.broker, clock: this.clock, random: () => 0.5 },
    );
  }

  /** What is in the log, as text. */
  values(topic = "t", partition = 0): string[] {
    const records = this.broker.log(topic, partition).records();
    return records.map(({ value }) => utf8Decode(value ?? new Uint8Array(0)));
  }

  /** Applies a fault to the nth Produce request. */
  onProduce(faults: Readonly<Record<number, Fault>>): void {
    this.broker.meddle = ({ api, nth }) => (api === produceApi ? faults[nth] : undefined);
  }

  async sendAll(
    producer: Producer,
    texts: readonly string[],
    topic = "t",
  ): Promise<RecordMetadata[]> {
    return this.clock.run(Promise.all(texts.map((value) => producer.send({ topic, value }))));
  }
}

export const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `value-${from + i}`);

import { describe, expect, it } from "vitest";
import { ErrorCode, TransportError } from "../../../src/client/errors.ts";
import { Producer } from "../../../src/client/producer.ts";
import { utf8Decode } from "../../../src/lib/bytes.ts";
import { Prng } from "../../../src/lib/prng.ts";
import { produceApi } from "../../../src/protocol/api/00-produce.ts";
import { initProducerIdApi } from "../../../src/protocol/api/22-init-producer-id.ts";
import { type Exchange, FakeBroker, type Fault } from "./fake-broker.ts";
import { VirtualClock } from "./virtual-clock.ts";

/**
 * Idempotent producers against a broker that loses requests and answers, delays and reorders them,
 * moves leaders, refuses for a while: every record that counts as delivered is in the log once, and
 * each producer's records are there in its order.
 */

const RETRIABLE = [
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.THROTTLING_QUOTA_EXCEEDED,
];

function faultOf(prng: Prng, { api }: Exchange): Fault {
  const slow = { delayMs: 1 + prng.int(prng.bool(0.2) ? 400 : 10), replyDelayMs: 1 + prng.int(20) };
  if (api !== produceApi && api !== initProducerIdApi) {
    return prng.bool(0.1) ? { ...slow, lost: true } : slow;
  }
  const dice = prng.int(20);
  if (dice === 0) return { ...slow, lost: true };
  if (dice <= 3) return { ...slow, replyLost: true };
  if (dice === 4 && api === produceApi) return { ...slow, code: prng.pick(RETRIABLE) };
  if (dice === 5) return { ...slow, hangs: true };
  if (dice === 6) {
    const options = { status: 429, retryAfterMs: prng.bool(0.5) ? 1000 : null };
    return { ...slow, error: new TransportError(ErrorCode.NETWORK_EXCEPTION, "HTTP 429", options) };
  }
  return slow;
}

interface Run {
  readonly acknowledged: ReadonlySet<string>;
  readonly logs: readonly (readonly string[])[];
  readonly trace: string;
}

async function simulate(seed: number): Promise<Run> {
  const prng = new Prng(seed);
  const clock = new VirtualClock();
  const broker = new FakeBroker(clock);
  const partitions = 1 + prng.int(3);
  for (const log of broker.createTopic("t", partitions).partitions) {
    // Batches that are too large for it are split, which changes sequences of the others too.
    if (prng.bool(0.5)) log.maxMessageBytes = 120 + prng.int(300);
  }
  let faulty = true;
  let trace = "";
  broker.meddle = (exchange) => {
    if (prng.bool(0.02)) broker.log("t", prng.int(partitions)).leader = 1 + prng.int(3);
    const fault = faulty ? faultOf(prng, exchange) : {};
    trace += `${clock.now()} ${exchange.api.name} ${JSON.stringify(fault)}\n`;
    return fault;
  };
  const acknowledged = new Set<string>();
  const sends: Promise<unknown>[] = [];
  for (let who = 0; who < 2; who++) {
    const producer = new Producer(
      {
        "bootstrap.servers": "https://kedge.test",
        "batch.size": 100 + prng.int(400),
        "linger.ms": prng.int(20),
        "request.timeout.ms": 700,
        "delivery.timeout.ms": prng.bool(0.5) ? 600_000 : 3000,
        "buffer.memory": 3000,
        "max.in.flight.requests.per.connection": 1 + prng.int(5),
        "compression.type": prng.pick(["none", "lz4", "zstd"] as const),
      },
      { transport: broker, clock, random: () => prng.float() },
    );
    for (let i = 0; i < 120; i++) {
      const value = `${who}:${i}`;
      const sent = producer.send({ topic: "t", value, partition: prng.int(partitions) });
      sends.push(sent.then(() => acknowledged.add(value)).catch(() => {}));
      if (prng.bool(0.2)) await clock.advance(prng.int(40));
    }
  }
  await clock.advance(20_000);
  faulty = false;
  await clock.run(Promise.all(sends));
  await clock.advance(10_000);
  expect(clock.timers, "timers left when nothing is to be done").toBe(0);
  const logs = Array.from({ length: partitions }, (_, partition) =>
    broker
      .log("t", partition)
      .records()
      .map(({ value }) => utf8Decode(value as Uint8Array)),
  );
  return { acknowledged, logs, trace };
}

function check({ acknowledged, logs }: Run): void {
  const all = logs.flat();
  expect(new Set(all).size, "a record is in the log twice").toBe(all.length);
  const present = new Set(all);
  for (const value of acknowledged) expect(present.has(value), `${value} is missing`).toBe(true);
  for (const log of logs) {
    for (const who of ["0", "1"]) {
      const own = log.filter((value) => value.startsWith(`${who}:`)).map((v) => Number(v.slice(2)));
      expect(own, "out of order").toEqual([...own].sort((a, b) => a - b));
    }
  }
}

describe("idempotent producers under faults", () => {
  const count = Number(process.env.SIM_SEEDS ?? 200);
  /** Once found something: 410 a batch that the server had forgotten when its retry came. */
  const regressions = [410];
  const seeds = [...Array.from({ length: count }, (_, i) => i + 1), ...regressions];

  it(`PROD4 PROD5 PROD6 PROD7 lose nothing and repeat nothing, ${seeds.length} seeds`, async () => {
    let acknowledged = 0;
    for (const seed of seeds) {
      try {
        const run = await simulate(seed);
        check(run);
        acknowledged += run.acknowledged.size;
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, {
          cause: error,
        });
      }
    }
    // Faults must not be so many that nothing is tested.
    expect(acknowledged / seeds.length).toBeGreaterThan(150);
  });

  it("run the same way from the same seed", async () => {
    expect((await simulate(42)).trace).toBe((await simulate(42)).trace);
  });
});

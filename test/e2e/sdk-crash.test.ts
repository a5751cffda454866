import { expect, test } from "vitest";
import { Admin, Consumer, Producer, StringDeserializer } from "../../src/client/mod.ts";
import { discard, startService } from "./service.ts";

/** Kills the service twice in the middle of a load; the producers never learn of it. */
test("kill -9 while producers send: every record is there once, in order", async () => {
  let service = await startService();
  const { dataFolder, port, kafkaPort, url } = service;
  const at = { "bootstrap.servers": url };
  const partitions = 4;
  await new Admin(at).createTopics([{ name: "load", numPartitions: partitions }]);

  const producers = [0, 1].map(
    () => new Producer({ ...at, "batch.size": 2000, "request.timeout.ms": 3000 }),
  );
  const sends: Promise<unknown>[] = [];
  let stop = false;
  let count = 0;
  const load = (async () => {
    while (!stop) {
      for (const [who, producer] of producers.entries()) {
        const value = `${who}:${count}`;
        sends.push(producer.send({ topic: "load", partition: count % partitions, value }));
      }
      count++;
      if (count % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  try {
    for (let kill = 0; kill < 2; kill++) {
      await pause(700);
      await service.stop("SIGKILL");
      await pause(200);
      service = await startService({ dataFolder, port, kafkaPort });
    }
    await pause(700);
    stop = true;
    await load;
    await Promise.all(sends);
    for (const producer of producers) await producer.close();
    expect(count).toBeGreaterThan(500);

    const consumer = new Consumer({
      ...at,
      "value.deserializer": StringDeserializer,
      "auto.offset.reset": "earliest",
    });
    const places = Array.from({ length: partitions }, (_, partition) => ({
      topic: "load",
      partition,
    }));
    consumer.assign(places);
    const seen = new Map<string, number[]>();
    let total = 0;
    while (total < count * 2) {
      const records = await consumer.poll(5000);
      if (records.length === 0) break;
      total += records.length;
      for (const { partition, value } of records) {
        const [who, number] = (value as string).split(":") as [string, string];
        const key = `${who}/${partition}`;
        seen.set(key, [...(seen.get(key) ?? []), Number(number)]);
      }
    }
    expect(await consumer.poll(500)).toEqual([]);
    await consumer.close();
    expect(total).toBe(count * 2);
    for (const [key, numbers] of seen) {
      const partition = Number(key.split("/")[1]);
      const expected = Array.from({ length: count }, (_, i) => i).filter(
        (i) => i % partitions === partition,
      );
      expect(numbers, key).toEqual(expected);
    }
  } finally {
    stop = true;
    await discard(service);
  }
});

/** Every command of README's section on replicas, and what it says besides. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Admin } from "../../src/client/mod.ts";
import { runStep, stepsOf, titleOf } from "./readme-steps.ts";
import { discard, type Service, startService, until } from "./service.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});

afterAll(() => discard(service));

async function partitions() {
  const admin = new Admin({ "bootstrap.servers": service.url });
  return (await admin.describeTopics(["payments"]))[0]?.partitions ?? [];
}

/** What the text says between the commands, after the command that begins so. */
const AFTER: Readonly<Record<string, () => Promise<void>>> = {
  "npx kedge brokers --fence 1": async () => {
    for (const { leader, isr } of await partitions()) {
      expect(leader).not.toBe(1);
      expect(isr).not.toContain(1);
    }
  },
  "npx kedge brokers --unfence 1": () =>
    until(
      async () => (await partitions()).every(({ isr }) => isr.length === 3),
      "region 1 is back in every ISR",
      30_000,
    ),
};

describe("Replicas in other regions", () => {
  const steps = stepsOf("Replicas in other regions");

  test("has commands", () => {
    expect(steps.length).toBeGreaterThan(5);
    const commands = steps.map(({ command }) => command);
    expect(commands).toEqual(expect.arrayContaining(Object.keys(AFTER)));
  });

  for (const step of steps) {
    test(titleOf(step), async () => {
      await runStep(step, service);
      await AFTER[step.command]?.();
    });
  }
});

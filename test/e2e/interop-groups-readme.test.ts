/** Every command of README's section on consumer groups. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runStep, stepsOf, titleOf } from "./readme-steps.ts";
import { discard, type Service, startService } from "./service.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});

afterAll(() => discard(service));

describe("Consumer groups", () => {
  const steps = stepsOf("Consumer groups");

  test("has commands", () => {
    expect(steps.length).toBeGreaterThan(6);
  });

  for (const step of steps) test(titleOf(step), () => runStep(step, service));
});

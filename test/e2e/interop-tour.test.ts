/** Every command of README's five-minute tour, run as it stands there, printing what stands there. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runStep, stepsOf, titleOf } from "./readme-steps.ts";
import { discard, type Service, startService } from "./service.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});

afterAll(() => discard(service));

describe("the five-minute tour", () => {
  const tour = stepsOf("Five-minute tour");

  test("has commands", () => {
    expect(tour.length).toBeGreaterThan(10);
  });

  for (const step of tour) test(titleOf(step), () => runStep(step, service));
});

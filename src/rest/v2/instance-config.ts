/**
 * The configs of a consumer instance. Confluent takes numbers and booleans as text too, and tells two
 * faults apart: 42204 for a value that the consumer does not know, 40001 for one out of the proxy's
 * bounds.
 */
import type * as z from "zod";
import { isFormat } from "../formats.ts";
import type { InstanceConfig } from "../instances/types.ts";
import {
  INSTANCE_FETCH_MIN_BYTES_MAX,
  INSTANCE_REQUEST_TIMEOUT_MS_DEFAULT,
  INSTANCE_TIMEOUT_MS_DEFAULT,
  INSTANCE_TIMEOUT_MS_MAX,
  INSTANCE_TIMEOUT_MS_MIN,
  READ_WAIT_MS_MAX,
} from "../limits.ts";
import { RestError } from "../rest-error.ts";
import { show } from "../show.ts";
import type { createConsumer } from "./consumer-schemas.ts";

export const INSTANCE_CONFIG_DEFAULT: InstanceConfig = {
  format: "binary",
  autoOffsetReset: "latest",
  autoCommit: true,
  readCommitted: false,
  fetchMinBytes: 1,
  requestTimeoutMs: INSTANCE_REQUEST_TIMEOUT_MS_DEFAULT,
  instanceTimeoutMs: INSTANCE_TIMEOUT_MS_DEFAULT,
};

const SCHEMA_FORMATS: readonly unknown[] = ["avro", "jsonschema", "protobuf"];

/** Throws RestError 422 (42204) and 400 (40001). */
export function instanceConfig(input: z.output<typeof createConsumer>): InstanceConfig {
  const standard = INSTANCE_CONFIG_DEFAULT;
  const number = (name: keyof typeof input, otherwise: number, min: number, max: number) =>
    numberOf(name, input[name] ?? otherwise, min, max);
  const fetchMinBytes = number("fetch.min.bytes", -1, -1, INSTANCE_FETCH_MIN_BYTES_MAX);
  const timeout = "consumer.instance.timeout.ms";
  return {
    format: formatOf(input.format ?? standard.format),
    autoOffsetReset: choiceOf("auto.offset.reset", input["auto.offset.reset"] ?? "latest", [
      ...(["earliest", "latest", "none"] as const),
    ]),
    autoCommit:
      choiceOf("auto.commit.enable", String(input["auto.commit.enable"] ?? true).toLowerCase(), [
        ...(["true", "false"] as const),
      ]) === "true",
    readCommitted:
      choiceOf("isolation.level", input["isolation.level"] ?? "read_uncommitted", [
        ...(["read_uncommitted", "read_committed"] as const),
      ]) === "read_committed",
    // Confluent's -1 waits for the whole timeout; nobody asked for that, and many complained of it.
    fetchMinBytes: Math.max(1, fetchMinBytes),
    requestTimeoutMs: number(
      "consumer.request.timeout.ms",
      standard.requestTimeoutMs,
      0,
      READ_WAIT_MS_MAX,
    ),
    instanceTimeoutMs: number(
      ...([timeout, standard.instanceTimeoutMs] as const),
      ...([INSTANCE_TIMEOUT_MS_MIN, INSTANCE_TIMEOUT_MS_MAX] as const),
    ),
  };
}

function formatOf(value: unknown): InstanceConfig["format"] {
  const name = typeof value === "string" ? value.toLowerCase() : "";
  const known = name === "text" ? "string" : name;
  if (isFormat(known)) return known;
  const why = SCHEMA_FORMATS.includes(name) ? ": Kedge has no schema registry" : "";
  throw invalidConfig("format", value, `binary, json or string${why}`);
}

function choiceOf<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw invalidConfig(name, value, choices.join(", "));
}

function numberOf(name: string, value: unknown, min: number, max: number): number {
  const isText = typeof value === "string" && /^-?\d{1,16}$/.test(value);
  const number = isText ? Number(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number)) {
    throw invalidConfig(name, value, "a whole number");
  }
  if (number >= min && number <= max) return number;
  const what = `Invalid value ${number} for configuration ${name}: it must be from ${min} to ${max}`;
  throw new RestError(400, 40001, what);
}

function invalidConfig(name: string, value: unknown, expected: string): RestError {
  const what = `Invalid consumer configuration: ${name} is ${show(value)}, and must be ${expected}`;
  return new RestError(422, 42204, what);
}

/** Asks a deployment what the doctor wants to know of it. Nothing is changed by it. */
import { Admin } from "../../client/mod.ts";
import type { Connection } from "../connection.ts";
import { failureText } from "../failure.ts";
import type { Facts, PartitionFacts, Result } from "./diagnosis.ts";
import { gatewayFailure } from "./gateway-probe.ts";

const TIMEOUT_MS = 10_000;
const TOPICS_PER_REQUEST = 200;

export interface GatewayAddress {
  readonly host: string;
  readonly port: number;
}

export async function examine(
  { config, options }: Connection,
  gateway: GatewayAddress | null,
): Promise<Facts> {
  const url = (config["bootstrap.servers"].split(",")[0] ?? "").trim().replace(/\/+$/, "");
  const headers = options.headers ?? {};
  const [health, probe] = await Promise.all([healthOf(url), probeOf(gateway)]);
  const none = { url, health, access: null, brokers: null, partitions: null, gateway: probe };
  if ("failure" in health) return none;
  const access = await accessOf(url, headers);
  if (access.status !== 200) return { ...none, access };
  const settings = { "default.api.timeout.ms": TIMEOUT_MS, ...config };
  const admin = new Admin({ "client.id": "kedge-doctor", ...settings }, options);
  try {
    const [brokers, partitions] = await Promise.all([
      result(async () => (await admin.describeCluster({ includeFencedBrokers: true })).nodes),
      result(() => partitionsOf(admin)),
    ]);
    return { ...none, access, brokers, partitions };
  } finally {
    await admin.close();
  }
}

async function result<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { failure: failureText(error) };
  }
}

function healthOf(url: string): Promise<Facts["health"]> {
  return result(async () => {
    const askedMs = Date.now();
    const response = await answered(`${url}/healthz`, {});
    if (!response.ok) throw new Error(`HTTP ${response.status}: is this a Kedge deployment?`);
    const date = Date.parse(response.headers.get("date") ?? "");
    // Cut to the second, and of some moment between the question and the answer.
    const skewMs = Number.isNaN(date) ? null : date + 500 - (askedMs + Date.now()) / 2;
    return { skewMs };
  });
}

async function answered(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  try {
    return await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    // Node says "fetch failed" and hides the reason one level down.
    const cause = error instanceof Error ? error.cause : undefined;
    throw cause instanceof Error && cause.message !== "" ? cause : error;
  }
}

async function accessOf(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; message: string }> {
  try {
    const response = await answered(`${url}/v3/clusters`, headers);
    const { message = response.statusText } = (await response.json()) as { message?: string };
    return { status: response.status, message };
  } catch (error) {
    return { status: 0, message: failureText(error) };
  }
}

async function probeOf(gateway: GatewayAddress | null): Promise<Facts["gateway"]> {
  if (gateway === null) return null;
  const { host, port } = gateway;
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return { address, failure: await gatewayFailure(host, port, TIMEOUT_MS) };
}

async function partitionsOf(admin: Admin): Promise<PartitionFacts[]> {
  const names = (await admin.listTopics({ listInternal: true })).map(({ name }) => name);
  const minIsrs = await minIsrsOf(admin, names);
  return (await admin.describeTopics(names)).flatMap(({ name, partitions }) =>
    partitions.map(({ partition, leader, replicas, isr }) => ({
      ...{ topic: name, partition, leader, replicas, isr },
      minIsr: minIsrs.get(name) ?? null,
    })),
  );
}

async function minIsrsOf(admin: Admin, names: readonly string[]): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (let at = 0; at < names.length; at += TOPICS_PER_REQUEST) {
    const some = names.slice(at, at + TOPICS_PER_REQUEST).map((name) => ({
      ...{ type: "topic" as const, name, configNames: ["min.insync.replicas"] },
    }));
    for (const { name, entries } of await admin.describeConfigs(some)) {
      const value = entries[0]?.value ?? null;
      if (value !== null) found.set(name, Number(value));
    }
  }
  return found;
}

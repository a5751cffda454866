/** Tables `clusters`, `brokers` and `broker_configs`. */
import type { FencingOutcome } from "../broker/ports.ts";
import type { BrokerInfo, ClusterInfo, ConfigMap } from "../cluster/types.ts";
import { changes } from "./session.ts";

interface Row {
  readonly broker_id: number | null;
  readonly rack: string | null;
  readonly hint: string | null;
  readonly fenced: number | null;
}

const SELECT = `
  SELECT b.broker_id, b.rack, b.hint, b.fenced
  FROM clusters c LEFT JOIN brokers b ON b.cluster_id = c.cluster_id
  WHERE c.cluster_id = ?1
  ORDER BY b.broker_id`;

interface ConfigRow {
  readonly broker_id: number;
  readonly name: string;
  readonly value: string;
}

const SELECT_CONFIGS = `
  SELECT broker_id, name, value FROM broker_configs WHERE cluster_id = ?1 ORDER BY broker_id, name`;
const SET_CONFIG = `
  INSERT INTO broker_configs (cluster_id, broker_id, name, value) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT DO UPDATE SET value = excluded.value`;
const DELETE_CONFIG =
  "DELETE FROM broker_configs WHERE cluster_id = ?1 AND broker_id = ?2 AND name = ?3";

export async function selectCluster(
  session: D1DatabaseSession,
  clusterId: string,
): Promise<ClusterInfo | null> {
  const [rows, configs] = await session.batch<Row & ConfigRow>([
    session.prepare(SELECT).bind(clusterId),
    session.prepare(SELECT_CONFIGS).bind(clusterId),
  ]);
  if (rows === undefined || rows.results.length === 0) return null;
  const brokers = rows.results.flatMap(brokerOf);
  const controllerId = controllerOf(brokers);
  return { clusterId, controllerId, brokers, configs: configsOf(configs?.results ?? []) };
}

function configsOf(rows: readonly ConfigRow[]): Record<number, ConfigMap> {
  const configs: Record<number, Record<string, string>> = {};
  for (const { broker_id: brokerId, name, value } of rows) {
    configs[brokerId] = { ...configs[brokerId], [name]: value };
  }
  return configs;
}

/** One row written for each config. */
export async function changeBrokerConfigs(
  session: D1DatabaseSession,
  clusterId: string,
  brokerId: number,
  changed: Readonly<Record<string, string | null>>,
): Promise<void> {
  const statements = Object.entries(changed).map(([name, value]) =>
    value === null
      ? session.prepare(DELETE_CONFIG).bind(clusterId, brokerId, name)
      : session.prepare(SET_CONFIG).bind(clusterId, brokerId, name, value),
  );
  if (statements.length > 0) await session.batch(statements);
}

/** A cluster without brokers is one row of nulls. */
function brokerOf(row: Row): BrokerInfo[] {
  const { broker_id: brokerId, rack, hint, fenced } = row;
  if (brokerId === null || rack === null || hint === null) return [];
  return [{ brokerId, rack, hint, fenced: fenced === 1 }];
}

/**
 * There is no controller: the catalogue is. Clients want a broker to send admin requests to, and any
 * will do, so long as it is listed; -1 when every one is fenced.
 */
export function controllerOf(brokers: readonly BrokerInfo[]): number {
  return brokers.find((broker) => !broker.fenced)?.brokerId ?? -1;
}

/**
 * One statement decides whether another broker is left, so that of two who fence the last two
 * brokers at the same time one is refused.
 */
const SET_FENCED = `
  UPDATE brokers SET fenced = ?3
  WHERE cluster_id = ?1 AND broker_id = ?2
    AND (?3 = 0 OR ?4 = 1 OR fenced = 1 OR EXISTS (
      SELECT 1 FROM brokers o WHERE o.cluster_id = ?1 AND o.broker_id <> ?2 AND o.fenced = 0))`;

export async function setBrokerFenced(
  session: D1DatabaseSession,
  clusterId: string,
  brokerId: number,
  fenced: boolean,
  force: boolean,
): Promise<FencingOutcome> {
  const update = session
    .prepare(SET_FENCED)
    .bind(clusterId, brokerId, fenced ? 1 : 0, force ? 1 : 0);
  const exists = session
    .prepare("SELECT 1 FROM brokers WHERE cluster_id = ?1 AND broker_id = ?2")
    .bind(clusterId, brokerId);
  const [updated, found] = await session.batch([update, exists]);
  if (changes(updated) === 1) return "done";
  return found?.results.length === 1 ? "last" : "unknown";
}

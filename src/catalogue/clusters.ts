/** Tables `clusters` and `brokers`. */
import type { FencingOutcome } from "../broker/ports.ts";
import type { BrokerInfo, ClusterInfo } from "../cluster/types.ts";
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

export async function selectCluster(
  session: D1DatabaseSession,
  clusterId: string,
): Promise<ClusterInfo | null> {
  const { results } = await session.prepare(SELECT).bind(clusterId).all<Row>();
  if (results.length === 0) return null;
  const brokers = results.flatMap(brokerOf);
  return { clusterId, controllerId: controllerOf(brokers), brokers };
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

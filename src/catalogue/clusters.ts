/** Tables `clusters` and `brokers`. */
import type { BrokerInfo, ClusterInfo } from "../cluster/types.ts";

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

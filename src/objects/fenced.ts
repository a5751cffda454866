/** Has an operator taken a broker out? Its replicas are then as good as away. */
import type { CataloguePort } from "../broker/ports.ts";

/**
 * What an isolate knows may be some seconds old. A fence that is heard of late does no harm, for the
 * catalogue lets no ISR take the broker in. The end of one must be known at once: a replica that came
 * back into the ISR and refused its leader would hold up every write (CLU15). So before it says yes,
 * the catalogue itself is asked. Never rejects.
 */
export async function isFenced(
  catalogue: Pick<CataloguePort, "cluster">,
  clusterId: string,
  brokerId: number,
): Promise<boolean> {
  const ask = async (fresh: boolean): Promise<boolean> => {
    const cluster = await catalogue.cluster(clusterId, { fresh });
    return cluster?.brokers.find((broker) => broker.brokerId === brokerId)?.fenced ?? false;
  };
  const known = await ask(false).catch(() => false);
  return known && (await ask(true).catch(() => true));
}

/** Table `acls`. */
import { type AclBinding, type AclFilter, matchesFilter } from "../cluster/acl.ts";

const COLUMNS =
  "resource_type, resource_name, pattern_type, principal, host, operation, permission";
const SELECT = `SELECT ${COLUMNS} FROM acls WHERE cluster_id = ?1 ORDER BY ${COLUMNS}`;
const GIVEN = [0, 1, 2, 3, 4, 5, 6].map((at) => `a.value ->> ${at}`).join(", ");
const INSERT = `
  INSERT INTO acls (cluster_id, ${COLUMNS})
  SELECT ?1, ${GIVEN} FROM json_each(?2) a WHERE true
  ON CONFLICT DO NOTHING`;
const DELETE = `
  DELETE FROM acls
  WHERE cluster_id = ?1 AND (${COLUMNS}) IN (SELECT ${GIVEN} FROM json_each(?2) a)`;

type Row = [number, string, number, string, string, number, number];

/** Ordered, as rows: equal rows make equal text. */
export async function selectAcls(session: D1DatabaseSession, clusterId: string): Promise<Row[]> {
  return session.prepare(SELECT).bind(clusterId).raw<Row>();
}

export function bindingOf(row: Row): AclBinding {
  const [resourceType, resourceName, patternType, principal, host, operation, permission] = row;
  return { resourceType, resourceName, patternType, principal, host, operation, permission };
}

function rowOf(binding: AclBinding): Row {
  const { resourceType, resourceName, patternType, principal, host, operation } = binding;
  return [
    ...([resourceType, resourceName, patternType, principal] as const),
    ...([host, operation, binding.permission] as const),
  ];
}

/** One statement, a row written for each that is new. */
export async function insertAcls(
  session: D1DatabaseSession,
  clusterId: string,
  bindings: readonly AclBinding[],
): Promise<void> {
  if (bindings.length === 0) return;
  await session
    .prepare(INSERT)
    .bind(clusterId, JSON.stringify(bindings.map(rowOf)))
    .run();
}

/** What matched each filter. One that another caller deletes at the same time is in both answers. */
export async function deleteAcls(
  session: D1DatabaseSession,
  clusterId: string,
  filters: readonly AclFilter[],
): Promise<AclBinding[][]> {
  const all = (await selectAcls(session, clusterId)).map(bindingOf);
  const matched = filters.map((filter) => all.filter((acl) => matchesFilter(acl, filter)));
  const gone = [...new Set(matched.flat())];
  if (gone.length > 0) {
    await session
      .prepare(DELETE)
      .bind(clusterId, JSON.stringify(gone.map(rowOf)))
      .run();
  }
  return matched;
}

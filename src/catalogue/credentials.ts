/** Tables `api_keys` and `scram_credentials`. */
import type { ApiKey, ScramCredential, ScramName } from "../cluster/credentials.ts";
import { changes } from "./session.ts";

const API_KEYS = `
  SELECT key_id AS keyId, principal, secret_hash AS secretHash, description,
         created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs
  FROM api_keys WHERE cluster_id = ?1`;

export async function selectApiKey(
  session: D1DatabaseSession,
  clusterId: string,
  keyId: string,
): Promise<ApiKey | null> {
  return session.prepare(`${API_KEYS} AND key_id = ?2`).bind(clusterId, keyId).first<ApiKey>();
}

export async function selectApiKeys(
  session: D1DatabaseSession,
  clusterId: string,
): Promise<ApiKey[]> {
  const { results } = await session
    .prepare(`${API_KEYS} ORDER BY key_id`)
    .bind(clusterId)
    .all<ApiKey>();
  return results;
}

export async function insertApiKey(
  session: D1DatabaseSession,
  clusterId: string,
  key: ApiKey,
): Promise<void> {
  const { keyId, principal, secretHash, description, createdAtMs, expiresAtMs } = key;
  await session
    .prepare(
      `INSERT INTO api_keys
         (cluster_id, key_id, principal, secret_hash, description, created_at_ms, expires_at_ms)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
    )
    .bind(clusterId, keyId, principal, secretHash, description, createdAtMs, expiresAtMs)
    .run();
}

export async function deleteApiKey(
  session: D1DatabaseSession,
  clusterId: string,
  keyId: string,
): Promise<boolean> {
  const deleted = await session
    .prepare("DELETE FROM api_keys WHERE cluster_id = ?1 AND key_id = ?2")
    .bind(clusterId, keyId)
    .run();
  return changes(deleted) === 1;
}

const SCRAM = `
  SELECT user, mechanism, salt, iterations, stored_key AS storedKey, server_key AS serverKey
  FROM scram_credentials WHERE cluster_id = ?1`;

export async function selectScramCredential(
  session: D1DatabaseSession,
  clusterId: string,
  { user, mechanism }: ScramName,
): Promise<ScramCredential | null> {
  return session
    .prepare(`${SCRAM} AND user = ?2 AND mechanism = ?3`)
    .bind(clusterId, user, mechanism)
    .first<ScramCredential>();
}

/** Null: of all users. */
export async function selectScramCredentials(
  session: D1DatabaseSession,
  clusterId: string,
  users: readonly string[] | null,
): Promise<ScramCredential[]> {
  const order = "ORDER BY user, mechanism";
  const statement =
    users === null
      ? session.prepare(`${SCRAM} ${order}`).bind(clusterId)
      : session
          .prepare(`${SCRAM} AND user IN (SELECT value FROM json_each(?2)) ${order}`)
          .bind(clusterId, JSON.stringify(users));
  return (await statement.all<ScramCredential>()).results;
}

const SET_SCRAM = `
  INSERT INTO scram_credentials
    (cluster_id, user, mechanism, salt, iterations, stored_key, server_key)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
  ON CONFLICT DO UPDATE SET salt = excluded.salt, iterations = excluded.iterations,
    stored_key = excluded.stored_key, server_key = excluded.server_key`;
const DELETE_SCRAM =
  "DELETE FROM scram_credentials WHERE cluster_id = ?1 AND user = ?2 AND mechanism = ?3";

export async function alterScramCredentials(
  session: D1DatabaseSession,
  clusterId: string,
  set: readonly ScramCredential[],
  deleted: readonly ScramName[],
): Promise<void> {
  const statements = [
    ...deleted.map(({ user, mechanism }) =>
      session.prepare(DELETE_SCRAM).bind(clusterId, user, mechanism),
    ),
    ...set.map(({ user, mechanism, salt, iterations, storedKey, serverKey }) =>
      session
        .prepare(SET_SCRAM)
        .bind(clusterId, user, mechanism, salt, iterations, storedKey, serverKey),
    ),
  ];
  if (statements.length > 0) await session.batch(statements);
}

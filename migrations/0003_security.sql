-- Who may do what. Codes are Kafka's (AclOperation, ResourceType, PatternType, AclPermissionType); an
-- ACL is its own key, so that to write one again changes nothing.
CREATE TABLE acls (
  cluster_id TEXT NOT NULL,
  resource_type INTEGER NOT NULL,
  resource_name TEXT NOT NULL,
  pattern_type INTEGER NOT NULL,
  principal TEXT NOT NULL,
  host TEXT NOT NULL,
  operation INTEGER NOT NULL,
  permission INTEGER NOT NULL,
  PRIMARY KEY (
    cluster_id, resource_type, resource_name, pattern_type, principal, host, operation, permission
  )
) STRICT, WITHOUT ROWID;

-- The secret itself is shown once and kept nowhere: `secret_hash` is its SHA-256, in base64.
CREATE TABLE api_keys (
  cluster_id TEXT NOT NULL,
  key_id TEXT NOT NULL,
  principal TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  description TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER,
  PRIMARY KEY (cluster_id, key_id)
) STRICT, WITHOUT ROWID;

-- RFC 5802: what a server needs to check a password that it does not know. Bytes are base64.
CREATE TABLE scram_credentials (
  cluster_id TEXT NOT NULL,
  user TEXT NOT NULL,
  mechanism INTEGER NOT NULL,
  salt TEXT NOT NULL,
  iterations INTEGER NOT NULL,
  stored_key TEXT NOT NULL,
  server_key TEXT NOT NULL,
  PRIMARY KEY (cluster_id, user, mechanism)
) STRICT, WITHOUT ROWID;

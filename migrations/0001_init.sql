-- The catalogue. Every row carries its cluster, so that one database serves many.
--
-- D1 bills rows written, and each index entry is one: WITHOUT ROWID makes the primary key the table
-- itself, so a row costs one write. Creating a topic of 1,000 partitions writes 1,002 rows.

CREATE TABLE clusters (
  cluster_id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- A broker is a region. `hint` is the Durable Object location hint of its replicas.
CREATE TABLE brokers (
  cluster_id TEXT NOT NULL,
  broker_id INTEGER NOT NULL CHECK (broker_id >= 0),
  rack TEXT NOT NULL,
  hint TEXT NOT NULL,
  fenced INTEGER NOT NULL DEFAULT 0 CHECK (fenced IN (0, 1)),
  PRIMARY KEY (cluster_id, broker_id)
) STRICT, WITHOUT ROWID;

-- `configs` is a JSON object of what was set on the topic itself: it is read with every metadata
-- read and changed as one, so a row for each entry would only cost more.
CREATE TABLE topics (
  cluster_id TEXT NOT NULL,
  name TEXT NOT NULL,
  topic_id TEXT NOT NULL,
  internal INTEGER NOT NULL DEFAULT 0 CHECK (internal IN (0, 1)),
  configs TEXT NOT NULL DEFAULT '{}',
  PRIMARY KEY (cluster_id, name)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX topics_by_id ON topics (cluster_id, topic_id);

-- Leadership lives here and nowhere else. A row changes only by compare-and-set on partition_epoch
-- (KIP-497). `replicas` and `isr` are broker ids separated by commas; the first replica is the
-- preferred leader. `leader` is -1 when no member of the ISR can lead.
CREATE TABLE partitions (
  cluster_id TEXT NOT NULL,
  topic_id TEXT NOT NULL,
  partition INTEGER NOT NULL CHECK (partition >= 0),
  leader INTEGER NOT NULL,
  leader_epoch INTEGER NOT NULL DEFAULT 0,
  partition_epoch INTEGER NOT NULL DEFAULT 0,
  replicas TEXT NOT NULL,
  isr TEXT NOT NULL,
  PRIMARY KEY (cluster_id, topic_id, partition)
) STRICT, WITHOUT ROWID;

-- Topics whose rows are gone and whose objects may still hold data. The row goes when they do not.
-- `partitions` is the JSON list of [partition, replicas].
CREATE TABLE deleted_topics (
  cluster_id TEXT NOT NULL,
  topic_id TEXT NOT NULL,
  name TEXT NOT NULL,
  partitions TEXT NOT NULL,
  deleted_at_ms INTEGER NOT NULL,
  PRIMARY KEY (cluster_id, topic_id)
) STRICT, WITHOUT ROWID;

-- Dynamic broker configs. broker_id -1 is the cluster-wide default.
CREATE TABLE broker_configs (
  cluster_id TEXT NOT NULL,
  broker_id INTEGER NOT NULL CHECK (broker_id >= -1),
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (cluster_id, broker_id, name)
) STRICT, WITHOUT ROWID;

-- The first producer id that nobody has been given.
CREATE TABLE producer_ids (
  cluster_id TEXT NOT NULL PRIMARY KEY,
  next_producer_id INTEGER NOT NULL CHECK (next_producer_id >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO clusters (cluster_id) VALUES ('kedge');

INSERT INTO brokers (cluster_id, broker_id, rack, hint) VALUES
  ('kedge', 1, 'wnam', 'wnam'),
  ('kedge', 2, 'weur', 'weur'),
  ('kedge', 3, 'apac', 'apac');

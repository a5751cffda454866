/** The catalogue's database inside workerd, as the migrations leave it. */
import { env } from "cloudflare:workers";

const files = import.meta.glob<string>("../../migrations/*.sql", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** Statement by statement; a semicolon at the end of a line ends one. */
export async function migratedDatabase(): Promise<D1Database> {
  const { CATALOGUE: db } = env as unknown as { CATALOGUE: D1Database };
  for (const path of Object.keys(files).sort()) {
    const statements = (files[path] ?? "").split(/;\s*$/m).filter((sql) => /^[^-\s]/m.test(sql));
    await db.batch(statements.map((sql) => db.prepare(sql)));
  }
  return db;
}

/** Another cluster of the same three regions. */
export async function addCluster(db: D1Database, clusterId: string): Promise<void> {
  await db.batch([
    db.prepare("INSERT INTO clusters (cluster_id) VALUES (?1)").bind(clusterId),
    db
      .prepare(
        `INSERT INTO brokers (cluster_id, broker_id, rack, hint, fenced)
         SELECT ?1, broker_id, rack, hint, fenced FROM brokers WHERE cluster_id = 'kedge'`,
      )
      .bind(clusterId),
  ]);
}

/** The tail of a log on SQLite, inside workerd. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Partition } from "../../src/objects/partition.ts";
import { SqlLogStore } from "../../src/objects/sql-log-store.ts";
import { logStoreTailContract } from "../contract/log-store-tail.ts";

const { PARTITION } = env as unknown as { PARTITION: DurableObjectNamespace<Partition> };

let objects = 0;

logStoreTailContract("the tail of a log store on SQLite", async (test) => {
  const stub = PARTITION.getByName(`kedge/log-store-tail/${objects++}/1`);
  await runInDurableObject(stub, (_, { storage }) => {
    test(() => new SqlLogStore(storage.sql));
  });
});

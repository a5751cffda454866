/** The log store on SQLite, inside workerd: its contract, and what only a database can get wrong. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { CHUNK_BYTES_MAX, ROW_BYTES_MAX } from "../../src/constants.ts";
import type { Partition } from "../../src/objects/partition.ts";
import { SqlLogStore } from "../../src/objects/sql-log-store.ts";
import { chunkOf, logStoreContract } from "../contract/log-store.ts";
import { logModel } from "../contract/log-store-model.ts";

// Two cores that others use too: slow is not wrong.
vi.setConfig({ testTimeout: 60_000 });

const { PARTITION } = env as unknown as { PARTITION: DurableObjectNamespace<Partition> };

let objects = 0;
/** The storage of a partition that the catalogue does not know, so that its object leaves it alone. */
async function withStorage(use: (sql: SqlStorage) => void): Promise<void> {
  const stub = PARTITION.getByName(`kedge/log-store-test/${objects++}/1`);
  await runInDurableObject(stub, (_, { storage }) => use(storage.sql));
}

logStoreContract("the log store on SQLite", (test) =>
  withStorage((sql) => test(() => new SqlLogStore(sql))),
);

logModel("a log on SQLite", [1, 2, 3], (test) =>
  withStorage((sql) => test(() => new SqlLogStore(sql))),
);

describe("on SQLite", () => {
  test("LOG8: no row is larger than 2,000,000 bytes, its other columns counted", () =>
    withStorage((sql) => {
      const store = new SqlLogStore(sql);
      store.putChunk(chunkOf(0, 9, 7_654_321));
      store.putChunk(chunkOf(10, 10, CHUNK_BYTES_MAX));
      store.putChunk(chunkOf(11, 11, 5));
      store.putCheckpoint(new Uint8Array(4_100_000));
      const rows = sql
        .exec<{ id: number; bytes: number }>("SELECT id, length(data) AS bytes FROM chunk")
        .toArray();
      expect(rows.map(({ id }) => id)).toEqual([0, 1, 2, 3, 160, 176]);
      expect(rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(7_654_321 + CHUNK_BYTES_MAX + 5);
      const parts = sql.exec<{ bytes: number }>("SELECT length(data) AS bytes FROM checkpoint");
      for (const { bytes } of [...rows, ...parts]) {
        // Five integers of at most nine bytes and the row's header are well below 100.
        expect(bytes).toBeLessThanOrEqual(ROW_BYTES_MAX - 100);
      }
    }));

  test("nothing but the three tables: an index would be billed with every row", () =>
    withStorage((sql) => {
      new SqlLogStore(sql).putChunk(chunkOf(0, 0));
      const things = sql
        .exec<{ type: string; name: string }>(
          "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE '\\_cf%' ESCAPE '\\' ORDER BY name",
        )
        .toArray();
      expect(things).toEqual([
        { type: "table", name: "checkpoint" },
        { type: "table", name: "chunk" },
        { type: "table", name: "replica" },
      ]);
    }));

  test("looking up an offset reads one row, however long the log", () =>
    withStorage((sql) => {
      const store = new SqlLogStore(sql);
      for (let i = 0; i < 500; i++) store.putChunk(chunkOf(i, i));
      const exec = sql.exec.bind(sql);
      const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
      const counted = new SqlLogStore(
        new Proxy(sql, {
          get:
            () =>
            (query: string, ...bindings: unknown[]) => {
              const cursor = exec(query, ...bindings);
              cursors.push(cursor);
              return cursor;
            },
        }),
      );
      cursors.length = 0;
      expect(counted.chunkInfoAt(250)?.baseOffset).toBe(250);
      expect(cursors.map((cursor) => cursor.rowsRead)).toEqual([1]);
    }));

  test("memory that was left behind by another instance is noticed, not read from", () =>
    withStorage((sql) => {
      const left = new SqlLogStore(sql);
      left.putChunk(chunkOf(0, 0));
      left.putChunk(chunkOf(1, 1));
      expect([...left.chunksFrom(1)]).toHaveLength(1);
      const successor = new SqlLogStore(sql);
      successor.putChunk(chunkOf(2, 2));
      expect(() => [...left.chunksFrom(1)]).toThrow("ends where memory says");
      successor.deleteBelow(3);
      expect(() => [...left.chunksFrom(1)]).toThrow("ends where memory says");
    }));
});

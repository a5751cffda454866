import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { takeDataFolder } from "../../../src/cli/local/data-folder.ts";
import {
  applyMigrations,
  type Database,
  migrationFiles,
  splitStatements,
} from "../../../src/cli/local/migrations.ts";
import { packageRoot } from "../../../src/cli/local/paths.ts";
import { claimPort, isLoopback } from "../../../src/cli/local/ports.ts";
import { readWorkerConfig } from "../../../src/cli/local/worker-config.ts";

const folder = () => mkdtempSync(join(tmpdir(), "kedge-local-"));

/** D1's interface on Node's SQLite; a batch is one transaction, as D1's is. */
function sqlite(): { database: Database; db: DatabaseSync } {
  const db = new DatabaseSync(":memory:");
  const prepare = (sql: string, values: unknown[] = []) => ({
    bind: (...bound: unknown[]) => prepare(sql, bound),
    all: async () => ({
      results: db.prepare(sql).all(...(values as SQLInputValue[])) as Record<string, unknown>[],
    }),
    run: async () => db.prepare(sql).run(...(values as SQLInputValue[])),
  });
  const database: Database = {
    prepare,
    async batch(statements) {
      db.exec("BEGIN");
      try {
        for (const statement of statements) await statement.run();
        db.exec("COMMIT");
      } catch (error) {
        db.exec("ROLLBACK");
        throw error;
      }
    },
  };
  return { database, db };
}

describe("migrations", () => {
  test("statements are cut at the semicolons that end one", () => {
    expect(
      splitStatements(`
-- a comment; with a semicolon
CREATE TABLE a (x TEXT DEFAULT 'it''s; fine'); /* ; */
INSERT INTO a VALUES ("b;c");;
CREATE TRIGGER t AFTER INSERT ON a BEGIN
  UPDATE a SET x = CASE WHEN x = ';' THEN 1 ELSE 2 END;
  DELETE FROM a;
END;
SELECT 1`),
    ).toEqual([
      "CREATE TABLE a (x TEXT DEFAULT 'it''s; fine')",
      'INSERT INTO a VALUES ("b;c")',
      "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  UPDATE a SET x = CASE WHEN x = ';' THEN 1 ELSE 2 END;\n  DELETE FROM a;\nEND",
      "SELECT 1",
    ]);
  });

  test("files go by their leading number", () => {
    const at = folder();
    for (const name of ["0010_c.sql", "0002_b.sql", "0001_a.sql", "notes.md"]) {
      writeFileSync(join(at, name), "SELECT 1;");
    }
    expect(migrationFiles(at)).toEqual(["0001_a.sql", "0002_b.sql", "0010_c.sql"]);
  });

  test("each file is applied once and noted as wrangler notes it", async () => {
    const at = folder();
    const { database, db } = sqlite();
    writeFileSync(join(at, "0001_a.sql"), "CREATE TABLE a (x); INSERT INTO a VALUES (1);");
    expect(await applyMigrations(database, at)).toEqual(["0001_a.sql"]);
    writeFileSync(join(at, "0002_b.sql"), "INSERT INTO a VALUES (2);");
    expect(await applyMigrations(database, at)).toEqual(["0002_b.sql"]);
    expect(await applyMigrations(database, at)).toEqual([]);
    expect(db.prepare("SELECT x FROM a ORDER BY x").all()).toMatchObject([{ x: 1 }, { x: 2 }]);
    expect(db.prepare("SELECT id, name FROM d1_migrations").all()).toMatchObject([
      { id: 1, name: "0001_a.sql" },
      { id: 2, name: "0002_b.sql" },
    ]);
  });

  test("a file that fails is named and leaves nothing behind", async () => {
    const at = folder();
    const { database, db } = sqlite();
    writeFileSync(join(at, "0001_a.sql"), "CREATE TABLE a (x); CREATE NONSENSE;");
    await expect(applyMigrations(database, at)).rejects.toThrow(/0001_a\.sql failed: .*NONSENSE/);
    expect(db.prepare("SELECT name FROM sqlite_master WHERE name = 'a'").all()).toEqual([]);
    expect(db.prepare("SELECT * FROM d1_migrations").all()).toEqual([]);
  });

  test("Kedge's own migrations apply", async () => {
    const at = join(packageRoot(), "migrations");
    const { database } = sqlite();
    expect(await applyMigrations(database, at)).toEqual(migrationFiles(at));
  });
});

describe("wrangler.toml", () => {
  const write = (text: string) => {
    const file = join(folder(), "wrangler.toml");
    writeFileSync(file, text);
    return file;
  };

  test("Kedge's own is understood", () => {
    const config = readWorkerConfig(join(packageRoot(), "wrangler.toml"));
    expect(config).toMatchObject({ name: "kedge", main: join(packageRoot(), "src/index.ts") });
    expect(config.databases.map(({ binding }) => binding)).toContain("CATALOGUE");
    expect(config.objects).toContainEqual({ binding: "PARTITION", className: "Partition" });
    const coordinator = { binding: "GROUP_COORDINATOR", className: "GroupCoordinator" };
    expect(config.objects).toContainEqual(coordinator);
    const text = readFileSync(join(packageRoot(), "wrangler.toml"), "utf8");
    expect(text.match(/class_name/g)).toHaveLength(config.objects.length);
  });

  test("what is wrong is named", () => {
    const head = 'name = "k"\nmain = "a.ts"\ncompatibility_date = "2026-10-01"\n';
    expect(() => readWorkerConfig(write("name ="))).toThrow(/wrangler\.toml: /);
    expect(() => readWorkerConfig(write('name = "k"\nmain = 5'))).toThrow(/main/);
    expect(() =>
      readWorkerConfig(
        write(`${head}[[durable_objects.bindings]]\nname = "P"\nclass_name = "Plain"\n`),
      ),
    ).toThrow(/Plain .* no SQLite storage/);
  });

  test("classes may be declared as exports too", () => {
    const config = readWorkerConfig(
      write(
        'name = "k"\nmain = "a.ts"\ncompatibility_date = "2026-10-01"\n' +
          '[[durable_objects.bindings]]\nname = "P"\nclass_name = "Plain"\n' +
          '[exports.Plain]\ntype = "durable-object"\nstorage = "sqlite"\n',
      ),
    );
    expect(config.objects).toEqual([{ binding: "P", className: "Plain" }]);
  });
});

describe("ports and data folder", () => {
  test("a busy port is named with the flag that changes it", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(claimPort("127.0.0.1", port, "--port")).rejects.toThrow(
      `127.0.0.1:${port} is in use by another program: stop that program, or choose another port with --port`,
    );
    const claim = claimPort("127.0.0.1", port, "--port");
    setTimeout(() => server.close(), 200);
    await expect(claim).resolves.toBeUndefined();
  });

  test("which addresses reach this machine only", () => {
    expect(["127.0.0.1", "127.1.2.3", "localhost", "::1"].every(isLoopback)).toBe(true);
    expect(
      ["0.0.0.0", "192.168.1.1", "::", "example.com", "127.0.0.1.nip.io"].some(isLoopback),
    ).toBe(false);
  });

  test("a mark left by a dead process does not hold the folder", () => {
    const at = folder();
    writeFileSync(join(at, "serve.pid"), "999999999\n");
    const giveBack = takeDataFolder(at);
    giveBack();
    takeDataFolder(at)();
  });

  test("a mark with the number of a process that is no service does not hold it either", () => {
    const at = folder();
    writeFileSync(join(at, "serve.pid"), "1\n");
    takeDataFolder(at)();
  });
});

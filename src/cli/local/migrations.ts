/**
 * Applies D1 migrations to the local database with the bookkeeping of `wrangler d1 migrations
 * apply`: a row in d1_migrations for each file applied, so that either tool can go on where the
 * other stopped.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The part of a D1 binding that is used here. */
export interface Database {
  prepare(sql: string): Statement;
  batch(statements: Statement[]): Promise<unknown>;
}
interface Statement {
  bind(...values: unknown[]): Statement;
  all(): Promise<{ results: Record<string, unknown>[] }>;
  run(): Promise<unknown>;
}

const TABLE = `CREATE TABLE IF NOT EXISTS "d1_migrations"(
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		name       TEXT UNIQUE,
		applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/**
 * Applies what is not yet applied, in the order of the files' leading numbers; each file and its row
 * are one transaction.
 *
 * @returns the names of the files applied now.
 * @throws Error naming the file whose SQL failed; files before it stay applied.
 */
export async function applyMigrations(database: Database, folder: string): Promise<string[]> {
  await database.prepare(TABLE).run();
  const { results } = await database.prepare(`SELECT name FROM "d1_migrations"`).all();
  const done = new Set(results.map((row) => row.name));
  const applied: string[] = [];
  for (const name of migrationFiles(folder)) {
    if (done.has(name)) continue;
    const statements = splitStatements(readFileSync(join(folder, name), "utf8"));
    try {
      await database.batch([
        ...statements.map((sql) => database.prepare(sql)),
        database.prepare(`INSERT INTO "d1_migrations" (name) VALUES (?)`).bind(name),
      ]);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`migration ${join(folder, name)} failed: ${reason}`);
    }
    applied.push(name);
  }
  return applied;
}

/** The .sql files of a folder, by leading number and then by name, as wrangler orders them. */
export function migrationFiles(folder: string): string[] {
  const number = (name: string): number => {
    const parsed = Number.parseInt(name, 10);
    return Number.isNaN(parsed) ? Number.POSITIVE_INFINITY : parsed;
  };
  return readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .sort((a, b) => {
      const [x, y] = [number(a), number(b)];
      if (x !== y) return x < y ? -1 : 1;
      return a < b ? -1 : 1;
    });
}

const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|;|[a-z_]\w*|\s+|[\s\S]/gi;

/**
 * Cuts a script into statements at the semicolons that end one: not those in strings, comments or
 * the body of a trigger (which ends with END).
 */
export function splitStatements(script: string): string[] {
  const statements: string[] = [];
  let text = "";
  let words: string[] = [];
  let depth = 0;
  const flush = (): void => {
    if (text.trim() !== "") statements.push(text.trim());
    text = "";
    words = [];
    depth = 0;
  };
  for (const [token] of script.matchAll(TOKEN)) {
    if (token.startsWith("--") || token.startsWith("/*")) {
      text += " ";
    } else if (token === ";" && depth === 0) {
      flush();
    } else {
      text += token;
      if (/^[a-z_]/i.test(token)) {
        const word = token.toUpperCase();
        words.push(word);
        const inTrigger = words[0] === "CREATE" && words.slice(1, 3).includes("TRIGGER");
        if (inTrigger && (word === "BEGIN" || word === "CASE")) depth += 1;
        if (inTrigger && word === "END") depth -= 1;
      }
    }
  }
  flush();
  return statements;
}

/**
 * What the local runtime needs of wrangler.toml. The file is the one description of the Worker: the
 * deployment, `wrangler dev`, the tests and `kedge serve` all read it. Wrangler's own reader would
 * do too, but loading wrangler takes 1.3 s and this takes a few milliseconds.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "smol-toml";
import { z } from "zod";

const durableObjectBinding = z.object({ name: z.string(), class_name: z.string() });
const migration = z.object({
  tag: z.string(),
  new_sqlite_classes: z.array(z.string()).optional(),
  deleted_classes: z.array(z.string()).optional(),
});
const exported = z.object({ type: z.string(), storage: z.string().optional() });

const schema = z.object({
  name: z.string(),
  main: z.string(),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()).default([]),
  vars: z.record(z.string(), z.unknown()).default({}),
  d1_databases: z
    .array(
      z.object({
        binding: z.string(),
        database_name: z.string(),
        migrations_dir: z.string().default("migrations"),
      }),
    )
    .default([]),
  durable_objects: z.object({ bindings: z.array(durableObjectBinding) }).default({ bindings: [] }),
  migrations: z.array(migration).default([]),
  triggers: z.object({ crons: z.array(z.string()).default([]) }).default({ crons: [] }),
  exports: z.record(z.string(), exported).default({}),
});

export interface WorkerConfig {
  readonly name: string;
  /** Absolute path of the Worker's entry module. */
  readonly main: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly vars: Readonly<Record<string, unknown>>;
  readonly databases: readonly {
    readonly binding: string;
    readonly name: string;
    /** Absolute path of the folder with the database's migrations. */
    readonly migrationsFolder: string;
  }[];
  /** Cron expressions: the Worker has a scheduled handler if there is one. */
  readonly crons: readonly string[];
  readonly objects: readonly { readonly binding: string; readonly className: string }[];
}

/** @throws Error that names the file, the field and what was expected there. */
export function readWorkerConfig(file: string): WorkerConfig {
  let document: unknown;
  try {
    document = parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const result = schema.safeParse(document);
  if (!result.success) {
    throw new Error(`${file}: ${z.prettifyError(result.error)}`);
  }
  const toml = result.data;
  const folder = dirname(file);
  const sqlite = new Set(toml.migrations.flatMap((step) => step.new_sqlite_classes ?? []));
  for (const [name, entry] of Object.entries(toml.exports)) {
    if (entry.type === "durable-object" && entry.storage === "sqlite") sqlite.add(name);
  }
  for (const object of toml.durable_objects.bindings) {
    if (!sqlite.has(object.class_name)) {
      throw new Error(
        `${file}: Durable Object class ${object.class_name} is bound as ${object.name} but has no ` +
          "SQLite storage: name it in new_sqlite_classes of a [[migrations]] entry",
      );
    }
  }
  return {
    name: toml.name,
    main: join(folder, toml.main),
    compatibilityDate: toml.compatibility_date,
    compatibilityFlags: toml.compatibility_flags,
    vars: toml.vars,
    databases: toml.d1_databases.map((database) => ({
      binding: database.binding,
      name: database.database_name,
      migrationsFolder: join(folder, database.migrations_dir),
    })),
    crons: toml.triggers.crons,
    objects: toml.durable_objects.bindings.map((object) => ({
      binding: object.name,
      className: object.class_name,
    })),
  };
}

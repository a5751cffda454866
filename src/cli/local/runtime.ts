/** The service on this machine: the Worker of wrangler.toml inside workerd, started by miniflare. */
import { join } from "node:path";
import { Log, LogLevel, Miniflare, type MiniflareOptions } from "miniflare";
import { bundleWorker } from "./bundle.ts";
import { leashWorkerd } from "./leash.ts";
import { applyMigrations } from "./migrations.ts";
import { readWorkerConfig, type WorkerConfig } from "./worker-config.ts";

export interface RuntimeOptions {
  /** Absolute path of wrangler.toml. */
  readonly configFile: string;
  /** Absolute path: everything that must survive a restart is kept below it. */
  readonly dataFolder: string;
  readonly host: string;
  readonly port: number;
  /** Added to the [vars] of wrangler.toml, or in place of them. */
  readonly vars: Readonly<Record<string, string>>;
  readonly log: (line: string) => void;
  /** The last word on what miniflare is started with: the bench puts its own Worker beside Kedge's. */
  readonly configure?: (options: MiniflareOptions) => MiniflareOptions;
}

export interface Runtime {
  /** Where the Worker answers, without a trailing slash. */
  readonly url: string;
  readonly migrationsApplied: readonly string[];
  /** Where a Worker that `configure` added answers, without a trailing slash. */
  urlOf(worker: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const config = readWorkerConfig(options.configFile);
  const script = await bundleWorker(config.main);
  const unleash = leashWorkerd();
  const started = miniflareOptions(config, script, options);
  const miniflare = withoutSignals(() => new Miniflare(options.configure?.(started) ?? started));
  let clock: NodeJS.Timeout | undefined;
  const stop = async (): Promise<void> => {
    clearInterval(clock);
    await miniflare.dispose();
    unleash();
  };
  try {
    await miniflare.ready;
    const migrationsApplied: string[] = [];
    for (const database of config.databases) {
      const binding = await miniflare.getD1Database(database.binding);
      migrationsApplied.push(...(await applyMigrations(binding, database.migrationsFolder)));
    }
    const urlOf = async (worker: string): Promise<string> =>
      (await miniflare.unsafeGetDirectURL(worker)).origin;
    if (config.crons.length > 0) {
      clock = setInterval(() => void runScheduled(miniflare, config.name, options), CRON_MS);
      clock.unref();
    }
    return { url: await urlOf(config.name), migrationsApplied, urlOf, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What the platform's timer does at the most; the local one does not read the expressions. */
const CRON_MS = 60_000;

async function runScheduled(
  miniflare: Miniflare,
  worker: string,
  options: RuntimeOptions,
): Promise<void> {
  try {
    await (await miniflare.getWorker(worker)).scheduled();
  } catch (error) {
    options.log(`scheduled: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * Miniflare ends the process on a signal before requests under way are finished. Stopping is the
 * caller's matter; its hook on "exit", which ends workerd, stays.
 */
function withoutSignals<T>(create: () => T): T {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const before = signals.map((signal) => process.listeners(signal));
  const created = create();
  signals.forEach((signal, at) => {
    for (const listener of process.listeners(signal)) {
      if (!before[at]?.includes(listener)) process.off(signal, listener);
    }
  });
  return created;
}

function miniflareOptions(
  config: WorkerConfig,
  script: string,
  options: RuntimeOptions,
): MiniflareOptions {
  const vars = Object.entries({ ...config.vars, ...options.vars }).map(([name, value]) => [
    name,
    typeof value === "string" ? { type: "text", value } : { type: "json", value },
  ]);
  const databases = config.databases.map(({ binding, name }) => [
    binding,
    { type: "d1", id: name },
  ]);
  const objects = config.objects.map(({ binding, className }) => [
    binding,
    { type: "durable-object", worker: config.name, exportName: className },
  ]);
  const classes = config.objects.map(({ className }) => [
    className,
    { type: "durable-object", storage: "sqlite" },
  ]);
  return {
    // Miniflare's own entry Worker, which nothing here uses: it costs every request 0.2 ms.
    host: "127.0.0.1",
    port: 0,
    cf: false,
    logRequests: false,
    enableDevRegistry: false,
    log: new Log(LogLevel.WARN),
    handleStructuredLogs: ({ level, message }) => options.log(`worker ${level}: ${message}`),
    unsafeHandleRuntimeRestart: () => options.log("workerd ended and was started again"),
    resourcePersistencePath: join(options.dataFolder, "state"),
    workers: [
      {
        config: {
          name: config.name,
          compatibilityDate: config.compatibilityDate,
          compatibilityFlags: [...config.compatibilityFlags],
          manifest: {
            mainModule: "index.js",
            modulesRoot: options.dataFolder,
            modules: { "index.js": { type: "esm", contents: script } },
          },
          env: Object.fromEntries([...vars, ...databases, ...objects]),
          exports: Object.fromEntries(classes),
        },
        dev: {
          // Straight to the Worker's own socket: five times the requests of the entry Worker.
          unsafeDirectSockets: [{ host: options.host, port: options.port }],
          cacheAPI: false,
        },
      },
    ],
  };
}

/** Kedge and the floor in one workerd, started as `kedge serve` starts it. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MiniflareOptions } from "miniflare";
import { bundleWorker } from "../../src/cli/local/bundle.ts";
import { packageRoot } from "../../src/cli/local/paths.ts";
import { startRuntime } from "../../src/cli/local/runtime.ts";

export interface Service {
  readonly kedge: URL;
  readonly floor: URL;
  stop(): Promise<void>;
}

const FLOOR = "floor";

/** `inspectorPort`: where workerd's debugger listens, for a profile; null for none. */
export async function startService(inspectorPort: number | null): Promise<Service> {
  const root = packageRoot();
  // On the disk that a service of this checkout would use: what an fsync costs depends on it.
  mkdirSync(join(root, ".kedge"), { recursive: true });
  const dataFolder = mkdtempSync(join(root, ".kedge", "bench-"));
  const script = await bundleWorker(fileURLToPath(new URL("./floor-worker.ts", import.meta.url)));
  const removeData = (): void => rmSync(dataFolder, { recursive: true, force: true });
  try {
    const runtime = await startRuntime({
      configFile: join(root, "wrangler.toml"),
      dataFolder,
      host: "127.0.0.1",
      port: 0,
      vars: { KEDGE_OPEN: "loopback" },
      log: (line) => console.error(line),
      configure: (options) => withFloor(options, script, inspectorPort),
    });
    return {
      kedge: new URL(runtime.url),
      floor: new URL(await runtime.urlOf(FLOOR)),
      stop: async () => {
        await runtime.stop();
        removeData();
      },
    };
  } catch (error) {
    removeData();
    throw error;
  }
}

/** The floor is configured as Kedge is: same dates, same kind of socket, same kind of object. */
function withFloor(
  options: MiniflareOptions,
  script: string,
  inspectorPort: number | null,
): MiniflareOptions {
  const [kedge] = options.workers;
  if (kedge === undefined) throw new Error("the local runtime starts no Worker");
  const { config, dev } = kedge;
  const floor = {
    config: {
      name: FLOOR,
      compatibilityDate: config.compatibilityDate,
      compatibilityFlags: config.compatibilityFlags,
      manifest: {
        mainModule: "index.js",
        modulesRoot: packageRoot(),
        modules: { "index.js": { type: "esm", contents: script } },
      },
      env: {
        FLOOR: { type: "durable-object", worker: FLOOR, exportName: "Floor" },
        PARTITION: { type: "durable-object", worker: config.name, exportName: "Partition" },
      },
      exports: { Floor: { type: "durable-object", storage: "sqlite" } },
    },
    dev: { ...dev },
  } as const;
  return {
    ...options,
    ...(inspectorPort === null ? {} : { inspectorPort }),
    workers: [...options.workers, floor],
  };
}

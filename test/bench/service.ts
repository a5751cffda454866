/** Kedge and the floor in one workerd, started as `kedge serve` starts it. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleWorker } from "../../src/cli/local/bundle.ts";
import { packageRoot } from "../../src/cli/local/paths.ts";
import { startRuntime } from "../../src/cli/local/runtime.ts";
import { withWorkerBeside } from "../support/worker-beside.ts";

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
      configure: (options) => ({
        ...withWorkerBeside(options, { name: FLOOR, script, objectClass: "Floor" }),
        ...(inspectorPort === null ? {} : { inspectorPort }),
      }),
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

/** A Worker of the tests' own beside Kedge's in the same workerd: it reaches what no route reaches. */
import type { MiniflareOptions } from "miniflare";
import { packageRoot } from "../../src/cli/local/paths.ts";

type Binding = {
  readonly type: "durable-object";
  readonly worker: string;
  readonly exportName: string;
};

export interface WorkerBeside {
  readonly name: string;
  /** One ES module. */
  readonly script: string;
  /** Its own Durable Object class, bound under the same name in capitals. */
  readonly objectClass?: string;
}

/** It is configured as Kedge is, same dates, same kind of socket, and has Kedge's objects bound. */
export function withWorkerBeside(
  options: MiniflareOptions,
  { name, script, objectClass }: WorkerBeside,
): MiniflareOptions {
  const [kedge] = options.workers;
  if (kedge === undefined) throw new Error("the local runtime starts no Worker");
  const { config, dev } = kedge;
  const object = (worker: string, exportName: string): Binding => {
    return { type: "durable-object", worker, exportName };
  };
  const own = objectClass === undefined ? [] : [objectClass];
  const beside: MiniflareOptions["workers"][number] = {
    config: {
      name,
      compatibilityDate: config.compatibilityDate,
      ...(config.compatibilityFlags && { compatibilityFlags: config.compatibilityFlags }),
      manifest: {
        mainModule: "index.js",
        modulesRoot: packageRoot(),
        modules: { "index.js": { type: "esm", contents: script } },
      },
      env: {
        PARTITION: object(config.name, "Partition"),
        GROUP_COORDINATOR: object(config.name, "GroupCoordinator"),
        ...Object.fromEntries(own.map((each) => [each.toUpperCase(), object(name, each)])),
      },
      exports: Object.fromEntries(
        own.map((each) => [each, { type: "durable-object", storage: "sqlite" } as const]),
      ),
    },
    dev: { ...dev, unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] },
  };
  return { ...options, workers: [...options.workers, beside] };
}

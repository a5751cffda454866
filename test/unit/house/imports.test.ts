import { posix } from "node:path";
import { describe, expect, test } from "vitest";
import { filesBelow, importsOf } from "./sources.ts";

/**
 * What each folder of src may import besides itself and src/constants.ts. A folder that is not
 * listed fails: whoever adds one decides here what it may know.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "constants.ts": ["lib"],
  lib: [],
  machine: ["lib"],
  protocol: ["lib"],
  cluster: ["lib", "machine", "protocol"],
  log: ["lib", "machine", "protocol"],
  replication: ["lib", "machine", "protocol", "log", "cluster"],
  group: ["lib", "machine", "protocol", "log", "replication", "cluster"],
  broker: ["lib", "machine", "protocol", "log", "replication", "group", "cluster"],
  catalogue: ["lib", "protocol", "cluster", "broker/ports.ts", "broker/context.ts"],
  objects: [
    ...["lib", "machine", "protocol", "log", "replication", "group", "cluster"],
    ...["broker/ports.ts", "broker/context.ts", "catalogue", "env.ts"],
    // A consumer instance is a client of the broker, as REST is.
    ...["rest/instances", "rest/limits.ts", "rest/random-id.ts"],
  ],
  rest: ["lib", "protocol", "cluster", "broker"],
  router: [...["lib", "protocol", "cluster", "rest", "broker", "catalogue", "objects", "env.ts"]],
  "env.ts": ["broker/context.ts", "cluster", "group/config.ts", "lib", "objects"],
  "index.ts": ["router", "objects"],
  client: ["lib", "protocol"],
  cli: ["client", "gateway", "lib", "protocol"],
  gateway: ["lib", "protocol/frame.ts"],
};

/** npm packages and platform modules, by folder; "node:" stands for all of Node's own. */
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  protocol: ["fflate", "fzstd", "lz4js", "snappyjs"],
  group: ["re2js"],
  objects: ["cloudflare:workers", "itty-durable", "itty-router"],
  catalogue: ["cloudflare:workers"],
  "index.ts": ["cloudflare:workers"],
  router: ["hono", "zod", "cloudflare:workers"],
  rest: ["hono", "zod"],
  cli: ["node:", "commander", "esbuild", "miniflare", "smol-toml", "zod"],
  gateway: ["node:", "undici"],
};

const files = filesBelow("src");

/** The folder of src, or the file when it lies in src itself. */
function unitOf(path: string): string {
  return path.replace(/^src\//, "").split("/")[0] ?? "";
}

function allowed(unit: string, target: string): boolean {
  const inside = target.replace(/^src\//, "");
  if (unitOf(target) === unit || inside === "constants.ts") return true;
  return (MAY_IMPORT[unit] ?? []).some((rule) => inside === rule || inside.startsWith(`${rule}/`));
}

function packageOf(specifier: string): string {
  const [first = "", second = ""] = specifier.split("/");
  return first.startsWith("@") ? `${first}/${second}` : first;
}

describe("who imports whom", () => {
  test("every folder of src has its rule", () => {
    const units = new Set(files.map((file) => unitOf(file.path)));
    expect([...units].filter((unit) => !(unit in MAY_IMPORT))).toEqual([]);
  });

  test("a folder imports only what its rule allows", () => {
    const wrong = files.flatMap((file) =>
      importsOf(file.text)
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => posix.join(posix.dirname(file.path), specifier))
        .filter((target) => !allowed(unitOf(file.path), target))
        .map((target) => `${file.path} → ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test("nobody imports the Worker's entry", () => {
    const wrong = [...files, ...filesBelow("test")].filter((file) =>
      importsOf(file.text).some((specifier) =>
        /(^|\/)src\/index\.ts$|^\.\.?\/index\.ts$/.test(specifier),
      ),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  test("relative imports carry their .ts extension", () => {
    const wrong = files.flatMap((file) =>
      importsOf(file.text)
        .filter((specifier) => specifier.startsWith(".") && !/\.(ts|json)$/.test(specifier))
        .map((specifier) => `${file.path} → ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test("packages and platform modules are used only where their rule says", () => {
    const wrong = files.flatMap((file) =>
      importsOf(file.text)
        .filter((specifier) => !specifier.startsWith("."))
        .filter((specifier) => {
          const rules = MAY_USE[unitOf(file.path)] ?? [];
          return (
            !rules.some((rule) =>
              rule.endsWith(":") ? specifier.startsWith(rule) : packageOf(specifier) === rule,
            ) && !rules.includes(specifier)
          );
        })
        .map((specifier) => `${file.path} → ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test("the check reads every form of import, and says no", () => {
    const text = `import { a } from "./a.ts";
import type {
  B,
} from "../b.ts";
import "side";
export { c } from "./c.ts";
export * from "./d.ts";
const e = await import("./e.ts");
type F = import("./f.ts").F;
// import { g } from "./g.ts" is only said here
`;
    const found = ["./a.ts", "../b.ts", "./c.ts", "./d.ts", "side", "./e.ts", "./f.ts"];
    expect(importsOf(text)).toEqual(found);
    expect(allowed("log", "src/broker/ports.ts")).toBe(false);
    expect(allowed("log", "src/lib/assert.ts")).toBe(true);
    expect(allowed("client", "src/broker/context.ts")).toBe(false);
    expect(allowed("catalogue", "src/broker/dispatch.ts")).toBe(false);
  });
});

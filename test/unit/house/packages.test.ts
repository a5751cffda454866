import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "./sources.ts";

interface LockEntry {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock: { packages: Record<string, LockEntry> } = JSON.parse(
  readFileSync(join(ROOT, "package-lock.json"), "utf8"),
);
const manifest: Record<"dependencies" | "devDependencies", Record<string, string>> = JSON.parse(
  readFileSync(join(ROOT, "package.json"), "utf8"),
);

describe("packages", () => {
  test.each(["wrangler", "miniflare", "workerd", "undici", "esbuild"])(
    "there is one copy of %s",
    (name) => {
      const copies = Object.keys(lock.packages).filter((path) =>
        path.endsWith(`node_modules/${name}`),
      );
      expect(copies).toEqual([`node_modules/${name}`]);
      const installed: { version: string } = JSON.parse(
        readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8"),
      );
      expect(installed.version).toBe(lock.packages[`node_modules/${name}`]?.version);
    },
  );

  test("every dependency is pinned to one version", () => {
    const ranges = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    );
    expect(ranges).toEqual([]);
  });

  test("the lock names every platform's binaries (else: node .ci/complete-lock.mjs)", () => {
    const missing = Object.entries(lock.packages).flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).filter(
        (name) =>
          lock.packages[`${path}/node_modules/${name}`] === undefined &&
          lock.packages[`node_modules/${name}`] === undefined,
      ),
    );
    expect(missing).toEqual([]);
  });
});

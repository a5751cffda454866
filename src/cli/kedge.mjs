#!/usr/bin/env node
// Starts the command line on a Node that can run it. In a checkout the sources are TypeScript, which
// Node runs as they are from 22.18 on; an older host Node hands over to the one that `npm ci` put
// into node_modules. The built files start three times as fast: they are run while they are newer
// than every source, and always in an installed package, where Node refuses to strip types.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const built = join(here, "../../dist/cli/main.js");
const installed = here.includes(`${sep}node_modules${sep}`);
const entry = installed || isFresh() ? built : join(here, "main.ts");

function isFresh() {
  const at = statSync(built, { throwIfNoEntry: false })?.mtimeMs;
  if (at === undefined) return false;
  const sources = join(here, "..");
  return ["cli", "client", "gateway", "protocol", "lib", "constants.ts"].every((name) =>
    isOlder(join(sources, name), at),
  );
}

function isOlder(path, thanMs) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs < thanMs;
  return readdirSync(path).every((name) => isOlder(join(path, name), thanMs));
}

const [major, minor] = process.versions.node.split(".").map(Number);
const able = major > 22 || (major === 22 && minor >= 18);

function bundledNode() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve("node/package.json"));
    const binary = join(folder, "bin", process.platform === "win32" ? "node.exe" : "node");
    return existsSync(binary) ? binary : null;
  } catch {
    return null;
  }
}

function handOver(binary) {
  const child = spawn(binary, [entry, ...process.argv.slice(2)], {
    stdio: "inherit",
    // The service watches this process: should it be killed outright, the service stops too.
    env: { ...process.env, KEDGE_LAUNCHER_PID: String(process.pid) },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    console.error(`kedge: cannot start ${binary}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
  });
}

if (able) {
  await import(pathToFileURL(entry).href);
} else {
  const binary = bundledNode();
  if (binary === null) {
    console.error(
      `kedge: needs Node 22.18 or newer, this is ${process.versions.node}, and there is no Node in ` +
        "node_modules. Run `npm ci` in the checkout, or use a newer Node.",
    );
    process.exit(1);
  }
  handOver(binary);
}

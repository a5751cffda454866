import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** npm, its shell, and a Node that handed over: no chain of launchers is longer. */
const LEVELS_MAX = 4;

/**
 * The processes between the user and this one: npm and its shell when npm started it, and the older
 * Node that handed over. Empty when the user started this process directly.
 */
function launchers(): number[] {
  const byNpm = process.env.npm_lifecycle_event !== undefined;
  const handedOver = process.env.KEDGE_LAUNCHER_PID === String(process.ppid);
  if (!byNpm) return handedOver ? [process.ppid] : [];
  const found: number[] = [];
  let pid = process.ppid;
  for (let level = 0; level < LEVELS_MAX && pid > 1; level++) {
    found.push(pid);
    const { parent, command } = describe(pid);
    if (/\bnpm\b/.test(command)) return found;
    pid = parent;
  }
  // Nobody that looks like npm: then only the direct parent is known to be a launcher.
  return found.slice(0, 1);
}

function describe(pid: number): { parent: number; command: string } {
  try {
    if (existsSync(`/proc/${pid}/status`)) {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      return { parent: Number(/^PPid:\s*(\d+)/m.exec(status)?.[1] ?? 0), command };
    }
    const line = execFileSync("ps", ["-o", "ppid=,args=", "-p", String(pid)], { encoding: "utf8" });
    const match = /^\s*(\d+)\s+(.*)/.exec(line);
    return { parent: Number(match?.[1] ?? 0), command: match?.[2] ?? "" };
  } catch {
    return { parent: 0, command: "" };
  }
}

/**
 * Calls back once when a launcher is gone. One that was killed outright passes no signal on: without
 * this the service would go on with nobody to stop it.
 */
export function onLauncherGone(callback: () => void): void {
  const watched = launchers();
  if (watched.length === 0) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent && watched.every(isAlive)) return;
    clearInterval(watch);
    callback();
  }, 250);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to another user.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Takes a data folder for this process alone: two services on one folder would each believe that
 * they own its partitions. A process that was killed leaves its mark behind, so a mark counts only
 * while its process lives.
 *
 * @returns what gives the folder back.
 * @throws Error naming the folder and the process that holds it.
 */
export function takeDataFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const mark = join(folder, "serve.pid");
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(mark, `${process.pid}\n`, { flag: "wx" });
      return () => rmSync(mark, { force: true });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const holder = Number.parseInt(readFileSync(mark, "utf8"), 10);
    if (attempt > 0 || (Number.isInteger(holder) && isService(holder))) {
      throw new Error(
        `the data folder ${folder} is in use by process ${holder}: stop that service first, or ` +
          "choose another folder with --data",
      );
    }
    rmSync(mark, { force: true });
  }
}

/** Whether the process lives and is a Kedge service: its number may have been given to another. */
function isService(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const command = execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" });
    return command.includes("serve");
  } catch {
    return true;
  }
}

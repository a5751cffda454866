import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "./paths.ts";

/**
 * Makes every workerd that miniflare starts from now on die with this process, even when this
 * process is killed with SIGKILL: an orphan would keep the port and the data. See workerd-leash.sh.
 *
 * @returns what to call once workerd has been stopped in an orderly way.
 */
export function leashWorkerd(): () => void {
  if (process.platform === "win32") return () => {};
  const fifo = join(tmpdir(), `kedge-leash-${process.pid}-${Date.now()}`);
  execFileSync("mkfifo", ["-m", "600", fifo]);
  // Reading and writing: opening a fifo for writing alone waits for a reader. The descriptor is
  // closed on exec, so no child of this process holds the leash.
  const descriptor = openSync(fifo, constants.O_RDWR);
  const require = createRequire(createRequire(import.meta.url).resolve("miniflare"));
  const workerd: { default: string } = require("workerd");
  process.env.KEDGE_LEASH = fifo;
  process.env.KEDGE_WORKERD = process.env.MINIFLARE_WORKERD_PATH ?? workerd.default;
  process.env.MINIFLARE_WORKERD_PATH = join(packageRoot(), "src/cli/local/workerd-leash.sh");
  return () => {
    closeSync(descriptor);
    rmSync(fifo, { force: true });
  };
}

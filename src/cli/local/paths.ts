import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The folder that holds Kedge's package.json and wrangler.toml. The same code runs from
 * src/cli/local and, bundled, from dist/cli: hence the search upwards.
 *
 * @throws Error when this file was moved out of the package.
 */
export function packageRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  let folder = start;
  while (!existsSync(join(folder, "wrangler.toml"))) {
    const parent = dirname(folder);
    if (parent === folder) {
      throw new Error(`no wrangler.toml in ${start} or above it: reinstall Kedge`);
    }
    folder = parent;
  }
  return folder;
}

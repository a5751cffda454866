/** The files of the house, read once for the tests that keep its rules. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

export const ROOT = join(import.meta.dirname, "../../..");

export interface SourceFile {
  /** From the root of the checkout, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every file below a folder whose name ends so. */
export function filesBelow(folder: string, ending = ".ts"): SourceFile[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return {
        path: relative(ROOT, file).split(sep).join("/"),
        text: readFileSync(file, "utf8"),
      };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

const SKIPPED =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`/g;

/** The code without its comments and the contents of its strings; line breaks stay. */
export function codeOnly(text: string): string {
  return text.replace(SKIPPED, (match) => {
    const breaks = "\n".repeat(match.split("\n").length - 1);
    return match.startsWith("/") ? breaks : `""${breaks}`;
  });
}

/** The module specifiers that a file names in import and export declarations and import(). */
export function importsOf(text: string): string[] {
  const statement = /(?:^|\n)\s*(?:import|export)\s[^"';]*?from\s*"([^"]+)"/g;
  const bare = /(?:^|\n)\s*import\s*"([^"]+)"/g;
  const dynamic = /\bimport\(\s*"([^"]+)"\s*\)/g;
  return [statement, bare, dynamic].flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => match[1] ?? ""),
  );
}

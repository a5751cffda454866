import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { codeOnly, filesBelow, ROOT } from "./sources.ts";

const PURE = ["lib", "machine", "protocol", "log", "replication", "group", "cluster"];

/** Time, chance and the world outside come into these folders as arguments only. */
const BANNED: readonly (readonly [string, RegExp])[] = [
  ["a clock", /\bDate\b|\bperformance\b/],
  ["chance", /\bMath\.random\b|\bcrypto\b/],
  ["async", /(?<![.\w])async\b(?!\s*[:,)=?])|(?<![.\w])await\b/],
  ["a promise", /\bPromise\b/],
  ["a timer", /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/],
  ["the console", /\bconsole\b/],
  ["the network", /(?<![.\w#])fetch\s*\(/],
  ["the process", /\bprocess\.|\bglobalThis\b/],
  ["code from strings", /\beval\s*\(|\bnew Function\b/],
];

describe("pure folders", () => {
  test.each(PURE)("%s keeps clear of clocks, chance, promises and the platform", (folder) => {
    if (!existsSync(join(ROOT, "src", folder))) {
      // Not built yet; the import rules already name it.
      expect(["replication", "group"]).toContain(folder);
      return;
    }
    const wrong = filesBelow(`src/${folder}`).flatMap((file) =>
      codeOnly(file.text)
        .split("\n")
        .flatMap((line, at) =>
          BANNED.filter(([, pattern]) => pattern.test(line)).map(
            ([what]) => `${file.path}:${at + 1} uses ${what}: ${line.trim()}`,
          ),
        ),
    );
    expect(wrong).toEqual([]);
  });

  test("the check sees what it bans, and not words that only look like it", () => {
    const found = (line: string): string[] =>
      BANNED.filter(([, pattern]) => pattern.test(codeOnly(line))).map(([what]) => what);
    expect(found("const t = Date.now();")).toEqual(["a clock"]);
    expect(found("export async function f() {}")).toEqual(["async"]);
    expect(found("return new Promise(() => {});")).toEqual(["a promise"]);
    expect(found("await fetch(url);")).toEqual(["async", "the network"]);
    expect(found("// Date.now() is banned")).toEqual([]);
    expect(found('const text = "setTimeout(1)";')).toEqual([]);
    expect(found("log.fetch(request); fetchOffset(1); updateDateline();")).toEqual([]);
  });
});

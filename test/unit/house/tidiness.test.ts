import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { codeOnly, filesBelow, ROOT, type SourceFile } from "./sources.ts";

const LINES_MAX = 500;

const sources = filesBelow("src");
const tests = filesBelow("test");
const all = [...sources, ...tests];

/** Spelled in two parts, so that this file passes its own test. */
const UNFINISHED = new RegExp(
  `\\b(?:${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`,
);
const LEFT_OUT = /\b(?:describe|test|it)\.(?:only|skip|todo|fails)\b|\b[xf](?:it|describe)\(/;

function lines(
  files: readonly SourceFile[],
  pattern: RegExp,
  read: (text: string) => string,
): string[] {
  return files.flatMap((file) =>
    read(file.text)
      .split("\n")
      .flatMap((line, at) =>
        pattern.test(line) ? [`${file.path}:${at + 1}: ${line.trim()}`] : [],
      ),
  );
}

describe("tidiness", () => {
  test(`a file has at most ${LINES_MAX} lines`, () => {
    const long = all
      .map((file) => [file.path, file.text.split("\n").length - 1] as const)
      .filter(([, count]) => count > LINES_MAX);
    expect(long).toEqual([]);
  });

  test("nothing is left unfinished", () => {
    expect(lines(all, UNFINISHED, (text) => text)).toEqual([]);
  });

  test("no test is left out or alone", () => {
    expect(lines(tests, LEFT_OUT, codeOnly)).toEqual([]);
  });

  test("no type is waved through", () => {
    const waved = /@ts-ignore|@ts-nocheck|@ts-expect-error/;
    expect(lines(sources, waved, (text) => text)).toEqual([]);
  });

  test("file names are kebab-case", () => {
    const wrong = all
      .map((file) => file.path)
      .filter((path) => !/^[a-z0-9.-]+$/.test(path.split("/").at(-1) ?? ""));
    expect(wrong).toEqual([]);
  });

  test("the top level is the user's", () => {
    const known = [
      ...[
        "package.json",
        "package-lock.json",
        "tsconfig.json",
        "wrangler.toml",
        "vitest.config.ts",
      ],
      ...["biome.json", "README.md", "LICENSE", "src", "migrations", "test"],
      ...["node_modules", "dist"],
    ];
    const found = readdirSync(ROOT).filter((name) => !name.startsWith("."));
    expect(found.filter((name) => !known.includes(name))).toEqual([]);
  });
});

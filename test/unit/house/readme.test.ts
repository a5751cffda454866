import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { handlers } from "../../../src/broker/handlers.ts";
import { brokerConfigRows, topicConfigRows } from "./config-rows.ts";
import { ROOT } from "./sources.ts";

const readme = readFileSync(join(ROOT, "README.md"), "utf8");
const env = readFileSync(join(ROOT, "src/env.ts"), "utf8");

/** The rows of the table under a heading, cells trimmed, header left out. */
function table(heading: string): string[][] {
  const section = readme.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

describe("README", () => {
  test("its table of Kafka APIs is what ApiVersions says", () => {
    const spoken = handlers.map(({ api, advertised: [min, max] }) => [
      String(api.key),
      api.name,
      min === max ? `${min}` : `${min}-${max}`,
    ]);
    expect(table("Kafka APIs")).toEqual(spoken);
  });

  test("its variables are the Worker's", () => {
    const known = [...env.matchAll(/readonly (KEDGE_\w+)\??:/g)].map((match) => match[1]);
    const told = table("Configuration").map(([cell]) => cell?.replaceAll("`", ""));
    expect(told.sort()).toEqual(known.sort());
  });

  test("its topic configs are the registry's", () => {
    expect(table("Topic configs")).toEqual(topicConfigRows());
  });

  test("its broker configs are the registry's", () => {
    expect(table("Broker configs")).toEqual(brokerConfigRows());
  });

  test("its map names every folder of src, and none that is not there", () => {
    const named = table("Map of src").flatMap(([cell]) =>
      [...(cell ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ""),
    );
    expect(named.filter((name) => !existsSync(join(ROOT, "src", name)))).toEqual([]);
    const there = readdirSync(join(ROOT, "src")).filter((name) => !name.startsWith("tsconfig"));
    expect(there.filter((name) => !named.includes(name))).toEqual([]);
  });

  test("its commands are the command line's", () => {
    const main = readFileSync(join(ROOT, "src/cli/main.ts"), "utf8");
    const known = [...main.matchAll(/name: "([\w-]+)"/g)].map((match) => match[1] ?? "");
    const told = table("The command line").flatMap(([cell]) =>
      [...(cell ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ""),
    );
    expect(told.sort()).toEqual(known.sort());
  });
});

/** The commands that README shows, and what it says that they print. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { ROOT, run, type Service } from "./service.ts";

export interface Step {
  /** As a shell takes it, here-documents and continued lines included. */
  readonly command: string;
  readonly output: string;
}

/** The commands of a section's console blocks: `$ ` begins one, what follows is its output. */
export function stepsOf(heading: string): Step[] {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const section = readme.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  return [...section.matchAll(/```console\n([\s\S]*?)```/g)].flatMap(([, block]) => {
    const found: { command: string; output: string }[] = [];
    let until: string | null = null;
    let continued = false;
    for (const line of (block ?? "").split("\n").slice(0, -1)) {
      const last = found.at(-1);
      if (until === null && !continued && line.startsWith("$ ")) {
        found.push({ command: line.slice(2), output: "" });
        until = /<<'(\w+)'/.exec(line)?.[1] ?? null;
      } else if (last !== undefined && (until !== null || continued)) {
        last.command += `\n${line}`;
        if (line === until) until = null;
      } else if (last !== undefined) {
        last.output += `${line}\n`;
      }
      continued = until === null && line.endsWith("\\");
    }
    return found;
  });
}

/** README's text as a pattern: … stands for whatever is different every time. */
function pattern(output: string): RegExp {
  const escaped = output.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("…", ".*")}$`);
}

/** Runs it against the service, as it stands in README, and compares what it printed. */
export async function runStep({ command, output }: Step, service: Service): Promise<void> {
  const here = command
    .replaceAll("http://127.0.0.1:8787", service.url)
    .replaceAll("127.0.0.1:9092", service.kafka);
  const { stdout, stderr, code } = await run("bash", ["-c", here], {
    env: { KEDGE_URL: service.url, npm_config_loglevel: "error" },
  });
  expect(code, `${here}\n${stdout}${stderr}`).toBe(0);
  const said = `${stdout}${stdout === "" || stdout.endsWith("\n") ? "" : "\n"}${stderr}`;
  // On a slow machine a perf test goes on for longer than it takes to report the first window.
  const windows = /^\d+ records sent, .* ms max latency\.\n/gm;
  expect(said.replaceAll(windows, "")).toMatch(pattern(output));
}

/** What a test of it is called. */
export function titleOf({ command }: Step): string {
  return command.split("\n")[0] ?? command;
}

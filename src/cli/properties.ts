/** `name=value` pairs from the command line, and files of them. */
import { readFileSync } from "node:fs";
import { CommandFailure } from "./failure.ts";

export type Properties = Record<string, string>;

/** One `name=value`, added to those before it: for options that may be given many times. */
export function addProperty(text: string, before: Properties = {}): Properties {
  const at = text.indexOf("=");
  if (at <= 0) throw new CommandFailure(`${text} is no property: name=value is needed`);
  return { ...before, [text.slice(0, at).trim()]: text.slice(at + 1) };
}

/**
 * A Java properties file: `name=value` or `name: value`, # and ! begin a comment, a backslash at a
 * line's end carries on.
 *
 * @throws CommandFailure when the file cannot be read.
 */
export function readProperties(file: string): Properties {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(`cannot read the properties file ${file}: ${reason}`);
  }
  const properties: Properties = {};
  for (const line of text.replaceAll(/\\\r?\n[ \t]*/g, "").split(/\r?\n/)) {
    const match = /^\s*([^#!\s=:][^\s=:]*)\s*[=:\s]\s*(.*)$/.exec(line);
    if (match?.[1] !== undefined) properties[match[1]] = unescaped(match[2] ?? "");
  }
  return properties;
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescaped(text: string): string {
  return text.replaceAll(/\\(u[0-9a-fA-F]{4}|.)/g, (_all, code: string) =>
    code.length === 5
      ? String.fromCharCode(Number.parseInt(code.slice(1), 16))
      : (ESCAPES[code] ?? code),
  );
}

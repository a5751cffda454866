import { ConfigError } from "./errors.ts";

/**
 * The language in which the configs of each client are stated: name, type, range, default. Values
 * may be given as strings, the way Kafka's property files and tools give them.
 */

/** Reads a value given by the user; undefined means that none was given. */
export interface ConfigDef<T> {
  parse(name: string, value: unknown): T;
}

export type ConfigDefs = Readonly<Record<string, ConfigDef<unknown>>>;

/** The values by name, defaults filled in. */
export type ConfigValues<D extends ConfigDefs> = {
  readonly [K in keyof D]: D[K] extends ConfigDef<infer T> ? T : never;
};

export const INT_MAX = 0x7fffffff;

function invalid(name: string, value: unknown, expected: string): ConfigError {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return new ConfigError(name, `invalid value ${shown} for ${name}: it must be ${expected}`);
}

export function int(defaultValue: number, min: number, max: number = INT_MAX): ConfigDef<number> {
  const upTo = max === INT_MAX || max === Number.MAX_SAFE_INTEGER ? "at least" : "between";
  const range = upTo === "between" ? `${min} and ${max}` : `${min}`;
  return {
    parse(name, value) {
      if (value === undefined) return defaultValue;
      const text = typeof value === "string" ? value.trim() : value;
      const number = typeof text === "string" && text !== "" ? Number(text) : text;
      if (typeof number !== "number" || !Number.isInteger(number) || number < min || number > max) {
        throw invalid(name, value, `an integer, ${upTo} ${range}`);
      }
      return number;
    },
  };
}

export function boolean(defaultValue: boolean): ConfigDef<boolean> {
  return {
    parse(name, value) {
      if (value === undefined) return defaultValue;
      if (value === true || value === "true") return true;
      if (value === false || value === "false") return false;
      throw invalid(name, value, "true or false");
    },
  };
}

export function text(defaultValue: string): ConfigDef<string> {
  return {
    parse(name, value) {
      if (value === undefined) return defaultValue;
      if (typeof value !== "string") throw invalid(name, value, "a string");
      return value;
    },
  };
}

/** A name that is not empty, or none. */
export function optionalText(): ConfigDef<string | null> {
  return {
    parse(name, value) {
      if (value === undefined || value === null) return null;
      if (typeof value !== "string" || value === "") {
        throw invalid(name, value, "a string that is not empty");
      }
      return value;
    },
  };
}

/** One of a few words; each stands for a value. */
export function choice<T>(defaultValue: T, choices: Readonly<Record<string, T>>): ConfigDef<T> {
  return {
    parse(name, value) {
      if (value === undefined) return defaultValue;
      const word = String(value);
      const found = Object.hasOwn(choices, word) ? choices[word] : undefined;
      if (found === undefined)
        throw invalid(name, value, `one of ${Object.keys(choices).join(", ")}`);
      return found;
    },
  };
}

/** Base URLs, separated by commas or as an array. */
export function urls(): ConfigDef<readonly string[]> {
  return {
    parse(name, value) {
      const given = typeof value === "string" ? value.split(",") : value;
      if (!Array.isArray(given)) {
        throw new ConfigError(name, `${name} is missing: give the https:// address of the service`);
      }
      const list = given.map((entry) => String(entry).trim()).filter((entry) => entry !== "");
      if (list.length === 0) throw invalid(name, value, "at least one https:// address");
      for (const entry of list) throwIfNoUrl(name, entry);
      return list;
    },
  };
}

function throwIfNoUrl(name: string, entry: string): void {
  if (/^https?:\/\//i.test(entry) && URL.canParse(entry)) return;
  throw invalid(
    name,
    entry,
    "an https:// (or http://) address: this client speaks Kafka over HTTPS; " +
      "for host:port addresses run the gateway and a Kafka client",
  );
}

/**
 * Every config of `defs`, from what the user gave.
 *
 * @throws ConfigError for a name that is not known, and for a value out of its range
 */
export function parseConfig<D extends ConfigDefs>(defs: D, given: object): ConfigValues<D> {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(defs, name)) throw unknownConfig(name, Object.keys(defs));
  }
  const values: Record<string, unknown> = {};
  for (const [name, def] of Object.entries(defs)) {
    values[name] = def.parse(name, (given as Record<string, unknown>)[name]);
  }
  return values as ConfigValues<D>;
}

function unknownConfig(name: string, known: readonly string[]): ConfigError {
  const closest = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const near = closest !== undefined && closest.distance <= Math.max(2, name.length / 4);
  const hint = near ? `did you mean ${closest.candidate}?` : `known are ${known.join(", ")}`;
  return new ConfigError(name, `unknown config ${JSON.stringify(name)}: ${hint}`);
}

/** Levenshtein's: one letter more, less or other counts one. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/**
 * What a config is: name, type, default, range, what it does (org.apache.kafka.common.config.ConfigDef).
 *
 * Values are texts, as they are stored and sent. An INT or LONG is compared as a bigint, because
 * Long.MAX_VALUE is a default and a JavaScript number cannot hold it.
 */

export type ConfigType = "boolean" | "double" | "int" | "list" | "long" | "password" | "string";

export interface ConfigDef {
  readonly name: string;
  readonly type: ConfigType;
  /** Null: there is none, the config is unset until somebody sets it. */
  readonly default: string | null;
  /** One sentence for people: DescribeConfigs, REST, the README's table. */
  readonly doc: string;
  /** Bounds of a number, both inclusive. */
  readonly min?: number;
  readonly max?: number;
  /** The values of a string, or the members of a list. */
  readonly oneOf?: readonly string[];
  /** A string's value may be written in any case. */
  readonly anyCase?: boolean;
}

export const INT_MAX = 2n ** 31n - 1n;
export const LONG_MAX = 2n ** 63n - 1n;

type NumberType = "double" | "int" | "long";

/** `int("name", default, min, "what it does", max)`, and so for long and double. */
function numeric(type: NumberType) {
  return (
    name: string,
    fallback: number | bigint | null,
    min: number | null,
    doc: string,
    max?: number,
  ): ConfigDef => ({
    name,
    type,
    default: fallback === null ? null : `${fallback}`,
    doc,
    ...(min === null ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  });
}

export const int = numeric("int");
export const long = numeric("long");
export const double = numeric("double");

export function choice(
  name: string,
  fallback: string,
  oneOf: readonly string[],
  doc: string,
): ConfigDef {
  return { name, type: "string", default: fallback, oneOf, doc };
}

export function flag(name: string, fallback: boolean, doc: string): ConfigDef {
  return { name, type: "boolean", default: `${fallback}`, doc };
}

export function list(
  name: string,
  fallback: string,
  doc: string,
  oneOf?: readonly string[],
): ConfigDef {
  return { name, type: "list", default: fallback, doc, ...(oneOf === undefined ? {} : { oneOf }) };
}

export function text(name: string, fallback: string | null, doc: string): ConfigDef {
  return { name, type: "string", default: fallback, doc };
}

/** What is wrong with a value for the config (INVALID_CONFIG), naming both and what is allowed; or null. */
export function configValueProblem(def: ConfigDef, value: string): string | null {
  const expected = mismatch(def, value.trim());
  return expected === null
    ? null
    : `Invalid value '${value}' for configuration ${def.name}: ${expected}.`;
}

/** What the value must be, when it is not. */
function mismatch(def: ConfigDef, value: string): string | null {
  switch (def.type) {
    case "int":
      return integerMismatch(def, value, -INT_MAX - 1n, INT_MAX);
    case "long":
      return integerMismatch(def, value, -LONG_MAX - 1n, LONG_MAX);
    case "double":
      return doubleMismatch(def, value);
    case "boolean":
      return /^(true|false)$/i.test(value) ? null : "it must be true or false";
    case "string": {
      const given = def.anyCase === true ? value.toLowerCase() : value;
      return def.oneOf?.includes(given) === false
        ? `it must be one of ${def.oneOf.join(", ")}`
        : null;
    }
    case "list":
      return listMismatch(def, value);
    case "password":
      return null;
  }
}

function integerMismatch(def: ConfigDef, value: string, low: bigint, high: bigint): string | null {
  const min = def.min === undefined ? low : BigInt(def.min);
  const max = def.max === undefined ? high : BigInt(def.max);
  const number = /^[+-]?[0-9]{1,20}$/.test(value) ? BigInt(value) : null;
  if (number !== null && number >= min && number <= max) return null;
  return `it must be an integer from ${min} to ${max}`;
}

function doubleMismatch(def: ConfigDef, value: string): string | null {
  const number = value === "" ? Number.NaN : Number(value);
  const { min = -Infinity, max = Infinity } = def;
  if (number >= min && number <= max) return null;
  return `it must be a number from ${min} to ${max}`;
}

function listMismatch(def: ConfigDef, value: string): string | null {
  if (def.oneOf === undefined) return null;
  const members = splitList(value);
  const good = members.length > 0 && members.every((member) => def.oneOf?.includes(member));
  return good ? null : `it must be one or more of ${def.oneOf.join(", ")}, separated by commas`;
}

/** The members of a LIST, trimmed, empty ones left out. */
export function splitList(value: string): string[] {
  return value
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
}

/**
 * Input against its schema, and the dialect's errors when it does not fit. Both dialects answer 400
 * for a value of the wrong type (Jackson) and 422 for one out of its bounds, missing or unknown
 * (bean validation), so the issues of zod are told apart by that.
 */
import * as z from "zod";
import { RestError } from "./rest-error.ts";
import { show } from "./show.ts";

/** Throws RestError 400 or 422 that names the field. */
export function validate<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw issueError(result.error, input);
}

function issueError(error: z.ZodError, input: unknown): RestError {
  const issue = error.issues[0];
  if (issue === undefined) return new RestError(422, 422, "the input is not valid");
  const where = pathText(issue.path);
  switch (issue.code) {
    case "unrecognized_keys": {
      const fields = issue.keys.map((key) => pathText([...issue.path, key])).join(", ");
      return new RestError(422, 422, `Unrecognized field: ${fields}`);
    }
    case "invalid_type": {
      const value = valueAt(input, issue.path);
      const expected = KINDS[issue.expected] ?? issue.expected;
      if (value === undefined && issue.path.length > 0) {
        return new RestError(422, 422, `${where} is missing: it must be ${expected}`);
      }
      const what = `${where} must be ${expected}, not ${show(value)}`;
      return new RestError(400, 400, what);
    }
    case "invalid_union":
    case "invalid_value":
    case "invalid_format":
      return new RestError(
        400,
        400,
        `${where}: ${issue.message}, not ${show(valueAt(input, issue.path))}`,
      );
    default:
      return new RestError(
        422,
        422,
        `${where}: ${issue.message}, it is ${show(valueAt(input, issue.path))}`,
      );
  }
}

/** What zod calls a type, in words. */
const KINDS: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "an object",
  record: "an object",
  string: "a string",
};

/** `records[3].partition`; "the body" for the whole. */
function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "the body";
  return path
    .map((step, i) =>
      typeof step === "number" ? `[${step}]` : `${i === 0 ? "" : "."}${String(step)}`,
    )
    .join("");
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

/**
 * Parameters of the URL. Whatever is wrong with one is HTTP 400, in v2 with "Kafka bad request" as
 * its code: neither dialect has a finer one.
 */
export function validateQuery<T extends z.ZodType>(
  schema: T,
  url: URL,
  errorCode = 40002,
): z.output<T> {
  const input: Record<string, string> = {};
  for (const [name, value] of url.searchParams) input[name] = value;
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const error = issueError(result.error, input);
  throw new RestError(400, errorCode, `query parameter ${error.message}`);
}

/** A whole number in a query. The OpenAPI document shows it as an integer. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  return z.preprocess(toNumber, z.int().min(min).max(max));
}

function toNumber(value: unknown): unknown {
  return typeof value === "string" && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
}

/** true or false in a query. */
export const flag = z.preprocess(
  (value) => (value === "true" || value === "" ? true : value === "false" ? false : value),
  z.boolean(),
);

/** A partition number in a path, null when it is none: such a path names nothing. */
export function partitionNumber(text: string): number | null {
  if (!/^\d{1,10}$/.test(text)) return null;
  const partition = Number(text);
  return partition <= 0x7fffffff ? partition : null;
}

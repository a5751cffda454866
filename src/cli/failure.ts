import { AdminError } from "../client/errors.ts";

/** A failure that a user can do something about: its message is printed, without a stack. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
}

/** What went wrong, in one line: of an AdminError with one failure the failure's own words. */
export function failureText(error: unknown): string {
  if (error instanceof AdminError && error.failures.length === 1) {
    return error.failures[0]?.error.message ?? error.message;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Puts a tool's own words before what went wrong, as Kafka's tools do. */
export async function prefixed(prefix: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new CommandFailure(`${prefix}${failureText(error)}`, { cause: error });
  }
}

/** Prints what went wrong and ends with exit code 1, as Kafka's tools do. */
export function reportFailure(error: unknown): void {
  console.error(failureText(error));
  if (process.env.KEDGE_DEBUG !== undefined) console.error(error);
  process.exitCode = 1;
}

/** A failure that a user can do something about: its message is printed, without a stack. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
}

/** Prints what went wrong and ends with exit code 1, as Kafka's tools do. */
export function reportFailure(error: unknown): void {
  console.error(error instanceof Error ? `kedge: ${error.message}` : error);
  if (process.env.KEDGE_DEBUG !== undefined) console.error(error);
  process.exit(1);
}

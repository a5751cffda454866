/**
 * How an object's storage is laid out, as a number kept with its identity. An object that another
 * layout wrote is left as it is and says so, instead of failing call by call over what it finds.
 */

/** Raised by whatever an older Kedge cannot read, or cannot be read of an older Kedge. */
export const STORAGE_FORMAT = 2;

/** Why this Kedge cannot use what is stored; null when it can. */
export function formatProblem({ format }: { readonly format?: number }): string | null {
  if (format === STORAGE_FORMAT) return null;
  const found =
    format === undefined ? "has no format (an early Kedge wrote it)" : `is of format ${format}`;
  return (
    `the storage of this replica cannot be used: it ${found}, this Kedge reads format ` +
    `${STORAGE_FORMAT}; run the Kedge that wrote it, or delete the topic or the data folder`
  );
}

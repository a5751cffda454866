/**
 * How the catalogue talks to D1. Reads may be served by a replica of the database, but never by one
 * that is behind what this isolate has itself written or read fresh: its last bookmark goes along.
 */
import { InvariantError } from "../lib/assert.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";

/** A database, and the point in its history that this isolate has seen. */
export class Database {
  readonly #db: D1Database;
  #bookmark: string = "first-unconstrained";

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** May be behind the primary. */
  read<T>(what: string, query: (session: D1DatabaseSession) => Promise<T>): Promise<T> {
    return this.#run(`read ${what}`, this.#db.withSession(this.#bookmark), query);
  }

  /** What the primary knows now. */
  async readFresh<T>(what: string, query: (session: D1DatabaseSession) => Promise<T>): Promise<T> {
    const session = this.#db.withSession("first-primary");
    const result = await this.#run(`read ${what}`, session, query);
    this.#remember(session);
    return result;
  }

  async write<T>(what: string, query: (session: D1DatabaseSession) => Promise<T>): Promise<T> {
    const session = this.#db.withSession("first-primary");
    const result = await this.#run(`write ${what}`, session, query);
    this.#remember(session);
    return result;
  }

  #remember(session: D1DatabaseSession): void {
    this.#bookmark = session.getBookmark() ?? this.#bookmark;
  }

  async #run<T>(
    what: string,
    session: D1DatabaseSession,
    query: (session: D1DatabaseSession) => Promise<T>,
  ): Promise<T> {
    try {
      return await query(session);
    } catch (error) {
      throw error instanceof InvariantError ? error : catalogueError(what, error);
    }
  }
}

/** D1 has no error classes: what a client may hope for is in the message. */
function catalogueError(what: string, error: unknown): KafkaError {
  const reason = error instanceof Error ? error.message : String(error);
  if (reason.includes("no such table") || reason.includes("no such column")) {
    return new KafkaError(
      ErrorCode.UNKNOWN_SERVER_ERROR,
      `The catalogue could not ${what}: ${reason}. Apply the D1 migrations of this release.`,
    );
  }
  return new KafkaError(
    ErrorCode.REQUEST_TIMED_OUT,
    `The catalogue could not ${what}: ${reason}. Try again.`,
  );
}

/** Rows that the statement changed. */
export function changes(result: D1Result | undefined): number {
  return result?.meta.changes ?? 0;
}

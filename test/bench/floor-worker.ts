/**
 * The floor that Kedge is measured against: the least that an object with durable storage can do. A
 * request's bytes go to one object, everything that waited there becomes one row, and the reply
 * leaves once that is durable. No protocol, no checks, no offsets.
 *
 * Of the ways tried this is the fastest (1 KB, 64 connections, requests/s): RPC and `sync()` 4,000;
 * `fetch` to the object 3,400; one row a request behind the output gate 1,700. A call that stores
 * nothing does 4,700. Reading is the other way round: the body of a response passes through the Worker
 * untouched, and 1 MB does 1.7 times the MB/s of an RPC result, which is copied in and out.
 *
 * It also looks up what Kedge's partitions have written, so that the product needs no route for it.
 */
import { DurableObject } from "cloudflare:workers";
import type { GroupCoordinator } from "../../src/objects/group-coordinator.ts";
import type { Partition } from "../../src/objects/partition.ts";

interface Env {
  readonly FLOOR: DurableObjectNamespace<Floor>;
  /** Kedge's own namespaces. */
  readonly PARTITION: DurableObjectNamespace<Partition>;
  readonly GROUP_COORDINATOR: DurableObjectNamespace<GroupCoordinator>;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly resolve: (row: number) => void;
  readonly reject: (error: unknown) => void;
}

/** The platform's bound on a row, less some room for SQLite: as in Kedge. */
const ROW_BYTES_MAX = 1_998_976;

export class Floor extends DurableObject<Env> {
  #waiting: Waiting[] = [];
  #running = false;
  #rows: number;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    sql.exec("CREATE TABLE IF NOT EXISTS blob (id INTEGER PRIMARY KEY, data BLOB NOT NULL)");
    const row = sql.exec<{ last: number }>("SELECT coalesce(max(id), 0) AS last FROM blob").one();
    this.#rows = row.last;
  }

  append(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes, resolve, reject });
      if (this.#running) return;
      this.#running = true;
      void this.#run();
    });
  }

  override async fetch(request: Request): Promise<Response> {
    const row = Number(new URL(request.url).searchParams.get("row"));
    const sql = "SELECT data FROM blob WHERE id = ?";
    return new Response(this.ctx.storage.sql.exec<{ data: ArrayBuffer }>(sql, row).one().data);
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const turn = this.#waiting;
      this.#waiting = [];
      try {
        this.#store(turn);
        await this.ctx.storage.sync();
        for (const { resolve } of turn) resolve(this.#rows);
      } catch (error) {
        for (const { reject } of turn) reject(error);
      }
    }
    this.#running = false;
  }

  /** One row for the turn, or as few as hold it. */
  #store(turn: readonly Waiting[]): void {
    let first = 0;
    let size = 0;
    for (const [at, { bytes }] of turn.entries()) {
      if (size + bytes.byteLength > ROW_BYTES_MAX && size > 0) {
        this.#insert(turn.slice(first, at), size);
        first = at;
        size = 0;
      }
      size += bytes.byteLength;
    }
    this.#insert(turn.slice(first), size);
  }

  #insert(run: readonly Waiting[], size: number): void {
    const [only] = run;
    let data = only?.bytes;
    if (run.length !== 1) {
      data = new Uint8Array(size);
      let at = 0;
      for (const { bytes } of run) {
        data.set(bytes, at);
        at += bytes.byteLength;
      }
    }
    this.#rows++;
    this.ctx.storage.sql.exec("INSERT INTO blob VALUES (?, ?)", this.#rows, data);
  }
}

export default {
  async fetch(request, env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const object = searchParams.get("object") ?? "";
    switch (pathname) {
      case "/append": {
        const bytes = new Uint8Array(await request.arrayBuffer());
        return new Response(String(await env.FLOOR.getByName(object).append(bytes)));
      }
      case "/read":
        return env.FLOOR.getByName(object).fetch(request);
      case "/partition-stats":
        return Response.json(await env.PARTITION.getByName(object).stats());
      case "/coordinator-stats":
        return Response.json(await env.GROUP_COORDINATOR.getByName(object).stats());
      default:
        return new Response(`nothing is at ${pathname}`, { status: 404 });
    }
  },
} satisfies ExportedHandler<Env>;

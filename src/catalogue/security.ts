/**
 * ACLs and credentials in D1, with what this isolate read of them lately. Every request that is not a
 * super user's asks for them, so they are trusted for METADATA_TTL_MS: a key that is deleted elsewhere
 * opens this isolate for so long yet. What was not found is not kept.
 */
import type { SecurityPort } from "../broker/ports.ts";
import type { AclBinding, AclFilter } from "../cluster/acl.ts";
import type { ApiKey, ScramCredential, ScramName } from "../cluster/credentials.ts";
import {
  CACHED_CREDENTIALS_MAX,
  METADATA_JOIN_MS_MAX,
  METADATA_STALE_MS_MAX,
  METADATA_TTL_MS,
} from "../constants.ts";
import { bindingOf, deleteAcls, insertAcls, selectAcls } from "./acls.ts";
import type { D1CatalogueOptions } from "./catalogue.ts";
import * as table from "./credentials.ts";
import { ReadThrough } from "./read-through.ts";
import { Database } from "./session.ts";
import { setTimer } from "./single-flight.ts";

type SecurityOptions = Pick<D1CatalogueOptions, "now" | "after" | "ttlMs" | "staleMsMax">;

export class D1Security implements SecurityPort {
  readonly #db: Database;
  readonly #acls: ReadThrough<readonly AclBinding[]>;
  readonly #apiKeys: ReadThrough<ApiKey>;
  readonly #scram: ReadThrough<ScramCredential>;
  /** The rows that were last read of a cluster, as text, and what was made of them. */
  readonly #known = new Map<string, { text: string; bindings: readonly AclBinding[] }>();

  constructor(db: D1Database, options: SecurityOptions = {}) {
    this.#db = new Database(db);
    const cache = {
      now: options.now ?? Date.now,
      after: options.after ?? setTimer,
      patienceMs: METADATA_JOIN_MS_MAX,
      ttlMs: options.ttlMs ?? METADATA_TTL_MS,
      staleMsMax: options.staleMsMax ?? METADATA_STALE_MS_MAX,
      weightMax: CACHED_CREDENTIALS_MAX,
      weigh: () => 1,
    };
    this.#acls = new ReadThrough({
      ...cache,
      query: async (clusterId, _, fresh) => new Map([["", await this.#readAcls(clusterId, fresh)]]),
    });
    this.#apiKeys = new ReadThrough({
      ...cache,
      query: (clusterId, keys) =>
        this.#each(keys, "an API key", (session, key) =>
          table.selectApiKey(session, clusterId, key),
        ),
    });
    this.#scram = new ReadThrough({
      ...cache,
      query: (clusterId, keys) =>
        this.#each(keys, "a SCRAM credential", (session, key) =>
          table.selectScramCredential(session, clusterId, scramName(key)),
        ),
    });
  }

  async acls(clusterId: string, options: { fresh?: boolean } = {}): Promise<readonly AclBinding[]> {
    const found = await this.#acls.get(clusterId, [""], options.fresh === true);
    return found.get("") ?? [];
  }

  async createAcls(clusterId: string, bindings: readonly AclBinding[]): Promise<void> {
    await this.#db.write("ACLs", (session) => insertAcls(session, clusterId, bindings));
    this.#acls.forget(clusterId, "");
  }

  async deleteAcls(clusterId: string, filters: readonly AclFilter[]): Promise<AclBinding[][]> {
    const deleted = await this.#db.write("ACLs", (session) =>
      deleteAcls(session, clusterId, filters),
    );
    this.#acls.forget(clusterId, "");
    return deleted;
  }

  async apiKey(clusterId: string, keyId: string): Promise<ApiKey | null> {
    return (await this.#apiKeys.get(clusterId, [keyId], false)).get(keyId) ?? null;
  }

  apiKeys(clusterId: string): Promise<ApiKey[]> {
    return this.#db.readFresh("the API keys", (session) => table.selectApiKeys(session, clusterId));
  }

  async createApiKey(clusterId: string, key: ApiKey): Promise<void> {
    await this.#db.write("an API key", (session) => table.insertApiKey(session, clusterId, key));
    this.#apiKeys.forget(clusterId, key.keyId);
  }

  async deleteApiKey(clusterId: string, keyId: string): Promise<boolean> {
    const deleted = await this.#db.write("an API key", (session) =>
      table.deleteApiKey(session, clusterId, keyId),
    );
    this.#apiKeys.forget(clusterId, keyId);
    return deleted;
  }

  async scramCredential(clusterId: string, name: ScramName): Promise<ScramCredential | null> {
    const key = scramKey(name);
    return (await this.#scram.get(clusterId, [key], false)).get(key) ?? null;
  }

  scramCredentials(clusterId: string, users: readonly string[] | null): Promise<ScramCredential[]> {
    return this.#db.readFresh("the SCRAM credentials", (session) =>
      table.selectScramCredentials(session, clusterId, users),
    );
  }

  async alterScramCredentials(
    clusterId: string,
    set: readonly ScramCredential[],
    deleted: readonly ScramName[],
  ): Promise<void> {
    await this.#db.write("SCRAM credentials", (session) =>
      table.alterScramCredentials(session, clusterId, set, deleted),
    );
    for (const name of [...set, ...deleted]) this.#scram.forget(clusterId, scramKey(name));
  }

  /** What did not change is the same array, so that nobody compiles it again. */
  async #readAcls(clusterId: string, fresh: boolean): Promise<readonly AclBinding[]> {
    const query = (session: D1DatabaseSession) => selectAcls(session, clusterId);
    const rows = await (fresh ? this.#db.readFresh("ACLs", query) : this.#db.read("ACLs", query));
    const text = JSON.stringify(rows);
    const known = this.#known.get(clusterId);
    if (known?.text === text) return known.bindings;
    const bindings = rows.map(bindingOf);
    this.#known.set(clusterId, { text, bindings });
    return bindings;
  }

  /** Key by key: nobody asks for more than one. */
  async #each<T>(
    keys: readonly string[],
    what: string,
    select: (session: D1DatabaseSession, key: string) => Promise<T | null>,
  ): Promise<Map<string, T>> {
    const found = new Map<string, T>();
    for (const key of keys) {
      const value = await this.#db.read(what, (session) => select(session, key));
      if (value !== null) found.set(key, value);
    }
    return found;
  }
}

function scramKey({ user, mechanism }: ScramName): string {
  return `${mechanism} ${user}`;
}

function scramName(key: string): ScramName {
  const space = key.indexOf(" ");
  return { mechanism: Number(key.slice(0, space)), user: key.slice(space + 1) };
}

const perDatabase = new WeakMap<D1Database, D1Security>();

/** The isolate's one of this database, as createCatalogue. */
export function createSecurity(db: D1Database): D1Security {
  const known = perDatabase.get(db);
  if (known !== undefined) return known;
  const security = new D1Security(db);
  perDatabase.set(db, security);
  return security;
}

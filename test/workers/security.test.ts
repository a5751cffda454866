/** ACLs and credentials in D1, inside workerd: their contract, and what an isolate remembers. */
import { beforeAll, describe, expect, test } from "vitest";
import { createApiKey } from "../../src/broker/api-keys.ts";
import { D1Security } from "../../src/catalogue/security.ts";
import { EVERY_RIGHT } from "../../src/cluster/acl-index.ts";
import { METADATA_TTL_MS } from "../../src/constants.ts";
import { contextFor } from "../../src/router/context.ts";
import { securityContract } from "../contract/security.ts";
import { migratedDatabase } from "../support/d1.ts";
import { workerEnv } from "./partition-topics.ts";

let db: D1Database;
beforeAll(async () => {
  db = await migratedDatabase();
});

securityContract("security in D1", () => ({
  ...{ security: new D1Security(db), clusterId: "one", otherClusterId: "two" },
}));

securityContract("security in D1 that never trusts its cache", () => ({
  security: new D1Security(db, { ttlMs: 0, staleMsMax: 0 }),
  ...{ clusterId: "three", otherClusterId: "four" },
}));

describe("what an isolate remembers", () => {
  const BINDING = {
    ...{ resourceType: 2, resourceName: "t", patternType: 3, principal: "User:a", host: "*" },
    ...{ operation: 3, permission: 3 },
  };

  test("CAT7: what another isolate changed holds after METADATA_TTL_MS, one's own at once", async () => {
    let nowMs = 1_700_000_000_000;
    const here = new D1Security(db, { now: () => nowMs });
    const there = new D1Security(db, { now: () => nowMs });
    const key = {
      ...{ keyId: "K", principal: "User:a", secretHash: "h", description: "" },
      ...{ createdAtMs: nowMs, expiresAtMs: null },
    };
    expect(await here.apiKey("five", "K")).toBeNull();
    expect(await here.acls("five")).toEqual([]);
    await there.createApiKey("five", key);
    await there.createAcls("five", [BINDING]);
    // What was not found is not kept.
    expect(await here.apiKey("five", "K")).toEqual(key);
    expect(await here.acls("five")).toEqual([]);
    nowMs += METADATA_TTL_MS + 1;
    expect(await here.acls("five")).toEqual([BINDING]);
    await there.deleteApiKey("five", "K");
    expect(await there.apiKey("five", "K")).toBeNull();
    nowMs += METADATA_TTL_MS + 1;
    expect(await here.apiKey("five", "K")).toBeNull();
  });

  test("SEC1: no table of the database has a secret in it", async () => {
    const caller = { principal: "User:admin", rights: EVERY_RIGHT, sasl: null };
    const request = new Request("http://localhost/");
    const ctx = contextFor(workerEnv, request, { waitUntil: () => undefined }, caller);
    const wanted = { principal: "User:a", description: "", expiresAtMs: null };
    const { key, secret } = await createApiKey(ctx, wanted);
    const { results } = await db
      .prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'",
      )
      .all<{ name: string }>();
    const tables = results.map(({ name }) => name).filter((name) => !name.startsWith("sqlite_"));
    expect(tables).toContain("api_keys");
    const rows = await Promise.all(
      tables.map(async (name) =>
        JSON.stringify((await db.prepare(`SELECT * FROM "${name}"`).all()).results),
      ),
    );
    const all = rows.join("\n");
    expect(all).toContain(key.secretHash);
    expect(all).not.toContain(secret);
  });
});

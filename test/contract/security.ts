/** What every SecurityPort keeps to. */
import { beforeAll, describe, expect, test } from "vitest";
import type { SecurityPort } from "../../src/broker/ports.ts";
import type { AclBinding, AclFilter } from "../../src/cluster/acl.ts";
import type { ApiKey, ScramCredential } from "../../src/cluster/credentials.ts";

export interface SecurityUnderTest {
  readonly security: SecurityPort;
  /** Two clusters that have nothing yet. */
  readonly clusterId: string;
  readonly otherClusterId: string;
}

const ANY: AclFilter = {
  ...{ resourceType: 1, resourceName: null, patternType: 1, principal: null, host: null },
  ...{ operation: 1, permission: 1 },
};

function acl(resourceName: string, more: Partial<AclBinding> = {}): AclBinding {
  return {
    ...{ resourceType: 2, resourceName, patternType: 3, principal: "User:a", host: "*" },
    ...{ operation: 3, permission: 3, ...more },
  };
}

function key(keyId: string, more: Partial<ApiKey> = {}): ApiKey {
  return {
    ...{ keyId, principal: "User:a", secretHash: "hash", description: 'it\'s "mine"' },
    ...{ createdAtMs: 1_700_000_000_000, expiresAtMs: null, ...more },
  };
}

function scram(user: string, mechanism = 1, storedKey = "stored"): ScramCredential {
  return { user, mechanism, salt: "c2FsdA==", iterations: 4096, storedKey, serverKey: "server" };
}

export function securityContract(
  name: string,
  make: () => SecurityUnderTest | Promise<SecurityUnderTest>,
): void {
  describe(`${name} keeps the contract of a SecurityPort`, () => {
    let it: SecurityPort;
    let cluster: string;
    let other: string;
    beforeAll(async () => {
      const made = await make();
      it = made.security;
      cluster = made.clusterId;
      other = made.otherClusterId;
    });

    const names = async (clusterId = cluster, fresh = false) =>
      (await it.acls(clusterId, { fresh })).map(({ resourceName }) => resourceName).sort();

    test("CAT17: ACLs are created once each, read back, and deleted by filters", async () => {
      expect(await names()).toEqual([]);
      const some = [acl("t"), acl('it\'s "odd" \\ ✓'), acl("t", { operation: 4 }), acl("t")];
      await it.createAcls(cluster, some);
      await it.createAcls(cluster, [acl("t"), acl("u", { host: "10.0.0.1", permission: 2 })]);
      for (const fresh of [false, true]) {
        expect(await names(cluster, fresh)).toEqual(['it\'s "odd" \\ ✓', "t", "t", "u"]);
      }
      expect(await it.acls(cluster)).toContainEqual(acl("u", { host: "10.0.0.1", permission: 2 }));
      const [first, second, third] = await it.deleteAcls(cluster, [
        { ...ANY, resourceName: "t", operation: 3 },
        { ...ANY, resourceName: "t" },
        { ...ANY, principal: "User:b" },
      ]);
      expect(first).toEqual([acl("t")]);
      expect(second).toHaveLength(2);
      expect(third).toEqual([]);
      expect(await names()).toEqual(['it\'s "odd" \\ ✓', "u"]);
    });

    test("CAT17: no ACL and no filter are nothing", async () => {
      const before = await names();
      await it.createAcls(cluster, []);
      expect(await it.deleteAcls(cluster, [])).toEqual([]);
      expect(await names()).toEqual(before);
    });

    test("CAT17: ACLs that did not change are the same array", async () => {
      const before = await it.acls(cluster, { fresh: true });
      expect(await it.acls(cluster, { fresh: true })).toBe(before);
      await it.createAcls(cluster, [acl("another")]);
      expect(await it.acls(cluster, { fresh: true })).not.toBe(before);
    });

    test("CAT18: API keys are kept as they are given, listed by id, and deleted once", async () => {
      const some = [key("B", { expiresAtMs: 1_800_000_000_000 }), key("A")];
      for (const one of some) await it.createApiKey(cluster, one);
      expect(await it.apiKeys(cluster)).toEqual([key("A"), some[0]]);
      expect(await it.apiKey(cluster, "B")).toEqual(some[0]);
      expect(await it.apiKey(cluster, "C")).toBeNull();
      expect(await it.deleteApiKey(cluster, "B")).toBe(true);
      expect(await it.deleteApiKey(cluster, "B")).toBe(false);
      expect(await it.apiKey(cluster, "B")).toBeNull();
    });

    test("CAT18: SCRAM credentials are set, replaced and deleted together", async () => {
      const all = [scram("ana"), scram("ana", 2), scram('böb, ="')];
      await it.alterScramCredentials(cluster, all, []);
      expect(await it.scramCredentials(cluster, null)).toEqual(all);
      expect(await it.scramCredentials(cluster, ["ana", "eve"])).toEqual(all.slice(0, 2));
      expect(await it.scramCredential(cluster, { user: "ana", mechanism: 2 })).toEqual(all[1]);
      expect(await it.scramCredential(cluster, { user: "eve", mechanism: 1 })).toBeNull();
      const changed = scram("ana", 1, "another");
      await it.alterScramCredentials(cluster, [changed], [{ user: "ana", mechanism: 2 }]);
      expect(await it.scramCredentials(cluster, ["ana"])).toEqual([changed]);
      expect(await it.scramCredential(cluster, { user: "ana", mechanism: 1 })).toEqual(changed);
      expect(await it.scramCredential(cluster, { user: "ana", mechanism: 2 })).toBeNull();
      await it.alterScramCredentials(cluster, [], []);
    });

    test("CAT6: clusters know nothing of each other", async () => {
      await it.createApiKey(cluster, key("X"));
      await it.alterScramCredentials(cluster, [scram("x")], []);
      expect(await names(other)).toEqual([]);
      expect(await it.apiKey(other, "X")).toBeNull();
      expect(await it.apiKeys(other)).toEqual([]);
      expect(await it.scramCredentials(other, null)).toEqual([]);
      expect(await it.scramCredential(other, { user: "x", mechanism: 1 })).toBeNull();
      expect(await it.deleteApiKey(other, "X")).toBe(false);
      await it.deleteAcls(other, [ANY]);
      expect((await names()).length).toBeGreaterThan(0);
    });
  });
}

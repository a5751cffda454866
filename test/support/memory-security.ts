/** ACLs and credentials in memory, by the contract of the ones in D1 (test/contract/security.ts). */
import type { SecurityPort } from "../../src/broker/ports.ts";
import {
  type AclBinding,
  type AclFilter,
  bindingKey,
  matchesFilter,
} from "../../src/cluster/acl.ts";
import type { ApiKey, ScramCredential, ScramName } from "../../src/cluster/credentials.ts";

class Cluster {
  acls: readonly AclBinding[] = [];
  readonly apiKeys = new Map<string, ApiKey>();
  readonly scram = new Map<string, ScramCredential>();
}

export class MemorySecurity implements SecurityPort {
  readonly #clusters = new Map<string, Cluster>();

  async acls(clusterId: string): Promise<readonly AclBinding[]> {
    return this.#of(clusterId).acls;
  }

  async createAcls(clusterId: string, bindings: readonly AclBinding[]): Promise<void> {
    const cluster = this.#of(clusterId);
    const all = [...cluster.acls, ...bindings].map((acl) => [bindingKey(acl), acl] as const);
    const byKey = [...new Map(all)].sort(([a], [b]) => (a < b ? -1 : 1));
    cluster.acls = byKey.map(([, acl]) => acl);
  }

  async deleteAcls(clusterId: string, filters: readonly AclFilter[]): Promise<AclBinding[][]> {
    const cluster = this.#of(clusterId);
    const matched = filters.map((filter) =>
      cluster.acls.filter((acl) => matchesFilter(acl, filter)),
    );
    const gone = new Set(matched.flat());
    cluster.acls = cluster.acls.filter((acl) => !gone.has(acl));
    return matched;
  }

  async apiKey(clusterId: string, keyId: string): Promise<ApiKey | null> {
    return this.#of(clusterId).apiKeys.get(keyId) ?? null;
  }

  async apiKeys(clusterId: string): Promise<ApiKey[]> {
    const keys = [...this.#of(clusterId).apiKeys.values()];
    return keys.sort((a, b) => (a.keyId < b.keyId ? -1 : 1));
  }

  async createApiKey(clusterId: string, key: ApiKey): Promise<void> {
    this.#of(clusterId).apiKeys.set(key.keyId, key);
  }

  async deleteApiKey(clusterId: string, keyId: string): Promise<boolean> {
    return this.#of(clusterId).apiKeys.delete(keyId);
  }

  async scramCredential(clusterId: string, name: ScramName): Promise<ScramCredential | null> {
    return this.#of(clusterId).scram.get(scramKey(name)) ?? null;
  }

  async scramCredentials(
    clusterId: string,
    users: readonly string[] | null,
  ): Promise<ScramCredential[]> {
    return [...this.#of(clusterId).scram.values()]
      .filter(({ user }) => users?.includes(user) ?? true)
      .sort((a, b) => (a.user === b.user ? a.mechanism - b.mechanism : a.user < b.user ? -1 : 1));
  }

  async alterScramCredentials(
    clusterId: string,
    set: readonly ScramCredential[],
    deleted: readonly ScramName[],
  ): Promise<void> {
    const { scram } = this.#of(clusterId);
    for (const name of deleted) scram.delete(scramKey(name));
    for (const credential of set) scram.set(scramKey(credential), credential);
  }

  #of(clusterId: string): Cluster {
    const cluster = this.#clusters.get(clusterId) ?? new Cluster();
    this.#clusters.set(clusterId, cluster);
    return cluster;
  }
}

function scramKey({ user, mechanism }: ScramName): string {
  return `${mechanism} ${user}`;
}

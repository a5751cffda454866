/** Every REST route as a closed service answers it: to whom it is allowed, and to whom it is not. */
import { beforeAll, describe, expect, test } from "vitest";
import { createTopicsApi } from "../../../src/protocol/api/19-create-topics.ts";
import { consumerGroupHeartbeatApi } from "../../../src/protocol/api/68-consumer-group-heartbeat.ts";
import { documentedMounts } from "../../../src/rest/app.ts";
import { AccessWorld, ADMIN } from "../../support/access-world.ts";

const V2_JSON = "application/vnd.kafka.v2+json";
const RECORDS = "application/vnd.kafka.json.v2+json";
const JSON_TYPE = "application/json";
const C = "/v3/clusters/{cluster_id}";
const T = `${C}/topics/{topic_name}`;
const I = "/consumers/{group_name}/instances/{instance}";
const G = `${C}/consumer-groups/{consumer_group_id}`;
const ONE = { records: [{ value: 1 }] };
const PLACES = { partitions: [{ topic: "t", partition: 0 }] };
const A_CONFIG = { name: "retention.ms", value: "1000" };
const AN_ACL = {
  ...{ resource_type: "TOPIC", resource_name: "z", pattern_type: "LITERAL", principal: "User:z" },
  ...{ host: "*", operation: "READ", permission: "ALLOW" },
};

interface Case {
  readonly body?: unknown;
  readonly type?: string;
  readonly query?: string;
  readonly needs: readonly string[];
}

/** By method and documented path. Who lacks one of the needs gets 403 (40301). */
const CASES: Readonly<Record<string, Case>> = {
  "POST /topics/{topic_name}": { body: ONE, type: RECORDS, needs: ["TOPIC t WRITE"] },
  "POST /topics/{topic_name}/partitions/{partition_id}": {
    ...{ body: ONE, type: RECORDS, needs: ["TOPIC t WRITE"] },
  },
  "POST /producers": { needs: ["TOPIC any WRITE"] },
  "GET /topics/{topic_name}/partitions/{partition_id}/records": { needs: ["TOPIC t READ"] },
  "GET /topics/{topic_name}": { needs: ["TOPIC t DESCRIBE_CONFIGS", "TOPIC t DESCRIBE"] },
  "GET /topics/{topic_name}/partitions": { needs: ["TOPIC t DESCRIBE"] },
  "GET /topics/{topic_name}/partitions/{partition_id}": { needs: ["TOPIC t DESCRIBE"] },
  "GET /topics/{topic_name}/partitions/{partition_id}/offsets": { needs: ["TOPIC t DESCRIBE"] },
  "POST /consumers/{group_name}": { type: V2_JSON, body: {}, needs: ["GROUP g READ"] },
  [`DELETE ${I}`]: { needs: ["GROUP g READ"] },
  [`POST ${I}/subscription`]: {
    ...{ type: V2_JSON, body: { topics: ["t"] }, needs: ["GROUP g READ", "TOPIC t READ"] },
  },
  [`GET ${I}/subscription`]: { needs: ["GROUP g READ"] },
  [`DELETE ${I}/subscription`]: { needs: ["GROUP g READ"] },
  [`POST ${I}/assignments`]: {
    ...{ type: V2_JSON, body: PLACES, needs: ["GROUP g READ", "TOPIC t READ"] },
  },
  [`GET ${I}/assignments`]: { needs: ["GROUP g READ"] },
  [`POST ${I}/positions`]: { type: V2_JSON, body: { offsets: [] }, needs: ["GROUP g READ"] },
  [`POST ${I}/positions/beginning`]: { type: V2_JSON, body: PLACES, needs: ["GROUP g READ"] },
  [`POST ${I}/positions/end`]: { type: V2_JSON, body: PLACES, needs: ["GROUP g READ"] },
  [`GET ${I}/records`]: { query: "?timeout=1", needs: ["GROUP g READ"] },
  [`POST ${I}/offsets`]: { type: V2_JSON, needs: ["GROUP g READ"] },
  [`GET ${I}/offsets`]: {
    ...{ query: "?topic=t&partition=0", needs: ["GROUP g READ"] },
  },
  [`POST ${I}/poll`]: {
    ...{ type: JSON_TYPE, body: { topics: ["t"], timeout: 1 } },
    needs: ["GROUP g READ", "TOPIC t READ"],
  },
  [`POST ${C}/brokers/{broker_id}:fence`]: { needs: ["CLUSTER - ALTER"] },
  [`POST ${C}/brokers/{broker_id}:unfence`]: { needs: ["CLUSTER - ALTER"] },
  [`POST ${C}/topics`]: {
    ...{ type: JSON_TYPE, body: { topic_name: "new", validate_only: true } },
    needs: ["TOPIC new CREATE"],
  },
  [`GET ${T}`]: { needs: ["TOPIC t DESCRIBE"] },
  [`PATCH ${T}`]: { type: JSON_TYPE, body: { partitions_count: 1 }, needs: ["TOPIC t ALTER"] },
  [`DELETE ${T}`]: { needs: ["TOPIC t DELETE"] },
  [`GET ${T}/configs`]: { needs: ["TOPIC t DESCRIBE_CONFIGS"] },
  [`GET ${T}/configs/{name}`]: { needs: ["TOPIC t DESCRIBE_CONFIGS"] },
  [`PUT ${T}/configs/{name}`]: {
    ...{ type: JSON_TYPE, body: { value: "1000" }, needs: ["TOPIC t ALTER_CONFIGS"] },
  },
  [`DELETE ${T}/configs/{name}`]: { needs: ["TOPIC t ALTER_CONFIGS"] },
  [`POST ${T}/configs:alter`]: {
    ...{ type: JSON_TYPE, body: { data: [A_CONFIG] }, needs: ["TOPIC t ALTER_CONFIGS"] },
  },
  ...Object.fromEntries(
    [`${C}/broker-configs`, `${C}/brokers/{broker_id}/configs`].flatMap((configs) => [
      [`GET ${configs}`, { needs: ["CLUSTER - DESCRIBE_CONFIGS"] }],
      [`GET ${configs}/{name}`, { needs: ["CLUSTER - DESCRIBE_CONFIGS"] }],
      [
        `PUT ${configs}/{name}`,
        { type: JSON_TYPE, body: { value: "1000" }, needs: ["CLUSTER - ALTER_CONFIGS"] },
      ],
      [`DELETE ${configs}/{name}`, { needs: ["CLUSTER - ALTER_CONFIGS"] }],
      [
        `POST ${configs}:alter`,
        {
          ...{ type: JSON_TYPE, body: { data: [{ ...A_CONFIG, name: "log.retention.ms" }] } },
          needs: ["CLUSTER - ALTER_CONFIGS"],
        },
      ],
    ]),
  ),
  [`GET ${C}/brokers/-/configs`]: { needs: ["CLUSTER - DESCRIBE_CONFIGS"] },
  "GET /metrics": { needs: ["CLUSTER - DESCRIBE"] },
  [`GET ${T}/partitions`]: { needs: ["TOPIC t DESCRIBE"] },
  [`GET ${T}/partitions/{partition_id}`]: { needs: ["TOPIC t DESCRIBE"] },
  [`GET ${T}/partitions/{partition_id}/offset`]: { needs: ["TOPIC t DESCRIBE"] },
  [`GET ${T}/partitions/{partition_id}/replicas`]: { needs: ["TOPIC t DESCRIBE"] },
  [`GET ${T}/partitions/{partition_id}/replicas/{broker_id}`]: { needs: ["TOPIC t DESCRIBE"] },
  [`GET ${C}/topics/-/partitions/-/reassignment`]: { needs: ["CLUSTER - DESCRIBE"] },
  [`GET ${T}/partitions/-/reassignment`]: { needs: ["TOPIC t DESCRIBE", "CLUSTER - DESCRIBE"] },
  [`GET ${T}/partitions/{partition_id}/reassignment`]: {
    needs: ["TOPIC t DESCRIBE", "CLUSTER - DESCRIBE"],
  },
  [`GET ${G}`]: { needs: ["GROUP h DESCRIBE", "TOPIC held DESCRIBE"] },
  [`GET ${G}/consumers`]: { needs: ["GROUP h DESCRIBE", "TOPIC held DESCRIBE"] },
  [`GET ${G}/consumers/{consumer_id}`]: { needs: ["GROUP h DESCRIBE", "TOPIC held DESCRIBE"] },
  [`GET ${G}/consumers/{consumer_id}/assignments`]: {
    needs: ["GROUP h DESCRIBE", "TOPIC held DESCRIBE"],
  },
  [`GET ${G}/consumers/{consumer_id}/assignments/{topic_name}/partitions/{partition_id}`]: {
    needs: ["GROUP h DESCRIBE", "TOPIC held DESCRIBE"],
  },
  [`GET ${G}/lag-summary`]: { needs: ["GROUP h DESCRIBE", "TOPIC held DESCRIBE"] },
  [`GET ${G}/lags`]: { needs: ["GROUP h DESCRIBE", "TOPIC held DESCRIBE"] },
  [`GET ${G}/lags/{topic_name}/partitions/{partition_id}`]: {
    needs: ["GROUP h DESCRIBE", "TOPIC held DESCRIBE"],
  },
  [`GET ${C}/acls`]: { needs: ["CLUSTER - DESCRIBE"] },
  [`POST ${C}/acls`]: { type: JSON_TYPE, body: AN_ACL, needs: ["CLUSTER - ALTER"] },
  [`POST ${C}/acls:batch`]: {
    type: JSON_TYPE,
    body: { data: [AN_ACL] },
    needs: ["CLUSTER - ALTER"],
  },
  [`DELETE ${C}/acls`]: {
    query: "?resource_type=any&pattern_type=any&operation=any&permission=any&principal=User:z",
    needs: ["CLUSTER - ALTER"],
  },
  [`GET ${C}/api-keys`]: { needs: ["CLUSTER - DESCRIBE"] },
  [`POST ${C}/api-keys`]: {
    ...{ type: JSON_TYPE, body: { principal: "User:bob" }, needs: ["CLUSTER - ALTER"] },
  },
  [`DELETE ${C}/api-keys/{key_id}`]: { needs: ["CLUSTER - ALTER"] },
};

/** Lists of what the caller may see, what says nothing, and answers with an error a record. */
const OPEN = [
  "GET /",
  "POST /",
  "GET /brokers",
  "GET /topics",
  "GET /v3/clusters",
  `GET ${C}`,
  `GET ${C}/brokers`,
  `GET ${C}/brokers/{broker_id}`,
  `GET ${C}/topics`,
  `GET ${C}/consumer-groups`,
  `GET ${C}/topics/-/configs`,
  `POST ${T}/records`,
  `POST ${T}/records:batch`,
];

const VALUES: Readonly<Record<string, string>> = {
  ...{ cluster_id: "kedge", topic_name: "t", partition_id: "0", broker_id: "1" },
  ...{ group_name: "g", instance: "i", consumer_group_id: "h", consumer_id: "nobody" },
  ...{ name: "retention.ms", key_id: "AAAAAAAAAAAAAAAA" },
};

let world: AccessWorld;
let alice: Record<string, string>;

beforeAll(async () => {
  world = new AccessWorld();
  alice = await world.alice();
  await create("held");
  await world.ask(ADMIN, consumerGroupHeartbeatApi, 0, {
    ...{ groupId: "h", memberId: "", memberEpoch: 0, rebalanceTimeoutMs: 10_000 },
    ...{ subscribedTopicNames: ["held"], topicPartitions: [] },
  });
});

async function create(name: string): Promise<void> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await world.ask(ADMIN, createTopicsApi, 7, { topics: [topic], timeoutMs: 100 });
}

async function ask(route: string, { body, type, query = "" }: Case) {
  // One that was deleted a moment ago is there again.
  await create("t");
  const [method = "", path = ""] = route.split(" ");
  const values = path.includes("broker") ? { ...VALUES, name: "log.retention.ms" } : VALUES;
  const url = path.replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => values[name] ?? name) + query;
  const answer = await world.request<{ error_code?: number }>(method, url, {
    ...{ body, headers: alice },
    ...(type === undefined ? {} : { type }),
  });
  return [answer.status, answer.body?.error_code];
}

describe("what each route needs", () => {
  test.each(Object.entries(CASES))("ACL6: %s", async (route, it) => {
    await world.setAcls(...it.needs);
    const [allowed] = await ask(route, it);
    expect([401, 403, 500]).not.toContain(allowed);
    for (const missing of it.needs) {
      // What another right implies is not missing.
      const rest = it.needs.filter((need) => need !== missing);
      await world.setAcls(...rest);
      expect([missing, await ask(route, it)]).toEqual([missing, [403, 40301]]);
      await world.setAcls(...it.needs, `DENY ${missing}`);
      expect([missing, await ask(route, it)]).toEqual([missing, [403, 40301]]);
    }
  });

  test("ACL6: no route is left out", () => {
    const routes = documentedMounts.flatMap(({ prefix, group }) =>
      group.routes.map(({ method, path }) => `${method.toUpperCase()} ${prefix}${path}`),
    );
    const tried = [...Object.keys(CASES), ...OPEN];
    expect(tried.sort()).toEqual(routes.sort());
  });

  test.each(OPEN)("ACL7: %s shows nothing that is not the caller's", async (route) => {
    await world.setAcls();
    const [method = "", path = ""] = route.split(" ");
    const url = path.replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => VALUES[name] ?? name);
    const record = { value: { type: "JSON", data: 1 } };
    const produce = { type: JSON_TYPE, body: { entries: [{ id: "1", ...record }] } };
    const stream = { type: JSON_TYPE, body: record };
    const options = url.endsWith(":batch") ? produce : url.endsWith("records") ? stream : {};
    const answer = await world.request(method, url, { headers: alice, ...options });
    expect([200, 207]).toContain(answer.status);
    if (url.includes("records")) expect(answer.text).toContain("40301");
    expect(answer.text).not.toMatch(/"(t|g|h|held)"/);
  });
});

test("ACL6: a request without credentials gets to none of them", async () => {
  for (const route of [...Object.keys(CASES), ...OPEN]) {
    const [method = "", path = ""] = route.split(" ");
    const { status } = await world.request(method, path);
    expect([route, status]).toEqual([route, 401]);
  }
});

import { beforeEach, describe, expect, test } from "vitest";
import * as schemas from "../../../src/rest/v3/schemas.ts";
import { ORIGIN, RestWorld } from "../../support/rest-world.ts";

const C = "/v3/clusters/kedge";
const JSON_TYPE = "application/json";

let world: RestWorld;
beforeEach(() => {
  world = new RestWorld();
});

function create(body: unknown, path = `${C}/topics`) {
  return world.request("POST", path, { type: JSON_TYPE, body });
}

describe("clusters and brokers", () => {
  test("REST16: one cluster, under both prefixes, with links to where it was asked", async () => {
    for (const prefix of ["/v3", "/kafka/v3"]) {
      const list = schemas.clusterList.parse((await world.get(`${prefix}/clusters`)).body);
      const one = schemas.cluster.parse((await world.get(`${prefix}/clusters/kedge`)).body);
      expect(list.data).toEqual([one]);
      expect(one).toMatchObject({
        kind: "KafkaCluster",
        cluster_id: "kedge",
        metadata: {
          self: `${ORIGIN}${prefix}/clusters/kedge`,
          resource_name: "crn:///kafka=kedge",
        },
        topics: { related: `${ORIGIN}${prefix}/clusters/kedge/topics` },
        controller: { related: `${ORIGIN}${prefix}/clusters/kedge/brokers/1` },
      });
      expect(list.metadata).toEqual({ self: `${ORIGIN}${prefix}/clusters`, next: null });
    }
  });

  test("brokers carry the advertised address", async () => {
    const { data } = schemas.brokerList.parse((await world.get(`${C}/brokers`)).body);
    expect(data.map((b) => [b.broker_id, b.host, b.port, b.rack])).toEqual([
      [1, "kafka.example", 9092, "wnam"],
      [2, "kafka.example", 9092, "weur"],
      [3, "kafka.example", 9092, "apac"],
    ]);
    expect((await world.get(`${C}/brokers/2`)).body).toEqual(data[1]);
  });

  test("REST17: a broker is fenced and unfenced, and the lists say so", async () => {
    await world.createTopic("fenced", 6);
    const path = `${C}/brokers`;
    const led = async (id: number) => {
      const found = (await world.catalogue.topics("kedge", ["fenced"])).get("fenced");
      return found?.partitions.filter(({ leader }) => leader === id).length;
    };
    const before = await led(2);
    const fenced = await world.request("POST", `${path}/2:fence`);
    expect(fenced.status).toBe(200);
    const answer = schemas.brokerFencing.parse(fenced.body);
    expect(answer).toMatchObject({ broker_id: 2, is_fenced: true, leaders_moved: 0, pending: 0 });
    expect(answer.leaderless).toBeGreaterThanOrEqual(before ?? 0);
    expect(await led(2)).toBe(0);
    const { data } = schemas.brokerList.parse((await world.get(path)).body);
    expect(data.map((b) => [b.broker_id, b.is_fenced])).toEqual([
      [1, false],
      [2, true],
      [3, false],
    ]);
    expect((await world.request("POST", `${path}/1:fence`)).status).toBe(200);
    const last = await world.request<{ message: string }>("POST", `${path}/3:fence`);
    expect([last.status, last.body]).toMatchObject([400, { error_code: 40002 }]);
    expect(last.body.message).toContain("Broker 3 is the last one that is not fenced");
    expect((await world.request("POST", `${path}/3:fence?force=true`)).status).toBe(200);
    expect((await world.request("POST", `${path}/3:fence?force=perhaps`)).status).toBe(400);
    for (const id of [1, 2, 3]) {
      const { status, body } = await world.request("POST", `${path}/${id}:unfence`);
      expect([status, schemas.brokerFencing.parse(body).is_fenced]).toEqual([200, false]);
    }
    expect(await led(2)).toBe(before);
    expect((await world.request("POST", `${path}/9:fence`)).status).toBe(404);
    expect((await world.request("POST", `${path}/1:destroy`)).status).toBe(405);
    expect((await world.request("DELETE", `${C}/topics/fenced`)).status).toBe(204);
  });

  test("REST18: moves of replicas are listed by partition, topic and cluster", async () => {
    await world.createTopic("moving", 2);
    const found = (await world.catalogue.topics("kedge", ["moving"])).get("moving");
    const [row] = found?.partitions ?? [];
    if (found === undefined || row === undefined) throw new Error("the topic was not created");
    const reassignment = { adding: [2, 3].filter((id) => id !== row.leader), removing: [] };
    await world.catalogue.changePartitions("kedge", [
      {
        ...{ topicId: found.topicId, partition: 0, expectedPartitionEpoch: 0 },
        ...{ next: { ...row, replicas: [row.leader, ...reassignment.adding] }, reassignment },
      },
    ]);
    const T = `${C}/topics/moving/partitions`;
    const one = await world.get(`${T}/0/reassignment`);
    expect(schemas.reassignment.parse(one.body)).toMatchObject({
      ...{ topic_name: "moving", partition_id: 0, removing_replicas: [] },
      adding_replicas: reassignment.adding,
    });
    for (const path of [`${T}/-/reassignment`, `${C}/topics/-/partitions/-/reassignment`]) {
      const list = schemas.reassignmentList.parse((await world.get(path)).body);
      expect(list.data).toEqual([one.body]);
    }
    expect((await world.get(`${T}/1/reassignment`)).status).toBe(404);
    const gone = await world.get(`${C}/topics/no/partitions/-/reassignment`);
    expect(gone.body).toMatchObject({ error_code: 40403 });
    const replicas = schemas.replicaList.parse((await world.get(`${T}/0/replicas`)).body);
    expect(replicas.data.map((r) => [r.broker_id, r.is_leader, r.is_in_sync])).toEqual([
      [row.leader, true, true],
      ...reassignment.adding.map((id) => [id, false, false]),
    ]);
    expect((await world.request("DELETE", `${C}/topics/moving`)).status).toBe(204);
  });

  test("what is not there", async () => {
    const cluster = await world.get("/v3/clusters/other/topics");
    expect([cluster.status, cluster.body]).toEqual([
      404,
      { error_code: 404, message: "Cluster other cannot be found." },
    ]);
    const broker = await world.get(`${C}/brokers/9`);
    expect([broker.status, broker.body]).toEqual([
      404,
      { error_code: 404, message: "Broker 9 cannot be found." },
    ]);
    expect((await world.get(`${C}/links`)).status).toBe(404);
    expect((await world.get(`${C}/topics`, { accept: "text/html" })).status).toBe(406);
    const method = await world.request("DELETE", `${C}/topics`);
    expect([method.status, method.headers.get("allow")]).toEqual([405, "GET, POST"]);
  });
});

describe("topics", () => {
  test("create answers 201 with the topic as it is, and where it is", async () => {
    const { status, body, headers } = await create({ topic_name: "t", partitions_count: 4 });
    expect(status).toBe(201);
    const topic = schemas.topic.parse(body);
    expect(topic).toMatchObject({ topic_name: "t", partitions_count: 4, replication_factor: 1 });
    expect(headers.get("location")).toBe(`${ORIGIN}${C}/topics/t`);
    expect((await world.get(`${C}/topics/t`)).body).toEqual(topic);
    expect(topic.metadata.resource_name).toBe("crn:///kafka=kedge/topic=t");
  });

  test("numbers left out are the broker's defaults; names may need encoding in links", async () => {
    world = new RestWorld({ config: { numPartitions: 3 } });
    const { body } = await create({ topic_name: "a.b_c-d" });
    expect(body).toMatchObject({ partitions_count: 3 });
  });

  test("replicas_assignments stand for both numbers", async () => {
    const assignments = { "0": [2], "1": [3] };
    const request = { topic_name: "t", partitions_count: 9, replicas_assignments: assignments };
    const { status, body } = await create(request);
    expect([status, body]).toMatchObject([201, { partitions_count: 2, replication_factor: 1 }]);
    const replicas = await world.get(`${C}/topics/t/partitions/1/replicas`);
    expect(
      schemas.replicaList.parse(replicas.body).data.map((r) => [r.broker_id, r.is_leader]),
    ).toEqual([[3, true]]);
  });

  test("configs are kept", async () => {
    await create({ topic_name: "t", configs: [{ name: "retention.ms", value: "5" }] });
    const { body } = await world.get<{ configs: Record<string, string> }>("/topics/t");
    expect(body.configs["retention.ms"]).toBe("5");
  });

  test("validate_only says what would be, with 200, and makes nothing", async () => {
    const { status, body } = await create({
      topic_name: "t",
      partitions_count: 2,
      validate_only: true,
    });
    expect([status, body]).toMatchObject([200, { topic_name: "t", partitions_count: 2 }]);
    expect((await world.get(`${C}/topics/t`)).status).toBe(404);
  });

  test("list is by name; describe and delete", async () => {
    for (const topic_name of ["b", "a"]) await create({ topic_name });
    const { data } = schemas.topicList.parse((await world.get(`${C}/topics`)).body);
    expect(data.map((topic) => topic.topic_name)).toEqual(["a", "b"]);
    const gone = await world.request("DELETE", `${C}/topics/a`);
    expect([gone.status, gone.text]).toEqual([204, ""]);
    expect((await world.get(`${C}/topics/a`)).body).toMatchObject({ error_code: 40403 });
    expect((await world.request("DELETE", `${C}/topics/a`)).body).toMatchObject({
      error_code: 40403,
    });
  });

  test("PATCH adds partitions, and never takes any away", async () => {
    await create({ topic_name: "t", partitions_count: 1 });
    const patch = (partitions_count: unknown, topic = "t") =>
      world.request("PATCH", `${C}/topics/${topic}`, {
        type: JSON_TYPE,
        body: { partitions_count },
      });
    const { status, body } = await patch(3);
    expect([status, body]).toMatchObject([200, { partitions_count: 3 }]);
    for (const count of [3, 2, 0, -1]) {
      const refused = await patch(count);
      expect([refused.status, refused.body]).toMatchObject([400, { error_code: 40002 }]);
    }
    expect((await patch(2, "none")).body).toMatchObject({ error_code: 40403 });
    expect((await patch("3")).status).toBe(400);
  });

  test.each([
    ["a topic that exists", { topic_name: "t" }, 400, 40002],
    ["a bad name", { topic_name: "a b" }, 400, 40002],
    ["no name", { partitions_count: 1 }, 422, 422],
    ["no partitions", { topic_name: "u", partitions_count: 0 }, 400, 40002],
    ["more replicas than brokers", { topic_name: "u", replication_factor: 9 }, 400, 40002],
    ["an unknown config", { topic_name: "u", configs: [{ name: "x", value: "1" }] }, 400, 40002],
    [
      "a config twice",
      { topic_name: "u", configs: [{ name: "retention.ms" }, { name: "retention.ms" }] },
      422,
      422,
    ],
    ["a text for a number", { topic_name: "u", partitions_count: "1" }, 400, 400],
    [
      "a partition that is no number",
      { topic_name: "u", replicas_assignments: { a: [1] } },
      422,
      422,
    ],
    ["an unknown field", { topic_name: "u", partitions: 1 }, 422, 422],
    ["no body", undefined, 422, 42206],
    ["no JSON", "{", 400, 400],
  ])("REST9: create refuses %s", async (_, body, status, code) => {
    await create({ topic_name: "t" });
    const answer = await create(body);
    expect([answer.status, answer.body]).toMatchObject([status, { error_code: code }]);
    expect((await world.get(`${C}/topics/u`)).status).toBe(404);
  });

  test("a body that is not application/json is 415", async () => {
    const { status, body } = await world.request("POST", `${C}/topics`, {
      type: "text/plain",
      body: "{}",
    });
    expect([status, body]).toMatchObject([415, { error_code: 415 }]);
  });
});

describe("partitions", () => {
  beforeEach(async () => {
    await world.createTopic("t", 2);
  });

  test("list, get, offsets and replicas agree", async () => {
    const { data } = schemas.partitionList.parse(
      (await world.get(`${C}/topics/t/partitions`)).body,
    );
    expect(data.map((p) => p.partition_id)).toEqual([0, 1]);
    expect((await world.get(`${C}/topics/t/partitions/1`)).body).toEqual(data[1]);
    const body = { records: [{ value: 1, partition: 1 }] };
    await world.request("POST", "/topics/t", { type: "application/vnd.kafka.json.v2+json", body });
    const offset = await world.get(
      `${C}/topics/t/partitions/1/offset?offset_type=earliest_and_latest`,
    );
    expect(schemas.partitionWithOffsets.parse(offset.body)).toMatchObject({
      kind: "KafkaPartitionWithOffsets",
      earliest_offset: 0,
      latest_offset: 1,
    });
    const replicas = schemas.replicaList.parse(
      (await world.get(`${C}/topics/t/partitions/1/replicas`)).body,
    );
    const [first] = replicas.data;
    expect(first).toMatchObject({ is_leader: true, is_in_sync: true });
    expect(data[1]?.leader?.related).toBe(first?.metadata.self);
    expect(
      (await world.get(`${C}/topics/t/partitions/1/replicas/${first?.broker_id}`)).body,
    ).toEqual(first);
  });

  test("REST9: what is not there is 40403", async () => {
    for (const path of ["2", "-1", "x", "2/offset", "2/replicas", "0/replicas/9"]) {
      const { status, body } = await world.get(`${C}/topics/t/partitions/${path}`);
      expect([path, status, body]).toMatchObject([path, 404, { error_code: 40403 }]);
    }
    expect((await world.get(`${C}/topics/none/partitions`)).body).toMatchObject({
      error_code: 40403,
    });
  });

  test("offset_type has one value; it may be left out", async () => {
    expect((await world.get(`${C}/topics/t/partitions/0/offset`)).status).toBe(200);
    const other = await world.get(`${C}/topics/t/partitions/0/offset?offset_type=latest`);
    expect([other.status, other.body]).toMatchObject([400, { error_code: 400 }]);
  });
});

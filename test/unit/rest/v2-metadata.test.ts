import { beforeEach, describe, expect, test } from "vitest";
import { brokers, offsets, topic } from "../../../src/rest/v2/schemas.ts";
import { RestWorld } from "../../support/rest-world.ts";

const V2 = "application/vnd.kafka.v2+json";

let world: RestWorld;
beforeEach(async () => {
  world = new RestWorld();
  await world.createTopic("b", 2, { "retention.ms": "1000" });
  await world.createTopic("a");
});

describe("what is there", () => {
  test("the root is an empty object, to GET and POST", async () => {
    expect((await world.get("/")).body).toEqual({});
    expect((await world.request("POST", "/", { type: V2, body: { any: 1 } })).body).toEqual({});
  });

  test("brokers are regions", async () => {
    const { status, body, type } = await world.get("/brokers");
    expect([status, type, brokers.parse(body)]).toEqual([200, V2, { brokers: [1, 2, 3] }]);
  });

  test("topics by name, with and without a slash at the end", async () => {
    expect((await world.get("/topics")).body).toEqual(["a", "b"]);
    expect((await world.get("/topics/")).body).toEqual(["a", "b"]);
  });

  test("a topic has its configs, defaults too, and its partitions", async () => {
    const { body } = await world.get("/topics/b");
    const shown = topic.parse(body);
    expect(shown.name).toBe("b");
    expect(shown.configs["retention.ms"]).toBe("1000");
    expect(shown.configs["cleanup.policy"]).toBe("delete");
    expect(shown.partitions.map((p) => p.partition)).toEqual([0, 1]);
    expect((await world.get("/topics/b/partitions")).body).toEqual(shown.partitions);
    expect((await world.get("/topics/b/partitions/1/")).body).toEqual(shown.partitions[1]);
    for (const { leader, replicas } of shown.partitions) {
      expect(replicas).toEqual([{ broker: leader, leader: true, in_sync: true }]);
    }
  });

  test("offsets follow the log", async () => {
    const at = async () => offsets.parse((await world.get("/topics/a/partitions/0/offsets")).body);
    expect(await at()).toEqual({ beginning_offset: 0, end_offset: 0 });
    const body = { records: [{ value: 1 }, { value: 2 }] };
    await world.request("POST", "/topics/a", { type: "application/vnd.kafka.json.v2+json", body });
    expect(await at()).toEqual({ beginning_offset: 0, end_offset: 2 });
  });

  test("HEAD has the headers of GET", async () => {
    const { status, type, text } = await world.request("HEAD", "/topics/a");
    expect([status, type, text]).toEqual([200, V2, ""]);
  });
});

describe("what is not there", () => {
  test.each([
    ["/topics/none", 404, 40401],
    ["/topics/none/partitions", 404, 40401],
    ["/topics/none/partitions/0", 404, 40401],
    ["/topics/none/partitions/0/offsets", 404, 40401],
    ["/topics/a/partitions/1", 404, 40402],
    ["/topics/a/partitions/-1", 404, 40402],
    ["/topics/a/partitions/zero/offsets", 404, 40402],
    ["/topics/a%20b", 400, 40002],
    ["/nothing", 404, 404],
    ["/topics/a/b/c/d", 404, 404],
    ["/consumers", 404, 404],
  ])("%s is %i with %i", async (path, status, code) => {
    const answer = await world.get(path);
    expect([answer.status, answer.body, answer.type]).toMatchObject([
      status,
      { error_code: code },
      "application/json",
    ]);
  });

  test("a topic is not made by asking for it", async () => {
    await world.get("/topics/none");
    expect((await world.get("/topics")).body).toEqual(["a", "b"]);
  });

  test("another method is 405, with Allow", async () => {
    const { status, body, headers } = await world.request("DELETE", "/topics/a");
    expect([status, body, headers.get("allow")]).toEqual([
      405,
      {
        error_code: 405,
        message: "HTTP 405 Method Not Allowed: /topics/a takes GET, POST, not DELETE",
      },
      "GET, POST",
    ]);
  });

  test("REST8: a form that nobody has is 406", async () => {
    const { status, body } = await world.get("/topics", { accept: "text/html" });
    expect([status, body]).toMatchObject([406, { error_code: 406 }]);
    const types = ["application/json", "application/*;q=0.1", "application/vnd.kafka.json.v2+json"];
    for (const accept of types) expect((await world.get("/topics", { accept })).status).toBe(200);
  });
});

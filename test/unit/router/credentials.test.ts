/** Who comes in over HTTP, and that nobody's secret is told, written down or kept. */
import { beforeEach, describe, expect, test } from "vitest";
import { saltPassword, scramCredentialOf } from "../../../src/broker/scram.ts";
import { utf8Encode } from "../../../src/lib/bytes.ts";
import { AccessWorld, ADMIN, ADMIN_KEY, acl, basic } from "../../support/access-world.ts";
import { RestWorld } from "../../support/rest-world.ts";

const KEYS = "/v3/clusters/kedge/api-keys";
const JSON_TYPE = "application/json";

let world: AccessWorld;
beforeEach(() => {
  world = new AccessWorld();
});

interface CreatedKey {
  key_id: string;
  secret: string;
  principal: string;
  expires_at: string | null;
  metadata: { self: string };
}

async function create(body: object, headers: Record<string, string> = ADMIN) {
  return world.request<CreatedKey>("POST", KEYS, { type: JSON_TYPE, body, headers });
}

const statusOf = async (headers: Record<string, string>): Promise<number> =>
  (await world.get("/brokers", headers)).status;

describe("API keys", () => {
  test("KEY1: a key is made, used as Bearer and as Basic, listed and deleted", async () => {
    const { status, body, headers } = await create({ principal: "User:alice", description: "app" });
    expect(status).toBe(201);
    expect(body).toMatchObject({ principal: "User:alice", description: "app", expires_at: null });
    expect(body.key_id).toMatch(/^[A-Z2-7]{16}$/);
    expect(body.secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(headers.get("location")).toBe(body.metadata.self);
    for (const good of [
      { authorization: `Bearer ${body.key_id}.${body.secret}` },
      basic(body.key_id, body.secret),
    ]) {
      expect(await statusOf(good)).toBe(200);
      expect(world.principal).toBe("User:alice");
    }
    const listed = await world.get<{ data: CreatedKey[] }>(KEYS, ADMIN);
    expect(listed.body.data.map(({ key_id }) => key_id)).toEqual([body.key_id]);
    expect(listed.text).not.toContain(body.secret);
    const deletion = () => world.request("DELETE", `${KEYS}/${body.key_id}`, { headers: ADMIN });
    expect((await deletion()).status).toBe(204);
    expect((await deletion()).status).toBe(404);
    expect(await statusOf(basic(body.key_id, body.secret))).toBe(401);
  });

  test("KEY2: what is nearly a key opens nothing", async () => {
    const { key, secret } = await world.newKey("User:alice");
    const other = await world.newKey("User:bob");
    for (const wrong of [
      `Bearer ${key.keyId}.${secret}x`,
      `Bearer ${key.keyId}.${secret.slice(0, -1)}`,
      `Bearer ${key.keyId}.${other.secret}`,
      `Bearer ${key.keyId}`,
      `Bearer ${key.keyId}.`,
      `Bearer .${secret}`,
      `Bearer ${secret}`,
      `Bearer ${key.keyId.toLowerCase()}.${secret}`,
      `Bearer ${key.keyId}.${key.secretHash}`,
      `Digest ${key.keyId}.${secret}`,
      "Bearer ",
    ]) {
      expect([wrong, await statusOf({ authorization: wrong })]).toEqual([wrong, 401]);
    }
  });

  test("KEY3: a key has an end", async () => {
    const at = new Date(world.nowMs + 60_000).toISOString();
    const { body } = await create({ principal: "User:alice", expires_at: at });
    expect(body.expires_at).toBe(at);
    const headers = basic(body.key_id, body.secret);
    world.nowMs += 59_999;
    expect(await statusOf(headers)).toBe(200);
    world.nowMs += 1;
    expect(await statusOf(headers)).toBe(401);
  });

  test.each([
    [{ principal: "alice" }, 400, 40002, "User:<name>"],
    [{ principal: "User:*" }, 400, 40002, "all of them"],
    [{ principal: `User:${"x".repeat(600)}` }, 400, 40002, "at most 512"],
    [{ principal: "User:a", description: "x".repeat(513) }, 400, 40002, "513 characters"],
    [{ principal: "User:a", expires_at: "tomorrow" }, 400, 400, "tomorrow"],
    [{ principal: "User:a", expires_at: "2001-01-01T00:00:00Z" }, 400, 40002, "expired"],
    [{}, 422, 422, "principal is missing"],
    [{ principal: "User:a", secret: "mine" }, 422, 422, "Unrecognized field: secret"],
  ])("KEY4: %j is refused", async (body, status, code, says) => {
    const answer = await create(body);
    expect([answer.status, answer.body]).toMatchObject([status, { error_code: code }]);
    expect(answer.text).toContain(says);
  });

  test("KEY5: a key of one cluster is nobody's in another", async () => {
    const { key, secret } = await world.newKey("User:alice");
    await world.security.createApiKey("other", { ...key, keyId: "OTHEROTHEROTHER2" });
    expect(await statusOf(basic("OTHEROTHEROTHER2", secret))).toBe(401);
    expect(await statusOf(basic(key.keyId, secret))).toBe(200);
  });

  test("KEY6: only who may change the cluster makes keys, and sees them who may describe it", async () => {
    const alice = await world.alice();
    expect((await create({ principal: "User:admin" }, alice)).status).toBe(403);
    expect((await world.get(KEYS, alice)).status).toBe(403);
    await world.security.createAcls("kedge", [acl("CLUSTER - DESCRIBE")]);
    expect((await world.get(KEYS, alice)).status).toBe(200);
    expect((await create({ principal: "User:a" }, alice)).status).toBe(403);
    await world.security.createAcls("kedge", [acl("CLUSTER - ALTER")]);
    expect((await create({ principal: "User:a" }, alice)).status).toBe(201);
  });
});

describe("passwords over HTTP", () => {
  async function addUser(user: string, password: string): Promise<void> {
    const salt = utf8Encode("salt");
    const salted = await saltPassword(2, password, salt, 4096);
    const credential = await scramCredentialOf({ user, mechanism: 2 }, salt, 4096, salted);
    await world.security.alterScramCredentials("kedge", [credential], []);
  }

  test("DOOR3: a SCRAM user's name and password are Basic, until they change", async () => {
    await addUser("sam", "pencil: of gold");
    for (let again = 0; again < 2; again++) {
      expect(await statusOf(basic("sam", "pencil: of gold"))).toBe(200);
      expect(world.principal).toBe("User:sam");
      expect(await statusOf(basic("sam", "pencil"))).toBe(401);
      expect(await statusOf(basic("nobody", "pencil: of gold"))).toBe(401);
    }
    await addUser("sam", "another");
    expect(await statusOf(basic("sam", "pencil: of gold"))).toBe(401);
    expect(await statusOf(basic("sam", "another"))).toBe(200);
    await world.security.alterScramCredentials("kedge", [], [{ user: "sam", mechanism: 2 }]);
    expect(await statusOf(basic("sam", "another"))).toBe(401);
    expect(await statusOf(basic("sam", "x".repeat(10_000)))).toBe(401);
  });

  test("DOOR10: an open service takes credentials too, and holds to them", async () => {
    const open = new RestWorld();
    expect((await open.get("/brokers")).status).toBe(200);
    expect((await open.get("/brokers", { authorization: "Bearer wrong" })).status).toBe(401);
  });
});

describe("secrets", () => {
  test("SEC1: no answer, log line or stored value has one", async () => {
    const told: string[] = [];
    const keep = async (work: Promise<{ text: string }>): Promise<void> => {
      told.push((await work).text);
    };
    const { body } = await create({ principal: "User:alice" });
    const secrets = [body.secret, ADMIN_KEY, "a pencil of gold"];
    const wrong = secrets.map((secret) => `${secret}!`);
    for (const [at, secret] of [...secrets, ...wrong].entries()) {
      const user = at % 3 === 0 ? body.key_id : "sam";
      await keep(world.get("/topics", basic(user, secret)));
      await keep(world.get("/nothing", { authorization: `Bearer ${user}.${secret}` }));
      const frame = utf8Encode(`\0\0\0\x20\0\x24\0\0\0\0\0\x01\xff\xff${secret}`);
      await keep(world.request("POST", "/kafka", { body: frame, headers: ADMIN }));
      const headers = { "x-kedge-session": secret };
      await keep(world.request("POST", "/kafka", { body: frame, headers }));
    }
    await keep(world.get(KEYS, ADMIN));
    const stored = [
      ...(await world.security.apiKeys("kedge")),
      ...(await world.security.scramCredentials("kedge", null)),
    ];
    const all = [...told, JSON.stringify(world.logs), JSON.stringify(stored)].join("\n");
    for (const secret of secrets) expect(all).not.toContain(secret);
    expect(told.length).toBe(6 * 4 + 1);
  });
});

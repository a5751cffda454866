import { beforeEach, describe, expect, test } from "vitest";
import { saltPassword, scramCredentialOf } from "../../../src/broker/scram.ts";
import { SASL_EXCHANGE_MS, SESSION_TOKEN_MS } from "../../../src/constants.ts";
import { base64UrlDecode, base64UrlEncode } from "../../../src/lib/base64.ts";
import { utf8Decode, utf8Encode } from "../../../src/lib/bytes.ts";
import { ScramMechanism } from "../../../src/protocol/acl-codes.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { apiVersionsApi } from "../../../src/protocol/api/18-api-versions.ts";
import { saslAuthenticateApi } from "../../../src/protocol/api/36-sasl-authenticate.ts";
import { describeTopicPartitionsApi } from "../../../src/protocol/api/75-describe-topic-partitions.ts";
import { sessionTokens } from "../../../src/router/session-tokens.ts";
import { AccessWorld, ADMIN_KEY } from "../../support/access-world.ts";
import { RestWorld } from "../../support/rest-world.ts";
import { SaslClient } from "../../support/sasl-client.ts";

const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const CLIENT = { clientSoftwareName: "a", clientSoftwareVersion: "1" };
const ALL = { topics: null };

let world: AccessWorld;
let client: SaslClient;

async function addUser(of: RestWorld, user: string, password: string): Promise<void> {
  const salt = utf8Encode(`salt of ${user}`);
  const set = await Promise.all(
    Object.values(ScramMechanism).map(async (mechanism) => {
      const salted = await saltPassword(mechanism, password, salt, 4096);
      return scramCredentialOf({ user, mechanism }, salt, 4096, salted);
    }),
  );
  await of.security.alterScramCredentials("kedge", set, []);
}

beforeEach(async () => {
  world = new AccessWorld();
  client = new SaslClient(world);
  await world.createTopic("t").catch(() => undefined);
});

const principalOf = async (it: SaslClient): Promise<string> => {
  expect((await it.ask(metadataApi, 9, ALL)).status).toBe(200);
  return world.principal;
};

describe("before SASL", () => {
  test("SASL1: ApiVersions is answered, then SaslHandshake; the gateway learns nothing of it", async () => {
    const { body } = await client.ask(apiVersionsApi, 3, CLIENT);
    expect(body.errorCode).toBe(0);
    expect(body.apiKeys.map(({ apiKey }) => apiKey)).toContain(17);
    expect(client.session).toBe("new");
    expect(await client.handshake("PLAIN")).toEqual({ errorCode: 0, mechanisms: MECHANISMS });
    expect(client.session).not.toBe("new");
  });

  test("SASL1: any other request is refused and ends the connection", async () => {
    // An API whose answer has no place for an error of the whole: closed without an answer.
    const silent = await client.ask(metadataApi, 9, ALL);
    expect([silent.status, silent.text]).toEqual([
      400,
      expect.stringContaining("Unexpected Kafka request of type Metadata before SASL"),
    ]);
    const none = { topics: [], responsePartitionLimit: 1, cursor: null };
    const alsoSilent = await client.ask(describeTopicPartitionsApi, 0, none);
    expect(alsoSilent.status).toBe(400);
    const named = new SaslClient(world);
    const { body } = await named.ask(describeTopicPartitionsApi, 0, {
      ...{ topics: [{ name: "t" }], responsePartitionLimit: 1, cursor: null },
    });
    expect(body.topics).toMatchObject([{ errorCode: 34, partitions: [] }]);
    expect(named.closed).toBe(true);
    // In the middle of an exchange too.
    const half = new SaslClient(world);
    await half.handshake("SCRAM-SHA-256");
    await half.authenticate("n,,n=user,r=x");
    expect((await half.ask(metadataApi, 9, ALL)).status).toBe(400);
  });

  test("SASL1: a request before SASL is small", async () => {
    const { status } = await client.send(new Uint8Array(512 * 1024 + 5));
    expect(status).toBe(413);
  });

  test("SASL2: tokens without a handshake are refused", async () => {
    expect(await client.authenticate("\0a\0b")).toMatchObject({ errorCode: 34 });
    expect(client.closed).toBe(true);
  });

  test("SASL2: a mechanism that is none is 33, with those that there are", async () => {
    const answer = await client.handshake("GSSAPI");
    expect(answer).toEqual({ errorCode: 33, mechanisms: MECHANISMS });
    expect(client.closed).toBe(true);
  });

  test("SASL2: a second handshake inside an exchange is refused", async () => {
    await client.handshake("PLAIN");
    expect((await client.handshake("PLAIN")).errorCode).toBe(34);
    expect(client.closed).toBe(true);
  });

  test("SASL2: a request with credentials of its own has nothing to authenticate", async () => {
    const headers = await world.alice();
    const body = { authBytes: utf8Encode("\0a\0b") };
    const { errorCode } = await world.ask(headers, saslAuthenticateApi, 2, body);
    expect(errorCode).toBe(34);
  });
});

describe("PLAIN", () => {
  test("SASL5: an API key, a SCRAM user's password, and the admin's key", async () => {
    await addUser(world, "sam", "sam's secret");
    const { key, secret } = await world.newKey("User:bob");
    for (const [user, password, principal] of [
      [key.keyId, secret, "User:bob"],
      ["sam", "sam's secret", "User:sam"],
      ["anybody", ADMIN_KEY, "User:admin"],
    ] as const) {
      const it = new SaslClient(world);
      const answer = await it.plain(user, password);
      expect(answer).toMatchObject({ errorCode: 0, errorMessage: null, sessionLifetimeMs: 0 });
      expect(it.closed).toBe(false);
      expect(await principalOf(it)).toBe(principal);
    }
  });

  test("SASL5: a wrong name and a wrong password are told the same, and end the connection", async () => {
    await addUser(world, "sam", "sam's secret");
    const { key, secret } = await world.newKey("User:bob");
    const tokens = [
      ["\0sam\0wrong", "a wrong password"],
      ["\0nobody\0wrong", "a wrong name"],
      [`\0${key.keyId}\0${secret}x`, "a wrong secret"],
      [`\0AAAAAAAAAAAAAAAA\0${secret}`, "another key's id"],
      ["other\0sam\0sam's secret", "for another"],
      ["\0sam\0", "no password"],
      ["\0\0x", "no name"],
      ["sam", "no token"],
      ["\0sam\0sam's secret\0", "more"],
      ["", "nothing"],
    ] as const;
    for (const [token, what] of tokens) {
      const it = new SaslClient(world);
      await it.handshake("PLAIN");
      const { errorCode, errorMessage, text } = await it.authenticate(token);
      expect([what, errorCode, errorMessage, text]).toEqual([
        ...[what, 58, "Authentication failed: Invalid username or password", ""],
      ]);
      expect(it.closed).toBe(true);
    }
  });

  test("SASL5: one that names itself as the one to act for is let in", async () => {
    await addUser(world, "sam", "s");
    await client.handshake("PLAIN");
    expect((await client.authenticate("sam\0sam\0s")).errorCode).toBe(0);
  });

  test("SASL6: version 0 of the handshake: tokens without Kafka's headers", async () => {
    await addUser(world, "sam", "sam's secret");
    const frameOf = (text: string) => {
      const bytes = utf8Encode(text);
      const frame = new Uint8Array(4 + bytes.length);
      new DataView(frame.buffer).setInt32(0, bytes.length);
      frame.set(bytes, 4);
      return frame;
    };
    expect((await client.handshake("PLAIN", 0)).errorCode).toBe(0);
    const { status, bytes } = await client.send(frameOf("\0sam\0sam's secret"));
    expect([status, [...bytes]]).toEqual([200, [0, 0, 0, 0]]);
    expect(await principalOf(client)).toBe("User:sam");
    const wrong = new SaslClient(world);
    await wrong.handshake("PLAIN", 0);
    const refused = await wrong.send(frameOf("\0sam\0wrong"));
    expect([refused.status, wrong.closed]).toEqual([401, true]);
  });
});

describe("SCRAM", () => {
  test.each(["sha256", "sha512"] as const)(
    "SASL3: %s, and the server proves itself",
    async (hash) => {
      await addUser(world, "sam", "pencil");
      expect(await client.scram(hash, "sam", "pencil")).toMatchObject({ errorCode: 0 });
      expect(await principalOf(client)).toBe("User:sam");
    },
  );

  test("SASL3: a wrong password, an unknown user and nonsense end the connection alike", async () => {
    await addUser(world, "sam", "pencil");
    const told = async (
      work: (it: SaslClient) => Promise<{ errorCode: number; errorMessage: string | null }>,
    ) => {
      const it = new SaslClient(world);
      const { errorCode, errorMessage } = await work(it);
      return [errorCode, errorMessage, it.closed];
    };
    const wrong = [
      58,
      "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256",
      true,
    ];
    expect(await told((it) => it.scram("sha256", "sam", "pen"))).toEqual(wrong);
    expect(await told((it) => it.scram("sha256", "nobody", "pencil"))).toEqual(wrong);
    expect(
      await told(async (it) => {
        await it.handshake("SCRAM-SHA-256");
        return it.authenticate("nonsense");
      }),
    ).toEqual(wrong);
  });

  test("SASL3: the challenge does not tell who there is", async () => {
    await addUser(world, "sam", "pencil");
    const challenge = async (user: string) => {
      const it = new SaslClient(world);
      await it.handshake("SCRAM-SHA-256");
      const { text } = await it.authenticate(`n,,n=${user},r=abc`);
      expect(text).toMatch(/^r=abc[A-Za-z0-9+/]{32},s=[A-Za-z0-9+/]+=*,i=4096$/);
      return /s=([^,]+)/.exec(text)?.[1];
    };
    expect(await challenge("nobody")).toBe(await challenge("nobody"));
    expect(await challenge("nobody")).not.toBe(await challenge("noone"));
  });

  test("SASL3: each challenge is another one", async () => {
    await addUser(world, "sam", "pencil");
    const texts = await Promise.all(
      [1, 2].map(async () => {
        const it = new SaslClient(world);
        await it.handshake("SCRAM-SHA-512");
        return (await it.authenticate("n,,n=sam,r=abc")).text;
      }),
    );
    expect(texts[0]).not.toBe(texts[1]);
  });
});

describe("the token between two frames", () => {
  const signedIn = async (it = client) => {
    await it.plain("x", ADMIN_KEY);
    return it.session;
  };

  test("SESS1: a token that was bent is no token", async () => {
    const token = await signedIn();
    for (let at = 0; at < token.length; at += 7) {
      const it = new SaslClient(world);
      const other = token[at] === "A" ? "B" : "A";
      it.session = token.slice(0, at) + other + token.slice(at + 1);
      const { status, text } = await it.ask(metadataApi, 9, ALL);
      expect([at, status, text]).toEqual([at, 401, expect.stringContaining("session has ended")]);
    }
    for (const nonsense of [
      "",
      ".",
      "new.",
      token.slice(0, -1),
      `${token}.`,
      `${token}=`,
      "close",
    ]) {
      const it = new SaslClient(world);
      it.session = nonsense;
      expect([nonsense, (await it.ask(metadataApi, 9, ALL)).status]).toEqual([nonsense, 401]);
    }
  });

  test("SESS1: another's payload under one's own signature is no token", async () => {
    const { key, secret } = await world.newKey("User:bob");
    const bob = new SaslClient(world);
    await bob.plain(key.keyId, secret);
    const [payload = "", mac = ""] = bob.session.split(".");
    const text = utf8Decode(base64UrlDecode(payload) ?? new Uint8Array());
    expect(text).toContain("User:bob");
    bob.session = `${base64UrlEncode(utf8Encode(text.replace("User:bob", "User:admin")))}.${mac}`;
    expect((await bob.ask(metadataApi, 9, ALL)).status).toBe(401);
  });

  test("SESS2: there is no secret in it", async () => {
    await addUser(world, "sam", "a pencil of gold");
    const seen: string[] = [];
    const watched = new SaslClient(world);
    await watched.scram("sha256", "sam", "a pencil of gold");
    seen.push(watched.session);
    const { key, secret } = await world.newKey("User:bob");
    const bob = new SaslClient(world);
    await bob.plain(key.keyId, secret);
    seen.push(bob.session, await signedIn());
    const texts = seen.map((token) =>
      utf8Decode(base64UrlDecode(token.split(".")[0] ?? "") ?? new Uint8Array()),
    );
    const kept = await world.security.scramCredentials("kedge", null);
    const secrets = [secret, "pencil", ADMIN_KEY, key.secretHash];
    secrets.push(...kept.flatMap(({ storedKey, serverKey }) => [storedKey, serverKey]));
    for (const one of secrets) expect(texts.join("\n")).not.toContain(one);
  });

  test("SESS3: it ends, and one in use is renewed at half of its time", async () => {
    const first = await signedIn();
    world.nowMs += SESSION_TOKEN_MS / 2 - 1;
    await principalOf(client);
    expect(client.session).toBe(first);
    world.nowMs += 1;
    await principalOf(client);
    expect(client.session).not.toBe(first);
    world.nowMs += SESSION_TOKEN_MS / 2;
    await principalOf(client);
    const old = new SaslClient(world);
    old.session = first;
    expect((await old.ask(metadataApi, 9, ALL)).status).toBe(401);
  });

  test("SESS3: an exchange that is not finished ends soon", async () => {
    await client.handshake("PLAIN");
    world.nowMs += SASL_EXCHANGE_MS;
    const { status } = await client.ask(saslAuthenticateApi, 2, {
      authBytes: utf8Encode(`\0x\0${ADMIN_KEY}`),
    });
    expect(status).toBe(401);
  });

  test("SESS4: with the key or the user it ends as well", async () => {
    const { key, secret } = await world.newKey("User:bob");
    await client.plain(key.keyId, secret);
    await principalOf(client);
    await world.security.deleteApiKey("kedge", key.keyId);
    expect((await client.ask(metadataApi, 9, ALL)).status).toBe(401);

    await addUser(world, "sam", "pencil");
    const sam = new SaslClient(world);
    await sam.scram("sha512", "sam", "pencil");
    await principalOf(sam);
    await world.security.alterScramCredentials("kedge", [], [{ user: "sam", mechanism: 2 }]);
    expect((await sam.ask(metadataApi, 9, ALL)).status).toBe(401);

    const brief = await world.newKey("User:bob", world.nowMs + 1_000);
    const soon = new SaslClient(world);
    await soon.plain(brief.key.keyId, brief.secret);
    await principalOf(soon);
    world.nowMs += 1_000;
    expect((await soon.ask(metadataApi, 9, ALL)).status).toBe(401);
  });

  test("SESS5: it is of one cluster, and of one deployment's secrets", async () => {
    const state = {
      nonce: "n",
      identity: { principal: "User:a", credential: { kind: "admin" as const }, endsAtMs: null },
      exchange: null,
    };
    const mine = await sessionTokens("one", "secret");
    const token = await mine.seal(state, 0, 1_000);
    expect((await mine.open(token, 999))?.state).toMatchObject(state);
    expect(await mine.open(token, 1_000)).toBeNull();
    expect(await (await sessionTokens("two", "secret")).open(token, 0)).toBeNull();
    expect(await (await sessionTokens("one", "another")).open(token, 0)).toBeNull();
    expect(await (await sessionTokens("one", "secret")).open(token, 0)).not.toBeNull();
  });

  test("SESS6: connections.max.reauth.ms: the client is told, and has to authenticate again", async () => {
    const strict = new RestWorld({
      vars: { KEDGE_API_KEY: ADMIN_KEY },
      config: { connectionsMaxReauthMs: 60_000 },
    });
    const it = new SaslClient(strict);
    expect(await it.plain("x", ADMIN_KEY)).toMatchObject({ sessionLifetimeMs: 60_000 });
    strict.nowMs += 50_000;
    // Before its time is over, as the same principal; requests in between are answered.
    await it.handshake("PLAIN");
    expect((await it.ask(metadataApi, 9, ALL)).status).toBe(200);
    expect((await it.authenticate(`\0x\0${ADMIN_KEY}`)).errorCode).toBe(0);
    strict.nowMs += 59_999;
    expect((await it.ask(metadataApi, 9, ALL)).status).toBe(200);
    strict.nowMs += 1;
    expect((await it.ask(metadataApi, 9, ALL)).status).toBe(400);
    // Late is not too late for SASL itself.
    const late = new SaslClient(strict);
    await late.plain("x", ADMIN_KEY);
    strict.nowMs += 60_000;
    expect((await late.plain("x", ADMIN_KEY)).errorCode).toBe(0);
    expect((await late.ask(metadataApi, 9, ALL)).status).toBe(200);
  });

  test("SESS6: nobody becomes another one", async () => {
    await addUser(world, "sam", "pencil");
    await client.plain("sam", "pencil");
    const { errorCode, errorMessage } = await client.plain("x", ADMIN_KEY);
    expect([errorCode, errorMessage]).toEqual([
      58,
      expect.stringContaining("Cannot change principals during re-authentication"),
    ]);
    expect(client.closed).toBe(true);
  });
});

describe("an open service", () => {
  test("SASL7: nobody has to say who he is, and who does is held to it", async () => {
    const open = new RestWorld();
    await addUser(open, "sam", "pencil");
    await open.createTopic("t");
    const anonymous = new SaslClient(open);
    const all = await anonymous.ask(metadataApi, 9, ALL);
    expect(all.body.topics.map(({ name }) => name)).toEqual(["t"]);
    expect([open.principal, anonymous.session]).toEqual(["User:ANONYMOUS", "new"]);
    const sam = new SaslClient(open);
    await sam.scram("sha256", "sam", "pencil");
    expect((await sam.ask(metadataApi, 9, ALL)).body.topics).toEqual([]);
    expect(open.principal).toBe("User:sam");
    const wrong = new SaslClient(open);
    expect(await wrong.plain("sam", "pen")).toMatchObject({ errorCode: 58 });
    expect(wrong.closed).toBe(true);
  });
});

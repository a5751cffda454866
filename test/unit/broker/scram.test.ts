import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import {
  isPassword,
  parseClientFirst,
  saltPassword,
  scramCredentialOf,
  serverFinal,
  serverFirst,
} from "../../../src/broker/scram.ts";
import { base64Decode, base64Encode } from "../../../src/lib/base64.ts";
import { utf8Encode } from "../../../src/lib/bytes.ts";
import { describeUserScramCredentialsApi } from "../../../src/protocol/api/50-describe-user-scram-credentials.ts";
import { alterUserScramCredentialsApi } from "../../../src/protocol/api/51-alter-user-scram-credentials.ts";
import { brokerUnderTest } from "../../support/broker-context.ts";
import { scramFinal } from "../../support/sasl-client.ts";

const SHA_256 = 1;
const SHA_512 = 2;

/** The exchange of RFC 7677, section 3 (user, pencil). SHA-512 is checked against Node's own functions. */
const TRANSCRIPTS = [
  {
    mechanism: SHA_256,
    salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
    clientFirst: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    serverNonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    clientFinal:
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    final: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
  },
] as const;

async function pencil(mechanism: number, salt: string) {
  const bytes = base64Decode(salt) ?? new Uint8Array();
  const salted = await saltPassword(mechanism, "pencil", bytes, 4096);
  return scramCredentialOf({ user: "user", mechanism }, bytes, 4096, salted);
}

describe("SCRAM", () => {
  test.each(TRANSCRIPTS)("SASL3: the RFC's own exchange, byte for byte", async (it) => {
    const credential = await pencil(it.mechanism, it.salt);
    const first = parseClientFirst(utf8Encode(it.clientFirst));
    expect(first).toEqual({
      ...{ user: "user", nonce: "rOprNGfwEbeRWgbNEkqO", bare: "n=user,r=rOprNGfwEbeRWgbNEkqO" },
    });
    const challenge = serverFirst(first?.nonce ?? "", it.serverNonce, credential);
    expect(challenge).toBe(it.first);
    const bare = first?.bare ?? "";
    const final = (text: string) => serverFinal(credential, bare, challenge, utf8Encode(text));
    expect(await final(it.clientFinal)).toBe(it.final);
    // Anything else is refused: another proof, nonce, binding, or a proof cut short.
    const proof = it.clientFinal.slice(it.clientFinal.indexOf("p=") + 2);
    for (const wrong of [
      it.clientFinal.replace("dHzb", "eHzb"),
      it.clientFinal.replace("$k0,p", "$k1,p"),
      it.clientFinal.replace("biws", "cD10bHM="),
      it.clientFinal.replace(proof, ""),
      it.clientFinal.replace(proof, base64Encode(new Uint8Array(31))),
      it.clientFinal.replace(proof, `${base64Encode(new Uint8Array(64))}`),
      "",
      "p=",
    ]) {
      expect([wrong, await final(wrong)]).toEqual([wrong, null]);
    }
  });

  test("SASL3: librdkafka's doubled nonce is taken, as Kafka takes it", async () => {
    const credential = await pencil(SHA_256, "W22ZaJ0SNY7soEsUEjb6gQ==");
    const bare = "n=user,r=abc";
    const challenge = serverFirst("abc", "xyz", credential);
    const { final, verifier } = scramFinal("sha256", bare, challenge, "pencil", "abc");
    expect(final).toContain("r=abcabcxyz,");
    expect(await serverFinal(credential, bare, challenge, utf8Encode(final))).toBe(verifier);
    const other = scramFinal("sha256", bare, serverFirst("abc", "xyw", credential), "pencil");
    expect(await serverFinal(credential, bare, challenge, utf8Encode(other.final))).toBeNull();
  });

  test.each([SHA_256, SHA_512])("SASL3: a password is told by what is kept (%i)", async (hash) => {
    const credential = await pencil(hash, "W22ZaJ0SNY7soEsUEjb6gQ==");
    expect(await isPassword(credential, "pencil")).toBe(true);
    for (const wrong of ["", "Pencil", "pencil "]) {
      expect(await isPassword(credential, wrong)).toBe(false);
    }
    expect(JSON.stringify(credential)).not.toContain("pencil");
  });

  test.each([
    ["y,,n=a,r=x", { user: "a", nonce: "x", bare: "n=a,r=x" }],
    ["n,a=a,n=a,r=x", { user: "a", nonce: "x", bare: "n=a,r=x" }],
    ["n,,n=a=2Cb=3Dc,r=x,tokenauth=false", { user: "a,b=c" }],
    // Channel binding, another's name, an extension that must be understood, a bad escape, nothing.
    ["p=tls-unique,,n=a,r=x", null],
    ["n,a=b,n=a,r=x", null],
    ["n,,m=x,n=a,r=x", null],
    ["n,,n=a=2D,r=x", null],
    ["n,,n=,r=x", null],
    ["n,,n=a,r=", null],
    ["n,,n=a", null],
    ["", null],
  ])("SASL3: a client's first message: %s", (text, wanted) => {
    const found = parseClientFirst(utf8Encode(text));
    if (wanted === null) expect(found).toBeNull();
    else expect(found).toMatchObject(wanted);
  });
});

describe("SCRAM users over Kafka", () => {
  const SALT = new Uint8Array(16).fill(7);
  const upsertion = (name: string, more = {}) => ({
    ...{ name, mechanism: SHA_256, iterations: 4096, salt: SALT, saltedPassword: SALT },
    ...more,
  });

  async function world() {
    const { ctx } = brokerUnderTest();
    const alter = async (body: { deletions?: object[]; upsertions?: object[] }) => {
      const request = { deletions: [], upsertions: [], ...body } as never;
      const { results } = await call(ctx, alterUserScramCredentialsApi, request);
      return results.map(({ user, errorCode }) => [user, errorCode]);
    };
    const describeUsers = async (...users: string[]) => {
      const request = { users: users.map((name) => ({ name })) };
      const { results } = await call(ctx, describeUserScramCredentialsApi, request);
      return results.map(({ user, errorCode, credentialInfos }) => [
        ...[user, errorCode],
        credentialInfos.map(({ mechanism, iterations }) => `${mechanism}:${iterations}`).join(),
      ]);
    };
    return { ctx, alter, describeUsers };
  }

  test("SASL4: passwords are set, described without saying them, and deleted", async () => {
    const { alter, describeUsers, ctx } = await world();
    const both = [upsertion("ana"), upsertion("ana", { mechanism: SHA_512, iterations: 8192 })];
    expect(await alter({ upsertions: [...both, upsertion("bob")] })).toEqual([
      ["ana", 0],
      ["bob", 0],
    ]);
    expect(await describeUsers()).toEqual([
      ["ana", 0, "1:4096,2:8192"],
      ["bob", 0, "1:4096"],
    ]);
    expect(await describeUsers("bob", "eve")).toEqual([
      ["bob", 0, "1:4096"],
      ["eve", 91, ""],
    ]);
    expect(await describeUsers("bob", "bob")).toEqual([["bob", 92, ""]]);
    expect(await alter({ deletions: [{ name: "ana", mechanism: SHA_256 }] })).toEqual([["ana", 0]]);
    expect(await describeUsers("ana")).toEqual([["ana", 0, "2:8192"]]);
    const kept = await ctx.ports.security.scramCredentials("kedge", null);
    expect(kept.map(({ storedKey }) => storedKey)).not.toContain(base64Encode(SALT));
  });

  test.each([
    ["no name", { upsertions: [upsertion("")] }, 93],
    ["a mechanism that is none", { upsertions: [upsertion("u", { mechanism: 3 })] }, 33],
    ["too few rounds", { upsertions: [upsertion("u", { iterations: 4095 })] }, 93],
    ["too many rounds", { upsertions: [upsertion("u", { iterations: 16_385 })] }, 93],
    ["no salt", { upsertions: [upsertion("u", { salt: new Uint8Array() })] }, 93],
    ["the same twice", { upsertions: [upsertion("u"), upsertion("u")] }, 92],
    [
      "set and deleted",
      { upsertions: [upsertion("u")], deletions: [{ name: "u", mechanism: SHA_256 }] },
      92,
    ],
    ["nothing to delete", { deletions: [{ name: "u", mechanism: SHA_256 }] }, 91],
  ])("SASL4: refused, and nothing of that user is changed: %s", async (_, body, code) => {
    const { alter, describeUsers } = await world();
    const set = "upsertions" in body ? body.upsertions : [];
    const name = set[0]?.name ?? "u";
    const others = { ...body, upsertions: [...set, upsertion("other")] };
    const results = await alter(others);
    expect(results).toContainEqual([name, code]);
    expect(results).toContainEqual(["other", 0]);
    expect(await describeUsers()).toEqual([["other", 0, "1:4096"]]);
  });
});

import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { REQUEST_BYTES_MAX } from "../../../src/constants.ts";
import { base64Encode } from "../../../src/lib/base64.ts";
import { utf8Encode } from "../../../src/lib/bytes.ts";
import { equalInConstantTime } from "../../../src/lib/constant-time.ts";
import { produceApi } from "../../../src/protocol/api/00-produce.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { apiVersionsApi } from "../../../src/protocol/api/18-api-versions.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../../src/protocol/frame.ts";
import { encodeRecordBatch } from "../../../src/protocol/record-batch.ts";
import { pathOf } from "../../../src/router/url.ts";
import { RestWorld } from "../../support/rest-world.ts";

const KAFKA = "application/vnd.kafka.protocol";

describe("the gate", () => {
  test("DOOR1: a deployment without a key is closed, and says what to set", async () => {
    const world = new RestWorld({ vars: {} });
    for (const path of ["/topics", "/v3/clusters", "/openapi.json", "/"]) {
      const { status, body } = await world.get(path);
      expect([status, body]).toEqual([
        503,
        { error_code: 503, message: expect.stringContaining("wrangler secret put KEDGE_API_KEY") },
      ]);
    }
    const kafka = await world.request("POST", "/kafka", { type: KAFKA, body: new Uint8Array(8) });
    expect([kafka.status, kafka.type]).toEqual([503, "text/plain; charset=utf-8"]);
    expect((await world.get("/healthz")).status).toBe(200);
  });

  test("DOOR1: an empty key is no key", async () => {
    const world = new RestWorld({ vars: { KEDGE_API_KEY: "" } });
    expect((await world.get("/topics", { authorization: "Bearer " })).status).toBe(503);
  });

  test("DOOR2: KEDGE_OPEN=loopback opens loopback names and no others", async () => {
    const world = new RestWorld();
    for (const host of [
      "localhost:8787",
      "127.0.0.1",
      "127.1.2.3:1",
      "[::1]:8787",
      "kedge.localhost",
    ]) {
      expect((await world.get(`http://${host}/topics`)).status).toBe(200);
    }
    expect(world.principal).toBe("User:ANONYMOUS");
    for (const host of [
      "evil.example",
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "10.0.0.1",
    ]) {
      const { status, body } = await world.get(`http://${host}/topics`);
      expect([status, body]).toMatchObject([403, { error_code: 40301 }]);
    }
    const other = new RestWorld({ vars: { KEDGE_OPEN: "true" } });
    expect((await other.get("/topics")).status).toBe(503);
  });

  test("DOOR3: the key is a Bearer token or the password of Basic", async () => {
    const world = new RestWorld({ vars: { KEDGE_API_KEY: "sécret:1", KEDGE_OPEN: "loopback" } });
    const basic = (pair: string) => `Basic ${base64Encode(utf8Encode(pair))}`;
    // A header carries bytes: UTF-8 in a Bearer token arrives as Latin-1 text, so Basic is for those.
    expect((await world.get("/topics", { authorization: basic("any:sécret:1") })).status).toBe(200);
    expect(world.principal).toBe("User:admin");
    const ascii = new RestWorld({ vars: { KEDGE_API_KEY: "k3y" } });
    for (const good of ["Bearer k3y", "bearer k3y", basic(":k3y")]) {
      expect((await ascii.get("/topics", { authorization: good })).status).toBe(200);
    }
    const bad = [
      "Bearer k3",
      "Bearer k3yk3y",
      "Bearer",
      "k3y",
      "Basic k3y",
      basic("k3y"),
      basic("k3y:"),
      "Digest k3y",
    ];
    for (const authorization of bad) {
      const { status, body, headers } = await ascii.get("/topics", { authorization });
      expect([authorization, status, body]).toMatchObject([
        authorization,
        401,
        { error_code: 40101 },
      ]);
      expect(headers.get("www-authenticate")).toContain("Bearer");
    }
    const none = await ascii.get("/topics");
    expect([none.status, none.text]).toEqual([401, expect.stringContaining("No credentials")]);
    expect((await ascii.request("POST", "/kafka", { body: new Uint8Array(8) })).status).toBe(401);
  });

  test("DOOR3: equalInConstantTime is equality", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array({ minLength: 1 }), (a, b) => {
        expect(equalInConstantTime(a, b)).toBe(
          a.length === b.length && a.every((x, i) => x === b[i]),
        );
        expect(equalInConstantTime(b.slice(), b)).toBe(true);
      }),
    );
    expect(equalInConstantTime(utf8Encode("abab"), utf8Encode("ab"))).toBe(false);
  });
});

describe("browsers", () => {
  const preflight = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type",
  };

  test("DOOR4: no other origin may call unless it is listed, preflight or not", async () => {
    const world = new RestWorld();
    const origin = "https://app.example";
    for (const headers of [{ origin }, { origin, ...preflight }]) {
      const { status, text, headers: got } = await world.request("OPTIONS", "/topics", { headers });
      expect([status, text]).toEqual([403, expect.stringContaining("KEDGE_CORS_ORIGINS")]);
      expect(got.has("access-control-allow-origin")).toBe(false);
    }
    const simple = await world.request("POST", "/kafka", {
      headers: { origin },
      body: new Uint8Array(8),
    });
    expect(simple.status).toBe(403);
    expect((await world.get("/topics", { origin: "http://localhost:8787" })).status).toBe(200);
    expect((await world.get("/topics", { origin: "http://localhost:878" })).status).toBe(403);
  });

  test("DOOR4: a listed origin gets its preflight before any key, and its headers on every answer", async () => {
    const vars = {
      KEDGE_API_KEY: "k",
      KEDGE_CORS_ORIGINS: "https://a.example, https://app.example/",
    };
    const world = new RestWorld({ vars });
    const origin = "https://app.example";
    const asked = await world.request("OPTIONS", "/topics/t", {
      headers: { origin, ...preflight },
    });
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-origin")).toBe(origin);
    expect(asked.headers.get("access-control-allow-headers")).toContain("authorization");
    const answers = [
      await world.get("/topics", { origin, authorization: "Bearer k" }),
      await world.get("/topics", { origin }),
      await world.get("/none", { origin, authorization: "Bearer k" }),
      await world.get("/healthz", { origin }),
    ];
    expect(answers.map((a) => a.status)).toEqual([200, 401, 404, 200]);
    for (const { headers } of answers) {
      expect(headers.get("access-control-allow-origin")).toBe(origin);
      expect(headers.get("vary")).toContain("Origin");
      expect(headers.get("access-control-expose-headers")).toContain("kedge-next-offset");
    }
    expect((await world.get("/healthz", { origin: "https://b.example" })).status).toBe(403);
  });

  test("a star is everybody", async () => {
    const world = new RestWorld({ vars: { KEDGE_OPEN: "loopback", KEDGE_CORS_ORIGINS: "*" } });
    const { headers } = await world.get("/topics", { origin: "https://x.example" });
    expect(headers.get("access-control-allow-origin")).toBe("*");
  });
});

describe("POST /kafka", () => {
  let world: RestWorld;
  beforeEach(async () => {
    world = new RestWorld();
    await world.createTopic("t");
  });

  async function post(bytes: Uint8Array) {
    const init = { method: "POST", headers: { "content-type": KAFKA }, body: bytes as BodyInit };
    const response = await world.fetch("/kafka", init);
    const reply = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, type: response.headers.get("content-type"), reply };
  }
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const metadata = encodeRequestFrame(metadataApi, 12, 7, "me", { topics: null });

  test("DOOR5: a frame is answered with a frame, prefixed as it was", async () => {
    const { status, type, reply } = await post(metadata);
    expect([status, type]).toEqual([200, KAFKA]);
    expect(new DataView(reply.buffer).getInt32(0)).toBe(reply.length - 4);
    const { correlationId, body } = decodeResponseFrame(metadataApi, 12, reply);
    expect([correlationId, body.topics.map((t) => t.name)]).toEqual([7, ["t"]]);
    expect((await post(metadata.slice(4))).reply).toEqual(reply.slice(4));
  });

  test("DOOR5: acks=0 is 204", async () => {
    const records = encodeRecordBatch({
      records: [{ timestamp: world.nowMs, key: null, value: utf8Encode("a") }],
    });
    const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
    const body = { acks: 0, timeoutMs: 1000, topicData };
    const { status, reply } = await post(encodeRequestFrame(produceApi, 9, 1, null, body));
    expect([status, reply.length]).toEqual([204, 0]);
    expect((await world.get<unknown[]>("/topics/t/partitions/0/records")).body.length).toBe(1);
  });

  test("DOOR5: what makes Kafka close the connection is 400, with the reason as text", async () => {
    const frame = encodeRequestFrame(apiVersionsApi, 3, 1, null, {
      ...{ clientSoftwareName: "a", clientSoftwareVersion: "1" },
    });
    const unknown = frame.slice();
    unknown[5] = 99;
    for (const [bytes, says] of [
      [unknown, "API key 99 is not supported"],
      [metadata.slice(0, -3), ""],
      [new Uint8Array(0), "0 bytes came"],
      [new Uint8Array(3), "3 bytes came"],
    ] as const) {
      const { status, type, reply } = await post(bytes);
      expect([status, type, text(reply)]).toEqual([
        400,
        "text/plain; charset=utf-8",
        expect.stringContaining(says),
      ]);
    }
  });

  test("DOOR5: no bytes make it anything but an answer or a 400", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect([200, 204, 400]).toContain((await post(bytes)).status);
      }),
      { numRuns: 300 },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(metadata.length - 1), fc.nat(255), async (at, byte) => {
        const bent = metadata.slice();
        bent[at] = byte;
        expect([200, 204, 400]).toContain((await post(bent)).status);
      }),
      { numRuns: 300 },
    );
  });

  test("DOOR6: a body over the bound is 413 before it is read", async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(1024));
      },
    });
    const headers = { "content-type": KAFKA, "content-length": String(REQUEST_BYTES_MAX + 5) };
    const response = await world.fetch("/kafka", { method: "POST", headers, body, duplex: "half" });
    expect(response.status).toBe(413);
    expect(pulled).toBeLessThan(3);
    expect(await response.text()).toContain("send it in smaller parts");
  });

  test("another method is 405", async () => {
    const { status, headers, type } = await world.get("/kafka");
    expect([status, headers.get("allow"), type]).toEqual([
      405,
      "POST",
      "text/plain; charset=utf-8",
    ]);
  });
});

test("pathOf is the path of the URL", () => {
  const segment = fc.stringMatching(/^[a-z0-9%.:_-]{0,8}$/);
  fc.assert(
    fc.property(fc.array(segment), fc.boolean(), (segments, query) => {
      const path = `/${segments.join("/")}`;
      expect(pathOf(`https://h.example:1${path}${query ? "?a=/b" : ""}`)).toBe(path);
    }),
  );
  expect(pathOf("https://h.example")).toBe("/");
});

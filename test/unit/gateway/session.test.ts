/** The token that the Worker gives a connection: carried, kept apart from others', never read. */
import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../../src/gateway/gateway.ts";

type Answer = (response: ServerResponse, seen: readonly (string | undefined)[]) => void;

function frame(correlationId: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeInt32BE(8, 0);
  bytes.writeInt32BE(correlationId, 8);
  return bytes;
}

const REPLY = Buffer.from([0, 0, 0, 4, 0, 0, 0, 7]);

let server: Server;
let gateway: Gateway;
let answer: Answer;
/** What came in x-kedge-session, request by request. */
let seen: (string | undefined)[];
let log: string[];
const sockets: Socket[] = [];

async function start(apiKey: string | null): Promise<void> {
  const { port } = server.address() as AddressInfo;
  gateway = await startGateway({
    ...{ url: `http://127.0.0.1:${port}`, host: "127.0.0.1", port: 0, brokerIds: [1] },
    ...{ advertised: null, apiKey, log: (line: string) => log.push(line) },
  });
}

beforeEach(async () => {
  seen = [];
  log = [];
  answer = (response) => response.writeHead(200).end(REPLY);
  server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      seen.push(request.headers["x-kedge-session"] as string | undefined);
      answer(response, seen);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await gateway.stop(0);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Sends frames one after the other and gives what came back; "closed" when the connection ended. */
async function dialogue(frames: number): Promise<string[]> {
  const socket = connect(gateway.port, "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => {});
  const closed = new Promise<string>((resolve) => socket.once("close", () => resolve("closed")));
  const heard: string[] = [];
  for (let at = 0; at < frames; at++) {
    const reply = new Promise<string>((resolve) =>
      socket.once("data", (data) => resolve(data.toString("hex"))),
    );
    socket.write(frame(at));
    heard.push(await Promise.race([reply, closed]));
    if (heard.at(-1) === "closed") return heard;
  }
  return heard;
}

const OK = REPLY.toString("hex");

describe("a connection's token", () => {
  test("SESS7: begins as new, and is what the Worker gave last", async () => {
    await start(null);
    answer = (response, { length }) => {
      if (length === 2) response.setHeader("x-kedge-session", "first.token");
      if (length === 4) response.setHeader("x-kedge-session", "second.token");
      response.writeHead(200).end(REPLY);
    };
    expect(await dialogue(5)).toEqual([OK, OK, OK, OK, OK]);
    expect(seen).toEqual(["new", "new", "first.token", "first.token", "second.token"]);
  });

  test("SESS7: comes with an answer that has no body too", async () => {
    await start(null);
    const socket = connect(gateway.port, "127.0.0.1");
    sockets.push(socket);
    answer = (response, { length }) => {
      if (length === 1) response.writeHead(204, { "x-kedge-session": "quiet.token" }).end();
      else response.writeHead(200).end(REPLY);
    };
    const reply = new Promise((resolve) => socket.once("data", resolve));
    socket.write(Buffer.concat([frame(1), frame(2)]));
    expect(await reply).toEqual(REPLY);
    expect(seen).toEqual(["new", "quiet.token"]);
  });

  test("SESS8: is of one connection", async () => {
    await start(null);
    answer = (response, { length }) => {
      response.writeHead(200, { "x-kedge-session": `token-${length}` }).end(REPLY);
    };
    await dialogue(2);
    await dialogue(2);
    expect(seen).toEqual(["new", "token-1", "new", "token-3"]);
  });

  test("SESS9: close sends the answer and ends the connection", async () => {
    await start(null);
    answer = (response) => response.writeHead(200, { "x-kedge-session": "close" }).end(REPLY);
    expect(await dialogue(2)).toEqual([OK, "closed"]);
    expect(seen).toEqual(["new"]);
    expect(log.join()).toContain("the service ended it");
  });

  test("SESS9: a refusal ends it without an answer, and the log says why", async () => {
    await start(null);
    answer = (response) => response.writeHead(401).end("the session has ended\n");
    expect(await dialogue(1)).toEqual(["closed"]);
    expect(log.join()).toContain("upstream answered 401: the session has ended");
  });

  test("SESS10: with a shared key there is none: every request has the key", async () => {
    await start("key");
    answer = (response) => response.writeHead(200, { "x-kedge-session": "t" }).end(REPLY);
    await dialogue(1);
    expect(seen).toEqual([undefined]);
  });

  test("SESS7: nothing of it is in the log", async () => {
    await start(null);
    answer = (response, { length }) => {
      if (length < 3) response.writeHead(200, { "x-kedge-session": "se.cret" }).end(REPLY);
      else response.writeHead(500).end("oops");
    };
    await dialogue(3);
    expect(log.join()).not.toContain("se.cret");
  });
});

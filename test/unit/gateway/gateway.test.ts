import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  type AddressInfo,
  connect,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket,
} from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../../src/gateway/gateway.ts";

interface Seen {
  readonly body: Buffer;
  readonly headers: IncomingMessage["headers"];
  readonly path: string | undefined;
}

type Answer = (body: Buffer, response: ServerResponse, request: IncomingMessage) => void;

/** Answers with a frame that holds the request's correlation id and as many bytes as asked. */
const echo: Answer = (body, response) => {
  const payload = Buffer.alloc(8);
  payload.writeInt32BE(4);
  body.copy(payload, 4, 8, 12);
  response.writeHead(200, { "content-length": payload.length });
  response.end(payload);
};

function request(correlationId: number, bytes = 8): Buffer {
  const frame = Buffer.alloc(4 + bytes);
  frame.writeInt32BE(bytes, 0);
  frame.writeInt32BE(correlationId, 8);
  return frame;
}

class Client {
  readonly socket: Socket;
  readonly #parts: Buffer[] = [];
  bytes = 0;
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (data) => {
      this.#parts.push(data);
      this.bytes += data.length;
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.closed = true;
    });
  }

  correlationIds(): number[] {
    const received = Buffer.concat(this.#parts);
    return Array.from({ length: Math.floor(received.length / 8) }, (_, i) =>
      received.readInt32BE(i * 8 + 4),
    );
  }
}

async function until(check: () => boolean, what: string, timeoutMs = 5_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

let server: Server;
let gateway: Gateway;
let answer: Answer;
let seen: Seen[];
let log: string[];
let aborted: number;
let open: Client[];

function listening(port: number): Promise<NetServer | null> {
  return new Promise((resolve) => {
    const socket = createNetServer();
    socket.once("error", () => resolve(null));
    socket.listen(port, "127.0.0.1", () => resolve(socket));
  });
}

/** Below the ports that the system hands out, so that nobody takes the free one meanwhile. */
async function takePortAfterAFreeOne(): Promise<{ blocker: NetServer; port: number }> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 10_000 + 2 * Math.floor(Math.random() * 10_000);
    const first = await listening(port);
    if (first === null) continue;
    const blocker = await listening(port + 1);
    await new Promise((resolve) => first.close(resolve));
    if (blocker !== null) return { blocker, port };
  }
  throw new Error("no two free ports in a row");
}

function dial(): Client {
  const client = new Client(gateway.port);
  open.push(client);
  return client;
}

beforeEach(async () => {
  answer = echo;
  seen = [];
  log = [];
  open = [];
  aborted = 0;
  server = createServer((incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    response.on("close", () => {
      if (!response.writableFinished) aborted += 1;
    });
    incoming.on("end", () => {
      const body = Buffer.concat(parts);
      seen.push({ body, headers: incoming.headers, path: incoming.url });
      answer(body, response, incoming);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  gateway = await startGateway({
    url: `http://127.0.0.1:${port}/base/`,
    host: "127.0.0.1",
    port: 0,
    brokerIds: [1, 2],
    advertised: null,
    apiKey: "secret",
    connectRetryMs: 2_000,
    log: (line) => log.push(line),
  });
});

afterEach(async () => {
  for (const client of open) client.socket.destroy();
  await gateway.stop(0);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe("gateway", () => {
  test("one POST a frame, with its prefix, the advertised address and the key", async () => {
    const client = dial();
    client.socket.write(request(7, 100));
    await until(() => client.bytes === 8, "the answer came");
    expect(client.correlationIds()).toEqual([7]);
    expect(seen[0]?.body).toEqual(request(7, 100));
    expect(seen[0]?.path).toBe("/base/kafka");
    expect(seen[0]?.headers).toMatchObject({
      "content-type": "application/vnd.kafka.protocol",
      "x-kedge-advertised": `1=127.0.0.1:${gateway.ports[0]},2=127.0.0.1:${gateway.ports[1]}`,
      authorization: "Bearer secret",
      "content-length": "104",
    });
  });

  test("each broker has a port, and every port leads to the same Worker", async () => {
    expect(gateway.ports).toHaveLength(2);
    expect(gateway.ports[0]).toBe(gateway.port);
    expect(new Set(gateway.ports).size).toBe(2);
    const clients = gateway.ports.map((port) => new Client(port));
    open.push(...clients);
    clients.forEach((client, i) => {
      client.socket.write(request(40 + i));
    });
    await until(() => clients.every((client) => client.bytes === 8), "both answered");
    expect(clients.map((client) => client.correlationIds())).toEqual([[40], [41]]);
  });

  test("the addresses that clients are told are the user's, one for each broker or a first one", async () => {
    const told = async (advertised: string[]): Promise<unknown> => {
      const { port } = server.address() as AddressInfo;
      const other = await startGateway({
        ...{ url: `http://127.0.0.1:${port}`, host: "127.0.0.1", port: 0, apiKey: null },
        ...{ brokerIds: [1, 2, 7], advertised, log: () => {} },
      });
      const client = new Client(other.port);
      client.socket.write(request(1));
      await until(() => client.bytes === 8, "the answer came");
      client.socket.destroy();
      await other.stop(0);
      return seen.at(-1)?.headers["x-kedge-advertised"];
    };
    expect(await told(["kafka.example:9092"])).toBe(
      "1=kafka.example:9092,2=kafka.example:9093,7=kafka.example:9094",
    );
    expect(await told(["a:1", "b:2", "c:3"])).toBe("1=a:1,2=b:2,7=c:3");
  });

  test("a port that is taken fails for the first broker, and is passed over for the others", async () => {
    const options = { url: "http://127.0.0.1:1", host: "127.0.0.1", apiKey: null, log: () => {} };
    const { blocker, port } = await takePortAfterAFreeOne();
    try {
      await expect(
        startGateway({ ...options, port: port + 1, brokerIds: [1, 2], advertised: null }),
      ).rejects.toThrow("EADDRINUSE");
      const other = await startGateway({ ...options, port, brokerIds: [1, 2], advertised: null });
      expect(other.ports[0]).toBe(port);
      expect(other.ports[1]).not.toBe(port + 1);
      await other.stop(0);
    } finally {
      blocker.close();
    }
  });

  test("pipelined requests are sent one at a time and answered in order", async () => {
    let underWay = 0;
    let most = 0;
    answer = (body, response, incoming) => {
      underWay += 1;
      most = Math.max(most, underWay);
      setTimeout(() => {
        underWay -= 1;
        echo(body, response, incoming);
      }, body.readInt32BE(8) % 3);
    };
    const client = dial();
    const ids = Array.from({ length: 50 }, (_, i) => i);
    client.socket.write(Buffer.concat(ids.map((id) => request(id))));
    await until(() => client.bytes === 50 * 8, "all answers came");
    expect(client.correlationIds()).toEqual(ids);
    expect(most).toBe(1);
  });

  test("a parked request holds up its own connection only", async () => {
    let release: () => void = () => {};
    answer = (body, response, incoming) => {
      if (body.readInt32BE(8) === 1) release = () => echo(body, response, incoming);
      else echo(body, response, incoming);
    };
    const parked = dial();
    const other = dial();
    parked.socket.write(Buffer.concat([request(1), request(2)]));
    await until(() => seen.length === 1, "the first was parked");
    other.socket.write(request(3));
    await until(() => other.bytes === 8, "the other was answered");
    expect(parked.bytes).toBe(0);
    release();
    await until(() => parked.bytes === 16, "both parked answers came");
    expect(parked.correlationIds()).toEqual([1, 2]);
  });

  test("204 writes nothing, and the next answer is the next thing on the wire", async () => {
    answer = (body, response, incoming) => {
      if (body.readInt32BE(8) === 1) response.writeHead(204).end();
      else echo(body, response, incoming);
    };
    const client = dial();
    client.socket.write(Buffer.concat([request(1), request(2)]));
    await until(() => client.bytes > 0, "an answer came");
    expect(client.correlationIds()).toEqual([2]);
  });

  test.each([400, 401, 413, 500, 503])(
    "HTTP %i closes that connection with a log line",
    async (status) => {
      answer = (body, response, incoming) => {
        if (body.readInt32BE(8) === 1) response.writeHead(status).end("what was\nwrong");
        else echo(body, response, incoming);
      };
      const bad = dial();
      const good = dial();
      bad.socket.write(Buffer.concat([request(1), request(9)]));
      await until(() => bad.closed, "the connection was closed");
      expect(bad.bytes).toBe(0);
      expect(log.join("\n")).toContain(`${status}: what was wrong`);
      good.socket.write(request(2));
      await until(() => good.bytes === 8, "the other connection lives");
      expect(seen.length).toBe(2);
    },
  );

  test.each([
    ["negative", [0xff, 0xff, 0xff, 0xff]],
    ["shorter than a header", [0, 0, 0, 7]],
    ["100 MiB and a byte", [0x06, 0x40, 0x00, 0x01]],
    ["a browser's", [...Buffer.from("GET / HTTP/1.1\r\n\r\n")]],
  ])("a length prefix that is %s closes the connection with a log line", async (_name, bytes) => {
    const client = dial();
    client.socket.write(Buffer.from(bytes));
    await until(() => client.closed, "the connection was closed");
    expect(log).toHaveLength(1);
    expect(seen).toHaveLength(0);
  });

  test("a large frame arrives whole", async () => {
    const big = request(5, 8_000_000);
    big.fill(0xab, 12);
    const client = dial();
    client.socket.write(big);
    await until(() => client.bytes === 8, "the answer came");
    expect(seen[0]?.body.equals(big)).toBe(true);
  });

  test("a client that leaves aborts its parked request", async () => {
    answer = () => {};
    const client = dial();
    client.socket.write(request(1));
    await until(() => seen.length === 1, "the request was parked");
    client.socket.resetAndDestroy();
    await until(() => aborted === 1, "the request was aborted");
    await until(() => gateway.connections === 0, "the connection was forgotten");
    expect(log).toEqual([]);
  });

  test("what a client sent before it closed its side is still carried out", async () => {
    answer = (body, response) => setTimeout(() => response.writeHead(204).end(), body[11]);
    const client = dial();
    client.socket.end(Buffer.concat([request(20), request(21), request(22)]));
    await until(() => seen.length === 3, "all three arrived");
    await until(() => client.closed, "the connection was closed");
    expect(aborted).toBe(0);
  });

  test("a client that does not read holds the upstream answer back", async () => {
    const pieces = 64;
    const piece = Buffer.alloc(1024 * 1024);
    piece.writeInt32BE(pieces * piece.length - 4);
    let sent = 0;
    answer = (_body, response) => {
      response.writeHead(200, { "content-length": pieces * piece.length });
      const more = (): void => {
        while (sent < pieces) {
          sent += 1;
          if (!response.write(piece)) {
            response.once("drain", more);
            return;
          }
        }
        response.end();
      };
      more();
    };
    const client = new Client(gateway.port);
    open.push(client);
    client.socket.pause();
    client.socket.write(request(1));
    await until(() => sent > 0, "the answer began");
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent).toBeLessThan(40);
    client.socket.resume();
    await until(() => client.bytes === pieces * piece.length, "the whole answer came", 20_000);
    expect(client.closed).toBe(false);
  });

  test("requests far ahead of their answers are not read from the socket", async () => {
    answer = () => {};
    const client = dial();
    let taken = 0;
    const piece = request(1, 512 * 1024);
    const write = (): void => {
      while (taken < 64 && client.socket.write(piece)) taken += 1;
    };
    client.socket.on("drain", write);
    write();
    await until(() => seen.length === 1, "the first arrived");
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(taken).toBeLessThan(40);
    expect(seen).toHaveLength(1);
  });

  test("an upstream that is not there yet is tried again", async () => {
    const { port } = server.address() as AddressInfo;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const client = dial();
    client.socket.write(request(4));
    await new Promise((resolve) => setTimeout(resolve, 150));
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    await until(() => client.bytes === 8, "the answer came");
    expect(seen).toHaveLength(1);
  });

  test("a request is never sent twice once its connection was made", async () => {
    answer = (_body, _response, incoming) => incoming.socket.destroy();
    const client = dial();
    client.socket.write(request(4));
    await until(() => client.closed, "the connection was closed");
    expect(seen).toHaveLength(1);
    expect(log.join()).toContain("upstream failed");
  });

  test("an answer whose length prefix lies closes the connection", async () => {
    answer = (_body, response) => response.end(Buffer.from([0, 0, 0, 9, 1, 2, 3, 4]));
    const client = dial();
    client.socket.write(request(4));
    await until(() => client.closed, "the connection was closed");
    expect(log.join()).toContain("13 bytes and has 8");
  });

  test("stopping finishes the request under way and takes no new client", async () => {
    answer = (body, response, incoming) => setTimeout(() => echo(body, response, incoming), 200);
    const client = dial();
    client.socket.write(request(4));
    await until(() => seen.length === 1, "the request was under way");
    const late = gateway.port;
    await gateway.stop();
    expect(client.correlationIds()).toEqual([4]);
    await until(() => client.closed, "the connection was closed");
    const refused = new Client(late);
    await until(() => refused.closed, "a new client was refused");
  });

  test("two hundred connections at once", async () => {
    const clients = Array.from({ length: 200 }, () => dial());
    clients.forEach((client, i) => {
      client.socket.write(Buffer.concat([request(i), request(1_000 + i)]));
    });
    await until(() => clients.every((client) => client.bytes === 16), "all were answered");
    clients.forEach((client, i) => {
      expect(client.correlationIds()).toEqual([i, 1_000 + i]);
    });
  });
});

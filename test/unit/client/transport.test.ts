import { describe, expect, it } from "vitest";
import { ErrorCode, type TransportError } from "../../../src/client/errors.ts";
import { HttpTransport } from "../../../src/client/transport.ts";

interface Call {
  readonly url: string;
  readonly init: RequestInit;
}

function transport(answers: readonly (Response | Error)[], urls = ["https://kedge.test/"]) {
  const calls: Call[] = [];
  const queue = [...answers];
  const http = new HttpTransport({
    urls,
    headers: { authorization: "Bearer x" },
    fetch: async (url, init) => {
      calls.push({ url, init });
      const answer = queue.shift();
      if (answer === undefined) throw new Error("no more answers");
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const send = () => http.send(Uint8Array.of(1, 2), new AbortController().signal);
  const fail = async (): Promise<TransportError> => {
    try {
      await send();
    } catch (error) {
      return error as TransportError;
    }
    throw new Error("it did not fail");
  };
  return { calls, send, fail };
}

describe("POST /kafka", () => {
  it("carries the frame there and the answer back", async () => {
    const { calls, send } = transport([new Response(Uint8Array.of(7, 8))]);
    expect(await send()).toEqual(Uint8Array.of(7, 8));
    expect(calls).toHaveLength(1);
    expect(calls[0]?.url).toBe("https://kedge.test/kafka");
    expect(calls[0]?.init).toMatchObject({
      method: "POST",
      headers: { "content-type": "application/vnd.kafka.protocol", authorization: "Bearer x" },
      body: Uint8Array.of(1, 2),
    });
  });

  it("has no answer to acks=0", async () => {
    const { send } = transport([new Response(null, { status: 204 })]);
    expect(await send()).toBeNull();
  });

  it.each([
    [400, ErrorCode.INVALID_REQUEST, false],
    [401, ErrorCode.SASL_AUTHENTICATION_FAILED, false],
    [403, ErrorCode.CLUSTER_AUTHORIZATION_FAILED, false],
    [404, ErrorCode.INVALID_REQUEST, false],
    [413, ErrorCode.MESSAGE_TOO_LARGE, false],
    [408, ErrorCode.NETWORK_EXCEPTION, true],
    [429, ErrorCode.NETWORK_EXCEPTION, true],
    [500, ErrorCode.NETWORK_EXCEPTION, true],
    [503, ErrorCode.NETWORK_EXCEPTION, true],
    [524, ErrorCode.NETWORK_EXCEPTION, true],
  ])("HTTP %s is code %s, retriable %s", async (status, code, retriable) => {
    const { fail } = transport([new Response("the reason", { status })]);
    expect(await fail()).toMatchObject({
      name: "TransportError",
      status,
      code,
      retriable,
      message: `https://kedge.test/kafka answered with HTTP ${status}: the reason`,
    });
  });

  it("reads retry-after in seconds", async () => {
    const asking = (value: string) =>
      transport([new Response("", { status: 429, headers: { "retry-after": value } })]).fail();
    expect((await asking("7")).retryAfterMs).toBe(7000);
    expect((await asking("Wed, 21 Oct 2026 07:28:00 GMT")).retryAfterMs).toBeNull();
  });

  it("turns to the next address when one cannot be reached", async () => {
    const refused = new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
    const ok = () => new Response(Uint8Array.of(1));
    const urls = ["https://a.test", "https://b.test/base/"];
    const { calls, fail, send } = transport([refused, ok(), ok()], urls);
    expect(await fail()).toMatchObject({
      code: ErrorCode.NETWORK_EXCEPTION,
      status: null,
      message: "no answer from https://a.test/kafka: fetch failed: connect ECONNREFUSED",
    });
    await send();
    await send();
    expect(calls.map(({ url }) => url)).toEqual([
      "https://a.test/kafka",
      "https://b.test/base/kafka",
      "https://b.test/base/kafka",
    ]);
  });

  it("an answer that breaks off is no answer", async () => {
    const body = new ReadableStream({
      pull(controller) {
        controller.error(new Error("reset"));
      },
    });
    const { fail } = transport([new Response(body)]);
    expect(await fail()).toMatchObject({ code: ErrorCode.NETWORK_EXCEPTION });
  });
});

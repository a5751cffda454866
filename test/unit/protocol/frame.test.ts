import { expect, test } from "vitest";
import { fetchApi } from "../../../src/protocol/api/01-fetch.ts";
import { saslHandshakeApi } from "../../../src/protocol/api/17-sasl-handshake.ts";
import { apiVersionsApi } from "../../../src/protocol/api/18-api-versions.ts";
import { describeClusterApi } from "../../../src/protocol/api/60-describe-cluster.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import {
  decodeRequestHeader,
  decodeResponseFrame,
  encodeRequestFrame,
  encodeResponseFrame,
  requestHeaderVersion,
  responseHeaderVersion,
} from "../../../src/protocol/frame.ts";
import { Reader } from "../../../src/protocol/reader.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const squeeze = (text: string): string => text.replaceAll(" ", "");
const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(squeeze(text), "hex"));

test("header versions follow the flexible version, but for ApiVersions' response", () => {
  expect(requestHeaderVersion(fetchApi, 11)).toBe(1);
  expect(requestHeaderVersion(fetchApi, 12)).toBe(2);
  expect(responseHeaderVersion(fetchApi, 11)).toBe(0);
  expect(responseHeaderVersion(fetchApi, 12)).toBe(1);
  expect(requestHeaderVersion(saslHandshakeApi, 1)).toBe(1);
  expect(responseHeaderVersion(saslHandshakeApi, 1)).toBe(0);
  expect(requestHeaderVersion(apiVersionsApi, 3)).toBe(2);
  expect(responseHeaderVersion(apiVersionsApi, 4)).toBe(0);
});

test("a request frame, plain: the client id is an int16 string", () => {
  const frame = encodeRequestFrame(apiVersionsApi, 0, 7, "me", {});
  expect(hex(frame)).toBe(squeeze("0000000c 0012 0000 00000007 0002 6d65"));
  const header = decodeRequestHeader(frame, 4);
  expect(header).toEqual({
    apiKey: 18,
    apiVersion: 0,
    correlationId: 7,
    clientId: "me",
    bodyOffset: 16,
  });
});

test("a request frame, flexible: tags follow the client id, which stays an int16 string", () => {
  const frame = encodeRequestFrame(apiVersionsApi, 3, -1, null, { clientSoftwareName: "x" });
  expect(hex(frame)).toBe(squeeze("0000000f 0012 0003 ffffffff ffff 00 0278 01 00"));
  const { clientId, bodyOffset } = decodeRequestHeader(frame, 4);
  expect(clientId).toBeNull();
  const body = apiVersionsApi.request.decode(new Reader(frame, bodyOffset), 3);
  expect(body).toEqual({ clientSoftwareName: "x", clientSoftwareVersion: "" });
});

test("tags in a request header are skipped", () => {
  const frame = fromHex("003c 0000 00000001 ffff 02 0003aabbcc 0700 01 00");
  const { bodyOffset } = decodeRequestHeader(frame);
  const body = describeClusterApi.request.decode(new Reader(frame, bodyOffset), 0);
  expect(body.includeClusterAuthorizedOperations).toBe(true);
});

test.each([
  ["an unknown key", "7fff 0000"],
  ["an unknown version", "0012 0063"],
  ["a negative version", "0000 ffff"],
])("%s still gives the correlation id, and the client id if there is one", (_, start) => {
  const named = fromHex(`${start} 00000009 0002 6d65`);
  expect(decodeRequestHeader(named)).toMatchObject({
    correlationId: 9,
    clientId: "me",
    bodyOffset: -1,
  });
  const cut = fromHex(`${start} 00000009 0040 6d65`);
  expect(decodeRequestHeader(cut)).toMatchObject({
    correlationId: 9,
    clientId: null,
    bodyOffset: -1,
  });
});

test("a header that ends early is a protocol error", () => {
  const frame = encodeRequestFrame(apiVersionsApi, 3, 1, "me", {});
  for (let end = 4; end < 17; end++) {
    expect(() => decodeRequestHeader(frame.subarray(0, end), 4)).toThrow(ProtocolError);
  }
});

test("a response frame, with and without tags in its header", () => {
  const body = { errorCode: 0, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] };
  const plain = encodeResponseFrame(apiVersionsApi, 0, 5, body);
  expect(hex(plain)).toBe(squeeze("00000010 00000005 0000 00000001 001200000004"));
  const flexible = encodeResponseFrame(apiVersionsApi, 3, 5, body);
  expect(hex(flexible)).toBe(squeeze("00000013 00000005 0000 02 001200000004 00 00000000 00"));
  const cluster = encodeResponseFrame(describeClusterApi, 0, 5, {
    errorCode: 0,
    clusterId: "c",
    brokers: [],
  });
  expect(hex(cluster).slice(8, 18)).toBe("0000000500");
  expect(decodeResponseFrame(apiVersionsApi, 3, flexible)).toMatchObject({
    correlationId: 5,
    body: { ...body, throttleTimeMs: 0, supportedFeatures: [], finalizedFeaturesEpoch: -1 },
  });
});

test("a response of another size than its prefix is refused, and so are bytes left over", () => {
  const frame = encodeResponseFrame(apiVersionsApi, 0, 5, { errorCode: 0, apiKeys: [] });
  expect(() => decodeResponseFrame(apiVersionsApi, 0, frame.subarray(0, 13))).toThrow(
    "the size prefix says 10 bytes, 9 came",
  );
  const longer = new Uint8Array(frame.length + 2);
  longer.set(frame);
  longer[3] = 12;
  expect(() => decodeResponseFrame(apiVersionsApi, 0, longer)).toThrow(
    "ApiVersions response v0: 2 bytes are left over after the body",
  );
});

test("frames do not share memory", () => {
  const first = encodeRequestFrame(apiVersionsApi, 0, 1, "one", {});
  const before = hex(first);
  encodeRequestFrame(apiVersionsApi, 0, 2, "two", {});
  expect(hex(first)).toBe(before);
});

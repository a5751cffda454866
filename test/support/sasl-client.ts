/** A Kafka connection as the gateway carries it: frames to the Worker, and the token between them. */
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { utf8Decode, utf8Encode } from "../../src/lib/bytes.ts";
import { saslHandshakeApi } from "../../src/protocol/api/17-sasl-handshake.ts";
import { saslAuthenticateApi } from "../../src/protocol/api/36-sasl-authenticate.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../src/protocol/frame.ts";
import type { AnyApi, RequestInputOf, ResponseOf } from "../../src/protocol/schema.ts";
import type { RestWorld } from "./rest-world.ts";

export interface Answered<T> {
  readonly status: number;
  readonly body: T;
  readonly text: string;
}

export class SaslClient {
  readonly #world: RestWorld;
  /** What goes along with the next frame. */
  session = "new";
  closed = false;

  constructor(world: RestWorld) {
    this.#world = world;
  }

  async send(frame: Uint8Array): Promise<{ status: number; bytes: Uint8Array }> {
    const response = await this.#world.fetch("/kafka", {
      method: "POST",
      headers: { "x-kedge-session": this.session },
      body: frame as Uint8Array<ArrayBuffer>,
    });
    const next = response.headers.get("x-kedge-session");
    this.closed = next === "close" || response.status >= 400;
    if (next !== null && next !== "close") this.session = next;
    return { status: response.status, bytes: new Uint8Array(await response.arrayBuffer()) };
  }

  async ask<A extends AnyApi>(
    api: A,
    version: number,
    request: RequestInputOf<A>,
  ): Promise<Answered<ResponseOf<A>>> {
    const { status, bytes } = await this.send(encodeRequestFrame(api, version, 1, "c", request));
    if (status !== 200) {
      return { status, text: utf8Decode(bytes), body: undefined as never };
    }
    const { body } = decodeResponseFrame(api, version, bytes);
    return { status, text: "", body: body as ResponseOf<A> };
  }

  async handshake(mechanism: string, version = 1) {
    return (await this.ask(saslHandshakeApi, version, { mechanism })).body;
  }

  async authenticate(token: string | Uint8Array, version = 2) {
    const authBytes = typeof token === "string" ? utf8Encode(token) : token;
    const { body } = await this.ask(saslAuthenticateApi, version, { authBytes });
    return { ...body, text: utf8Decode(body.authBytes) };
  }

  async plain(user: string, password: string) {
    await this.handshake("PLAIN");
    return this.authenticate(`\0${user}\0${password}`);
  }

  /** The whole exchange; checks the server's proof too. */
  async scram(hash: "sha256" | "sha512", user: string, password: string) {
    await this.handshake(hash === "sha256" ? "SCRAM-SHA-256" : "SCRAM-SHA-512");
    const nonce = "clientnonce";
    const bare = `n=${user},r=${nonce}`;
    const first = await this.authenticate(`n,,${bare}`);
    if (first.errorCode !== 0) return first;
    const { final, verifier } = scramFinal(hash, bare, first.text, password);
    const last = await this.authenticate(final);
    if (last.errorCode === 0 && last.text !== verifier)
      throw new Error("the server's proof is wrong");
    return last;
  }
}

/** The client's side by Node's own functions. @param doubled what old librdkafka says twice */
export function scramFinal(
  hash: "sha256" | "sha512",
  bare: string,
  first: string,
  password: string,
  doubled = "",
) {
  const {
    r = "",
    s = "",
    i = "",
  } = Object.fromEntries(first.split(",").map((part) => [part.slice(0, 1), part.slice(2)]));
  const size = hash === "sha256" ? 32 : 64;
  const salted = pbkdf2Sync(password, Buffer.from(s, "base64"), Number(i), size, hash);
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest();
  const clientKey = hmac(salted, "Client Key");
  const storedKey = createHash(hash).update(clientKey).digest();
  const withoutProof = `c=biws,r=${doubled}${r}`;
  const message = `${bare},${first},${withoutProof}`;
  const signature = hmac(storedKey, message);
  const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0));
  const verifier = `v=${hmac(hmac(salted, "Server Key"), message).toString("base64")}`;
  return { final: `${withoutProof},p=${Buffer.from(proof).toString("base64")}`, verifier };
}

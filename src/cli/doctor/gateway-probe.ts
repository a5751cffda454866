/** Does something at host:port speak Kafka? Asked as a client's first request is: ApiVersions. */
import { connect } from "node:net";
import { apiVersionsApi } from "../../protocol/api/18-api-versions.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../protocol/frame.ts";

const VERSION = 0;
const CORRELATION_ID = 1;
const SIZE_PREFIX_BYTES = 4;
/** ApiVersions has some hundred bytes; a server of something else may send anything. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** Null when it does, else why not. */
export async function gatewayFailure(
  host: string,
  port: number,
  timeoutMs: number,
): Promise<string | null> {
  try {
    const frame = await exchange(host, port, timeoutMs);
    const { errorCode, apiKeys } = decodeResponseFrame(apiVersionsApi, VERSION, frame).body;
    if (errorCode !== 0 || apiKeys.length === 0) return `it answers error ${errorCode}`;
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function exchange(host: string, port: number, timeoutMs: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const socket = connect({ host, port });
  let got = Buffer.alloc(0);
  socket.setTimeout(timeoutMs, () => reject(new Error(`no answer in ${timeoutMs} ms`)));
  socket.on("connect", () => {
    socket.write(encodeRequestFrame(apiVersionsApi, VERSION, CORRELATION_ID, "kedge-doctor", {}));
  });
  socket.on("data", (data) => {
    got = Buffer.concat([got, data]);
    if (got.length < SIZE_PREFIX_BYTES) return;
    const size = got.readInt32BE(0);
    if (size <= 0 || size > ANSWER_BYTES_MAX) {
      reject(new Error("it speaks something else than Kafka"));
    } else if (got.length >= SIZE_PREFIX_BYTES + size) {
      resolve(Uint8Array.from(got.subarray(0, SIZE_PREFIX_BYTES + size)));
    }
  });
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("it closed the connection without an answer")));
  return promise.finally(() => socket.destroy());
}

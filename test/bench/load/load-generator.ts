/** The handle that the bench holds on the load generator's thread. */
import { Worker } from "node:worker_threads";
import type { LoadAnswer, LoadJob, LoadResult } from "./job.ts";

export class LoadGenerator {
  readonly #thread = new Worker(new URL("./generator.ts", import.meta.url));

  /** One job at a time. Rejects with the first wrong response. */
  run(job: LoadJob): Promise<LoadResult> {
    return new Promise((resolve, reject) => {
      this.#thread.removeAllListeners();
      this.#thread.on("error", reject);
      this.#thread.on("message", (answer: LoadAnswer) => {
        if (answer.kind === "done") resolve(answer.result);
        else reject(new Error(answer.message));
      });
      this.#thread.postMessage(job);
    });
  }

  async stop(): Promise<void> {
    await this.#thread.terminate();
  }
}

/** An HTTP/1.1 request as the bytes that go on the wire. */
export function httpRequest(
  method: string,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Uint8Array {
  const lines = Object.entries({ ...headers, "content-length": String(body.byteLength) });
  const head = `${method} ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n${lines
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

/** The load generator's thread: runs one job at a time and answers with what it counted. */
import { performance } from "node:perf_hooks";
import { parentPort } from "node:worker_threads";
import { HttpConnection, type HttpResponse } from "./http-connection.ts";
import type { Expectation, LoadAnswer, LoadJob, LoadResult } from "./job.ts";

class Load {
  readonly #job: LoadJob;
  readonly #done: (result: LoadResult) => void;
  readonly #failed: (message: string) => void;
  #idle: HttpConnection[] = [];
  #next = 0;
  #underWay = 0;
  #responses = 0;
  #bodyBytes = 0;
  #allResponses = 0;
  #startedAt = 0;
  #endedAt = 0;
  #loopAtStart = performance.eventLoopUtilization();
  #busy = 0;
  #counting = false;
  #ending = false;

  constructor(job: LoadJob, done: (result: LoadResult) => void, failed: (m: string) => void) {
    this.#job = job;
    this.#done = done;
    this.#failed = failed;
  }

  async run(): Promise<void> {
    const { host, port, connections, inFlight, warmUpMs, measureMs, total } = this.#job;
    this.#idle = await Promise.all(
      Array.from({ length: connections }, () => {
        return HttpConnection.open(host, port, this.#onResponse, this.#failed);
      }),
    );
    const all = [...this.#idle];
    const finished = new Promise<void>((resolve) => {
      this.#finish = resolve;
    });
    if (total !== null) this.#startCounting();
    for (let i = 0; i < Math.min(inFlight, total ?? inFlight); i++) this.#sendNext();
    if (total === null) {
      await sleep(warmUpMs);
      this.#startCounting();
      await sleep(measureMs);
      this.#stopCounting();
      this.#ending = true;
    }
    await finished;
    this.#stopCounting();
    for (const connection of all) connection.close();
    this.#done({
      responses: this.#responses,
      seconds: (this.#endedAt - this.#startedAt) / 1_000,
      bodyBytes: this.#bodyBytes,
      allResponses: this.#allResponses,
      busy: this.#busy,
    });
  }

  #finish: () => void = () => undefined;

  #startCounting(): void {
    this.#counting = true;
    this.#startedAt = performance.now();
    this.#loopAtStart = performance.eventLoopUtilization();
  }

  #stopCounting(): void {
    if (!this.#counting) return;
    this.#counting = false;
    this.#endedAt = performance.now();
    this.#busy = performance.eventLoopUtilization(this.#loopAtStart).utilization;
  }

  /** The connection that has been idle for longest: all of them take part. */
  #sendNext(): void {
    const connection = this.#idle.shift();
    const { requests } = this.#job;
    const request = requests[this.#next++ % requests.length];
    if (connection === undefined || request === undefined) {
      this.#failed("there is no idle connection, or no request to send");
      return;
    }
    this.#underWay++;
    connection.send(request);
  }

  #onResponse = (connection: HttpConnection, response: HttpResponse): void => {
    const wrong = whatIsWrong(response, this.#job.expect);
    if (wrong !== null) {
      this.#failed(wrong);
      return;
    }
    this.#underWay--;
    this.#allResponses++;
    if (this.#counting) {
      this.#responses++;
      this.#bodyBytes += response.bodyBytes;
    }
    this.#idle.push(connection);
    const { total } = this.#job;
    if (total !== null) this.#ending = this.#next >= total;
    if (!this.#ending) this.#sendNext();
    else if (this.#underWay === 0) this.#finish();
  };
}

function whatIsWrong(response: HttpResponse, expect: Expectation): string | null {
  const { status, bodyStart, bodyBytes } = response;
  const good =
    status === 200 &&
    bodyBytes >= expect.bodyBytesMin &&
    expect.zeroAt.every((at) => bodyStart[at] === 0) &&
    (expect.contains === "" || bodyStart.includes(expect.contains));
  if (good) return null;
  const text = bodyStart.toString("latin1", 0, 300);
  return `a response is wrong: status ${status}, ${bodyBytes} bytes: ${JSON.stringify(text)}`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

parentPort?.on("message", (job: LoadJob) => {
  const answer = (message: LoadAnswer): void => parentPort?.postMessage(message);
  const failed = (message: string): void => answer({ kind: "failed", message });
  new Load(job, (result) => answer({ kind: "done", result }), failed)
    .run()
    .catch((error: unknown) => failed(String(error)));
});

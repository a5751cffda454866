import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { fetchApi } from "../../src/protocol/api/01-fetch.ts";
import { encodeRequestFrame } from "../../src/protocol/frame.ts";
import {
  answers,
  discard,
  kedge,
  ROOT,
  run,
  type Service,
  startService,
  temporaryFolder,
  until,
} from "./service.ts";

/** How long requests of Kafka clients may take to finish (src/cli/commands/serve.ts). */
const GRACE_MS = 1_000;

let services: Service[] = [];

async function start(options: Parameters<typeof startService>[0] = {}): Promise<Service> {
  const service = await startService(options);
  services.push(service);
  return service;
}

afterEach(async () => {
  await Promise.all(services.map(discard));
  services = [];
});

describe("kedge serve", () => {
  test("comes up, answers on both ports and stops in order", async () => {
    const service = await start();
    expect(await (await fetch(`${service.url}/healthz`)).text()).toBe("ok\n");
    expect((await kedge(service, ["topics", "--list"])).code).toBe(0);
    expect(service.output()).toContain("open: everybody on this machine is super user");
    expect(await service.stop("SIGTERM")).toBe(0);
    expect(await answers(service.url)).toBe(false);
  });

  test("clients that wait for records, or hang, keep it no longer than its grace and a second", async () => {
    const service = await start();
    await kedge(service, ["topics", "--create", "--topic", "quiet"]);
    const sockets = Array.from({ length: 20 }, () => parkedFetch(service, "quiet"));
    // One that does not close its side when the service closes its own.
    sockets.push(connect({ port: service.kafkaPort, host: "127.0.0.1", allowHalfOpen: true }));
    for (const socket of sockets) socket.on("error", () => {});
    const url = `${service.url}/topics/quiet/partitions/0/records?timeout=60000`;
    const polls = Array.from({ length: 20 }, () => fetch(url).catch(() => null));
    // All of them are under way once a later one of each kind was served.
    await fetch(`${service.url}/topics/quiet/partitions/0/records?timeout=100`);
    await until(() => sockets.every((socket) => !socket.connecting), "the clients are connected");
    const before = performance.now();
    expect(await service.stop("SIGTERM")).toBe(0);
    expect(performance.now() - before).toBeLessThan(GRACE_MS + 1_000);
    await Promise.all(polls);
    for (const socket of sockets) socket.destroy();
    expect(existsSync(join(service.dataFolder, "serve.pid"))).toBe(false);
    expect(await answers(service.url)).toBe(false);
  });

  test("data survives a restart", async () => {
    const first = await start();
    await kedge(first, ["topics", "--create", "--topic", "kept"]);
    await kedge(first, ["console-producer", "--topic", "kept"], { input: "one\ntwo\n" });
    await first.stop("SIGINT");
    const second = await start({ dataFolder: first.dataFolder });
    const read = await kedge(second, [
      ...["console-consumer", "--topic", "kept", "--from-beginning", "--max-messages", "2"],
    ]);
    expect(read.stdout).toBe("one\ntwo\n");
  });

  test("killed outright it leaves no workerd behind, and starts again on the same ports", async () => {
    const first = await start();
    await first.stop("SIGKILL");
    await until(async () => !(await answers(first.url)), "the port was given back");
    const { port, kafkaPort, dataFolder } = first;
    const second = await start({ port, kafkaPort, dataFolder });
    expect(second.url).toBe(first.url);
  });

  test("when npm is killed outright the service ends too", async () => {
    const dataFolder = temporaryFolder();
    const npm = spawn(
      "npm",
      ["start", "--", "--port", "0", "--kafka-port", "0", "--data", dataFolder],
      { cwd: ROOT, stdio: ["ignore", "pipe", "ignore"] },
    );
    let text = "";
    npm.stdout.on("data", (data) => {
      text += data;
    });
    await until(
      () => text.includes("Ctrl-C"),
      () => `npm start is up: ${text}`,
      60_000,
    );
    const url = /HTTP\s+(http:\/\/\S+)/.exec(text)?.[1] ?? "";
    expect(await answers(url)).toBe(true);
    npm.kill("SIGKILL");
    await until(async () => !(await answers(url)), "the service ended", 15_000);
    await until(() => !existsSync(join(dataFolder, "serve.pid")), "it ended in order");
    rmSync(dataFolder, { recursive: true });
  });

  test("a workerd that dies is started again, with its data", async () => {
    const service = await start();
    await kedge(service, ["topics", "--create", "--topic", "kept"]);
    const children = childrenOf(service.process.pid ?? 0).filter((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("workerd"),
    );
    expect(children).toHaveLength(1);
    for (const pid of children) process.kill(pid, "SIGKILL");
    await until(() => service.output().includes("started again"), "workerd was started again");
    await until(() => answers(service.url), "it answers again");
    expect((await kedge(service, ["topics", "--list"])).stdout).toBe("kept\n");
  });

  test("a busy port and a busy data folder are told apart", async () => {
    const { port, kafkaPort, dataFolder } = await start();
    const serve = (...args: string[]) =>
      run(process.execPath, ["src/cli/kedge.mjs", "serve", ...args]);
    const other = temporaryFolder();
    const busyPort = await serve("--port", String(port), "--kafka-port", "0", "--data", other);
    expect(busyPort).toMatchObject({ code: 1 });
    expect(busyPort.stderr).toContain(`127.0.0.1:${port} is in use by another program`);
    expect(busyPort.stderr).toContain("--port");
    const busyKafka = await serve(
      "--port",
      "0",
      "--kafka-port",
      String(kafkaPort),
      "--data",
      other,
    );
    expect(busyKafka.stderr).toContain("--kafka-port");
    const busyData = await serve("--port", "0", "--kafka-port", "0", "--data", dataFolder);
    expect(busyData).toMatchObject({ code: 1 });
    expect(busyData.stderr).toContain(`${dataFolder} is in use by process`);
    rmSync(other, { recursive: true });
  });

  test("the network is let in only with a key, and then only with the key", async () => {
    const args = ["src/cli/kedge.mjs", "serve", "--host", "0.0.0.0", "--port", "0"];
    const refused = await run(process.execPath, args, { env: { KEDGE_API_KEY: "" } });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("set KEDGE_API_KEY");
  });

  test("the command line works under the host's own Node, however old", async () => {
    const path = (process.env.PATH ?? "")
      .split(":")
      .filter((folder) => !folder.includes("node_modules"))
      .join(":");
    const version = await run("node", ["--version"], { env: { PATH: path } });
    const help = await run("node", ["src/cli/kedge.mjs", "--help"], { env: { PATH: path } });
    expect(help.code, `under ${version.stdout}: ${help.stderr}`).toBe(0);
    expect(help.stdout).toContain("producer-perf-test");
    const wrong = await run("node", ["src/cli/kedge.mjs", "topics"], { env: { PATH: path } });
    expect(wrong.code).toBe(1);
  });
});

/** A Kafka client whose fetch waits for a minute. */
function parkedFetch(service: Service, topic: string): Socket {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }];
  const frame = encodeRequestFrame(fetchApi, 12, 1, "parked", {
    ...{ maxWaitMs: 60_000, minBytes: 1, maxBytes: 1_000_000, isolationLevel: 0 },
    ...{ sessionId: 0, sessionEpoch: -1, rackId: "", topics: [{ topic, partitions }] },
  });
  const socket = connect({ port: service.kafkaPort, host: "127.0.0.1" });
  socket.write(frame);
  return socket;
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")
      .split(" ")
      .filter(Boolean)
      .map(Number),
  );
}
